"""One contract for every store of secrets: the environment, Vault by token and by AppRole, AWS; on real servers."""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from domain.errors import MissingError, PermanentError, RefusedError, SettingsError, TransientError, VigieError
from options import SecretRef
from resources.aws_secrets import AwsSecrets
from resources.secrets import EnvironmentSecrets, Secrets, open_secrets, read_secret
from resources.vault_secrets import VaultSecrets
from settings import Secrets as StoreChoice
from settings import Settings, load_settings
from tests.contract.vault_server import (
    MOUNT,
    ROLE_ID,
    SECRET_ID,
    TOKEN,
    VALUE,
    VaultServer,
    all_that_an_error_says,
    answering,
    served,
)


@dataclass
class Place:
    """A store, and how a test writes into it from the other side."""

    secrets: Secrets
    put: Callable[[str, dict[str, Any]], None]
    choice: StoreChoice
    reference: Callable[[str], SecretRef]
    calls: Callable[[], int] = lambda: 0


def env(name: str) -> SecretRef:
    return SecretRef(env=f"VIGIE_TEST_{name}")


def by_token(vault: VaultServer) -> StoreChoice:
    return StoreChoice(kind="vault", url=vault.url, mount=MOUNT, token=env("TOKEN"))


def by_approle(vault: VaultServer) -> StoreChoice:
    return StoreChoice(kind="vault", url=vault.url, mount=MOUNT, role_id=env("ROLE_ID"), secret_id=env("SECRET_ID"))


def on_aws(address: str) -> StoreChoice:
    return StoreChoice(kind="aws", url=address, region="eu-west-3")


def settings_with(choice: StoreChoice) -> Settings:
    return load_settings({}).model_copy(update={"secrets": choice})


@pytest.fixture(params=["environment", "vault-token", "vault-approle", "aws"])
def place(request: pytest.FixtureRequest, credentials: None, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Every store, empty."""
    if request.param == "environment":
        return Place(
            EnvironmentSecrets(),
            lambda path, values: monkeypatch.setenv(f"VIGIE_TEST_{path}", values["value"]),
            StoreChoice(kind="environment"),
            env,
        )
    return remote_place(request.param, request)


@pytest.fixture(params=["vault-token", "vault-approle", "aws"])
def remote(request: pytest.FixtureRequest, credentials: None) -> Place:
    """Every store that is asked over the network, empty."""
    return remote_place(request.param, request)


def remote_place(kind: str, request: pytest.FixtureRequest) -> Place:
    if kind == "aws":
        address = request.getfixturevalue("s3_server")
        client = request.getfixturevalue("aws_secrets")

        def put(path: str, values: dict[str, Any]) -> None:
            client.create_secret(Name=path, SecretString=json.dumps(values))

        return Place(AwsSecrets("eu-west-3", address), put, on_aws(address), lambda path: SecretRef(vault=path))
    server: VaultServer = request.getfixturevalue("vault")
    if kind == "vault-token":
        store, choice = VaultSecrets(server.url, MOUNT, token=TOKEN), by_token(server)
    else:
        store, choice = VaultSecrets(server.url, MOUNT, role_id=ROLE_ID, secret_id=SECRET_ID), by_approle(server)
    return Place(store, server.put, choice, lambda path: SecretRef(vault=path), lambda: len(server.requests))


class TestEveryStore:
    def test_what_is_put_is_got(self, place: Place) -> None:
        place.put("ONE", {"value": VALUE})
        assert read_secret(settings_with(place.choice), place.reference("ONE")) == VALUE

    def test_the_store_gives_the_keys_and_values_of_a_path(self, place: Place) -> None:
        place.put("ONE", {"value": VALUE})
        reference = place.reference("ONE")
        assert place.secrets.get(reference.env or reference.vault or "") == {"value": VALUE}

    def test_no_reference_is_no_secret(self, place: Place) -> None:
        assert read_secret(settings_with(place.choice), None) is None

    def test_an_absent_secret_is_named_with_the_remedy(self, place: Place) -> None:
        with pytest.raises((MissingError, SettingsError), match="ABSENT") as refused:
            read_secret(settings_with(place.choice), place.reference("ABSENT"))
        assert refused.value.remedy

    def test_an_empty_secret_is_no_secret(self, place: Place) -> None:
        place.put("EMPTY", {"value": ""})
        with pytest.raises((MissingError, SettingsError), match="EMPTY"):
            read_secret(settings_with(place.choice), place.reference("EMPTY"))

    @pytest.mark.parametrize(
        "path", ["../b", "a/../b", "a/..", ".", "a//b", "/a", "a/", "a?b", "a%2e", "a\\b", "a#", ""]
    )
    def test_a_path_cannot_lead_elsewhere(self, place: Place, path: str) -> None:
        with pytest.raises(PermanentError, match="no path"):
            place.secrets.get(path)
        assert place.calls() == 0

    def test_its_repr_tells_nothing(self, place: Place) -> None:
        place.put("ONE", {"value": VALUE})
        reference = place.reference("ONE")
        place.secrets.get(reference.env or reference.vault or "")
        assert "hunter2" not in repr(place.secrets) + str(place.secrets)

    def test_no_log_tells_anything(self, place: Place, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        place.put("GOOD", {"value": VALUE})
        caplog.clear()  # what the writing side logs is the test's own
        assert read_secret(settings_with(place.choice), place.reference("GOOD")) == VALUE
        with pytest.raises(PermanentError):
            read_secret(settings_with(place.choice), place.reference("ABSENT"))
        said = caplog.text + "".join(str(vars(record)) for record in caplog.records)
        assert "hunter2" not in said


class TestStoresOverTheNetwork:
    def test_opening_asks_nothing(self, remote: Place) -> None:
        open_secrets(remote.choice)
        assert remote.calls() == 0

    def test_a_secret_of_many_keys_gives_the_one_named(self, remote: Place) -> None:
        remote.put("hub/account-owner", {"api_key": VALUE, "other": "x", "number": 12})
        reference = SecretRef(vault="hub/account-owner", key="api_key")
        assert read_secret(settings_with(remote.choice), reference) == VALUE
        assert remote.secrets.get("hub/account-owner")["number"] == "12"

    def test_an_absent_key_is_named_with_its_path(self, remote: Place) -> None:
        remote.put("hub/account-owner", {"other": VALUE})
        with pytest.raises(MissingError, match=r"hub/account-owner .*api_key") as refused:
            read_secret(settings_with(remote.choice), SecretRef(vault="hub/account-owner", key="api_key"))
        assert refused.value.remedy
        assert "hunter2" not in all_that_an_error_says(refused.value)

    def test_an_absent_path_is_named_with_its_key(self, remote: Place) -> None:
        with pytest.raises(MissingError, match=r"hub/account-owner \(key api_key\)"):
            read_secret(settings_with(remote.choice), SecretRef(vault="hub/account-owner", key="api_key"))

    def test_placeholders_are_filled(self, remote: Place) -> None:
        remote.put("0042/account-owner/acme_eu-1", {"api_key": VALUE})
        reference = SecretRef(vault="{number}/account-owner/{name}", key="api_key")
        assert read_secret(settings_with(remote.choice), reference, number="0042", name="acme_eu-1") == VALUE

    @pytest.mark.parametrize("number", ["..", "../hub", "a/b", "", "a.b", "a b", "{name}", "4\n", "é", "%2e%2e"])
    def test_a_placeholder_cannot_be_filled_with_a_way_elsewhere(self, remote: Place, number: str) -> None:
        reference = SecretRef(vault="{number}/account-owner", key="api_key")
        with pytest.raises(PermanentError, match="cannot be a part"):
            read_secret(settings_with(remote.choice), reference, number=number, name="hub")
        assert remote.calls() == 0

    @pytest.mark.parametrize("path", ["{who}/a", "{}/a", "{number.__class__}/a", "{number!r}/a", "{0}/a"])
    def test_an_unknown_placeholder_names_those_there_are(self, remote: Place, path: str) -> None:
        with pytest.raises(SettingsError, match="There is: name, number"):
            read_secret(settings_with(remote.choice), SecretRef(vault=path), number="1", name="a")

    def test_a_brace_alone_is_no_path(self, remote: Place) -> None:
        with pytest.raises(PermanentError, match="no path"):
            read_secret(settings_with(remote.choice), SecretRef(vault="{number/a"), number="1")

    def test_a_server_that_is_not_there_may_be_there_later(self, credentials: None) -> None:
        with answering(200, "") as address:
            pass  # nobody listens there any more
        for store in (VaultSecrets(address, role_id=ROLE_ID, secret_id=SECRET_ID), AwsSecrets("eu-west-3", address)):
            with pytest.raises(TransientError, match="gave no answer") as refused:
                store.get("a")
            assert "hunter2" not in all_that_an_error_says(refused.value)

    def test_a_server_that_does_not_answer_is_not_waited_for(self, credentials: None) -> None:
        go_on = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                go_on.wait(20)

            do_POST = do_GET  # noqa: N815

        with served(Handler) as address:
            for store in (
                VaultSecrets(address, token=TOKEN, timeout=0.1),
                AwsSecrets("eu-west-3", address, timeout=0.1),
            ):
                with pytest.raises(TransientError, match="gave no answer"):
                    store.get("a")
            go_on.set()

    @pytest.mark.parametrize(
        ("status", "kind"), [(500, TransientError), (503, TransientError), (429, TransientError), (403, RefusedError)]
    )
    def test_an_answer_that_carries_a_secret_is_not_repeated(
        self, credentials: None, status: int, kind: type[VigieError]
    ) -> None:
        body = json.dumps({"errors": [VALUE, TOKEN], "message": VALUE, "__type": "SomeException"})
        with answering(status, body, **{"Content-Type": "application/json"}) as address:
            for store in (VaultSecrets(address, token=TOKEN), AwsSecrets("eu-west-3", address)):
                with pytest.raises(kind, match=str(status)) as refused:
                    store.get("a")
                assert "hunter2" not in all_that_an_error_says(refused.value)

    @pytest.mark.parametrize(
        "body", ["<html>hunter2</html>", "[1]", '{"auth": "hunter2"}', '{"data": {"data": [1]}}', ""]
    )
    def test_an_answer_of_something_else_is_not_repeated(self, credentials: None, body: str) -> None:
        with answering(200, body, **{"Content-Type": "application/json"}) as address:
            for store in (
                VaultSecrets(address, token=TOKEN),
                VaultSecrets(address, role_id=ROLE_ID, secret_id=SECRET_ID),
                AwsSecrets("eu-west-3", address),
            ):
                with pytest.raises(VigieError) as refused:
                    store.get("a")
                assert "hunter2" not in all_that_an_error_says(refused.value)


class TestReferences:
    def test_a_target_without_a_vault_says_how_to_do_without(self) -> None:
        settings = settings_with(StoreChoice(kind="environment"))
        with pytest.raises(SettingsError, match=r"Name an environment variable.*\{env: NAME\}"):
            read_secret(settings, SecretRef(vault="hub/account-owner", key="api_key"))

    def test_a_variable_is_read_whatever_the_store_is(self, vault: VaultServer, credentials: None) -> None:
        assert read_secret(settings_with(by_token(vault)), env("ROLE_ID")) == ROLE_ID
        assert vault.requests == []

    def test_the_way_in_is_named_where_it_is_not_set(self, vault: VaultServer) -> None:
        with pytest.raises(SettingsError, match="export VIGIE_TEST_ROLE_ID="):
            read_secret(settings_with(by_approle(vault)), SecretRef(vault="a"))

    def test_many_reads_of_a_target_log_in_once(self, vault: VaultServer, credentials: None) -> None:
        for number in range(5):
            vault.put(f"{number}/account-owner", {"api_key": f"key-{number}"})
        reference = SecretRef(vault="{number}/account-owner", key="api_key")
        found = [read_secret(settings_with(by_approle(vault)), reference, number=str(number)) for number in range(5)]
        assert found == [f"key-{number}" for number in range(5)]
        assert vault.logins == 1

    def test_a_way_in_that_changes_is_used(
        self, vault: VaultServer, credentials: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vault.put("a", {"value": VALUE})
        settings = settings_with(by_approle(vault))
        monkeypatch.setenv("VIGIE_TEST_SECRET_ID", "an old one")
        with pytest.raises(RefusedError):
            read_secret(settings, SecretRef(vault="a"))
        monkeypatch.setenv("VIGIE_TEST_SECRET_ID", SECRET_ID)
        assert read_secret(settings, SecretRef(vault="a")) == VALUE
