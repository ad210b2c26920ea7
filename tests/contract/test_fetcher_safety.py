"""What a source may not do to us: lead us into our own network, unpack without end, be read against its robots.txt."""

import gzip
import ipaddress
import os
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import brotli
import pytest
from backports import zstd
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.errors import RefusedError, TransientError, VigieError
from resources.fetcher import Fetched, Fetcher, Validators
from resources.robots import read_rules
from resources.safe_addresses import Address, Addresses, anywhere, is_public
from settings import Fetch
from tests.contract.web_site import Site, opened

PUBLIC = Fetch(host_interval=0, timeout=2, attempts=1, max_bytes=100_000, robots="ignore")
ANYWHERE = PUBLIC.model_copy(update={"allow_private_addresses": True})
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda body: bytes(brotli.compress(body, quality=4)),
    "zstd": zstd.compress,
}
POLITE = ANYWHERE.model_copy(update={"robots": "honour"})


@pytest.fixture
def site() -> Iterator[Site]:
    with opened() as site:
        yield site


@pytest.fixture
def inside() -> Iterator[Site]:
    """A server of the network that no source may lead to."""
    with opened("127.0.0.2") as site:
        site.says("/", b"a secret")
        yield site


def but_not_inside(address: Address) -> bool:
    return address == ipaddress.ip_address("127.0.0.1")


def fetch_one(url: str, policy: Fetch = ANYWHERE, addresses: Addresses | None = None) -> Fetched | VigieError:
    return Fetcher(policy, addresses).fetch_all({"it": url})["it"]


class TestAddresses:
    """Connections go to public addresses only."""

    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
            *("224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1"),
            *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "::127.0.0.1", "2001:db8::1"),
            *("192.0.0.8", "192.88.99.1", "168.63.129.16", "64:ff9b::c000:8", "3fff::1", "5f00::1", "64:ff9b:1::1"),
        ],
    )
    def test_an_address_of_a_network_of_our_own_is_not_public(self, address: str) -> None:
        assert not is_public(ipaddress.ip_address(address))

    @pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
    def test_an_address_of_the_internet_is_public(self, address: str) -> None:
        assert is_public(ipaddress.ip_address(address))

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
    def test_a_name_of_this_machine_is_refused_however_it_is_written_and_nothing_is_sent(
        self, site: Site, host: str
    ) -> None:
        site.says("/", b"a secret")
        error = fetch_one(f"http://{host}:{site.port}/", PUBLIC)
        assert isinstance(error, RefusedError)
        assert "private" in str(error)
        assert host.strip("[]") in str(error)
        assert site.asked == []

    def test_a_redirect_into_the_network_is_refused_at_its_hop(self, site: Site, inside: Site) -> None:
        error = fetch_one(
            site.says("/", status=302, Location=f"{inside.url}/"), PUBLIC, Addresses(permitted=but_not_inside)
        )
        assert isinstance(error, RefusedError)
        assert "127.0.0.2" in str(error)
        assert (site.asked, inside.asked) == (["/"], [])

    def test_a_name_that_changes_its_answer_is_connected_to_as_it_was_checked(self, site: Site, inside: Site) -> None:
        answers = iter([["127.0.0.1"], ["127.0.0.2"]])

        async def changing(_host: str, _port: int) -> list[str]:
            return next(answers)

        addresses = Addresses(permitted=but_not_inside, resolve=changing)
        fetched = fetch_one(site.says("/", b"public").replace("127.0.0.1", "rebind.example"), PUBLIC, addresses)
        assert isinstance(fetched, Fetched)
        assert fetched.body == b"public"
        refused = fetch_one(f"http://rebind.example:{inside.port}/", PUBLIC, addresses)
        assert isinstance(refused, RefusedError)
        assert inside.asked == []

    def test_the_public_address_of_a_name_that_has_a_private_one_too_is_taken(self, site: Site) -> None:
        async def both(_host: str, _port: int) -> list[str]:
            return ["127.0.0.2", "127.0.0.1"]

        url = site.says("/", b"public").replace("127.0.0.1", "both.example")
        fetched = fetch_one(url, PUBLIC, Addresses(permitted=but_not_inside, resolve=both))
        assert isinstance(fetched, Fetched)

    def test_the_next_address_is_tried_where_nobody_answers_at_the_first(self, site: Site) -> None:
        async def both(_host: str, _port: int) -> list[str]:
            return ["127.0.0.3", "127.0.0.1"]

        fetched = fetch_one(
            site.says("/").replace("127.0.0.1", "both.example"), ANYWHERE, Addresses(permitted=anywhere, resolve=both)
        )
        assert isinstance(fetched, Fetched)

    def test_the_host_is_named_as_the_url_names_it(self, site: Site) -> None:
        fetch_one(site.says("/").replace("127.0.0.1", "localhost"))
        assert [headers["Host"] for headers in site.headers] == [f"localhost:{site.port}"]

    def test_a_target_may_let_private_addresses_through(self, site: Site) -> None:
        assert isinstance(fetch_one(site.says("/")), Fetched)

    def test_a_proxy_of_the_environment_is_not_used(
        self, site: Site, inside: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, inside.url)
        assert isinstance(fetch_one(site.says("/")), Fetched)
        assert inside.asked == []

    def test_a_name_that_does_not_resolve_may_do_so_later(self) -> None:
        async def nowhere(_host: str, _port: int) -> list[str]:
            raise OSError("no such name")

        error = fetch_one("http://gone.example/", PUBLIC, Addresses(resolve=nowhere))
        assert isinstance(error, TransientError)
        assert "gone.example" in str(error)


class TestTls:
    """Certificates are checked, against the name of the URL."""

    @pytest.fixture
    def seen(self) -> list[str | None]:
        """The names that were asked for in handshakes."""
        return []

    @pytest.fixture
    def secure(self, site: Site, tmp_path: Path, seen: list[str | None]) -> Site:
        """The site with a certificate that nobody vouches for."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "site.pem"
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        path.write_bytes(
            certificate.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        context.sni_callback = lambda _socket, server_name, _context: seen.append(server_name)
        site.server.socket = context.wrap_socket(site.server.socket, server_side=True)
        return site

    def test_a_certificate_that_nobody_vouches_for_is_a_refusal_and_not_tried_again(
        self, secure: Site, seen: list[str | None]
    ) -> None:
        policy = ANYWHERE.model_copy(update={"attempts": 3})
        error = fetch_one(f"https://localhost:{secure.port}/", policy)
        assert isinstance(error, RefusedError)
        assert "certificate" in str(error)
        assert (seen, secure.asked) == (["localhost"], [])


class TestUnpacking:
    """Bodies are bounded as they are sent and as they unpack."""

    @pytest.mark.parametrize("coding", PACK)
    def test_a_packed_body_is_unpacked(self, site: Site, coding: str) -> None:
        fetched = fetch_one(site.says("/", PACK[coding](b"hello"), Content_Encoding=coding))
        assert isinstance(fetched, Fetched)
        assert fetched.body == b"hello"

    @pytest.mark.parametrize("coding", PACK)
    def test_a_bomb_is_refused(self, site: Site, coding: str) -> None:
        bomb = PACK[coding](bytes(50_000_000))
        assert len(bomb) < PUBLIC.max_bytes
        error = fetch_one(site.says("/", bomb, Content_Encoding=coding))
        assert isinstance(error, RefusedError)
        assert "100,000 bytes" in str(error)

    def test_what_is_sent_counts_though_it_unpacks_to_nothing(self, site: Site) -> None:
        empty_blocks = zlib.compress(b"")[:2] + b"\x00\x00\x00\xff\xff" * 40_000
        error = fetch_one(site.says("/", empty_blocks, Content_Encoding="deflate"))
        assert isinstance(error, RefusedError)
        assert "100,000 bytes" in str(error)

    @pytest.mark.parametrize("coding", ["dcb", "gzip, gzip", "compress"])
    def test_only_what_was_announced_is_unpacked(self, site: Site, coding: str) -> None:
        error = fetch_one(site.says("/", gzip.compress(gzip.compress(b"x")), Content_Encoding=coding))
        (headers,) = site.headers
        assert coding not in headers["Accept-Encoding"].split(", ")
        assert isinstance(error, RefusedError)
        assert coding in str(error)

    def test_a_body_that_is_not_packed_as_it_says_may_be_so_later(self, site: Site) -> None:
        assert isinstance(fetch_one(site.says("/", b"plain", Content_Encoding="gzip")), TransientError)

    def test_the_body_of_a_redirect_is_not_read(self, site: Site) -> None:
        read = threading.Event()

        def endless(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", f"{site.url}/end")
            handler.end_headers()
            try:
                for _ in range(2_000):
                    handler.wfile.write(os.urandom(65_536))
            except OSError:
                return
            read.set()

        site.answers["/"] = endless
        site.says("/end", b"here")
        fetched = fetch_one(f"{site.url}/")
        assert isinstance(fetched, Fetched)
        assert not read.is_set()

    def test_a_type_that_is_not_read_costs_its_headers_only(self, site: Site) -> None:
        url = site.says("/paper", b"%PDF" * 20_000, Content_Type="application/pdf")
        error = Fetcher(ANYWHERE).fetch_all({"it": url}, only={"text/html"})["it"]
        assert isinstance(error, RefusedError)
        assert "application/pdf" in str(error)


class TestConditions:
    """Requests on condition, and what answers say of their freshness."""

    def test_an_answer_that_is_still_the_same_comes_without_its_body(self, site: Site) -> None:
        url = site.says("/", status=304, ETag='"two"')
        answer = Fetcher(ANYWHERE).fetch_all({"it": url}, known={"it": Validators(url, '"one"', "yesterday")})["it"]
        assert isinstance(answer, Fetched)
        assert (answer.not_modified, answer.body, answer.etag) == (True, b"", '"two"')
        (headers,) = site.headers
        assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"one"', "yesterday")

    def test_not_modified_without_a_condition_is_no_answer(self, site: Site) -> None:
        assert isinstance(fetch_one(site.says("/", status=304)), RefusedError)

    def test_the_condition_is_sent_to_the_address_that_it_is_of(self, site: Site) -> None:
        end = site.says("/end", status=304)
        start = site.says("/", status=301, Location=end)
        answer = Fetcher(ANYWHERE).fetch_all({"it": start}, known={"it": Validators(end, '"one"')})["it"]
        assert isinstance(answer, Fetched)
        assert [headers["If-None-Match"] for headers in site.headers] == [None, '"one"']

    @pytest.mark.parametrize(
        ("said", "age", "seconds"),
        [
            ("max-age=600", "0", 600),
            ("public, Max-Age=600", "100", 500),
            ("no-cache, max-age=600", "0", 0),
            ("max-age=-1", "0", 0),
            ("max-age=soon", "later", 0),
            ("", "0", 0),
        ],
    )
    def test_an_answer_says_how_long_it_is_fresh(self, site: Site, said: str, age: str, seconds: int) -> None:
        fetched = fetch_one(site.says("/", Cache_Control=said, Age=age))
        assert isinstance(fetched, Fetched)
        assert fetched.max_age == seconds


class TestRobots:
    """A host's robots.txt, read once and counted apart."""

    def test_what_it_disallows_is_refused_and_the_rest_is_fetched(self, site: Site) -> None:
        site.says("/robots.txt", b"User-agent: *\nDisallow: /private/\n")
        fetcher = Fetcher(POLITE)
        outcomes = fetcher.fetch_all({"open": site.says("/open"), "closed": site.says("/private/feed")})
        assert isinstance(outcomes["open"], Fetched)
        assert isinstance(outcomes["closed"], RefusedError)
        assert "robots.txt" in str(outcomes["closed"])
        assert sorted(site.asked) == ["/open", "/robots.txt"]
        assert (fetcher.requests.total(), fetcher.robots_requests.total()) == (1, 1)

    def test_it_is_asked_for_once_over_the_rounds_of_a_fetcher(self, site: Site) -> None:
        fetcher = Fetcher(POLITE)
        for _round in range(2):
            fetcher.fetch_all({str(number): site.says(f"/{number}") for number in range(6)})
        assert site.asked.count("/robots.txt") == fetcher.robots_requests.total() == 1

    def test_a_host_without_one_allows_everything(self, site: Site) -> None:
        assert isinstance(fetch_one(site.says("/feed"), POLITE), Fetched)

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_one_that_cannot_be_read_allows_nothing_for_now(self, site: Site, status: int) -> None:
        site.says("/robots.txt", status=status)
        assert isinstance(fetch_one(site.says("/feed"), POLITE), TransientError)
        assert "/feed" not in site.asked

    def test_a_redirect_to_what_is_disallowed_is_not_followed(self, site: Site) -> None:
        site.says("/robots.txt", b"User-agent: *\nDisallow: /private/\n")
        error = fetch_one(site.says("/feed", status=302, Location="/private/feed"), POLITE)
        assert isinstance(error, RefusedError)
        assert "/private/feed" not in site.asked

    def test_a_target_may_ignore_it(self, site: Site) -> None:
        site.says("/robots.txt", b"User-agent: *\nDisallow: /\n")
        assert isinstance(fetch_one(site.says("/feed")), Fetched)
        assert site.asked == ["/feed"]

    @pytest.mark.parametrize(
        ("rules", "path", "allowed"),
        [
            ("Disallow: /", "/x", False),
            ("Disallow:", "/x", True),
            ("Disallow: /a", "/b", True),
            ("Disallow: /a\nAllow: /a/b", "/a/b/c", True),
            ("Allow: /a\nDisallow: /a", "/a", True),
            ("Disallow: /*.xml$", "/feed.xml", False),
            ("Disallow: /*.xml$", "/feed.xml?page=2", True),
            ("Disallow: /*/private/*/x", "/a/private/b/x.html", False),
            ("Disallow: /%7Ejoe", "/~joe/feed", False),
            ("Disallow: /a%2Fb", "/a/b", True),
            ("Disallow: /é", "/%C3%A9t%C3%A9", False),
            ("Disallow: /feed?x", "/feed?x=1", False),
            ("Disallow: /a # not b", "/a", False),
            ("disallow:/a", "/a", False),
        ],
    )
    def test_the_longest_rule_that_fits_decides(self, rules: str, path: str, allowed: bool) -> None:
        assert read_rules(f"User-Agent: *\n{rules}\n", "Vigie/0.1").allow(f"https://a.example{path}") == allowed

    def test_the_group_that_names_us_goes_before_the_one_for_everybody(self) -> None:
        text = "User-agent: *\nDisallow: /\n\nUser-agent: other\nUser-agent: VIGIE/1.0\nDisallow: /x\n"
        rules = read_rules(text, "Vigie/0.1 (+https://a.example)")
        assert rules.allow("https://a.example/y")
        assert not rules.allow("https://a.example/x")

    def test_a_pattern_of_many_stars_is_matched_in_a_straight_line(self) -> None:
        rules = read_rules("User-agent: *\nDisallow: /" + "*a" * 2_000 + "$", "Vigie")
        assert rules.allow("https://a.example/" + "a" * 1_999 + "b")
