"""How the dashboard looks: its style, light, dark and printed, and its HTML.

Here: the template that `dashboard` fills; the drawing of a plot. Not here: which figures, in which order (dashboard),
where a bar stands (dashboard_plots).
"""

from domain.page_head import PAGE_HEAD

_STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --raised: #ffffff; --ink: #1d1f21; --soft: #5d6166; --rule: #dedbd3; --accent: #0b5a54;
  --good: #17693a; --fair: #8a5300; --bad: #ab2318;
  --s1: #0b6a63; --s2: #c8651b; --s3: #4a68b8; --s4: #9a4a86; --s5: #7d7a1c; --rest: #85898d;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181a; --raised: #1e2123; --ink: #e9e7e2; --soft: #a2a5a8; --rule: #34383b; --accent: #7fcabf;
    --good: #7cce98; --fair: #e6b163; --bad: #f39386;
    --s1: #58b8ac; --s2: #e8935a; --s3: #8ba8f0; --s4: #d48cc0; --s5: #c4c05a; --rest: #8b9094; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: .9375rem/1.5 var(--sans);
  font-variant-numeric: tabular-nums; }
.page { max-width: 72rem; margin: 0 auto; padding: 3rem 1.75rem; }
header { padding-bottom: 1.25rem; border-bottom: 3px solid var(--ink); }
.kicker { margin: 0 0 .4rem; color: var(--accent); font-weight: 600; font-size: .8125rem; letter-spacing: .04em; }
h1 { margin: 0; font-size: clamp(1.6rem, 1.2rem + 2vw, 2.25rem); line-height: 1.15; letter-spacing: -.015em;
  text-wrap: balance; }
.lead, .note { color: var(--soft); }
.lead { margin: .6rem 0 0; }
.note { margin: .6rem 0 0; font-size: .8125rem; max-width: 60rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem;
  margin: 1.5rem 0 0; padding: 0; list-style: none; }
.tiles li { padding: .85rem 1rem .9rem; background: var(--raised); border: 1px solid var(--rule); border-radius: 6px; }
.tiles span { display: block; color: var(--soft); font-size: .8125rem; line-height: 1.4; }
.tiles strong { display: block; margin: .15rem 0; font-size: 1.75rem; line-height: 1.2; font-weight: 600;
  letter-spacing: -.01em; }
.tiles .alarming { color: var(--bad); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 0 2.5rem; }
section { margin-top: 2.75rem; min-width: 0; }
h2 { margin: 0; padding-bottom: .45rem; border-bottom: 1px solid var(--rule); font-size: 1.0625rem; line-height: 1.4; }
h3 { margin: 1.1rem 0 .2rem; font-size: .9375rem; }
.nothing { margin: 1rem 0 0; color: var(--soft); font-style: italic; }
svg { display: block; width: 100%; height: auto; margin-top: .9rem; }
svg text { fill: var(--soft); font: 14px var(--sans); }
svg .line { stroke: var(--rule); stroke-width: 1; }
svg .base { stroke: var(--soft); }
.s1 { --kind: var(--s1); } .s2 { --kind: var(--s2); } .s3 { --kind: var(--s3); } .s4 { --kind: var(--s4); }
.s5 { --kind: var(--s5); } .rest, .zero, .low { --kind: var(--rest); } .medium { --kind: var(--s3); }
.high { --kind: var(--s1); }
rect { fill: var(--kind); stroke: var(--paper); stroke-width: .75; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: .6rem 0 0; padding: 0; list-style: none;
  font-size: .8125rem; }
.key li::before { content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .45em;
  border-radius: 2px; background: var(--kind); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.key b { font-weight: 400; color: var(--soft); }
.scroll { overflow-x: auto; margin-top: .4rem; }
.scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; }
th, td { padding: .42rem .75rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: baseline;
  white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-weight: 500; font-size: .8125rem; vertical-align: bottom;
  white-space: normal; line-height: 1.3; }
tbody th { font-weight: 500; overflow-wrap: anywhere; white-space: normal; min-width: 15rem; }
.n { text-align: right; }
.said { white-space: normal; min-width: 14rem; overflow-wrap: anywhere; color: var(--soft); }
.share { width: 8rem; }
.share i { display: block; height: .6em; border-radius: 2px; background: var(--s1);
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.status { font-weight: 600; }
.status::before { content: "●"; margin-right: .4em; font-size: .8em; }
.ok { color: var(--good); } .quiet, .silent { color: var(--fair); }
.stale, .failing, .never { color: var(--bad); }
.names { margin: 0; overflow-wrap: anywhere; }
.names b { font-weight: 400; color: var(--soft); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--rule); color: var(--soft);
  font-size: .8125rem; }
footer p { margin: 0 0 .4rem; }
@media (max-width: 40rem) {
  .page { padding: 2rem 1.1rem; }
  .tiles { grid-template-columns: 1fr 1fr; gap: .6rem; }
  .tiles li { padding: .7rem .8rem; }
  .tiles strong { font-size: 1.4rem; }
  svg text { font-size: 17px; }
  tbody th { position: sticky; left: 0; min-width: 9rem; background: var(--paper); }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --raised: #fff; --ink: #000; --soft: #444; --rule: #bbb; --accent: #000;
    --good: #17693a; --fair: #8a5300; --bad: #ab2318;
    --s1: #0b6a63; --s2: #c8651b; --s3: #4a68b8; --s4: #9a4a86; --s5: #7d7a1c; --rest: #85898d; }
  .page { max-width: none; padding: 0; }
  body { font-size: 9.5pt; }
  table, thead th { font-size: 8pt; }
  th, td { padding: .25rem .4rem; }
  tbody th, .said { min-width: 7rem; }
  .scroll { overflow: visible; }
  .tiles { grid-template-columns: repeat(3, 1fr); }
  .plots { grid-template-columns: 1fr 1fr; gap: 0 1.5rem; }
  .tiles li, .plots section, tr, svg { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

_PLOT = """
{%- macro drawn(plot) %}
<svg viewBox="0 0 {{ plot.width }} {{ plot.height }}" role="img" aria-label="{{ plot.title }}">
{%- for row in plot.rows %}
<line class="line{% if loop.first %} base{% endif %}" x1="{{ plot.left }}" x2="{{ plot.right }}"
 y1="{{ '%.1f' | format(row.at) }}" y2="{{ '%.1f' | format(row.at) }}"/>
<text x="{{ plot.left - 7 }}" y="{{ '%.1f' | format(row.at + 4.5) }}" text-anchor="end">{{ row.text }}</text>
{%- endfor %}
{%- for bar in plot.bars %}
<rect class="{{ bar.kind }}" x="{{ '%.1f' | format(bar.x) }}" y="{{ '%.1f' | format(bar.y) }}"
 width="{{ '%.1f' | format(bar.width) }}" height="{{ '%.1f' | format(bar.height) }}">
<title>{{ bar.said }}</title></rect>
{%- endfor %}
{%- for mark in plot.columns %}
<text x="{{ '%.1f' | format(mark.at) }}" y="{{ plot.bottom + 18 }}" text-anchor="middle">{{ mark.text }}</text>
{%- endfor %}
<text x="{{ (plot.left + plot.right) // 2 }}" y="{{ plot.height - 6 }}" text-anchor="middle">{{ plot.x_label }}</text>
<text transform="rotate(-90 14 {{ (plot.top + plot.bottom) // 2 }})" x="14" y="{{ (plot.top + plot.bottom) // 2 }}"
 text-anchor="middle">{{ plot.y_label }}</text>
</svg>
{%- endmacro %}
{%- macro nothing(brought_by) %}
<p class="nothing">Nothing yet: {{ brought_by }}</p>
{%- endmacro %}
{%- macro cut(rows, noun) %}
{%- if rows | length > most_rows %}
<p class="note">{{ (rows | length - most_rows) | count }} more {{ noun }} are not shown.</p>
{%- endif %}
{%- endmacro %}
"""

PAGE = (
    _PLOT
    + """<!doctype html>
<html lang="en">
<head>
"""
    + PAGE_HEAD
    + """<title>Vigie: the watch{% if figures.newest_day %}, {{ figures.newest_day }}{% endif %}</title>
<style>"""
    + _STYLE
    + """</style>
</head>
<body>
<div class="page">
<header>
<p class="kicker">Vigie</p>
<h1>The watch{% if figures.newest_day %} up to {{ figures.newest_day.day }} {{ figures.newest_day.strftime("%B %Y") }}
{%- endif %}</h1>
<p class="lead">Written <time datetime="{{ figures.written_at.isoformat() }}">
{{- figures.written_at.strftime("%Y-%m-%d %H:%M %Z") }}</time>. Days are UTC; ages count up to the newest day.</p>
</header>
<main>
{%- if tiles %}
<ul class="tiles">
{%- for tile in tiles %}
<li><span>{{ tile.label }}</span><strong>{{ tile.figure }}</strong>
<span{% if tile.alarming %} class="alarming"{% endif %}>{{ tile.more | clean }}</span></li>
{%- endfor %}
</ul>
{%- endif %}
<div class="plots">
<section aria-labelledby="days"><h2 id="days">Items per day</h2>
{%- if days %}
{{- drawn(days) }}
<ul class="key">
{%- for one in series %}
<li class="{{ one.kind }}"><bdi>{{ one.name }}</bdi> <b>{{ one.items | count }}</b></li>
{%- endfor %}
</ul>
{%- else %}
{{- nothing("the first build of the warehouse brings it.") }}
{%- endif %}
</section>
<section aria-labelledby="points"><h2 id="points">Scores, {{ plotted_days }} days</h2>
{%- if histogram %}
{{- drawn(histogram) }}
<ul class="key">
<li class="high">high: 10 and more</li><li class="medium">medium: 5 to under 10</li>
<li class="low">low: under 5, and zero</li>
</ul>
{%- else %}
{{- nothing("no item has a score.") }}
{%- endif %}
</section>
</div>
<section aria-labelledby="clients"><h2 id="clients">Clients</h2>
{%- if clients %}
<div class="scroll" tabindex="0" role="region" aria-labelledby="clients"><table>
<thead><tr><th scope="col">client</th><th scope="col">status</th><th scope="col" class="n">items, 7 days</th>
<th scope="col" class="n">30 days</th><th scope="col" class="n">newest day built</th>
<th scope="col" class="n">newest item</th><th scope="col" class="n">days since</th>
<th scope="col" class="n">newest published</th><th scope="col" class="n">degraded, 7 days</th></tr></thead>
<tbody>
{%- for row in clients[:most_rows] %}
<tr><th scope="row"><bdi>{{ row.client_id | clean }}</bdi></th>
<td><span class="status {{ row.status | clean }}">{{ row.status | clean }}</span></td>
<td class="n">{{ row.items_7 | count }}</td><td class="n">{{ row.items_30 | count }}</td>
<td class="n">{{ row.newest_cell | day }}</td><td class="n">{{ row.newest_item | day }}</td>
<td class="n">{{ "–" if row.days_since_item is none else row.days_since_item | count }}</td>
<td class="n">{{ row.newest_published | day }}</td><td class="n">{{ row.degraded_7 | count }}</td></tr>
{%- endfor %}
</tbody></table></div>
{{- cut(clients, "clients") }}
<p class="note">never: no item ever. stale: not built for more than 2 days. quiet: no item for 7 days.</p>
{%- else %}
{{- nothing("no client has been built.") }}
{%- endif %}
</section>
<section aria-labelledby="scores"><h2 id="scores">Scores by client, {{ plotted_days }} days</h2>
{%- if scores %}
<div class="scroll" tabindex="0" role="region" aria-labelledby="scores"><table>
<thead><tr><th scope="col">client</th><th scope="col" class="n">items</th><th scope="col" class="n">high</th>
<th scope="col" class="n">medium</th><th scope="col" class="n">low</th><th scope="col" class="n">zero</th>
<th scope="col" class="n">average</th><th scope="col" class="n">median</th><th scope="col" class="n">highest</th>
<th scope="col" class="n">without a domain</th></tr></thead>
<tbody>
{%- for row in scores[:most_rows] %}
<tr><th scope="row"><bdi>{{ row.client_id | clean }}</bdi></th><td class="n">{{ row.items | count }}</td>
<td class="n">{{ row.high | count }}</td><td class="n">{{ row.medium | count }}</td>
<td class="n">{{ row.low | count }}</td><td class="n">{{ row.zero | count }}</td>
<td class="n">{{ row.average_score | decimal }}</td><td class="n">{{ row.median_score | decimal }}</td>
<td class="n">{{ row.max_score | decimal }}</td><td class="n">{{ row.without_domain_share | share }}</td></tr>
{%- endfor %}
</tbody></table></div>
{{- cut(scores, "clients") }}
<p class="note">Average, median and highest are of the scores above zero.</p>
{%- else %}
{{- nothing("no item has a score.") }}
{%- endif %}
</section>
<section aria-labelledby="named"><h2 id="named">Named most, {{ plotted_days }} days</h2>
{%- if named %}
<div class="scroll" tabindex="0" role="region" aria-labelledby="named"><table>
<thead><tr><th scope="col">name</th><th scope="col">category</th><th scope="col" class="n">items, 30 days</th>
<th scope="col" class="share"><span hidden>their share of the most named</span></th>
<th scope="col" class="n">7 days</th><th scope="col" class="n">clients</th><th scope="col" class="n">average score</th>
<th scope="col" class="n">last named</th></tr></thead>
<tbody>
{%- for row in named %}
<tr><th scope="row"><bdi>{{ row.entity | clean }}</bdi></th><td>{{ row.category | clean }}</td>
<td class="n">{{ row.items_30 | count }}</td>
<td class="share"><i style="width: {{ '%.1f' | format(100 * row.items_30 / most_named) }}%"></i></td>
<td class="n">{{ row.items_7 | count }}</td><td class="n">{{ row.clients | count }}</td>
<td class="n">{{ row.average_score | decimal }}</td><td class="n">{{ row.last_day | day }}</td></tr>
{%- endfor %}
</tbody></table></div>
<p class="note">An item counts once for each client that got it.</p>
{%- else %}
{{- nothing("no item names anything that is watched.") }}
{%- endif %}
</section>
<section aria-labelledby="unseen"><h2 id="unseen">Watched, and not named in {{ plotted_days }} days</h2>
{%- for category, rows in unseen %}
<h3>{{ category | clean }} <span class="note">{{ rows | length | count }}</span></h3>
<p class="names">
{%- for row in rows[:most_names] %}
<bdi>{{ row.entity | clean }}</bdi>{% if row.last_day %} <b>({{ row.last_day }})</b>{% endif %}
{%- if not loop.last %}, {% endif %}
{%- endfor %}
{%- if rows | length > most_names %} <b>and {{ (rows | length - most_names) | count }} more</b>{% endif %}</p>
{%- else %}
{{- nothing("nothing is watched by name.") if not figures.entities else "" }}
{%- if figures.entities %}
<p>Everything that is watched was named.</p>
{%- endif %}
{%- endfor %}
{%- if unseen %}
<p class="note">In brackets the day it was last named; without one, nothing ever named it.</p>
{%- endif %}
</section>
<section aria-labelledby="sources"><h2 id="sources">Sources</h2>
{%- if sources %}
<div class="scroll" tabindex="0" role="region" aria-labelledby="sources"><table>
<thead><tr><th scope="col">source</th><th scope="col">status</th><th scope="col" class="n">new a day, 7 days</th>
<th scope="col" class="n">30 days</th><th scope="col" class="n">undated</th><th scope="col" class="n">last asked</th>
<th scope="col" class="n">last good</th><th scope="col" class="n">failures in a row</th>
<th scope="col">last error</th></tr></thead>
<tbody>
{%- for row in sources[:most_rows] %}
<tr><th scope="row"><bdi>{{ row.source_key | clean }}</bdi></th>
<td><span class="status {{ row.status | clean }}">{{ row.status | clean }}</span></td>
<td class="n">{{ row.items_per_day_7 | decimal }}</td><td class="n">{{ row.items_per_day_30 | decimal }}</td>
<td class="n">{{ row.undated_share | share }}</td><td class="n">{{ row.last_day | day }}</td>
<td class="n">{{ row.last_good_day | day }}</td><td class="n">{{ row.failures_in_a_row | count }}</td>
<td class="said"><bdi>{{ row.last_error | clean if row.last_error else "–" }}</bdi></td></tr>
{%- endfor %}
</tbody></table></div>
{{- cut(sources, "sources") }}
{%- else %}
{{- nothing("no source has been asked.") }}
{%- endif %}
</section>
<section aria-labelledby="accounts"><h2 id="accounts">Cloud accounts</h2>
{%- if accounts %}
<div class="scroll" tabindex="0" role="region" aria-labelledby="accounts"><table>
<thead><tr><th scope="col">account</th><th scope="col">as desired</th><th scope="col" class="n">desired version</th>
<th scope="col" class="n">applied</th><th scope="col" class="n">days pending</th><th scope="col">drift</th>
<th scope="col">last error</th></tr></thead>
<tbody>
{%- for row in accounts[:most_rows] %}
<tr><th scope="row"><bdi>{{ row.account | clean }}</bdi></th>
<td><span class="status {{ 'ok' if row.compliant else 'stale' }}">{{ "yes" if row.compliant else "no" }}</span></td>
<td class="n">{{ row.desired_version | count }}</td>
<td class="n">{{ "–" if row.applied_version is none else row.applied_version | count }}</td>
<td class="n">{{ row.pending_days | decimal }}</td>
<td class="said"><bdi>{{ row.drift | clean if row.drift else "–" }}</bdi></td>
<td class="said"><bdi>{{ row.last_error | clean if row.last_error else "–" }}</bdi></td></tr>
{%- endfor %}
</tbody></table></div>
{{- cut(accounts, "accounts") }}
{%- else %}
{{- nothing("no account has been exported to the warehouse.") }}
{%- endif %}
</section>
</main>
<footer><p>From the tables <code>client_daily_activity</code>, <code>scored_items</code>,
<code>score_distribution</code>, <code>entity_coverage</code>, <code>client_freshness</code>,
<code>source_health</code> and <code>account_compliance</code>, where every row of it is.</p></footer>
</div>
</body>
</html>
"""
)
