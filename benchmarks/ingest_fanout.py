"""What one more client costs: 1 to 1,000 clients on the same 8 sources, against V2's way of reading all for each.

Here: time, requests and memory of one day, from listing client files to items.json, without Dagster; both sides on a
local S3 server and a local site. What V2 does is linear: it is measured at few clients and scaled (`scaled_from`).
What a client costs once, when its file is new, is `activation`: V2 has no such step, so no ratio has it.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent))  # the project: this file is run by its path

from benchmarks.ingestion.processes import CONFIG, client_files, measure, report, server
from benchmarks.ingestion.rules import rule_files
from benchmarks.ingestion.source_site import REQUESTS, SITES, catalog

from resources.config_bucket import CATALOG_KEY

SIZES = (1, 10, 100, 1000)
SLEEPING_CLIENTS = 3  # 11 s each
AWAKE_CLIENTS = 10
PAIRS = 3  # the two sides one right after the other: what else this machine does weighs on both
POLITE = {"allow_private_addresses": True}  # loopback is private; all else is a target's default, robots.txt included
IMPOLITE = POLITE | {"host_interval": 0}


def of_clients(count: int, side: str, **arguments: Any) -> dict[str, Any]:
    """One side's day with so many clients, on servers of its own; with `requests`, counted by the site."""
    with server("s3_server") as s3, server("source_site", SITES[0].host) as site:
        canonical = {CATALOG_KEY: catalog(site.port), **dict(rule_files())}
        s3.put([*client_files(count), *((f"{CONFIG}/{key}", body) for key, body in canonical.items())])
        done = measure(side, "day", s3=s3.url, **arguments)
        assert done["clients"] == count
        assert done["items"] >= count * len(SITES), "every client has items"
        asked = site.counts()
        robots = asked.pop("robots", 0)
        return done | {"requests": sum(asked.values()), "robots": robots, "s3": s3.counts()}


def figures() -> dict[str, Any]:
    """Everything measured, and the ratios; without pauses the ratio is the middle one of PAIRS."""
    vigie = {count: of_clients(count, "vigie", politeness=IMPOLITE) for count in SIZES if count != 100}
    pairs = [
        (of_clients(100, "vigie", politeness=IMPOLITE), of_clients(AWAKE_CLIENTS, "v2", sleeping=False))
        for _pair in range(PAIRS)
    ]
    vigie[100], awake = sorted(pairs, key=lambda pair: pair[1]["seconds"] / pair[0]["seconds"])[PAIRS // 2]
    polite = of_clients(100, "vigie", politeness=POLITE)
    sleeping = of_clients(SLEEPING_CLIENTS, "v2", sleeping=True)
    per_client_awake, per_client_sleeping = awake["seconds"] / AWAKE_CLIENTS, sleeping["seconds"] / SLEEPING_CLIENTS
    return {
        **{f"source_requests_{count}": done["requests"] for count, done in sorted(vigie.items())},
        "articles_by_host": {site.host: site.entries for site in SITES if site.full_article},
        "robots_requests_1000": vigie[1000]["robots"],
        "s3_requests_1000": vigie[1000]["s3"],
        **{f"seconds_{count}": done["seconds"] for count, done in sorted(vigie.items())},
        "stages_100": vigie[100]["stages"],
        "stages_1000": vigie[1000]["stages"],
        "ms_per_extra_client": _per_extra_client(vigie, "seconds"),
        "cpu_ms_per_extra_client": _per_extra_client(vigie, "cpu"),
        "activation_ms_per_client": vigie[1000]["stages"]["activation"],
        "peak_mb_1000": vigie[1000]["peak_mb"],
        "items_per_client": vigie[1000]["items"] / 1000,
        "seconds_100_polite": polite["seconds"],
        "speedup_100_with_sleeps": round(100 * per_client_sleeping / polite["seconds"], 1),
        "speedup_100_without_sleeps": round(100 * per_client_awake / vigie[100]["seconds"], 1),
        "v2": {
            "seconds_per_client_with_sleeps": round(per_client_sleeping, 2),
            "seconds_per_client_without_sleeps": round(per_client_awake, 3),
            "scaled_from": {"with_sleeps": SLEEPING_CLIENTS, "without_sleeps": AWAKE_CLIENTS},
            "source_requests_per_client": awake["requests"] / AWAKE_CLIENTS,
            "items_per_client": awake["items"] / AWAKE_CLIENTS,
            "s3_requests": awake["s3"],
        },
    }


def _per_extra_client(vigie: dict[int, dict[str, Any]], what: str) -> float:
    """Milliseconds, of the slope between 100 and 1,000 clients."""
    slope: float = (vigie[1000][what] - vigie[100][what]) / 900
    return round(1000 * slope, 2)


def main() -> int:
    found = figures()
    asked = {found[f"source_requests_{count}"] for count in SIZES}
    met = {
        f"the sources are asked {REQUESTS} times, however many clients there are": asked == {REQUESTS},
        "100 clients take a 50th of V2's time, politeness on": found["speedup_100_with_sleeps"] >= 50,
        "100 clients take a 10th of V2's time, politeness off": found["speedup_100_without_sleeps"] >= 10,
        "one more client costs 10 ms at most": found["ms_per_extra_client"] <= 10,
        "1,000 clients take less than 300 MB": found["peak_mb_1000"] < 300,
    }
    return report("ingest_fanout", found, met)


if __name__ == "__main__":
    sys.exit(main())
