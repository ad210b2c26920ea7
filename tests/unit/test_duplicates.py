"""Near-duplicates: who belongs together, who speaks for whom, and the same answer whatever the order.

Here: real sentences with edits, and random texts against every pair compared. Not here: copies within a client's cell.
"""

import random
import re
from datetime import UTC, date, datetime
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.duplicates import Group, NearDuplicates, group
from domain.items import Item

MONDAY = date(2025, 3, 3)
ENGLISH = (
    "Monthera has signed a licence agreement with Orvane for a monthly injection against opioid dependence. Under the "
    "terms of the agreement Orvane pays forty million euros at signature and up to two hundred million in milestones. "
    "The product is in phase three, and results are expected before the end of next year, the two companies said in a "
    "joint statement on Monday morning. Analysts had expected a deal of about half of that size."
)
FRENCH = (
    "L'Agence européenne du médicament a rendu un avis favorable sur le traitement mensuel de Lentavia contre la "
    "schizophrénie. C'est la première formulation à libération prolongée qui n'exige pas d'essai oral préalable. La "
    "décision de la Commission est attendue d'ici deux mois, et le lancement est prévu à l'automne en France, en "
    "Allemagne et en Italie, a indiqué l'entreprise lundi soir."
)
FOOTER = " Read more on our website. Subscribe to our newsletter and follow us. All rights reserved."


def item(
    name: str,
    content: str,
    *,
    title: str = "",
    source: str = "press",
    published: date | None = None,
    first_seen: date = MONDAY,
) -> Item:
    return Item(
        item_id=f"{source}_{name}",
        source_key=source,
        source_type="press_sector",
        title=title,
        content=content,
        url=f"https://{source}.example/{name}",
        guid="",
        published_at=published,
        date_source="structured" if published else "unknown",
        first_seen=first_seen,
        ingested_at=datetime(2025, 3, 3, 6, 30, tzinfo=UTC),
        language="en",
        content_hash="",
        author="",
        tags=(),
        word_count=len(content.split()),
    )


def together(items: list[Item], **options: float) -> set[frozenset[str]]:
    """The groups of more than one, by the names of their members."""
    found = group(items, **options)  # type: ignore[arg-type]
    return {frozenset(name.split("_")[1] for name in made.members) for made in found if len(made.members) > 1}


@pytest.mark.parametrize("text", [ENGLISH, FRENCH], ids=["English", "French"])
def test_an_edited_text_belongs_to_the_first_and_another_story_does_not(text: str) -> None:
    edits = {
        "same": text,
        "words": text.replace("Monday morning", "Tuesday").replace("lundi soir", "mardi"),
        "typed": re.sub(r"\s+", "\u00a0\n", text.upper().replace("'", "’").replace(".", " –")),
        "cut": " ".join(text.split()[: int(len(text.split()) * 0.9)]) + "…",
        "signed": f"By our correspondent in Geneva. {text}",
        "footer": text + FOOTER.split(".")[0],
    }
    items = [item(name, content, title="A title of its own") for name, content in edits.items()]
    others = [item("other", FRENCH if text == ENGLISH else ENGLISH), item("teaser", " ".join(text.split()[:30]))]
    assert together([*items, *others]) == {frozenset(edits)}


def test_a_footer_that_stories_share_does_not_make_them_one() -> None:
    stories = [ENGLISH, FRENCH, " ".join(reversed(ENGLISH.split()))]
    assert together([item(str(number), story + FOOTER * 2) for number, story in enumerate(stories)]) == set()


def test_a_short_text_is_the_same_only_under_the_same_title_of_some_words() -> None:
    items = [
        item("one", "Read on.", title="Orvane’s monthly injection: approved!"),
        item("two", "Comments", title="ORVANE'S monthly  injection approved"),
        item("three", "Comments", title="Monthera's monthly injection approved"),
        item("four", "Comments", title="Press release"),
        item("five", "Comments", title="Press release"),
        item("long", ENGLISH, title="Orvane's monthly injection approved"),
        item("mute", ""),
        item("dumb", ""),
    ]
    assert together(items) == {frozenset({"one", "two"})}


def test_two_long_texts_under_one_title_are_two_texts() -> None:
    title = "The week in long acting injectables"
    assert together([item("one", ENGLISH, title=title), item("two", FRENCH, title=title)]) == set()


def test_a_dated_item_then_the_longest_the_earliest_and_the_first_source_speaks_for_its_group() -> None:
    longer = f"{ENGLISH} They said so twice."
    candidates = [
        item("a", ENGLISH, source="blog", published=MONDAY),
        item("b", longer, source="wire", published=MONDAY, first_seen=date(2025, 3, 2)),
        item("c", longer, source="blog", published=MONDAY, first_seen=date(2025, 3, 2)),
        item("d", longer, source="agency", published=MONDAY),
        item("e", f"{longer} And once more.", source="agency"),
    ]
    (made,) = group(candidates, source_order=["wire", "blog"])
    assert made.members == ("wire_b", "blog_c", "agency_d", "blog_a", "agency_e")
    assert made.representative == "wire_b"
    (without_order,) = group(candidates)
    assert without_order.representative == "blog_c"


def test_what_stands_alone_is_a_group_of_one_and_an_id_given_twice_is_one_item() -> None:
    lone, copy = item("lone", ENGLISH), item("lone", ENGLISH, published=MONDAY)
    assert group([lone, copy, item("zero", "")]) == (
        Group("press_lone", ("press_lone",), 1.0),
        Group("press_zero", ("press_zero",), 1.0),
    )
    assert group([]) == ()


def test_a_chain_of_edits_is_one_group_that_says_how_far_it_leads() -> None:
    words = [f"word{number}" for number in range(60)]
    chain = [" ".join([*(f"new{n}" for n in range(step)), *words[step:]]) for step in (0, 3, 6, 9)]
    (made,) = group([item(str(number), text) for number, text in enumerate(chain)])
    assert len(made.members) == 4
    assert made.similarity < 0.8


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"threshold": 1.1}, {"fewest_words": 2}])
def test_a_threshold_out_of_range_and_too_few_words_for_a_shingle_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shingle"):
        group([], **wrong)  # type: ignore[arg-type]


def shingles_of(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[n : n + 3]) for n in range(len(words) - 2)}


def every_pair_compared(items: list[Item], threshold: float) -> set[frozenset[str]]:
    """The groups as a reader of the definition would find them: each pair, then what hangs together."""
    sets = {made.item_id: shingles_of(made.content) for made in items}
    groups = {name: {name} for name in sets}
    for one, other in combinations(sets, 2):
        if (
            len(sets[one] & sets[other]) >= threshold * len(sets[one] | sets[other])
            and groups[one] is not groups[other]
        ):
            groups[one] |= groups[other]
            for name in groups[other]:
                groups[name] = groups[one]
    return {frozenset(names) for names in groups.values()}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), threshold=st.sampled_from([0.5, 0.8, 0.95]))
def test_the_groups_are_those_of_every_pair_compared_in_any_order(seed: int, threshold: float) -> None:
    chance = random.Random(seed)
    texts = [chance.choices([f"w{n}" for n in range(60)], k=chance.randint(20, 80)) for _ in range(6)]
    for _ in range(24):
        text = list(chance.choice(texts))
        for _ in range(chance.randint(0, 8)):
            text[chance.randrange(len(text))] = f"edit{chance.randrange(9)}"
        texts.append(text[: max(20, len(text) - chance.randint(0, 12))])
    items = [item(f"{number}", " ".join(text)) for number, text in enumerate(texts)]
    found = group(items, threshold=threshold)
    assert {frozenset(made.members) for made in found} == every_pair_compared(items, threshold)
    assert sorted(name for made in found for name in made.members) == sorted(made.item_id for made in items)
    chance.shuffle(items)
    assert group(items, threshold=threshold) == found


def test_ten_thousand_texts_of_which_a_fifth_are_edited_copies_are_told_apart() -> None:
    chance = random.Random(1)
    vocabulary = [f"w{number}" for number in range(5_000)]
    texts = [chance.choices(vocabulary, k=60) for _ in range(8_000)]
    texts += [[*text[:30], "edited", *text[31:]] for text in texts[:2_000]]
    found = group([item(f"{number:05}", " ".join(text)) for number, text in enumerate(texts)])
    assert len(found) == 8_000
    assert {frozenset(made.members) for made in found if len(made.members) > 1} == {
        frozenset({f"press_{number:05}", f"press_{number + 8_000:05}"}) for number in range(2_000)
    }


def test_thousands_of_copies_of_one_text_are_one_group() -> None:
    (made,) = group([item(f"{number}", f"{ENGLISH} Note {number}.") for number in range(2_000)])
    assert len(made.members) == 2_000


class TestNearDuplicates:
    """One day's items, asked for the items of each client."""

    def test_what_a_client_keeps_of_a_group_names_the_one_that_speaks_for_it(self) -> None:
        first, longer, other = item("1", ENGLISH), item("2", ENGLISH + " More soon."), item("3", FRENCH)
        named = NearDuplicates([first, longer, other]).named([longer, first, other], [])
        assert [one.item_id for one in named] == [longer.item_id, first.item_id, other.item_id]
        assert [one.duplicate_group for one in named] == [longer.item_id, longer.item_id, ""]

    def test_an_item_whose_like_a_client_does_not_keep_is_alone(self) -> None:
        first, longer = item("1", ENGLISH), item("2", ENGLISH + " More soon.")
        assert [one.duplicate_group for one in NearDuplicates([first, longer]).named([first], [])] == [""]

    def test_it_is_what_the_kept_items_alone_would_give(self) -> None:
        words = ENGLISH.split()
        chain = [item(str(n), " ".join([*words[2 * n :], *(f"new{m}" for m in range(2 * n))])) for n in range(9)]
        near = NearDuplicates(chain)
        assert len({one.duplicate_group for one in near.named(chain, [])}) < len(chain)  # some belong together
        for kept in (chain[::2], chain[::3], chain[:3], chain[-4:], chain):
            alone = {m: one.representative for one in group(kept) if len(one.members) > 1 for m in one.members}
            assert {i.item_id: i.duplicate_group for i in near.named(kept, []) if i.duplicate_group} == alone
            few = NearDuplicates(kept[1:])  # as where the first is what stays of a source that failed
            assert {i.item_id: i.duplicate_group for i in few.named(kept, []) if i.duplicate_group} == alone
