"""What each field of the source catalog, of ingestion profiles and of event types means.

Here: one sentence per field, with an example where the kind does not give one. Not here: types and defaults (the
models say them), guides (docs).
"""

from collections.abc import Mapping

from reference.fields import Meaning

CATALOG: Mapping[str, Meaning] = {
    "Source.source_key": ("The name, a slug; part of every item's identity, so it never changes.", "press__dispatch"),
    "Source.source_type": ("What sections and profiles select by.", "press_sector"),
    "Source.ingestion_mode": ("`rss` (Atom and JSON Feed too), `html`, `api`, or `none`.", "rss"),
    "Source.enabled": "Whether it is fetched.",
    "Source.company_id": ("The company whose site it is; profiles may ask for it.", "monthera"),
    "Source.homepage_url": (
        "The site; fetched by `rss` and `html` where their own address is absent.",
        "https://d.example/",
    ),
    "Source.rss_url": ("The feed of mode `rss`.", "https://d.example/feed.xml"),
    "Source.html_url": ("The page of mode `html`.", "https://d.example/news"),
    "Source.api_url": ("The address of mode `api`.", "https://d.example/api/news"),
    "Source.default_language": ("The language where a text is too short to tell.", "en"),
    "Source.tags": ("For people.", ["press"]),
    "Source.ingestion_profile": ("The profile that judges its items.", "press_technology"),
    "Source.date_extraction_patterns": (
        "Regular expressions for dates in the text; group 1 is the date.",
        [r"Published (\d{4}-\d{2}-\d{2})"],
    ),
    "Source.content_enrichment": (
        "`basic`, `full_article` (reads the pages of new items) or `summary_enhanced` (kept, read as basic).",
        "full_article",
    ),
    "Source.max_content_length": ("Characters at which a text is cut.", 20000),
    "Source.max_pages": ("Of mode `api`: how many pages of the answer are read; unsaid: 1.", 5),
    "Source.notes": "For people.",
    "Source.html_selectors": (
        "Of mode `html`: CSS selectors for `item`, `title`, `link`, `date`, `content`.",
        {"item": "article.news", "title": "h2"},
    ),
    "Source.api_items_path": ("Of mode `api`: the dotted path to the list; unsaid: `items`.", "data.results"),
    "Bouquet.bouquet_id": ("The name that client files use.", "depot_press"),
    "Bouquet.description": "For people.",
    "Bouquet.source_keys": ("Its sources.", ["press__dispatch"]),
}

_UNUSED = "For people; nothing acts on it."
PROFILE: Mapping[str, Meaning] = {
    "signal_requirements": "What an item must hold. Without it the profile cannot be used.",
    "applicable_contexts": "Which sources it is for, where neither client nor catalog names a profile.",
    "description": _UNUSED,
    "strategy": _UNUSED,
    "rationale": _UNUSED,
    "runtime_config": _UNUSED,
}
REQUIREMENTS: Mapping[str, Meaning] = {
    "mode": ("`ingest_all`, `exclude_only`, `require_signals` or `require_multi_signals`.", "require_signals"),
    "exclusion_scopes": ("Scopes of which no phrase may be in it.", ["exclusion_scopes.hr_content"]),
    "required_signal_groups": "Groups of phrases that are looked for.",
    "combination_logic": (
        "Group ids with AND, OR, NOT and brackets; unsaid: any group, or every one in `require_multi_signals`.",
        "entity AND (technology OR trademark)",
    ),
    "minimum_total_weight": ("What the weights of the found groups must reach; unsaid: 0.", 3.0),
}
GROUP: Mapping[str, Meaning] = {
    "group_id": ("Its name in `combination_logic`.", "entity"),
    "scopes": ("Where its phrases are.", ["companies_global"]),
    "negative_scopes": ("Phrases that take one match away each.", ["depot_keywords.negative_terms"]),
    "min_matches": ("How many distinct phrases find it; unsaid: 1.", 2),
    "weight": ("What it weighs when it is found; unsaid: 1.", 2.0),
    "description": _UNUSED,
}
CONTEXTS: Mapping[str, Meaning] = {
    "source_types": ('Types of sources; `"*"` is all of them.', ["press_sector"]),
    "company_scopes": ("Companies, by the source's `company_id`.", ["companies_global"]),
    "domains": ("Domains, of which the client watches one.", ["depot_technology"]),
}
EVENT: Mapping[str, Meaning] = {
    "title_keywords": ("Words that speak for it in the title.", ["agreement", "licence"]),
    "body_keywords": ("Words that speak for it in the text.", ["upfront payment"]),
    "negative_keywords": ("Words that speak against it.", ["job offer"]),
    "label": ("How people call it; unsaid: its name.", "Partnership"),
    "description": "For people.",
    "typical_sources": _UNUSED,
}
