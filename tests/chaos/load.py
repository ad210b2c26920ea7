"""What people ask of the platform while things go wrong: clients in waves, changed files, days, accounts, cells again.

Here: the wishes, drawn from a seed, and what was wished in the end. Not here: what goes wrong (injector), what should
have come of it (expected).
"""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml
from dagster._cli.job import execute_launch_command
from dagster_shared.cli import WorkspaceOpts

from domain.accounts import Demand, DesiredState
from domain.ranges import Range, Rectangle
from partitions import CLIENTS, monday, range_tags, rectangle_tags, today
from tests.chaos.stage import Stage, days_of

BOUQUETS = ("depot_corporate", "depot_press", "depot_science")
MOST_CLIENTS = 12
_ACCOUNTS = 4
_MOST_SUBNETS = 20
_INPUTS = {"iam_version": "1.0.0", "subnet_count": "1", "enable_monitoring": "false", "tags": "{}"}


@dataclass
class Client:
    """A client file as it is now; `changed` where its cells are to be built again because of its filters."""

    name: str
    bouquets: tuple[str, ...]
    min_words: int
    title: str
    changed: bool = False

    def file(self) -> bytes:
        """The YAML that people put into the bucket."""
        document = {
            "client_profile": {"name": self.title, "client_id": self.name, "active": True, "language": "en"},
            "pipeline": {"newsletter_mode": "period_based", "default_period_days": 30},
            "source_config": {
                "source_bouquets_enabled": list(self.bouquets),
                "content_filters": {"min_word_count": self.min_words},
            },
        }
        return yaml.safe_dump(document).encode()


@dataclass
class Load:
    """The wishes of one chaos run. Each returns what was wished, in words; what cannot be now is wished again later."""

    stage: Stage
    dice: random.Random
    clients: dict[str, Client] = field(default_factory=dict)
    wished: Counter[str] = field(default_factory=Counter)
    subnets: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """What is there before anything goes wrong: accounts and the first clients."""
        names = [f"account-{number}" for number in range(_ACCOUNTS)]
        for name, workspace in self.stage.schematics.create_workspaces(names, _INPUTS).items():
            number = f"{len(self.subnets):04}"
            self.stage.database.register(
                name, number, DesiredState("1.0.0", 1), "ops", workspace=workspace, mode="auto"
            )
            self.subnets[name] = 1
        self._activate()
        self._activate()
        self._demand()

    def tell_archived_days(self) -> None:
        """Asks for the days whose snapshots were there before Dagster was: it knows of no day by itself."""
        days = days_of(self.stage.settings)
        self.launch("fetch_sources", range_tags(Range(str(days[0]), str(days[-2]))))

    def wish(self) -> str:
        """One wish."""
        wishes: list[tuple[int, Callable[[], str]]] = [
            (3, self._activate),
            (2, self._rename),
            (2, self._filter),
            (4, self._demand),
            (3, self._cells_again),
            (2, self._days_again),
            (1, self._pages_again),
        ]
        (chosen,) = self.dice.choices([wish for _weight, wish in wishes], [weight for weight, _wish in wishes])
        said = chosen()
        self.wished[said.partition(":")[0]] += 1
        return said

    def launch(self, job: str, tags: dict[str, str]) -> None:
        """Launches a job as `dagster job launch` does. Raises where the code server is down."""
        workspace = WorkspaceOpts(workspace=(str(self.stage.workspace),))
        execute_launch_command(
            instance=self.stage.instance, workspace_opts=workspace, job_name=job, tags=json.dumps(tags)
        )

    def _activate(self) -> str:
        new = min(self.dice.randint(1, 3), MOST_CLIENTS - len(self.clients))
        names = [f"client_{len(self.clients) + number:02}" for number in range(new)]
        for name in names:
            bouquets = tuple(sorted(self.dice.sample(BOUQUETS, self.dice.randint(1, len(BOUQUETS)))))
            self._put(Client(name, bouquets, self.dice.choice((0, 0, 12)), f"The letter of {name}"))
        return f"activate: {', '.join(names) or 'nobody, there are enough'}"

    def _rename(self) -> str:
        client = self._any_client()
        client.title = f"The letter of {client.name}, edition {self.dice.randrange(1_000)}"
        self._put(client)
        return f"rename: {client.name}"

    def _filter(self) -> str:
        client = self._any_client()
        client.min_words = self.dice.choice([words for words in (0, 12, 20, 30) if words != client.min_words])
        client.changed = True
        self._put(client)
        return f"filter: {client.name} to {client.min_words} words"

    def _demand(self) -> str:
        names = sorted(self.dice.sample(sorted(self.subnets), self.dice.randint(1, 2)))
        # More subnets every time: a plan that destroys would wait for people.
        wanted = max(self.subnets[name] for name in names) + 1
        if wanted > _MOST_SUBNETS:
            return "demand: nothing, there are enough subnets"
        self.stage.database.request(Demand(names, "ann", "chaos", subnet_count=wanted, execution_mode="plan_and_apply"))
        self.subnets |= dict.fromkeys(names, wanted)
        return f"demand: {', '.join(names)} with {wanted} subnets"

    def _cells_again(self) -> str:
        known = self._known()
        days = days_of(self.stage.settings)
        first, last = self._span(known), self._span([str(day) for day in days])
        self.launch("build_client_items", rectangle_tags(Rectangle(first, last)))
        return f"cells: {first.first} to {first.last}, {last.first} to {last.last}"

    def _days_again(self) -> str:
        span = self._span([str(day) for day in days_of(self.stage.settings)])
        self.launch("fetch_sources", range_tags(span))
        return f"days: {span.first} to {span.last}"

    def _pages_again(self) -> str:
        known, weeks = self._known(), sorted({str(monday(day)) for day in days_of(self.stage.settings)})
        span = self._span(known)
        self.launch("write_newsletters", rectangle_tags(Rectangle(span, Range(weeks[0], weeks[-1]))))
        return f"pages: {span.first} to {span.last}"

    def _put(self, client: Client) -> None:
        self.clients[client.name] = client
        self.stage.config.put(f"clients/{client.name}.yaml", client.file(), "application/yaml")

    def _any_client(self) -> Client:
        return self.clients[self.dice.choice(sorted(self.clients))]

    def _known(self) -> list[str]:
        """The clients that are partitions already, in their order."""
        known = list(self.stage.instance.get_dynamic_partitions(CLIENTS))
        if not known:
            raise LookupError("no client is a partition yet")
        return known

    def _span(self, keys: list[str]) -> Range:
        first = self.dice.randrange(len(keys))
        return Range(keys[first], keys[self.dice.randrange(first, len(keys))])


def build_changed(load: Load) -> int:
    """Launches the cells of every client whose filters changed, as docs/backfill.md says; how many runs."""
    known = list(load.stage.instance.get_dynamic_partitions(CLIENTS))
    changed = [client for client in known if client in load.clients and load.clients[client].changed]
    days = Range(str(load.stage.settings.first_day), str(today()))
    for client in changed:
        load.launch("build_client_items", rectangle_tags(Rectangle(Range(client, client), days)))
    return len(changed)
