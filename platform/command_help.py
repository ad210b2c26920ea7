"""What `vigie --help` says beside the commands' own words: the order and the groups, an example for each, the version.

Here: how help is shown. Not here: the commands (cli and the modules beside it).
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import typer
from typer.core import TyperGroup

# Every command at the top, by what a person wants.
PANELS: Mapping[str, tuple[str, ...]] = {
    "Start": ("demo", "dev", "prepare"),
    "Clients and sources": ("clients", "catalog", "ingest"),
    "Newsletters": ("newsletter",),
    "Cloud accounts": ("accounts",),
    "Operate": ("doctor", "alerts", "backfill", "archive", "prune", "metrics"),
    "Recover": ("backup", "restore", "rebuild"),
    "Targets and machines": ("target", "setup", "fleet"),
}
FIRST_STEPS = """\b
First steps:
  vigie demo                  see all of it work, offline, in two minutes
  vigie dev                   start the UI at http://127.0.0.1:3000
  vigie clients check FILE    say what is wrong in a client's file
"""
# By path without `vigie`. Each is a line that the parser takes.
EXAMPLES: Mapping[str, str] = {
    "demo": "vigie demo",
    "dev": "vigie dev --port 3001",
    "prepare": "VIGIE_TARGET=staging vigie prepare",
    "clients check": "vigie clients check clients/acme.yaml",
    "clients list": "vigie clients list",
    "catalog check": "vigie catalog check source_catalog.yaml",
    "ingest": 'vigie ingest --event \'{"client_id": "acme"}\'',
    "newsletter preview": "vigie newsletter preview acme 2026-11-16",
    "newsletter send": "vigie newsletter send acme 2026-11-16 --to me@example.com",
    "accounts migrate": "vigie accounts migrate",
    "accounts register": "vigie accounts register alpha --number 0001 --iam-version 1.0.0 --subnet-count 3 --by ann",
    "accounts link": "vigie accounts link alpha us-south.workspace.alpha.1a2b --by ann",
    "accounts request": "vigie accounts request alpha beta --subnet-count 4 --reason CHG-1 --by ann",
    "accounts list": "vigie accounts list --status AWAITING_APPROVAL",
    "accounts show": "vigie accounts show alpha --audit",
    "accounts log": "vigie accounts log alpha --kind plan",
    "accounts approve": "vigie accounts approve alpha --plan 3 --by bob",
    "accounts reject": "vigie accounts reject alpha --by bob --reason 'not on a Friday'",
    "accounts retry": "vigie accounts retry alpha --by ann",
    "accounts pause": "vigie accounts pause alpha beta --by ann",
    "accounts resume": "vigie accounts resume alpha --by ann",
    "accounts observe": "vigie accounts observe alpha --by ann",
    "accounts mode": "vigie accounts mode alpha auto --by ann",
    "accounts drift-policy": "vigie accounts drift-policy alpha alert --by ann",
    "accounts rollback-on-failure": "vigie accounts rollback-on-failure alpha --on --by ann",
    "accounts rollback": "vigie accounts rollback alpha --to 1 --by ann --reason CHG-2",
    "accounts stop": "vigie accounts stop alpha --by ann",
    "doctor": "vigie doctor --json",
    "alerts list": "vigie alerts list",
    "alerts test": "vigie alerts test",
    "alerts look": "vigie alerts look",
    "backfill": "vigie backfill client_items --clients acme --from 2026-11-01 --dry-run",
    "archive": "vigie archive --before 2026-11-01 --dry-run",
    "prune": "vigie prune --dry-run",
    "metrics": "vigie metrics --port 9464",
    "backup": "vigie backup --to s3://example-backups/vigie.zip",
    "restore": "vigie restore vigie.zip --dry-run",
    "rebuild history": "vigie rebuild history",
    "rebuild warehouse": "vigie rebuild warehouse",
    "target check": "VIGIE_TARGET=prod vigie target check",
    "target list": "vigie target list",
    "target env": '(eval "$(vigie target env)" && dbt ls)',
    "setup": "terraform output -json | vigie setup --terraform-outputs - --target prod",
    "fleet web": "vigie fleet web --port 3000",
    "fleet daemon": "vigie fleet daemon",
    "fleet code": "vigie fleet code --port 4000",
    "fleet worker": "vigie fleet worker --concurrency 2",
}


class Grouped(TyperGroup):
    """The commands under the headings of PANELS, in their order."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command by its panel; one without a panel comes last, and a test names it."""
        known = [name for names in PANELS.values() for name in names if name in self.commands]
        return known + [name for name in self.commands if name not in known]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """One section per panel."""
        widest = max(len(name) for name in self.commands)
        for panel, names in PANELS.items():
            rows = [
                (name.ljust(widest), self.commands[name].get_short_help_str(formatter.width - widest - 6))
                for name in names
                if name in self.commands
            ]
            if rows:
                with formatter.section(panel):
                    formatter.write_dl(rows)


def with_examples(app: typer.Typer, path: tuple[str, ...] = ()) -> None:
    """Gives each command its example, below its options."""
    for one in app.registered_commands:
        name = one.name or getattr(one.callback, "__name__", "").replace("_", "-")
        if example := EXAMPLES.get(" ".join((*path, name))):
            one.epilog = f"\b\nExample:\n  {example}"
    for group in app.registered_groups:
        if group.typer_instance:
            with_examples(group.typer_instance, (*path, str(group.name)))


def print_version(asked: bool) -> None:
    """`--version`: the installed release, and nothing else is done."""
    if asked:
        typer.echo(f"vigie {version('vigie')}")
        raise typer.Exit
