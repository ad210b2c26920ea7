"""What the chaos run takes for right is right: the calm cells hold the site's stories, each on the day it came."""

from datetime import date, timedelta
from pathlib import Path

from local.demo_content import SOURCES, entries
from local.demo_site import DemoSite
from resources.archive import Archive
from resources.object_store import DirectoryStore
from tests.chaos.expected import calm_cells
from tests.chaos.load import BOUQUETS, Client

TODAY = date(2026, 11, 21)
DAYS = [TODAY - timedelta(days=n) for n in (3, 2, 1, 0)]


def test_every_story_of_the_days_is_in_the_cell_of_its_day_and_in_no_other(tmp_path: Path) -> None:
    client = Client("everything", BOUQUETS, 0, "Everything")
    with DemoSite(TODAY) as site:
        expected = calm_cells(tmp_path / "calm", site, {client.name: client.file()}, DAYS)
    archive = Archive(DirectoryStore(tmp_path / "calm"))
    for day in DAYS:
        told, published = {item.title for item in archive.items(client.name, day)}, titles_of(day)
        assert len(published) > 3
        # The first day holds what was there before it too.
        assert told == published or (day == DAYS[0] and told > published)
    assert set(expected) == {(client.name, str(day)) for day in DAYS}
    everything = [item for cell in expected.values() for item in cell]
    assert len(everything) == len(set(everything)) > 30


def titles_of(day: date) -> set[str]:
    """What the site's sources published on a day; a story that two of them tell in the same words is one."""
    age = (TODAY - day).days
    return {e.title for source in SOURCES if source.write for e in entries(source.name) if e.days == age}
