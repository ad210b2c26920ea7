"""What looking at the client files costs where they are in S3: 1,000 and 10,000 of them, against V2's way.

Here: a look at files that have not changed, and the first look, each of some 7 kB; requests counted by the S3 server.
The baseline reads every file twice at each start, as V2 does; figures against one reading stand beside.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent))  # the project: this file is run by its path

from benchmarks.ingestion.processes import client_files, measure, report, server

LOOKS = 5


def figures() -> dict[str, Any]:
    """Everything measured, and the ratios."""
    with server("s3_server") as s3:
        s3.put(client_files(1000))
        small = measure("vigie", "scans", s3=s3.url, looks=LOOKS)
        v2 = measure("v2", "scans", s3=s3.url)
        asked = s3.counts()
    with server("s3_server") as s3:
        s3.put(client_files(10_000))
        large = measure("vigie", "scans", s3=s3.url, looks=LOOKS)
    return {
        "unchanged_speedup_1000": round(v2["seconds"] / small["unchanged_seconds"], 1),
        "unchanged_speedup_1000_one_reading": round(v2["first_seconds"] / small["unchanged_seconds"], 1),
        "unchanged_gets_10000": large["unchanged_gets"],
        "unchanged_lists_10000": large["unchanged_lists"],
        "cold_speedup_1000": round(v2["seconds"] / small["cold_seconds"], 1),
        "cold_speedup_1000_one_reading": round(v2["first_seconds"] / small["cold_seconds"], 1),
        "cold_requests_1000": small["cold_counts"],
        **{f"unchanged_seconds_{done['clients']}": done["unchanged_seconds"] for done in (small, large)},
        **{f"cold_seconds_{done['clients']}": done["cold_seconds"] for done in (small, large)},
        "v2": {"seconds_1000": v2["seconds"], "one_reading_1000": v2["first_seconds"], "requests_1000": asked},
    }


def main() -> int:
    found = figures()
    met = {
        "a look at 1,000 unchanged files takes a 75th of V2's time": found["unchanged_speedup_1000"] >= 75,
        "a look at 10,000 unchanged files reads none": found["unchanged_gets_10000"] == 0,
        "a look at 10,000 unchanged files lists them in 10 requests": found["unchanged_lists_10000"] == 10,
        "the first look at 1,000 files takes an 8th of V2's time": found["cold_speedup_1000"] >= 8,
    }
    return report("config_scan", found, met)


if __name__ == "__main__":
    sys.exit(main())
