"""The day on which an item was published, and how we know it.

Here: reading a day from a date field, from text and from a URL. Not here: which part of a body holds them
(feeds, pages, apis) nor which days a client keeps (profiles). Never today: no day found is "unknown".

The order, the first plausible day wins (`date_of`):
1. structured: a date field of the feed or the API, `<time datetime>` of the page;
2. pattern: the source's own patterns at the start of the text that is not the title;
3. url: a whole date in the address or in a document's name;
4. pattern: the source's own patterns, then the default ones, further on in that text;
5. pattern: the same in the title, last, because a date in a title is a period or an event.
"Half-year results (April 1st - September 30, 2025)" in `..._09122025-1.pdf` is thus of 9 December.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit

from dateutil import parser as dateutil_parser

from domain.errors import ConfigError

_OLDEST = date(1990, 1, 1)
_FURTHEST = timedelta(days=400)
# A catalog's pattern may backtrack: it sees the start of a text only.
_SEARCHED = 1_000
_LEADING = 60
_LONGEST_FIELD = 100

_MONTH_NAMES = (
    "january janvier jan janv",
    "february février fevrier feb févr fevr fév",
    "march mars mar",
    "april avril apr avr",
    "may mai",
    "june juin jun",
    "july juillet jul juil",
    "august août aout aug",
    "september septembre sept sep",
    "october octobre oct",
    "november novembre nov",
    "december décembre decembre dec déc",
)
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
# A month may be glued to the word before it ("AdultsDecember 9, 2025") where it has its capital.
_MONTH = r"(?:(?<![^\W\d_])|(?=(?-i:[A-ZÀ-Ý])))(" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_COMMA = r"(?:\s*,\s*|\s+)"
_YEAR = re.compile(r"(?:19|20)\d{2}")
_DAY_MONTH = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th|er)?\s+(?:of\s+)?{_MONTH}{_COMMA}(\d{{4}})(?!\d)", re.IGNORECASE
)
_MONTH_DAY = re.compile(
    rf"{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?{_COMMA}(\d{{4}})(?!\d)",
    re.IGNORECASE,
)
_ISO = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)(T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_YEAR_FIRST = re.compile(r"(?<![\d.])(\d{4})([./])(\d{1,2})\2(\d{1,2})(?![\d])")
_RFC822 = re.compile(
    r"(?:[a-z]{3},?\s+)?\d{1,2}\s+[a-z]{3}\s+\d{4}\s+\d{1,2}:\d{2}(?::\d{2})?\s+(?:[+-]\d{4}|gmt|utc?|[ecmp][sd]t)",
    re.IGNORECASE,
)
_WEEK = re.compile(r"\d{4}-?W\d{2}(?!-?\d)")
# Zones that feeds name and the standard library does not know; hours east of UTC.
_ZONES = {"BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "IST": 5.5, "KST": 9, "JST": 9, "AEST": 10}

# What stands before a day of something else than the publication: the end of a period, an event, a deadline.
_OF_SOMETHING_ELSE = re.compile(
    r"(?:\b(?:ended|ending|as of|as at|through|until|from|to|between|since|by|before|after|starting|beginning"
    r"|effective|held on|takes? place(?: on)?|taking place(?: on)?|scheduled (?:for|on)|deadline(?: is|:)?"
    r"|close?s?(?: le| au)?|arrêtée?s?(?: le| au)?|terminée?(?: le| au)?|jusqu['’]au|au|à (?:partir|compter) du"
    r"|depuis le|avant le|après le|aur(?:a|ont) lieu le|se (?:tiendra|tiendront|déroulera) le|prévue?s? le)"
    r"|\d\s*(?:[-–]|to|and|et|au))\s*(?:the\s+)?(?:[a-zé]{3,6}day,?\s+|[a-z]{3,6}di\s+)?$",
    re.IGNORECASE,
)
_CONTEXT = 60
_BETWEEN_ENDS = re.compile(r"\s*(?:–|—|-|to|through|until|and|au|et)\s*", re.IGNORECASE)

_URL_FOLDERS = re.compile(r"/(\d{4})/(\d{1,2})/(\d{1,2})(?=/|$)")
_NAME_YEAR_FIRST = re.compile(r"(?<!\d)((?:19|20)\d{2})([-_.]?)(\d{2})\2(\d{2})(?!\d)")
_NAME_DAY_FIRST = re.compile(r"(?<!\d)(\d{2})([-_.]?)(\d{2})\2(\d{4})(?!\d)")
_DOCUMENT = re.compile(r"\.(?:pdf|docx?|pptx?|html?)$", re.IGNORECASE)


def date_of(
    *,
    structured: Iterable[str] = (),
    title: str = "",
    text: str = "",
    url: str = "",
    patterns: Sequence[str] = (),
) -> tuple[date | None, str]:
    """The UTC day and its source: "structured", "pattern", "url", or (None, "unknown").

    `patterns` are the source's own, their first group the date; ConfigError where one does not compile.
    """
    for field in structured:
        if day := day_of(field):
            return day, "structured"
    body = text.replace(title, " ", 1).strip() if title else text
    if day := _day_by_patterns(patterns, body[:_SEARCHED], latest_start=_LEADING):
        return day, "pattern"
    if day := day_in_url(url):
        return day, "url"
    for part in (body[:_SEARCHED], title[:_SEARCHED]):
        if day := _day_by_patterns(patterns, part) or day_in_text(part):
            return day, "pattern"
    return None, "unknown"


def day_of(field: str) -> date | None:
    """The UTC day of a date field (ISO 8601, RFC 822, a written date; 09/12/2025 is day-first), or None.

    Half a date ("Monday", "10 November") is None: nothing is completed from the calendar.
    """
    field = field.strip()
    if not field or len(field) > _LONGEST_FIELD:
        return None
    moment = _moment(field)
    return day_in_text(field) if moment is None else _utc_day(moment)


def day_in_text(text: str) -> date | None:
    """The first day written in `text` with its year that may be its own, or None: ISO, 2025.12.09, English or French
    months.

    The ends of a period and the day of an event are passed over, by the words before them ("ended", "se tiendra le").
    09/12/2025 is not read: in prose nothing says which of the two numbers is the day.
    """
    # Most texts name no year, and looking for one is a tenth of the work.
    found = sorted(_days_written(text)) if _YEAR.search(text) else []
    ends = {
        index + later
        for index in range(len(found) - 1)
        for later in (0, 1)
        if _BETWEEN_ENDS.fullmatch(text, found[index][1], found[index + 1][0])
    }
    for index, (start, _, day) in enumerate(found):
        if index not in ends and not _OF_SOMETHING_ELSE.search(text[max(0, start - _CONTEXT) : start]):
            return day
    return None


def day_in_url(url: str) -> date | None:
    """The whole date in an address: /2025/12/10/, 2025-12-10-title, ..._09122025.pdf (day-first), or None."""
    try:
        path = unquote(urlsplit(url).path)
    except ValueError:
        return None
    name = path.rstrip("/").rpartition("/")[2]
    for found in _NAME_YEAR_FIRST.finditer(name):
        if day := _day(found[1], found[3], found[4]):
            return day
    # Eight digits of another address are an article's number as often as a date.
    if _DOCUMENT.search(name):
        for found in _NAME_DAY_FIRST.finditer(name):
            if day := _day(found[4], found[3], found[1]) or _day(found[4], found[1], found[3]):
                return day
    for found in _URL_FOLDERS.finditer(path):
        if day := _day(*found.groups()):
            return day
    return None


def _day_by_patterns(patterns: Sequence[str], text: str, latest_start: int = _SEARCHED) -> date | None:
    for pattern in patterns:
        try:
            found = re.search(pattern, text, re.IGNORECASE)
        except (re.error, OverflowError, RecursionError) as error:
            raise ConfigError(
                f"the date pattern {pattern!r} does not compile: {error}.",
                remedy="Mend date_extraction_patterns in the source catalog.",
            ) from error
        if found and found.start() <= latest_start:
            captured = found[1] if found.re.groups else found[0]
            if day := day_of(captured or ""):
                return day
    return None


def _days_written(text: str) -> Iterator[tuple[int, int, date]]:
    """Where each starts and ends, and the day."""
    for found in _ISO.finditer(text):
        moment = _moment(found[1] + (found[2] or ""))
        if moment and (day := _utc_day(moment)):
            yield found.start(), found.end(), day
    for found in _YEAR_FIRST.finditer(text):
        if day := _day(found[1], found[3], found[4]):
            yield found.start(), found.end(), day
    for found in _DAY_MONTH.finditer(text):
        if day := _day(found[3], _MONTHS[found[2].lower()], found[1]):
            yield found.start(), found.end(), day
    for found in _MONTH_DAY.finditer(text):
        if day := _day(found[3], _MONTHS[found[1].lower()], found[2]):
            yield found.start(), found.end(), day


def _moment(field: str) -> datetime | None:
    if _WEEK.match(field):
        return None  # the standard library would make it a Monday
    try:
        return datetime.fromisoformat(field)
    except ValueError:
        pass
    try:
        if _RFC822.fullmatch(field):
            return parsedate_to_datetime(field)
        return _completed_by_nothing(field)
    except (ValueError, ArithmeticError, TypeError):
        return None


def _completed_by_nothing(field: str) -> datetime | None:
    """What dateutil reads twice the same: it fills what is missing from the default it is given."""
    day_first = not field[:4].isdigit()
    readings = {
        dateutil_parser.parse(field, default=blank, dayfirst=day_first, tzinfos=_zone)
        for blank in (datetime(2000, 1, 1, tzinfo=UTC), datetime(2001, 2, 2, tzinfo=UTC))
    }
    return readings.pop() if len(readings) == 1 else None


def _zone(name: str | None, offset: int | None) -> tzinfo:
    hours = _ZONES.get(name or "", 0)
    return timezone(timedelta(seconds=offset) if offset is not None else timedelta(hours=hours))


def _utc_day(moment: datetime) -> date | None:
    try:
        return _plausible((moment.astimezone(UTC) if moment.tzinfo else moment).date())
    except OverflowError:
        return None


def _day(year: str, month: str | int, day: str) -> date | None:
    try:
        return _plausible(date(int(year), int(month), int(day)))
    except ValueError:
        return None


def _plausible(day: date) -> date | None:
    return day if _OLDEST <= day <= datetime.now(UTC).date() + _FURTHEST else None
