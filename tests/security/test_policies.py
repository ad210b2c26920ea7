"""infrastructure/policies: each allows what the code calls and no more; S3's and PostgreSQL's are enforced for real."""

import ast
import json
import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from domain.accounts import Demand, DesiredState
from domain.alert_causes import Sign, troubles
from domain.alerts import Pace
from domain.errors import MissingError, RefusedError
from resources.alert_book import AlertBook
from resources.database import AccountsDatabase
from resources.decisions import Decisions
from resources.object_store import ObjectStore
from resources.s3_store import S3Store
from settings import PROJECT_ROOT, load_settings

FOLDER = PROJECT_ROOT / "infrastructure" / "policies"
RESOURCES = PROJECT_ROOT / "platform" / "resources"
AWS = {path.stem: path for path in sorted((FOLDER / "aws").glob("*.json"))}
# boto3's method -> what AWS asks of the caller's policy.
ACTIONS = {
    "list_objects_v2": "s3:ListBucket",
    "head_bucket": "s3:ListBucket",
    "get_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "delete_object": "s3:DeleteObject",
    "send_email": "ses:SendEmail",
    "converse": "bedrock:InvokeModel",
    "get_secret_value": "secretsmanager:GetSecretValue",
}
# What no method of boto3 names here: SES asks for it where a message is raw, Secrets Manager decrypts in the caller's
# name, and pruning deletes through the store.
IMPLIED = {"mail": {"ses:SendRawEmail"}, "secrets": {"kms:Decrypt"}, "pruning": {"s3:DeleteObject"}}
CALLERS = {
    "buckets": ("s3_store", "health_stores"),
    "pruning": (),
    "mail": ("ses_mailer",),
    "language-model": ("bedrock",),
    "secrets": ("aws_secrets",),
}
BUCKETS = {name: f"vigie-policy-{name}" for name in ("config", "data", "newsletters")}


def document(name: str) -> dict[str, Any]:
    """A policy of AWS with the buckets of this test in it."""
    filled = re.sub(r"\$\{(\w+)_bucket\}", lambda found: BUCKETS[found[1]], AWS[name].read_text())
    loaded: dict[str, Any] = json.loads(filled)
    return loaded


def allowed(name: str) -> set[str]:
    return {action for statement in document(name)["Statement"] for action in statement["Action"]}


def called(modules: tuple[str, ...]) -> set[str]:
    """The methods of AWS clients that these modules of resources/ name, as calls or as paginators."""
    found = set()
    for name in modules:
        path = RESOURCES / f"{name}.py"
        for node in ast.walk(ast.parse(path.read_text())) if path.is_file() else ():
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)  # get_paginator("list_objects_v2")
    return found & ACTIONS.keys()


@pytest.mark.parametrize("name", sorted(AWS))
def test_a_policy_allows_what_the_code_calls_and_nothing_else(name: str) -> None:
    wanted = {ACTIONS[method] for method in called(CALLERS[name])} | IMPLIED.get(name, set())
    assert allowed(name) == wanted
    for statement in document(name)["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if "*" in action]
        assert "*" not in statement["Resource"]


def test_every_client_of_aws_has_a_policy() -> None:
    makers = {
        path.stem
        for path in RESOURCES.glob("*.py")
        if re.search(r"\.client\(|S3Resource\(", path.read_text(encoding="utf-8"))
    }
    assert makers - {module for modules in CALLERS.values() for module in modules} == set()


def test_every_method_of_the_store_s_client_is_known_here() -> None:
    tree = ast.parse((RESOURCES / "s3_store.py").read_text())
    methods = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "_client"
    }
    assert methods - {"get_paginator"} <= ACTIONS.keys()


def test_taking_away_is_allowed_where_something_is_taken_away_and_nowhere_else() -> None:
    deletes = [
        resource
        for name in ("buckets", "pruning")
        for statement in document(name)["Statement"]
        if "s3:DeleteObject" in statement["Action"]
        for resource in statement["Resource"]
    ]
    assert sorted(deletes) == [
        f"arn:aws:s3:::{BUCKETS['data']}/doctor/*",
        f"arn:aws:s3:::{BUCKETS['data']}/run_output/*",
        f"arn:aws:s3:::{BUCKETS['data']}/snapshots/*",
        f"arn:aws:s3:::{BUCKETS['newsletters']}/doctor/*",
    ]


def test_terraform_s_policy_is_this_file() -> None:
    main = (PROJECT_ROOT / "infrastructure" / "aws" / "main.tf").read_text()
    (given,) = re.findall(
        r'templatefile\("\$\{path\.module\}/\.\./policies/aws/buckets\.json", \{(.*?)\}\)', main, re.DOTALL
    )
    assert set(re.findall(r"(\w+)_bucket\s+=", given)) == set(BUCKETS)
    assert set(re.findall(r"\$\{(\w+)\}", AWS["buckets"].read_text())) == {f"{name}_bucket" for name in BUCKETS}


@pytest.fixture
def stores(s3_server: str) -> Iterator[dict[str, ObjectStore]]:
    """The three stores as a user sees them who has this policy; the server enforces policies until the end."""
    everything = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
    admin, iam = (boto3.client(name, endpoint_url=s3_server, **everything) for name in ("s3", "iam"))
    for bucket in BUCKETS.values():
        admin.create_bucket(Bucket=bucket)
        for key in ("clients/acme.yaml", "doctor/probe.txt"):
            admin.put_object(Bucket=bucket, Key=key, Body=b"there")
    iam.create_user(UserName="vigie")
    iam.put_user_policy(UserName="vigie", PolicyName="buckets", PolicyDocument=json.dumps(document("buckets")))
    key = iam.create_access_key(UserName="vigie")["AccessKey"]
    client = boto3.client(
        "s3",
        endpoint_url=s3_server,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    enforce(s3_server, "0")
    try:
        yield {name: S3Store(client, bucket) for name, bucket in BUCKETS.items()}
    finally:
        enforce(s3_server, "inf")
        iam.delete_user_policy(UserName="vigie", PolicyName="buckets")
        iam.delete_access_key(UserName="vigie", AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName="vigie")


def enforce(server: str, after: str) -> None:
    """After how many requests the server asks for permissions."""
    asked = urllib.request.Request(f"{server}/moto-api/reset-auth", after.encode(), {"Content-Type": "text/plain"})
    urllib.request.urlopen(asked, timeout=10).close()


def test_with_the_policy_alone_the_stores_do_their_work_and_no_more(stores: dict[str, ObjectStore]) -> None:
    for name, store in stores.items():
        assert [found.key for found in store.list("clients/")] == ["clients/acme.yaml"]
        assert store.get("clients/acme.yaml").body == b"there"
        with pytest.raises(MissingError):
            store.get("clients/none.yaml")
        if name == "config":
            with pytest.raises(RefusedError, match="403"):
                store.put("clients/x.yaml", b"")
            with pytest.raises(RefusedError, match="403"):
                store.delete("clients/acme.yaml")
            continue
        store.put("ingested/acme/items.json", b"new")
        assert store.put_if_absent("deliveries/1.json", b"one")
        store.delete("doctor/probe.txt")
        for key in ("ingested/acme/items.json", "deliveries/1.json", "clients/acme.yaml"):
            with pytest.raises(RefusedError, match="403"):
                store.delete(key)


def test_the_vault_s_policy_reads_what_the_target_names_and_does_nothing_else() -> None:
    policy = (FOLDER / "vault" / "vigie.hcl").read_text()
    paths = dict(re.findall(r'^path "([^"]+)" \{\n  capabilities = (\[[^\]]*\])\n\}', policy, re.MULTILINE))
    assert set(paths.values()) == {'["read"]'}
    assert policy.count("capabilities") == len(paths)
    answers = {f"VIGIE_{name}": "x-y" for name in ("CONFIG_BUCKET", "DATA_BUCKET", "NEWSLETTERS_BUCKET", "AWS_REGION")}
    answers |= {f"VIGIE_{name}": "x" for name in ("DATABASE_HOST", "BIGQUERY_PROJECT", "BIGQUERY_DATASET")}
    answers |= {"VIGIE_BIGQUERY_LOCATION": "EU", "VIGIE_VAULT_URL": "https://v.invalid", "VIGIE_TARGET": "prod"}
    settings = load_settings({**answers, "VIGIE_HOME": "/nowhere"})
    named = [settings.schematics.api_key, *settings.schematics.secure_inputs.values()]
    mount = settings.secrets.mount
    wanted = {f"{mount}/data/{re.sub('[{][a-z]+[}]', '+', ref.vault)}" for ref in named if ref.vault}
    assert wanted <= paths.keys()
    assert paths.keys() - wanted == {f"{mount}/data/mail/vigie"}  # where the target mails with a login


def test_bigquery_s_roles_are_those_that_terraform_binds_and_make_no_dataset() -> None:
    main = (PROJECT_ROOT / "infrastructure" / "gcp" / "main.tf").read_text()
    for name in ("jobs", "datasets"):
        role = json.loads((FOLDER / "gcp" / f"{name}.json").read_text())
        assert f'file("${{path.module}}/../policies/gcp/{name}.json")' in main
        verbs = {permission.rpartition(".")[2] for permission in role["includedPermissions"]}
        assert not {"setIamPolicy", "getIamPolicy"} & verbs
        assert "bigquery.datasets.create" not in role["includedPermissions"]
    assert "roles/bigquery" not in main


def test_ibm_s_policy_manages_no_workspace() -> None:
    policy = json.loads((FOLDER / "ibm" / "schematics.json").read_text())
    assert {role["role_id"].rpartition(":")[2] for role in policy["roles"]} == {"Writer", "Viewer"}
    ((resource,),) = ([policy["resources"][0]],)
    limits = {attribute["name"]: attribute["value"] for attribute in resource["attributes"]}
    assert limits["serviceName"] == "schematics"
    assert "resourceGroupId" in limits
    sources = "".join((RESOURCES / name).read_text() for name in ("schematics.py", "schematics_wire.py"))
    assert not re.search(r"\b(create_workspace|delete_workspace|replace_workspace)\(", sources)


class TestPostgres:
    """Processes work as a role that owns nothing."""

    @pytest.fixture
    def owned(self, postgres: str) -> Iterator[tuple[str, str]]:
        """A database that `vigie` owns and has migrated: the owner's address, and that of the role that works."""
        admin = create_engine(postgres, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            for role in ("vigie", "vigie_work", "vigie_look"):
                connection.execute(text(f"drop role if exists {role}"))
                connection.execute(text(f"create role {role} login"))
            connection.execute(text("create database granted owner vigie"))
        host = make_url(postgres).query["host"]
        address = "postgresql+psycopg2://{}@/granted?host=" + str(host)
        owner = AccountsDatabase(address.format("vigie"))
        owner.upgrade(PROJECT_ROOT / "migrations")
        owner.close()
        engine = create_engine(address.format("vigie"))
        for _again in range(2):  # as psql would: the driver's own cursor looks for no parameters
            raw = engine.raw_connection()
            raw.cursor().execute((FOLDER / "postgres" / "grants.sql").read_text())
            raw.close()
        engine.dispose()
        yield address.format("vigie"), address.format("vigie_work")
        with admin.connect() as connection:
            connection.execute(text("drop database granted with (force)"))
            for role in ("vigie", "vigie_work", "vigie_look"):
                connection.execute(text(f"drop role {role}"))
        admin.dispose()

    def test_it_can_do_the_work_and_cannot_rewrite_what_was_done(self, owned: tuple[str, str]) -> None:
        database = AccountsDatabase(owned[1])
        database.register("alpha", "001", DesiredState("1.0.0", 3), "ops", workspace="w.1")
        database.request(Demand(["alpha"], "ann", "CHG-1", subnet_count=4))
        Decisions(database).set_mode("alpha", "auto", "ann")
        assert [row.action for row in database.audit("alpha")] == ["register", "request", "mode"]
        database.close()
        engine = create_engine(owned[1])
        for statement in (
            "delete from audit",
            "update audit set actor = 'bob'",
            "update state_version set subnet_count = 20",
            "delete from account",
            "truncate schematics_job",
            "drop table account",
            "alter table account add column x text",
            "create table mine (x text)",
            "create temporary table held as select * from pg_authid",
            "update alembic_version set version_num = '0'",
        ):
            with (
                engine.connect() as connection,
                pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
            ):
                connection.execute(text(statement))
        engine.dispose()

    def test_every_table_of_the_models_is_granted_something(self, owned: tuple[str, str]) -> None:
        engine = create_engine(owned[0])
        with engine.connect() as connection:
            rows = connection.execute(
                text(
                    "select table_name, string_agg(privilege_type, ',' order by privilege_type) from "
                    "information_schema.role_table_grants where grantee = 'vigie_work' group by table_name"
                )
            )
            granted = {str(name): str(privileges) for name, privileges in rows}
        engine.dispose()
        assert granted["audit"] == "INSERT,SELECT"
        assert granted["state_version"] == "INSERT,SELECT"
        assert granted["alembic_version"] == "SELECT"
        from resources.account_tables import Base

        assert set(Base.metadata.tables) <= granted.keys()
        deletes = {name for name, privileges in granted.items() if {"DELETE", "TRUNCATE"} & set(privileges.split(","))}
        assert deletes == {"alert", "alert_note"}

    def test_alerts_of_long_ago_are_forgotten(self, owned: tuple[str, str]) -> None:
        database = AccountsDatabase(owned[1])
        book, now = AlertBook(database), datetime(2026, 3, 1, tzinfo=UTC)
        sign = Sign("failure", "alpha failed", "quota exceeded", now, "account alpha", "account_plan", "alpha")
        book.see(troubles([sign]), ["slack"], now)
        (message,) = book.claim("slack", now, Pace(), 7)
        book.sent("slack", message, now)
        book.see({}, ["slack"], now + timedelta(days=1))
        assert book.forget(now + timedelta(days=92)) == 1
        database.close()
