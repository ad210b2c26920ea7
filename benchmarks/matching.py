"""How fast terms are found in texts, how exactly, and in how much memory.

Here: items in a second of one processor's time, against a loop of `re` in the same run; finds against those of a slow
oracle; the peak memory of a stream of 1 and of 5 million items. A text is an item, of some 930 characters.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

sys.path.append(str(Path(__file__).resolve().parent.parent))  # the project: this file is run by its path

from benchmarks.ingestion.processes import report
from benchmarks.terms.texts import MENTIONS, batches, terms, texts

from domain.matching import Matcher
from domain.terms import Term, wanted
from tests.unit.term_oracle import Find, finds

POOL = 10_000  # texts
PASSES = 9  # of which the fastest counts: this machine does other things too
RE_TEXTS = 1_000
SAMPLE = 3_000  # texts for the oracle
BATCH = 5_000  # rows of a stream's batch
FEW, MANY = 1_000_000, 5_000_000
HAZARDS = (
    "",
    " ",
    "-",
    "LAI",
    "claim LAIs lai LÁI L\u00adAI",
    "Long‑acting  –  injectables; long, acting. Long\n\nacting_",
    "cafe\u0301 CAFÉ\u0301 😀LAI😀 中LAI中 ЛLAI «LAI» ﬁ œ ß İ ſ",
    "seeks a. seeks b an engineer; engineer. appoints Dr. Chief appoints\n\nchief",
    "\u0301\u0301LAI\u0301\u0301",
    "'- -' " * 500,
    "NDA-NICE/Q4 PEG®-based once–monthly ’Fc’fusion’ " * 200,
)


def rate(work: Callable[[], object], items: int) -> int:
    """Items in a second of processor time, the fastest of so many passes."""
    best = float("inf")
    for _ in range(PASSES):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return round(items / best)


def alternation(looked_for: Iterable[Term]) -> re.Pattern[str]:
    """What one would write with `re`: the longest first, any separator as one; it loses what is nested."""
    spellings = {spelling for term in looked_for for part in wanted(term.key).parts for spelling in part}
    ordered = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    separated = (re.escape(spelling).replace(r"\ ", r"[\s'’-]+") for spelling in ordered)
    return re.compile(rf"(?<!\w)(?:{'|'.join(separated)})(?!\w)", re.IGNORECASE)


def mismatches(matcher: Matcher, looked_for: list[Term]) -> int:
    """Texts, made up and hostile, in which the oracle finds something else."""
    sample = [*texts(SAMPLE // 3), *texts(SAMPLE // 3, irregular=1.0), *texts(SAMPLE // 3, mentions=10.0), *HAZARDS]
    # Texts that stand side by side must not lend each other their ends.
    sample += [part for text in sample[:100] for part in re.findall(r"(?s).{1,7}", text[:200])]
    found: list[list[Find]] = [[] for _ in sample]
    for find in matcher.match(pa.array(sample)).to_pylist():
        found[find["row"]].append((find["term_key"], find["start_at"], find["end_at"]))
    return sum(have != finds(looked_for, text) for have, text in zip(found, sample, strict=True))


def stream(rows: int) -> dict[str, Any]:
    """What it takes to look through so many items, batch by batch: seconds of processor time, peak memory in MB."""
    matcher, several = Matcher(terms()), batches(texts(POOL), rows, BATCH)
    started = time.process_time()
    found = sum(matcher.match(batch).num_rows for batch in several)
    seconds = time.process_time() - started
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak
    return {"found": found, "seconds": round(seconds, 1), "rss_mb": int(peak[1]) // 1024}


def streamed(rows: int) -> dict[str, Any]:
    """`stream` in a process of its own, whose memory is the stream's alone."""
    command = [sys.executable, __file__, str(rows)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=600)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def figures() -> dict[str, Any]:
    """Everything measured."""
    looked_for = terms()
    matcher = Matcher(looked_for)
    pools = {
        "ascii": texts(POOL, irregular=0.0),
        "mixed": texts(POOL),
        "irregular": texts(POOL, irregular=1.0),
        "dense": texts(POOL, mentions=4 * MENTIONS),
    }
    arrays = {name: pa.array(pool) for name, pool in pools.items()}
    rates = {name: rate(partial(matcher.match, array), POOL) for name, array in arrays.items()}
    pattern, some = alternation(looked_for), pools["mixed"][:RE_TEXTS]
    by_re = rate(lambda: [list(pattern.finditer(text)) for text in some], RE_TEXTS)
    few, many = streamed(FEW), streamed(MANY)
    return {
        "items_per_s_core": rates["mixed"],
        **{f"items_per_s_core_{name}": found for name, found in rates.items() if name != "mixed"},
        "items_per_s_core_re": by_re,
        "speedup_over_re": round(rates["mixed"] / by_re, 1),
        "mismatches": mismatches(matcher, looked_for),
        "terms": len(looked_for),
        "characters_per_item": round(sum(map(len, pools["mixed"])) / POOL),
        "not_ascii_share": round(sum(not text.isascii() for text in pools["mixed"]) / POOL, 3),
        "finds_per_item": {name: round(matcher.match(array).num_rows / POOL, 2) for name, array in arrays.items()},
        "rss_mb_1m": few["rss_mb"],
        "rss_mb_5m": many["rss_mb"],
        "items_per_s_core_5m": round(MANY / many["seconds"]),
    }


def main() -> int:
    if len(sys.argv) > 1:
        print(json.dumps(stream(int(sys.argv[1]))))
        return 0
    found = figures()
    met = {
        "one core looks through 250,000 items in a second": found["items_per_s_core"] >= 250_000,
        "it is 10 times as fast as a loop of re": found["speedup_over_re"] >= 10,
        "it finds what the oracle finds": found["mismatches"] == 0,
        "5 million items take no more memory than 1 million": found["rss_mb_5m"] <= found["rss_mb_1m"] + 20,
    }
    return report("matching", found, met)


if __name__ == "__main__":
    sys.exit(main())
