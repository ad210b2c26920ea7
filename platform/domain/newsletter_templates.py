"""The words, dates and escapes of a newsletter, and its HTML page.

Here: what the reader sees that is not a story (labels per language, style, page), and how text is made safe.
Not here: which stories a newsletter holds, and in which order (newsletters).
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from urllib.parse import urlsplit

from jinja2 import Environment, StrictUndefined, Template

from domain.page_head import PAGE_HEAD

# A language that is not here is written with the English words, and the page says so in its `lang`.
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "kicker": "Weekly newsletter",
        "story": "story",
        "stories": "stories",
        "source": "source",
        "sources": "sources",
        "from": "from",
        "contents": "In this issue",
        "unknown": "date unknown",
        "first_seen": "first seen",
        "also_one": "also in 1 other source",
        "also_many": "also in {} other sources",
        "empty": "Nothing new this week.",
        "empty_more": "No story from this client’s sources entered the newsletter in this period.",
        "left_out": "Left out of this issue",
        "colon": ":",
        "section_full": "over the limit of their section",
        "section_dominance": "over the share of their section",
        "newsletter_full": "over the limit of the newsletter",
        "top": "Highest scores",
        "score": "score",
        "critical": "Critical event",
        "similar_one": "tells 1 similar story too",
        "similar_many": "tells {} similar stories too",
        "by_model": "summary by a model",
        "metrics": "{processed} read, {matched} on topic, {distinct} without repeats, {total} in this issue.",
        "by_source": "By source",
        "by_domain": "By domain",
        "scores": "Scores run from 0 to 50.",
        "event_partnership": "partnership",
        "event_regulatory": "regulatory",
        "event_clinical_update": "clinical update",
        "event_corporate_move": "corporate move",
        "event_financial_results": "financial results",
        "event_scientific_publication": "publication",
        "event_safety_signal": "safety signal",
        "event_manufacturing_supply": "manufacturing, supply",
        "dates": "Days are UTC, as the source gives them. Where it gives none, "
        "the day the story was first seen is shown instead.",
        "press_corporate": "Companies",
        "press_sector": "Press",
        "api_clinicaltrials": "Clinical trials",
        "api_pubmed": "Publications",
        "day_one": "1",
        "point": ".",
        "to": "–",
        "spaced_to": " – ",
        "months": "January February March April May June July August September October November December",
        "short": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    },
    "fr": {
        "kicker": "Lettre hebdomadaire",
        "story": "article",
        "stories": "articles",
        "source": "source",
        "sources": "sources",
        "from": "de",
        "contents": "Dans ce numéro",
        "unknown": "date inconnue",
        "first_seen": "vu le",
        "also_one": "aussi dans 1 autre source",
        "also_many": "aussi dans {} autres sources",
        "empty": "Rien de nouveau cette semaine.",
        "empty_more": "Aucun article des sources de ce client n’est entré dans la lettre sur cette période.",
        "left_out": "Laissés hors de ce numéro",
        "colon": " :",
        "section_full": "au-delà de la limite de leur rubrique",
        "section_dominance": "au-delà de la part de leur rubrique",
        "newsletter_full": "au-delà de la limite de la lettre",
        "top": "Les mieux notés",
        "score": "note",
        "critical": "Événement critique",
        "similar_one": "vaut pour 1 article semblable",
        "similar_many": "vaut pour {} articles semblables",
        "by_model": "résumé par un modèle",
        "metrics": "{processed} lus, {matched} dans le sujet, {distinct} sans les répétitions, {total} dans ce numéro.",
        "by_source": "Par source",
        "by_domain": "Par domaine",
        "scores": "Les notes vont de 0 à 50.",
        "event_partnership": "partenariat",
        "event_regulatory": "réglementaire",
        "event_clinical_update": "essai clinique",
        "event_corporate_move": "vie d’entreprise",
        "event_financial_results": "résultats financiers",
        "event_scientific_publication": "publication",
        "event_safety_signal": "signal de sécurité",
        "event_manufacturing_supply": "production, approvisionnement",
        "dates": "Les jours sont en UTC, tels que la source les donne. Quand elle n’en donne pas, "
        "c’est le jour où l’article a été vu qui est indiqué.",
        "press_corporate": "Entreprises",
        "press_sector": "Presse",
        "api_clinicaltrials": "Essais cliniques",
        "api_pubmed": "Publications",
        "day_one": "1er",
        "point": ",",
        "to": " au ",
        "spaced_to": " au ",
        "months": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "short": "janv. févr. mars avr. mai juin juill. août sept. oct. nov. déc.",
    },
}
_PLURALS = {"story": "stories", "source": "sources"}
_SUMMARY_LENGTH = 320
_MARKDOWN_SIGNS = re.compile(r"[\\`*_\[\]<>|~&#!$]")
_MARKDOWN_START = re.compile(r"^(\d*)([-+=.):])")
_BARE_LINK = re.compile(r"(?i)(?=://)|(?<=\bwww)(?=\.)")

_STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --ink: #1d1f21; --soft: #5d6166; --rule: #dedbd3; --accent: #0b5a54; --alert: #9c2f1b;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "Source Serif 4", Georgia, "Liberation Serif", serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181a; --ink: #e9e7e2; --soft: #a2a5a8; --rule: #34383b; --accent: #7fcabf; --alert: #f0997f; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.6 var(--serif); }
.page { max-width: 41rem; margin: 0 auto; padding: 4rem 1.5rem 3rem; overflow-wrap: break-word; }
header { padding-bottom: 1.75rem; border-bottom: 3px solid var(--ink); }
.kicker { margin: 0 0 .6rem; color: var(--accent);
  font: 600 .8125rem/1.4 var(--sans); letter-spacing: .04em; }
h1 { margin: 0; font-size: clamp(2rem, 1.4rem + 3vw, 2.75rem); line-height: 1.1;
  letter-spacing: -.015em; text-wrap: balance; }
.lead { display: flex; flex-wrap: wrap; gap: 0 .75em; margin: .8rem 0 0;
  font: .9375rem/1.5 var(--sans); color: var(--soft); }
.lead strong { color: var(--ink); font-weight: 600; }
nav { margin-top: 1.25rem; font: .875rem/1.5 var(--sans); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin: 0; padding: 0; list-style: none; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; text-underline-offset: .2em; }
.count { color: var(--soft); font-variant-numeric: tabular-nums; }
nav .count { margin-left: .3em; }
section { margin-top: 3rem; }
.heading { display: flex; align-items: baseline; justify-content: space-between; gap: 1rem;
  padding-bottom: .5rem; border-bottom: 1px solid var(--rule); }
h2 { margin: 0; font: 600 1.0625rem/1.4 var(--sans); }
.heading .count { font: .875rem/1.4 var(--sans); white-space: nowrap; }
article { padding: 1.35rem 0 1.4rem; border-bottom: 1px solid var(--rule); }
section article:last-child { border-bottom: 0; padding-bottom: 0; }
h3 { margin: 0; font-size: 1.25rem; line-height: 1.3; font-weight: 600; text-wrap: pretty; }
h3 a { color: inherit; text-decoration: none; }
h3 a:hover, h3 a:focus-visible { color: var(--accent); text-decoration: underline;
  text-decoration-thickness: 1px; text-underline-offset: .18em; }
h3 a:visited { color: var(--soft); }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 2px; }
.summary { margin: .45rem 0 0; text-wrap: pretty; }
.facts { margin: .5rem 0 0; font: .8125rem/1.5 var(--sans); color: var(--soft);
  font-variant-numeric: tabular-nums; }
.facts > * + *::before { content: "·"; margin: 0 .5em; color: var(--soft); font-weight: 400; }
.facts .name { color: var(--ink); font-weight: 500; }
.facts .undated { font-style: italic; }
.names { margin: .2rem 0 0; font: .8125rem/1.5 var(--sans); color: var(--soft); }
.critical h3::before { content: attr(data-mark); display: block; margin-bottom: .3rem; color: var(--alert);
  font: 600 .75rem/1.4 var(--sans); letter-spacing: .04em; }
.top { margin-top: 1.5rem; font: .9375rem/1.45 var(--sans); }
.top h2 { color: var(--soft); font-weight: 600; font-size: .8125rem; }
.top ol { margin: .4rem 0 0; padding-left: 1.4em; }
.top li { padding: .15rem 0; }
.top a { color: inherit; text-decoration: none; }
.top a:hover { color: var(--accent); text-decoration: underline; text-underline-offset: .2em; }
.top .count { white-space: nowrap; margin-left: .4em; }
.empty { padding: 3.5rem 0 1rem; }
.empty p { margin: 0; color: var(--soft); }
.empty p:first-child { color: var(--ink); font-size: 1.5rem; line-height: 1.3; margin-bottom: .5rem; }
footer { margin-top: 3.5rem; padding-top: 1.1rem; border-top: 1px solid var(--rule);
  font: .8125rem/1.6 var(--sans); color: var(--soft); }
footer p { margin: 0 0 .5rem; text-wrap: pretty; }
@media (max-width: 34rem) {
  .page { padding: 2.25rem 1.15rem 2rem; }
  section { margin-top: 2.4rem; }
  h3 { font-size: 1.1875rem; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --rule: #bbb; --accent: #000; --alert: #000; }
  body { font-size: 10.5pt; line-height: 1.45; }
  .page { max-width: none; padding: 0; }
  nav { display: none; }
  section { margin-top: 1.5rem; }
  article { break-inside: avoid; padding: .8rem 0; }
  .heading { break-after: avoid; }
  h3 { font-size: 12.5pt; }
  h3 a:visited { color: inherit; }
  h3 a[href]::after { content: attr(href); display: block; font: 8pt/1.4 var(--sans); color: var(--soft);
    overflow-wrap: anywhere; }
}
"""

PAGE = (
    """<!doctype html>
<html lang="{{ lang }}">
<head>
"""
    + PAGE_HEAD
    + """<title>{{ letter.client_name }}: {{ period }}</title>
<style>"""
    + _STYLE
    + """</style>
</head>
<body>
<div class="page">
<header>
<p class="kicker">{{ words.kicker }}</p>
<h1 dir="auto">{{ letter.client_name }}</h1>
<p class="lead"><strong><time datetime="{{ letter.week_start }}">{{ period }}</time></strong>
{%- if letter.total %} <span>{{ counts }}</span>{% endif %}</p>
{%- if letter.sections | length > 1 %}
<nav aria-label="{{ words.contents }}">
<ul>
{%- for section in letter.sections %}
<li><a href="#section-{{ loop.index }}">{{ section.title }}</a><span class="count">
{{- section.stories | length }}</span></li>
{%- endfor %}
</ul>
</nav>
{%- endif %}
{%- if letter.top %}
<div class="top">
<h2>{{ words.top }}</h2>
<ol>
{%- for story in letter.top %}
<li dir="auto"><a href="#story-{{ places[story.item_id] }}">{{ story.title }}</a>
{{- " " }}<span class="count">{{ story.score | score(words) }}</span></li>
{%- endfor %}
</ol>
</div>
{%- endif %}
</header>
<main>
{%- for section in letter.sections %}
<section id="section-{{ loop.index }}" aria-labelledby="title-{{ loop.index }}">
<div class="heading"><h2 id="title-{{ loop.index }}" dir="auto">{{ section.title }}</h2>
<span class="count">{{ section.stories | length | counted("story", words) }}</span></div>
{%- for story in section.stories %}
<article id="story-{{ places[story.item_id] }}"{% if story.critical %} class="critical"{% endif %}
{%- if story.language and story.language != lang %} lang="{{ story.language }}"{% endif %}>
<h3 dir="auto"{% if story.critical %} data-mark="{{ words.critical }}"{% endif %}>
{%- if story.url | web %}<a href="{{ story.url }}" rel="noopener noreferrer">{{ story.title }}</a>
{%- else %}{{ story.title }}{% endif %}</h3>
{%- if story.summary %}
<p class="summary" dir="auto">{{ story.summary | shortened }}</p>
{%- endif %}
<p class="facts" lang="{{ lang }}"><span class="name" dir="auto">{{ story.source_name }}</span>
{%- if story.published_at %}<time datetime="{{ story.published_at }}">{{ story.published_at | day(year, words) }}</time>
{%- else %}<span class="undated">{{ words.unknown }}, {{ words.first_seen }} <time datetime="{{ story.day }}">
{{- story.day | day(year, words) }}</time></span>{% endif %}
{%- if "event_" ~ story.event_type in words %}<span>{{ words["event_" ~ story.event_type] }}</span>{% endif %}
{%- if letter.scored and story.score is not none %}
{{- "" }}<span>{{ words.score }} {{ story.score | score(words) }}</span>{% endif %}
{%- if story.summary_path == "model" %}<span>{{ words.by_model }}</span>{% endif %}
{%- if story.also_in_sources > 0 %}<span>{{ story.also_in_sources | also(words) }}</span>{% endif %}
{%- if story.item_id in similar %}<span>{{ similar[story.item_id] | alike(words) }}</span>{% endif %}
{%- if story.url and not story.url | web %}<span dir="auto">{{ story.url }}</span>{% endif %}</p>
{%- if story.key_players %}
<p class="names" lang="{{ lang }}" dir="auto">{{ story.key_players | join(", ") }}</p>
{%- endif %}
</article>
{%- endfor %}
</section>
{%- else %}
<div class="empty"><p>{{ words.empty }}</p><p>{{ words.empty_more }}</p></div>
{%- endfor %}
</main>
{%- if notes %}
<footer>
{%- for note in notes %}
<p>{{ note }}</p>
{%- endfor %}
</footer>
{%- endif %}
</div>
</body>
</html>
"""
)


@cache
def page_template(source: str) -> Template:
    """A page, compiled once: everything it is given is escaped, and a name that it is not given is an error."""
    pages = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    pages.filters |= {
        "web": is_web,
        "shortened": shortened,
        "counted": counted,
        "day": short_day,
        "also": also,
        "alike": alike,
        "score": score_text,
    }
    return pages.from_string(source)


def page_language(language: str) -> str:
    """The language the page's own words are in: the client's where Vigie speaks it, else English."""
    return language if language in WORDS else "en"


def words_of(language: str) -> dict[str, str]:
    """The words of that language, else the English ones."""
    return WORDS[page_language(language)]


def counted(count: int, noun: str, words: Mapping[str, str]) -> str:
    """A count in words, as in 1 story, 2 stories: `noun` is "story" or "source"."""
    return f"{count} {words[noun if count == 1 else _PLURALS[noun]]}"


def also(count: int, words: Mapping[str, str]) -> str:
    """In how many other sources the story is."""
    return words["also_one"] if count == 1 else words["also_many"].format(count)


def alike(count: int, words: Mapping[str, str]) -> str:
    """For how many other stories this one speaks."""
    return words["similar_one"] if count == 1 else words["similar_many"].format(count)


def score_text(score: float, words: Mapping[str, str]) -> str:
    """A score as the language writes it: 13.8 or 13,8."""
    return f"{score:.1f}".replace(".", words["point"])


def short_day(day: date, year: int, words: Mapping[str, str]) -> str:
    """A day without its year, unless it is not `year`."""
    short = f"{_number(day, words)} {words['short'].split()[day.month - 1]}"
    return short if day.year == year else f"{short} {day.year}"


def period(first: date, last: date, words: Mapping[str, str]) -> str:
    """A week in words, such as 16–22 November 2026: month and year are said twice only where they change."""
    months = words["months"].split()
    start = _number(first, words)
    if first.month != last.month:
        start += f" {months[first.month - 1]}"
    if first.year != last.year:
        start += f" {first.year}"
    between = words["to" if first.month == last.month else "spaced_to"]
    return f"{start}{between}{_number(last, words)} {months[last.month - 1]} {last.year}"


def _number(day: date, words: Mapping[str, str]) -> str:
    return words["day_one"] if day.day == 1 else str(day.day)


def is_web(url: str) -> bool:
    """Whether a reader may be given this as a link: absolute http or https, and in one piece."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in url
    except ValueError:
        return False


def shortened(text: str) -> str:
    """The beginning of a long text, cut between two words."""
    if len(text) <= _SUMMARY_LENGTH:
        return text
    return text[:_SUMMARY_LENGTH].rsplit(" ", 1)[0].rstrip(" ,;:.–-") + "…"


def markdown(text: str) -> str:
    """Text that Markdown shows as it is: no link (bare ones too), tag, emphasis, table, list or heading."""
    signs = _MARKDOWN_SIGNS.sub(lambda sign: "\\" + sign.group(), text)
    return _MARKDOWN_START.sub(r"\1\\\2", _BARE_LINK.sub(r"\\", signs))
