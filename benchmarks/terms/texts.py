"""Terms and texts of a news desk for long-acting medicines, made up from a fixed seed.

Here: what is looked for, and batches of texts in which some of it occurs. Not here: what is measured.
"""

import random
from collections.abc import Sequence
from itertools import accumulate

import pyarrow as pa

from domain.terms import Term

SEED = 20251217
LENGTH = 930  # characters of a text, in the mean
MENTIONS = 2.0  # terms put into a text on purpose, in the mean
IRREGULAR = 0.2  # of the texts have signs beyond ASCII, where not said otherwise
_TOGETHER = 0.05  # of the texts have two spaces somewhere
_SYLLABLES = (
    "ba",
    "cor",
    "del",
    "ev",
    "fi",
    "gal",
    "hi",
    "lu",
    "mon",
    "nex",
    "or",
    "pra",
    "qui",
    "ros",
    "ti",
    "vel",
    "zu",
)
_TECHNOLOGIES = (
    "long-acting injectable", "long-acting", "extended-release injection", "controlled-release", "depot injection",
    "sustained release", "drug delivery system", "drug delivery", "once-monthly", "once-weekly injection", "q4w", "q8w",
    "microsphere", "microspheres", "in-situ forming depot", "PLGA microspheres", "half-life extension", "Fc fusion",
    "albumin binding", "intravitreal", "intrathecal", "intra-articular", "subcutaneous", "hydrogel", "liposomal", "LAI",
    "PEG", "PEGylated", "nanosuspension", "oil-based", "thermo-gel", "monthly injection", "6-month", "implant",
)  # fmt: skip
_EXCLUSIONS = (
    "oral tablet", "oral capsule", "topical cream", "nasal spray", "transdermal patch", "job opening", "we are hiring",
    "board of directors", "annual general meeting", "share buyback", "carbon footprint", "MSCI", "CSR report",
    "seeks.*engineer", "seeks.*director", "appoints.*chief", "consolidated.*results", "half-year.*results",
    "participate in.*conference", "publishes.*financial results", "trade show", "veterinary", "cosmetic",
)  # fmt: skip
_EVENTS = (
    "NDA", "BLA", "NICE", "CRL", "HTA", "IPO", "Q1", "Q2", "Q3", "Q4", "orphan drug designation", "fast track",
    "priority review", "complete response letter", "license agreement", "option agreement", "joint venture",
    "upfront payment", "milestone payments", "primary endpoint", "topline results", "double-blind", "black box warning",
    "drug shortage", "label expansion", "public offering", "net loss", "supply agreement", "co-development",
)  # fmt: skip
_COMMON_WORDS = """
the of and to in a for with that is was by on as at from has have are be this will its an it or which their been not
more than also can may were these other after such into new two company companies said year years million first market
development product products patients treatment study studies clinical data drug drugs research health global business
trial trials phase results program programs therapy therapies disease diseases approval agency safety efficacy dose
dosing weeks months adults children doctors hospital hospitals expected announced reported presented published planned
completed started continues including based potential additional significant primary secondary regulatory submission
application review decision committee guidance market access price prices cost costs sales revenue growth quarter half
annual financial statement statements investors shares capital funding partner partners partnership collaboration
agreement license rights payment payments royalty option technology technologies platform formulation formulations
injection release active ingredient molecule compound compounds manufacturing production site sites supply chain
quality control team teams chief officer president director board science scientific university professor public
people country countries region Europe European American Japan China world national international strong important
effective available currently together between during through under over within without since until before where while
when there here about against across among each several many most some all both only well further large small high low
long short early late next last recent current future potentially approximately significantly standard claim explained
candidate
"""
_WORDS = _COMMON_WORDS.split()
_OFTEN = list(accumulate(1 / (rank + 5) for rank in range(len(_WORDS))))  # the list begins with the most common ones
_SIGNS = ("®", "’s", " – ", "é", "“", "”", "\u00a0", "™", "…", "ü", "€", "e\u0301", "\u2011", " — ")


def terms() -> list[Term]:
    """Some 300 terms of all categories; names are inventions."""
    chance = random.Random(SEED)
    names = sorted({_name(chance, 2, 3).capitalize() for _ in range(400)})
    chance.shuffle(names)
    companies = [f"{name}{chance.choice((' Pharma', ' Therapeutics', ' & Co', '', ''))}" for name in names[:90]]
    trademarks = [f"{name.upper() if n % 3 else name}{'®' if n % 2 else ''}" for n, name in enumerate(names[90:140])]
    molecules = [name.lower() + chance.choice(("mab", "tide", "relin", "idone")) for name in names[140:210]]
    written = {
        "company": companies,
        "trademark": trademarks,
        "molecule": molecules,
        "technology": _TECHNOLOGIES,
        "exclusion": _EXCLUSIONS,
        "event": _EVENTS,
    }
    return [Term.of(category, category, "", one) for category, those in written.items() for one in those]


def texts(count: int, *, irregular: float = IRREGULAR, mentions: float = MENTIONS, seed: int = SEED) -> list[str]:
    """So many texts of sentences; `irregular` of them (0 to 1) hold one to six signs beyond ASCII."""
    chance = random.Random(f"{seed} {irregular} {mentions}")
    named = [term.written.replace(".*", " a new ").rstrip("®") for term in terms()]
    return [_text(chance, named, mentions, chance.random() < irregular) for _ in range(count)]


def batches(pool: Sequence[str], rows: int, batch: int) -> list[pa.Array]:
    """The texts again and again in Arrow arrays of `batch` rows, some `rows` in all."""
    array = pa.array(pool, pa.string())
    slices = [array.slice(start, batch) for start in range(0, len(array) - batch + 1, batch)]
    return [slices[n % len(slices)] for n in range(rows // batch)]


def _name(chance: random.Random, least: int, most: int) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(chance.randint(least, most)))


def _text(chance: random.Random, named: Sequence[str], mentions: float, is_irregular: bool) -> str:
    size = int(chance.gauss(LENGTH - 90, LENGTH / 6))
    words: list[str] = []
    length = 0
    while length < size:
        sentence = chance.choices(_WORDS, cum_weights=_OFTEN, k=chance.randint(9, 24))
        sentence[0] = sentence[0].capitalize()
        sentence[len(sentence) // 2] += chance.choice((",", "", ""))
        sentence[-1] += "."
        words += sentence
        length += sum(map(len, sentence)) + len(sentence)
    for _ in range(min(int(chance.expovariate(1 / mentions) + 0.5) if mentions else 0, 20)):
        words.insert(chance.randrange(len(words)), chance.choice(named))
    if chance.random() < _TOGETHER:
        words.insert(chance.randrange(len(words)), "")
    if is_irregular:
        for _ in range(chance.randint(1, 6)):
            words[chance.randrange(len(words))] += chance.choice(_SIGNS)
    return " ".join(words)
