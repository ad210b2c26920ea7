"""What is Vault's or AWS's own in the stores of secrets; what they share is in test_secrets."""

import json
import threading
from typing import Any

import pytest

from domain.errors import MissingError, PermanentError, RefusedError, SettingsError, TransientError
from resources.aws_secrets import AwsSecrets
from resources.vault_secrets import VaultSecrets
from tests.contract.vault_server import (
    MOUNT,
    ROLE_ID,
    SECRET_ID,
    TOKEN,
    VALUE,
    VaultServer,
    all_that_an_error_says,
    answering,
)


@pytest.fixture
def approle(vault: VaultServer) -> VaultSecrets:
    return VaultSecrets(vault.url, MOUNT, role_id=ROLE_ID, secret_id=SECRET_ID)


class TestVault:
    def test_one_login_serves_many_threads(self, vault: VaultServer, approle: VaultSecrets) -> None:
        vault.put("a", {"value": VALUE})
        start = threading.Barrier(6)
        found: list[str] = []

        def read() -> None:
            start.wait()
            found.append(approle.get("a")["value"])

        for again in range(2):
            threads = [threading.Thread(target=read) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert vault.logins == again + 1
            vault.revoke_all()  # the second time all six find their token dead
        assert found == [VALUE] * 12

    def test_it_logs_in_again_after_a_revocation(self, vault: VaultServer, approle: VaultSecrets) -> None:
        vault.put("a", {"value": VALUE})
        approle.get("a")
        vault.revoke_all()
        assert approle.get("a") == {"value": VALUE}
        assert vault.logins == 2

    def test_it_logs_in_again_only_once(self, vault: VaultServer, approle: VaultSecrets) -> None:
        vault.put("a", {"value": VALUE})
        approle.get("a")
        vault.roles[ROLE_ID, SECRET_ID] = ()
        vault.revoke_all()
        with pytest.raises(RefusedError, match=f"`read` on {MOUNT}/data/a"):
            approle.get("a")
        assert vault.logins == 2

    def test_a_fresh_token_that_is_refused_is_not_replaced(self, vault: VaultServer, approle: VaultSecrets) -> None:
        vault.roles[ROLE_ID, SECRET_ID] = ("other/*",)
        with pytest.raises(RefusedError, match="403"):
            approle.get("a")
        assert vault.logins == 1

    def test_a_wrong_role_is_refused_at_once(self, vault: VaultServer) -> None:
        store = VaultSecrets(vault.url, MOUNT, role_id=ROLE_ID, secret_id="hunter2-wrong")
        with pytest.raises(RefusedError, match=r"AppRole.*secrets\.role_id") as refused:
            store.get("a")
        assert vault.logins == 1
        assert "hunter2" not in all_that_an_error_says(refused.value)

    def test_a_token_outside_its_policy_is_refused_with_the_policy(self, vault: VaultServer) -> None:
        vault.tokens[TOKEN] = ("*/account-owner",)
        store = VaultSecrets(vault.url, MOUNT, token=TOKEN)
        with pytest.raises(RefusedError, match=f"Give the policy `read` on {MOUNT}/data/hub/other") as refused:
            store.get("hub/other")
        assert len(vault.requests) == 1
        assert "hunter2" not in all_that_an_error_says(refused.value)

    def test_a_vault_that_is_unsealed_meanwhile_answers(self, vault: VaultServer, approle: VaultSecrets) -> None:
        vault.put("a", {"value": VALUE})
        vault.refusals = 2
        assert approle.get("a") == {"value": VALUE}

    def test_a_vault_that_is_sealed_between_two_reads_answers_later(
        self, vault: VaultServer, approle: VaultSecrets
    ) -> None:
        vault.put("a", {"value": VALUE})
        approle.get("a")
        vault.refusals = 1
        assert approle.get("a") == {"value": VALUE}
        assert vault.logins == 1

    def test_a_vault_that_stays_sealed_is_asked_three_times(self, vault: VaultServer) -> None:
        vault.refusals = 99
        with pytest.raises(TransientError, match="sealed"):
            VaultSecrets(vault.url, MOUNT, token=TOKEN).get("a")
        assert len(vault.requests) == 3

    def test_the_newest_version_is_read(self, vault: VaultServer, approle: VaultSecrets) -> None:
        vault.put("a", {"value": "old"})
        vault.put("a", {"value": VALUE})
        assert approle.get("a") == {"value": VALUE}

    def test_a_deleted_version_is_missing(self, vault: VaultServer, approle: VaultSecrets) -> None:
        vault.put("a", {"value": VALUE})
        vault.delete("a")
        with pytest.raises(MissingError, match="deleted"):
            approle.get("a")

    def test_a_missing_secret_is_asked_for_once(self, vault: VaultServer) -> None:
        with pytest.raises(MissingError, match=f"{MOUNT}/a"):
            VaultSecrets(vault.url, MOUNT, token=TOKEN).get("a")
        assert vault.requests == [f"GET /v1/{MOUNT}/data/a"]

    def test_the_namespace_is_sent(self, vault: VaultServer) -> None:
        vault.put("a", {"value": VALUE})
        vault.namespace = "team"
        with pytest.raises(RefusedError):
            VaultSecrets(vault.url, MOUNT, token=TOKEN).get("a")
        store = VaultSecrets(vault.url, MOUNT, namespace="team", role_id=ROLE_ID, secret_id=SECRET_ID)
        assert store.get("a") == {"value": VALUE}

    def test_a_redirect_does_not_take_the_token_away(self, vault: VaultServer) -> None:
        with answering(307, "", Location=f"{vault.url}/v1/{MOUNT}/data/a") as address:
            for ways_in in ({"token": TOKEN}, {"role_id": ROLE_ID, "secret_id": SECRET_ID}):
                with pytest.raises(RefusedError, match="307"):
                    VaultSecrets(address, MOUNT, **ways_in).get("a")  # type: ignore[arg-type]
        assert vault.requests == []

    def test_a_token_that_no_header_can_carry_is_not_told(self, vault: VaultServer) -> None:
        for token in (f"{TOKEN}\nline", f"{TOKEN}-ł"):
            with pytest.raises(RefusedError, match="stray line ends") as refused:
                VaultSecrets(vault.url, MOUNT, token=token).get("a")
            assert "hunter2" not in all_that_an_error_says(refused.value)

    def test_an_address_that_is_none_is_refused(self) -> None:
        with pytest.raises(RefusedError, match=r"secrets\.url"):
            VaultSecrets("vault.example.invalid", token=TOKEN).get("a")

    def test_a_token_of_the_machine_is_not_used(self, vault: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
        vault.put("a", {"value": VALUE})
        vault.tokens = {"hunter2-of-somebody": ("*",)}
        monkeypatch.setenv("VAULT_TOKEN", "hunter2-of-somebody")
        with pytest.raises(RefusedError):
            VaultSecrets(vault.url, MOUNT).get("a")


class TestAws:
    @pytest.mark.parametrize("text", [VALUE, "12345", "[1, 2]", '"quoted"', "{not json"])
    def test_a_plain_text_is_the_key_value(self, aws_secrets: Any, s3_server: str, text: str) -> None:
        aws_secrets.create_secret(Name="plain", SecretString=text)
        assert AwsSecrets("eu-west-3", s3_server).get("plain") == {"value": text}

    def test_bytes_are_refused(self, aws_secrets: Any, s3_server: str) -> None:
        aws_secrets.create_secret(Name="bytes", SecretBinary=b"hunter2")
        with pytest.raises(PermanentError, match="bytes, not text"):
            AwsSecrets("eu-west-3", s3_server).get("bytes")

    def test_a_secret_marked_for_deletion_is_missing(self, aws_secrets: Any, s3_server: str) -> None:
        aws_secrets.create_secret(Name="gone", SecretString=VALUE)
        aws_secrets.delete_secret(SecretId="gone")
        with pytest.raises(MissingError, match=r"deletion.*restore-secret"):
            AwsSecrets("eu-west-3", s3_server).get("gone")

    def test_a_role_without_the_right_is_refused_with_the_right(self, credentials: None) -> None:
        body = json.dumps({"__type": "AccessDeniedException", "Message": f"{VALUE} is not authorized"})
        with (
            answering(400, body, **{"Content-Type": "application/x-amz-json-1.1"}) as address,
            pytest.raises(RefusedError, match=r"AccessDenied.*secretsmanager:GetSecretValue on hub/a") as refused,
        ):
            AwsSecrets("eu-west-3", address).get("hub/a")
        assert "hunter2" not in all_that_an_error_says(refused.value)

    def test_without_credentials_it_says_so(self, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, "/nowhere")
        with pytest.raises(RefusedError, match="no AWS credentials"):
            AwsSecrets("eu-west-3", s3_server).get("a")

    def test_without_a_region_it_names_the_setting(self, credentials: None) -> None:
        with pytest.raises(SettingsError, match=r"secrets\.region"):
            AwsSecrets().get("a")

    def test_an_address_that_is_none_is_refused(self, credentials: None) -> None:
        with pytest.raises(SettingsError, match=r"secrets\.url"):
            AwsSecrets("eu-west-3", "no address").get("a")
