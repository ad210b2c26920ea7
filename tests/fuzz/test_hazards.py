"""Every reader of foreign bytes meets every hazard: it answers within its promises, or refuses on purpose."""

from collections.abc import Callable

import pytest

from tests.fuzz import body_hazards, config_hazards, field_hazards
from tests.fuzz.bodies import DAY, SEEDS, TEXT, URL
from tests.fuzz.hazards import Hazard, named_once
from tests.fuzz.readers import READERS, answer, check

# A catalog's pattern with "[[" compiles, and says that a later Python may read it otherwise.
pytestmark = pytest.mark.filterwarnings("ignore:Possible (nested set|set difference):FutureWarning")

HAZARDS = named_once(
    (
        *(body_hazards.charsets(), body_hazards.content_types(), body_hazards.cuts(), body_hazards.binaries()),
        *(body_hazards.entities(), body_hazards.markup(), body_hazards.depths_and_sizes()),
        *(field_hazards.links(), field_hazards.dates(), field_hazards.characters(), field_hazards.values()),
        *(config_hazards.yaml_files(), config_hazards.client_files(), config_hazards.catalogs()),
    )
)


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.name)
def test_every_reader_answers_or_refuses_on_purpose(hazard: Hazard, hang_guard: Callable[[], None]) -> None:
    for reader in READERS.values():
        hang_guard()
        check(answer(reader, hazard.body, hazard.content_type), hazard.days)


def test_there_are_hundreds_of_hazards() -> None:
    assert len(HAZARDS) >= 200


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("rss", "feed"),
        ("atom", "feed"),
        ("rdf", "feed"),
        ("json-feed", "feed"),
        ("json-feed", "json feed"),
        ("page", "page"),
        ("page", "page by selectors"),
        ("json-feed", "api"),
        ("pubmed", "api"),
        ("trials", "api at a path"),
    ],
)
def test_what_the_hazards_are_made_from_is_read_with_its_day(name: str, reader: str) -> None:
    items = answer(READERS[reader], SEEDS[name].encode())
    assert items[0].title
    assert str(items[0].published_at) == DAY
    with pytest.raises(AssertionError, match="nowhere in the bytes"):
        check(items, days=[])


def test_the_readers_of_articles_and_files_read_what_the_hazards_are_made_from() -> None:
    assert TEXT in answer(READERS["article"], SEEDS["article"].encode())
    assert str(answer(READERS["article's day"], SEEDS["article"].encode())[0]) == DAY
    assert answer(READERS["next page"], SEEDS["trials"].encode()) == f"{URL}?pageToken=abc"
    assert answer(READERS["client"], SEEDS["client"].encode()).client_id == "acme"
    assert list(answer(READERS["catalog"], SEEDS["catalog"].encode()).sources) == ["press", "wire"]
