"""Where a source may not lead by a redirect or by its next page: other schemes, the cloud's metadata, our own network.

Names that change their answer, TLS, bombs and single addresses: tests/contract/test_fetcher_safety.py.
"""

import ipaddress
import json
from collections.abc import Iterator

import pytest

from domain.apis import next_page, next_page_elsewhere
from domain.errors import RefusedError, VigieError
from resources.fetcher import Fetched, Fetcher
from resources.safe_addresses import Address, Addresses, is_public
from settings import Fetch
from tests.contract.web_site import Site, opened

POLICY = Fetch(host_interval=0, timeout=2, attempts=1, per_host=16, max_bytes=100_000, robots="ignore")
INWARDS = [
    *("http://169.254.169.254/latest/meta-data/iam/", "http://[fd00:ec2::254]/latest/", "http://100.100.100.200/"),
    *("http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/", "http://169.254.43518/"),
    *("http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/", "http://[64:ff9b::a9fe:a9fe]/"),
    *("http://127.0.0.2/", "http://127.2/", "http://0/", "http://0.0.0.0:22/", "http://[::]/", "http://[::1]:5432/"),
    *("http://10.0.0.1:8200/v1/secret", "http://user:pass@10.0.0.1/", "http://[fe80::1%25eth0]/", "//10.0.0.1/"),
    *("file:///etc/passwd", "gopher://10.0.0.1:6379/_FLUSHALL", "ftp://10.0.0.1/", "dict://10.0.0.1:11211/", "data:,x"),
    *(
        "unix:///var/run/docker.sock",
        "javascript:alert(1)",
        "http:///etc/passwd",
        "http://",
        "http://[::1",
    ),
]


def only_this_site(address: Address) -> bool:
    """The test's site plays the internet: every other address is judged as it would be for a target of ours."""
    return address == ipaddress.ip_address("127.0.0.1") or is_public(address)


@pytest.fixture
def site() -> Iterator[Site]:
    with opened() as site:
        yield site


def test_no_redirect_leads_inwards_or_to_another_scheme(site: Site) -> None:
    urls = {aim: site.says(f"/{number}", status=302, Location=aim) for number, aim in enumerate(INWARDS)}
    with opened("127.0.0.2") as inside:
        inside.says("/", b"a secret")
        urls["the site inside"] = site.says("/inside", status=307, Location=f"{inside.url}/")
        outcomes = Fetcher(POLICY, Addresses(permitted=only_this_site)).fetch_all(urls)
        assert inside.asked == []
    assert [aim for aim, outcome in outcomes.items() if not isinstance(outcome, VigieError)] == []
    assert {
        aim for aim in outcomes if aim.startswith("http://1") and not isinstance(outcomes[aim], RefusedError)
    } == set()
    assert sorted(site.asked) == sorted([*(f"/{number}" for number in range(len(INWARDS))), "/inside"])


def test_the_rules_of_robots_are_not_fetched_from_inside_either(site: Site) -> None:
    site.says("/robots.txt", status=302, Location="http://169.254.169.254/latest/")
    polite = POLICY.model_copy(update={"robots": "honour"})
    outcome = Fetcher(polite, Addresses(permitted=only_this_site)).fetch_all({"it": site.says("/feed")})["it"]
    assert isinstance(outcome, VigieError)
    assert site.asked == ["/robots.txt"]


def test_a_redirect_to_what_is_permitted_is_followed(site: Site) -> None:
    url = site.says("/start", status=302, Location=site.says("/end", b"news"))
    outcome = Fetcher(POLICY, Addresses(permitted=only_this_site)).fetch_all({"it": url})["it"]
    assert isinstance(outcome, Fetched)
    assert outcome.body == b"news"


@pytest.mark.parametrize("aim", [aim for aim in INWARDS if aim != "http://"])
def test_no_next_page_leads_to_another_host(aim: str) -> None:
    here = "https://api.example/items?page=1"
    body = json.dumps({"items": [{"title": "a", "url": "/a"}], "next": aim, "next_page": aim, "next_url": aim}).encode()
    followed = next_page(body, here)
    assert followed is None or followed.startswith("https://api.example/")
    assert next_page(json.dumps({"items": [], "next": "https://api.example/items?page=2"}).encode(), here)
    if aim.startswith("http://1"):
        assert next_page_elsewhere(body, here)
