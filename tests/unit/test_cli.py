"""The command line: what it prints, on which stream, and how it ends. What it asks is tested where it lives."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import cli
from domain.clients import read_client
from domain.errors import ConfigError
from local.demo_content import demo_catalog
from resources.config_bucket import CATALOG_KEY
from settings import TARGETS, own_targets

ACTIVE = b"client_profile: {name: A, active: true}\nsource_config: {sources_extra_enabled: [press__one]}\n"
ASLEEP = b"client_profile: {name: A, active: false}\n"
QUOTED = b'client_profile:\n  name: A\n  active: "false"\n'
PROD = {
    "VIGIE_TARGET": "prod",
    "VIGIE_CONFIG_BUCKET": "example-config",
    "VIGIE_DATA_BUCKET": "example-data",
    "VIGIE_NEWSLETTERS_BUCKET": "example-newsletters",
    "VIGIE_AWS_REGION": "eu-west-3",
    "VIGIE_DATABASE_HOST": "db.example.invalid",
    "VIGIE_BIGQUERY_PROJECT": "example-project",
    "VIGIE_BIGQUERY_DATASET": "vigie",
    "VIGIE_BIGQUERY_LOCATION": "EU",
    "VIGIE_VAULT_URL": "https://vault.example.invalid",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own, and a terminal so wide that no line is broken."""
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    monkeypatch.setenv("VIGIE_TARGET", "dev")  # whatever a developer's .env says
    monkeypatch.setenv("COLUMNS", "2000")
    return tmp_path


@pytest.fixture
def config(home: Path) -> Path:
    """The config bucket of the dev target, with no client in it."""
    folder = home / "dev" / "config"
    (folder / "clients").mkdir(parents=True)
    return folder


def vigie(*arguments: str | Path) -> Result:
    """`vigie` with these arguments."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def written(folder: Path, name: str, body: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(body)
    return path


def refusal(name: str, body: bytes) -> str:
    """What the domain says of the file: what the sensor says too."""
    with pytest.raises(ConfigError) as refused:
        read_client(f"clients/{name}", body)
    return str(refused.value)


def rows(output: str) -> list[list[str]]:
    """The cells of a printed table."""
    return [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in output.splitlines() if line[:1] in "│┃"]


class TestHelp:
    def test_it_names_every_command(self) -> None:
        said = vigie("--help")
        assert said.exit_code == 0
        for command in ("clients", "catalog", "target", "prepare", "dev", "demo"):
            assert re.search(rf"^\s+{command}\s+\w", said.stdout, re.MULTILINE), command

    @pytest.mark.parametrize(
        ("group", "commands"), [("clients", ("check", "list")), ("catalog", ("check",)), ("target", ("check", "list"))]
    )
    def test_each_group_names_its_commands(self, group: str, commands: tuple[str, ...]) -> None:
        said = vigie(group, "--help")
        assert said.exit_code == 0
        for command in commands:
            assert re.search(rf"^\s+{command}\s+\w", said.stdout, re.MULTILINE), command

    def test_an_unknown_command_is_wrong_usage(self) -> None:
        assert vigie("clients", "chekc").exit_code == 2
        assert vigie("clients", "check").exit_code == 2  # of no file


class TestClientsCheck:
    def test_a_good_file_is_called_good_with_its_state(self, home: Path) -> None:
        said = vigie("clients", "check", written(home, "acme.yaml", ACTIVE), written(home, "asleep.yaml", ASLEEP))
        assert said.exit_code == 0
        assert said.stdout.splitlines() == [
            "acme.yaml: good, active, warnings: 0",
            "asleep.yaml: good, inactive, warnings: 0",
        ]

    def test_a_warned_file_is_good_and_its_warnings_are_said(self, home: Path) -> None:
        body = ACTIVE + b"sources: [a]\n"
        said = vigie("clients", "check", written(home, "acme.yaml", body))
        assert said.exit_code == 0
        (warning,) = read_client("clients/acme.yaml", body).warnings
        assert said.stdout.splitlines() == [str(warning), "acme.yaml: good, active, warnings: 1"]
        assert "clients/acme.yaml:3: " in said.stdout

    @pytest.mark.parametrize(
        ("name", "body", "place", "remedy"),
        [
            ("quoted.yaml", QUOTED, "clients/quoted.yaml:3: ", "Write true or false, without quotes."),
            ("tab.yaml", b"client_profile:\n\tname: A\n", "clients/tab.yaml:2: ", "Indent with spaces."),
            ("acme.yml", ACTIVE, "clients/acme.yml: ", "Rename it to clients/acme.yaml."),
            ("latin.yaml", "client_profile:\n  name: Société\n".encode("latin-1"), ":2: ", "Save it as UTF-8."),
            ("empty.yaml", b"", "clients/empty.yaml:1: ", "Write the configuration in it."),
        ],
    )
    def test_a_wrong_file_is_told_as_the_sensor_tells_it(
        self, home: Path, name: str, body: bytes, place: str, remedy: str
    ) -> None:
        said = vigie("clients", "check", written(home, name, body))
        assert said.exit_code == 1
        assert said.stdout == f"error: {refusal(name, body)}\n"
        assert place in said.stdout
        assert said.stdout.endswith(f"{remedy}\n")

    def test_a_path_that_leads_nowhere_is_told(self, home: Path) -> None:
        said = vigie("clients", "check", home / "absent.yaml", home)
        assert said.exit_code == 1
        assert said.stdout.splitlines() == [
            f"error: {home / 'absent.yaml'}: No such file or directory. Check the path.",
            f"error: {home}: Is a directory. Check the path.",
        ]

    def test_a_wrong_file_does_not_hide_the_others(self, home: Path) -> None:
        said = vigie(
            "clients",
            "check",
            written(home, "broken.yaml", QUOTED),
            written(home, "acme.yaml", ACTIVE),
            home / "absent.yaml",
            written(home, "asleep.yaml", ASLEEP),
        )
        assert said.exit_code == 1
        assert [line.partition(":")[0] for line in said.stdout.splitlines()] == [
            "error",
            "acme.yaml",
            "error",
            "asleep.yaml",
        ]

    def test_every_problem_of_a_file_is_said_at_once(self, home: Path) -> None:
        body = b'client_profile: {active: "no"}\npipeline: {default_period_days: -1}\nextra: 1\n'
        said = vigie("clients", "check", written(home, "acme.yaml", body))
        assert said.exit_code == 1
        assert re.findall(r"^(error|warning): clients/acme\.yaml:(\d): ", said.stdout, re.MULTILINE) == [
            ("error", "1"),
            ("error", "2"),
            ("warning", "3"),
        ]

    def test_brackets_are_printed_as_they_stand(self, home: Path) -> None:
        name, body = "[bold]acme[red].yaml", b'client_profile: {active: "[bold]"}\n'
        said = vigie("clients", "check", written(home, name, ACTIVE), written(home, "acme.yaml", body))
        assert said.stdout.splitlines() == [
            f"error: {refusal(name, ACTIVE)}",
            f"error: {refusal('acme.yaml', body)}",
        ]
        assert 'the text "[bold]"' in said.stdout

    def test_line_100_is_printed_as_a_number(self, home: Path) -> None:
        body = b"#\n" * 99 + b'client_profile: {active: "false"}\n'
        said = vigie("clients", "check", written(home, "acme.yaml", body))
        assert said.stdout == f"error: {refusal('acme.yaml', body)}\n"


class TestClientsList:
    def test_it_shows_who_is_active_inactive_and_invalid(self, config: Path) -> None:
        for name, body in {"acme.yaml": ACTIVE, "asleep.yaml": ASLEEP, "broken.yaml": QUOTED, "b.yml": ACTIVE}.items():
            written(config / "clients", name, body)
        written(config / "clients", "notes.txt", b"not a client")
        said = vigie("clients", "list")
        assert said.exit_code == 0
        assert str(config) in said.stdout
        assert rows(said.stdout)[1:] == [
            ["clients/acme.yaml", "active", "press__one", ""],
            ["clients/asleep.yaml", "inactive", "", ""],
            ["clients/b.yml", "invalid", "", refusal("b.yml", ACTIVE)],
            ["clients/broken.yaml", "invalid", "", refusal("broken.yaml", QUOTED)],
        ]

    def test_a_folder_without_clients_is_an_empty_list(self, config: Path) -> None:
        said = vigie("clients", "list")
        assert said.exit_code == 0
        assert rows(said.stdout)[1:] == []

    def test_a_target_that_is_not_prepared_is_told_with_the_remedy(self, home: Path) -> None:
        said = vigie("clients", "list")
        assert said.exit_code == 1
        assert said.stdout == ""
        folder = home / "dev" / "config"
        assert said.stderr == f"{folder}: the folder does not exist. Make it: mkdir -p {folder}\n"

    def test_brackets_are_printed_as_they_stand(self, config: Path) -> None:
        name = "[bold]acme.yaml"
        written(config / "clients", name, ACTIVE)
        assert rows(vigie("clients", "list").stdout)[1:] == [
            [f"clients/{name}", "invalid", "", refusal(name, ACTIVE)],
        ]

    def test_no_remedy_is_cut_short_where_nobody_has_a_wide_terminal(
        self, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        name = "The_Quarterly_Letter_Of_A_Client_With_A_Long_Name.yaml"
        written(config / "clients", name, ACTIVE)
        assert "…" not in vigie("clients", "list").stdout


class TestCatalogCheck:
    def test_a_good_file_is_counted(self, home: Path) -> None:
        said = vigie("catalog", "check", written(home, "catalog.yaml", demo_catalog("http://127.0.0.1:1").encode()))
        assert said.exit_code == 0
        assert re.search(r"^\d+ sources, \d+ bouquets, \d+ remarks$", said.stdout, re.MULTILINE)
        assert said.stderr == ""

    def test_without_a_file_it_is_the_targets(self, config: Path) -> None:
        written((config / CATALOG_KEY).parent, "source_catalog.yaml", b"sources: []\nbouquets: []\n")
        said = vigie("catalog", "check")
        assert said.exit_code == 0
        assert said.stdout.endswith("0 sources, 0 bouquets, 0 remarks\n")

    def test_a_target_without_a_catalog_is_told_where_to_put_it(self, config: Path) -> None:
        said = vigie("catalog", "check")
        assert said.exit_code == 1
        assert said.stderr == (
            f"{config / CATALOG_KEY}: there is no source catalog. Put it there; docs/add-a-source.md shows one.\n"
        )

    def test_a_broken_file_is_told_with_its_line(self, home: Path) -> None:
        said = vigie("catalog", "check", written(home, "[bold].yaml", b"sources:\n\t- a\n"))
        assert said.exit_code == 1
        assert said.stderr.startswith("[bold].yaml:2: ")
        assert said.stderr.endswith("Indent with spaces.\n")

    def test_a_path_that_leads_nowhere_is_told(self, home: Path) -> None:
        said = vigie("catalog", "check", home / "absent.yaml")
        assert said.exit_code == 1
        assert said.stderr == f"{home / 'absent.yaml'}: No such file or directory. Check the path.\n"

    def test_an_entry_that_cannot_be_used_fails_the_check_and_is_told(self, home: Path) -> None:
        said = vigie(
            "catalog", "check", written(home, "catalog.yaml", b"sources:\n  - source_type: rss\nbouquets: []\n")
        )
        assert said.exit_code == 1
        assert "error: catalog.yaml:2: " in said.stdout
        assert said.stdout.endswith("0 sources, 0 bouquets, 1 remarks\n")


class TestTargetCheck:
    def test_it_prints_every_answer(self, home: Path) -> None:
        said = vigie("target", "check")
        assert said.exit_code == 0
        answers = dict(rows(said.stdout)[1:])
        assert answers["target"] == "dev"
        assert f"config.path={home / 'dev' / 'config'}" in answers["stores"]
        assert answers["warehouse"].startswith("kind=duckdb, ")
        assert "pool_slots=2" in answers["schematics"]
        assert {"first_day", "history_days", "database", "dbt", "secrets", "fetch", "schedule"} < answers.keys()

    def test_it_names_secrets_and_never_tells_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in PROD.items():
            monkeypatch.setenv(name, value)
        for name in ("VIGIE_DATABASE_PASSWORD", "VIGIE_VAULT_ROLE_ID", "VIGIE_VAULT_SECRET_ID"):
            monkeypatch.setenv(name, "hunter2")
        said = vigie("target", "check")
        assert said.exit_code == 0
        assert "password.env=VIGIE_DATABASE_PASSWORD" in said.stdout
        assert "secret_id.env=VIGIE_VAULT_SECRET_ID" in said.stdout
        assert "hunter2" not in said.output

    def test_an_incomplete_target_is_refused_with_the_remedy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in PROD:
            monkeypatch.setenv(name, "")  # nothing from a developer's .env either
        monkeypatch.setenv("VIGIE_TARGET", "prod")
        said = vigie("target", "check")
        assert said.exit_code == 1
        assert said.stdout == ""
        assert said.stderr.startswith("platform/targets/prod.yaml: target 'prod' is incomplete: ")
        for name in PROD.keys() - {"VIGIE_TARGET"}:
            assert f"echo {name}=... >> .env" in said.stderr

    def test_an_unknown_target_is_refused_with_those_there_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VIGIE_TARGET", "[bold]")
        said = vigie("target", "check")
        assert said.exit_code == 1
        assert "there is no target '[bold]'; there are: dev, prod." in said.stderr

    def test_brackets_are_printed_as_they_stand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in PROD.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("VIGIE_VAULT_URL", "https://[fe80::1]:8200")
        monkeypatch.setenv("VIGIE_DATABASE_HOST", "[bold]")
        said = vigie("target", "check")
        assert "url=https://[fe80::1]:8200" in said.stdout
        assert "vigie@[bold]:5432" in said.stdout


class TestTargetList:
    def test_it_lists_the_targets_of_the_project(self) -> None:
        said = vigie("target", "list")
        assert said.exit_code == 0
        assert {"dev", "prod"} <= set(said.stdout.split())

    def test_it_lists_this_machines_own_too(self, home: Path) -> None:
        own_targets(home).mkdir()
        (own_targets(home) / "mine.yaml").write_bytes((TARGETS / "dev.yaml").read_bytes())
        assert vigie("target", "list").stdout.split() == ["dev", "mine", "prod"]
