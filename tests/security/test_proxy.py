"""deploy/proxy: what the read-only web server refuses, and what the proxy keeps from it and from the other one."""

import base64
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.instance import prepare
from settings import PROJECT_ROOT, child_environment, load_settings

FOLDER = PROJECT_ROOT / "deploy" / "proxy"
NGINX = shutil.which("nginx")
BIN = Path(sys.executable).parent
HERE = 'repositoryLocationName: "vigie", repositoryName: "__repository__"'
LAUNCH = f"""mutation {{
  launchRun(executionParams: {{selector: {{{HERE}, jobName: "read_client_configs"}}}}) {{
    __typename ... on UnauthorizedError {{ message }} ... on PythonError {{ message }} }} }}"""
MUTATIONS = {
    "launchRun": LAUNCH,
    "startSensor": f"""mutation {{
      startSensor(sensorSelector: {{{HERE}, sensorName: "client_activation"}}) {{ __typename }} }}""",
    "setConcurrencyLimit": 'mutation { setConcurrencyLimit(concurrencyKey: "schematics", limit: 9) }',
    "addDynamicPartition": f"""mutation {{
      addDynamicPartition(repositorySelector: {{{HERE}}}, partitionsDefName: "clients", partitionKey: "evil") {{
        __typename }} }}""",
    "wipeAssets": """mutation {
      wipeAssets(assetPartitionRanges: [{assetKey: {path: ["client_config"]}}]) { __typename } }""",
    "reloadRepositoryLocation": """mutation {
      reloadRepositoryLocation(repositoryLocationName: "vigie") { __typename } }""",
}


def conf(name: str) -> str:
    """A file of the recipe without its comments."""
    return re.sub(r"^\s*#.*$", "", (FOLDER / name).read_text(), flags=re.MULTILINE)


def test_every_way_in_has_tls_and_a_login() -> None:
    servers = re.findall(r"^server \{\n(.*?)^\}", conf("nginx.conf"), re.MULTILINE | re.DOTALL)
    serving = [server for server in servers if "return 301" not in server and "ssl_reject_handshake" not in server]
    assert len(serving) == 2
    for server in serving:
        assert "listen 443 ssl" in server
        assert "auth_basic_user_file" in server
        assert "include /etc/nginx/vigie/ui.conf;" in server
    assert len({re.findall(r"auth_basic_user_file (\S+);", server)[0] for server in serving}) == 2
    assert set(re.findall(r"server (127\.0\.0\.1):\d+;", conf("nginx.conf"))) == {"127.0.0.1"}
    assert not re.findall(r"TLSv1(\.1)?[ ;]", conf("ui.conf"))


def test_what_comes_from_another_site_is_refused_wherever_something_is_handed_on() -> None:
    for location in re.findall(r"location [^{]+\{(.*?)\n\}", conf("ui.conf"), re.DOTALL):
        if "proxy_pass" in location:
            assert location.strip().startswith("if ($vigie_foreign_origin) { return 403; }")
            assert "include /etc/nginx/vigie/upstream.conf;" in location
    assert 'proxy_set_header Authorization     "";' in conf("upstream.conf")
    assert "proxy_set_header Upgrade" in conf("upstream.conf")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The two web servers of the recipe on one instance: name -> port."""
    home = tmp_path_factory.mktemp("proxy")
    settings = load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(home)})
    environment = child_environment(settings, DAGSTER_HOME=str(prepare(settings)))
    ports = {"watch": free_port(), "operate": free_port()}
    started = []
    for name, port in ports.items():
        words = ["-w", str(PROJECT_ROOT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
        words += ["--read-only"] if name == "watch" else []
        with (home / f"{name}.log").open("wb") as log:
            started.append(
                subprocess.Popen([BIN / "dagster-webserver", *words], env=environment, stdout=log, stderr=log)
            )
    try:
        for process, port in zip(started, ports.values(), strict=True):
            until_it_answers(f"http://127.0.0.1:{port}/server_info", process)
        yield ports
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)


def until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            assert process.poll() is None, "the server has ended"
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


def asked(port: int, query: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as refused:
        return {"status": refused.code, "said": refused.read().decode()}
    return found


@pytest.mark.e2e
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_read_only_server_refuses_to_change_anything(servers: dict[str, int], name: str) -> None:
    answer = json.dumps(asked(servers["watch"], MUTATIONS[name]))
    assert "UnauthorizedError" in answer or "ermission" in answer, answer[:500]


@pytest.mark.e2e
def test_it_shows_what_the_other_one_shows_and_nothing_was_launched(servers: dict[str, int]) -> None:
    names = [asked(port, "{ assetNodes { assetKey { path } } }")["data"]["assetNodes"] for port in servers.values()]
    assert names[0] == names[1] != []
    assert asked(servers["watch"], "{ runsOrError { ... on Runs { results { runId } } } }")["data"]["runsOrError"] == {
        "results": []
    }
    permitted = asked(servers["operate"], "{ permissions { permission value } }")["data"]["permissions"]
    assert {one["permission"]: one["value"] for one in permitted}["launch_pipeline_execution"]


def posted(port: int, path: str, body: bytes, **headers: str) -> tuple[int, str]:
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, sent)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


@pytest.mark.e2e
def test_without_the_proxy_a_web_server_asks_neither_who_nor_from_where(servers: dict[str, int]) -> None:
    """Why docs/security.md wants a proxy. Where this fails, Dagster has mended something: read the recipe again."""
    evil = {"Content_Type": "text/plain", "Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"}
    code, said = posted(servers["operate"], "/graphql?query=%7Bversion%7D", b"", **evil)
    assert (code, "version" in said) == (200, True)


@pytest.mark.e2e
def test_a_read_only_server_takes_no_report_of_what_never_happened(servers: dict[str, int]) -> None:
    report = "/report_asset_materialization/client_config?partition=evil"
    code, said = posted(servers["watch"], report, b"{}", Content_Type="application/json")
    assert code == 401, said


@pytest.fixture(scope="module")
def front(servers: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The recipe as nginx runs it, with ports and a certificate of the test: the port of TLS."""
    folder, secure, plain = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    key: list[str | Path] = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-keyout",
        folder / "privkey.pem",
        "-nodes",
    ]
    made: list[str | Path] = ["-x509", "-days", "1", "-subj", "/CN=watch.example.org", "-out", folder / "fullchain.pem"]
    subprocess.run(["openssl", "req", *key, *made], check=True, capture_output=True)
    for group in ("watchers", "operators"):
        (folder / group).write_text(f"{group}:{{PLAIN}}pass\n")
    texts = {path.name: path.read_text().replace("/etc/nginx/vigie", str(folder)) for path in FOLDER.glob("*.conf")}
    main = (
        texts["nginx.conf"]
        .replace("listen 443", f"listen 127.0.0.1:{secure}")
        .replace("listen 80", f"listen 127.0.0.1:{plain}")
    )
    main = main.replace("127.0.0.1:3001", f"127.0.0.1:{servers['watch']}")
    main = main.replace("127.0.0.1:3000", f"127.0.0.1:{servers['operate']}")
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    for name in ("ui.conf", "upstream.conf"):
        (folder / name).write_text(texts[name])
    user = "user root;" if os.getuid() == 0 else ""  # its workers read the folder of the test
    head = f"{user} pid {folder}/pid; error_log {folder}/error.log; events {{}}"
    (folder / "nginx.conf").write_text(f"{head}\nhttp {{ access_log off; {paths}\n{main}\n}}")
    server = subprocess.Popen([str(NGINX), "-c", folder / "nginx.conf", "-p", folder, "-g", "daemon off;"])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", secure)) == 0:
                    break
            time.sleep(0.1)
        yield secure
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.e2e
@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
class TestNginx:
    """What the recipe lets through, and what not."""

    def status(
        self, front: int, name: str, path: str, body: bytes | None = None, login: str = "", **headers: str
    ) -> tuple[int, str]:
        """What the proxy answers under one of its names, which nothing resolves here."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        sent = {"Host": name, "Connection": "close", **{key.replace("_", "-"): value for key, value in headers.items()}}
        if login:
            sent["Authorization"] = f"Basic {base64.b64encode(f'{login}:pass'.encode()).decode()}"
        if body is not None:
            sent["Content-Length"] = str(len(body))
        lines = "".join(f"{key}: {value}\r\n" for key, value in sent.items())
        with (
            socket.create_connection(("127.0.0.1", front), 30) as raw,
            context.wrap_socket(raw, server_hostname=name) as wire,
        ):
            wire.sendall(f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\n{lines}\r\n".encode() + (body or b""))
            answer = b"".join(iter(lambda: wire.recv(65_536), b"")).decode("utf-8", "replace")
        return int(answer.split()[1]), answer

    def test_without_a_login_nothing_is_shown_and_a_watcher_does_not_operate(self, front: int) -> None:
        for name, login in (("watch", ""), ("operate", ""), ("operate", "watchers"), ("watch", "operators")):
            assert self.status(front, f"{name}.example.org", "/", login=login)[0] == 401
        assert self.status(front, "watch.example.org", "/server_info", login="watchers")[0] == 200

    def test_a_query_of_the_ui_passes(self, front: int) -> None:
        body = json.dumps({"query": "{ version }"}).encode()
        own = {
            "Content_Type": "application/json",
            "Origin": "https://operate.example.org",
            "Sec_Fetch_Site": "same-origin",
        }
        for path in ("/graphql", "/graphql?op=RootWorkspaceQuery"):
            code, said = self.status(front, "operate.example.org", path, body, "operators", **own)
            assert code == 200, said
            assert '"version"' in said

    @pytest.mark.parametrize(
        ("path", "headers", "code"),
        [
            ("/graphql", {"Content_Type": "application/json", "Origin": "https://evil.example"}, 403),
            ("/graphql", {"Content_Type": "application/json", "Origin": "null"}, 403),
            ("/graphql", {"Content_Type": "application/json", "Sec_Fetch_Site": "cross-site"}, 403),
            ("/graphql", {"Content_Type": "text/plain; x=application/json"}, 415),
            ("/graphql", {"Content_Type": "text/plain"}, 415),
            ("/graphql", {}, 415),
            ("/graphql?query=%7Bversion%7D", {"Content_Type": "application/json"}, 403),
            ("/graphql?query=0&query=%7Bversion%7D", {"Content_Type": "application/json"}, 403),
            ("/graphql?query=&query=%7Bversion%7D", {"Content_Type": "application/json"}, 403),
            ("/graphql?%71uery=%7Bversion%7D", {"Content_Type": "application/json"}, 403),
            ("/graphql?op=RootQuery&query=%7Bversion%7D", {"Content_Type": "application/json"}, 403),
            ("/%67raphql?query=%7Bversion%7D", {"Content_Type": "application/json"}, 403),
            ("//graphql", {"Content_Type": "text/plain"}, 415),
            ("/report_asset_materialization/client_config", {"Content_Type": "application/json"}, 404),
            ("/anything", {"Origin": "https://evil.example"}, 403),
        ],
    )
    def test_what_another_site_could_make_a_browser_send_is_refused(
        self, front: int, path: str, headers: dict[str, str], code: int
    ) -> None:
        body = json.dumps({"query": LAUNCH}).encode()
        assert self.status(front, "operate.example.org", path, body, "operators", **headers)[0] == code

    def test_a_mutation_in_an_address_is_refused_and_a_socket_opens_to_our_own_pages_only(self, front: int) -> None:
        assert self.status(front, "operate.example.org", "/graphql?query=mutation", None, "operators")[0] == 403
        socket_of = {
            "Upgrade": "websocket",
            "Sec_WebSocket_Version": "13",
            "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec_WebSocket_Protocol": "graphql-ws",
        }
        foreign = {**socket_of, "Origin": "https://evil.example"}
        assert self.status(front, "watch.example.org", "/graphql", None, "watchers", **foreign)[0] == 403
