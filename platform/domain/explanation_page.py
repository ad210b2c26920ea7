"""The HTML page that explains a selection.

Here: its style and its template. Not here: what it says (explanations).
"""

from domain.page_head import PAGE_HEAD

_STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #1d1f21; --soft: #5d6166; --rule: #dedbd3;
  --accent: #0b5a54; --alert: #9c2f1b; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181a; --ink: #e9e7e2; --soft: #a2a5a8; --rule: #34383b; --accent: #7fcabf; --alert: #f0997f; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: .9375rem/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
.page { max-width: 52rem; margin: 0 auto; padding: 3rem 1.25rem; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; }
.lead { margin: .4rem 0 0; color: var(--soft); }
h2 { margin: 2.5rem 0 .25rem; padding-bottom: .4rem; border-bottom: 2px solid var(--ink); font-size: 1.0625rem; }
.count, .score { color: var(--soft); font-weight: 400; font-variant-numeric: tabular-nums; }
ul { margin: .5rem 0 0; padding-left: 1.2rem; }
.remarks { color: var(--alert); }
details { border-bottom: 1px solid var(--rule); }
summary { display: flex; gap: .75rem; padding: .6rem 0; cursor: pointer; list-style-position: inside; }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
summary .title { flex: 1; font-weight: 500; }
summary .score { min-width: 2.5rem; text-align: right; }
.because { display: block; color: var(--soft); font-weight: 400; font-size: .8125rem; }
.critical .title::before { content: "● "; color: var(--alert); }
.inside { padding: 0 0 1rem; font-size: .875rem; }
.inside p { margin: .35rem 0; }
.inside a { color: var(--accent); }
.label { color: var(--soft); }
table { width: 100%; border-collapse: collapse; margin-top: .5rem; }
td { padding: .2rem .5rem .2rem 0; border-top: 1px solid var(--rule); vertical-align: top; }
td.value { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --rule: #bbb; --accent: #000;
  --alert: #000; } details { break-inside: avoid; } }
"""

PAGE = (
    """<!doctype html>
<html lang="en">
<head>
"""
    + PAGE_HEAD
    + """<title>{{ letter.client_name }}, {{ letter.week_start }}: why</title>
<style>"""
    + _STYLE
    + """</style>
</head>
<body>
<div class="page">
<header>
<h1 dir="auto">{{ letter.client_name }}: why these stories</h1>
<p class="lead">{{ letter.week_start }} to {{ letter.week_end }}. {{ letter.total }} of {{ letter.verdicts | length }}
stories are in the issue. Open one to see how its score is made.</p>
<ul>
{%- for rule in rules %}
<li>{{ rule }}</li>
{%- endfor %}
</ul>
{%- if remarks %}
<h2>Remarks on the client’s file <span class="count">{{ remarks | length }}</span></h2>
<ul class="remarks">
{%- for remark in remarks %}
<li>{{ remark }}</li>
{%- endfor %}
</ul>
{%- endif %}
</header>
<main>
{%- for reason, found in groups %}
<h2>{{ reason }} <span class="count">{{ found | length }}</span></h2>
{%- for record in found %}
<details{% if record["critical"] %} class="critical"{% endif %}>
<summary><span class="title" dir="auto">{{ record["title"] }}<span class="because">{{ record["because"] }}</span></span>
<span class="score">
{%- if record["score"] is not none %}{{ "%.1f" | format(record["score"]) }}{% endif %}</span></summary>
<div class="inside">
<p>{% if record["source_url"] | web %}<a href="{{ record["source_url"] }}" rel="noopener noreferrer">
{{- record["source_url"] }}</a>{% else %}{{ record["source_url"] }}{% endif %}</p>
<p><span class="label">Source</span> {{ record["source_key"] }},
<span class="label">published</span> {{ record["published_at"] or "unknown" }},
<span class="label">first seen</span> {{ record["first_seen"] }}</p>
{%- if record["event_type"] %}
<p><span class="label">Event</span> {{ record["event_type"] }}
{%- if record["event_path"] %} (by {{ record["event_path"] }}){% endif %}
{%- if record["critical"] %}, critical{% endif %}</p>
{%- endif %}
{%- if record["domains"] %}
<p><span class="label">Domains</span> {{ record["domains"] | join(", ") }}</p>
{%- endif %}
{%- for kind, names in record["entities"].items() if names %}
<p><span class="label">{{ kind | capitalize }}</span> {{ names | join(", ") }}</p>
{%- endfor %}
{%- if record["speaks_for"] %}
<p class="label">Speaks for</p>
<ul>
{%- for one in record["speaks_for"] %}
<li dir="auto">{{ one["title"] }}</li>
{%- endfor %}
</ul>
{%- endif %}
{%- if record["contributions"] %}
<table>
{%- for step in record["contributions"] %}
<tr><td>{{ step["kind"] }}</td><td>{{ step["name"] }}</td><td>{{ step["because"] }}</td>
<td class="value">{{ "%g" | format(step["value"]) }}</td></tr>
{%- endfor %}
</table>
{%- endif %}
</div>
</details>
{%- endfor %}
{%- else %}
<p>There was no story to choose from.</p>
{%- endfor %}
</main>
</div>
</body>
</html>
"""
)
