"""The vocabulary of a client file: its sections, typed, each under its YAML name, with its defaults.

Here: what a file may say and what holds where it does not. Not here: how a file is read, named and told wrong
(clients), nor what a client keeps (profiles).
"""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)

DEFAULT_PERIOD_DAYS = 7

# "Flag | None" and the like: None says that the file does not say.
Flag = StrictBool
Number = StrictFloat
Count = Annotated[StrictInt, Field(ge=0)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Names = tuple[Name, ...]
Free = dict[str, Any]


class Part(BaseModel):
    """A block of a client file. Frozen; what it does not know was already named in a warning."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ClientProfile(Part):
    name: str = ""
    client_id: str = ""
    version: str = ""
    active: Flag = False
    language: str = "en"
    frequency: str = ""
    tone: str = ""
    voice: str = ""
    target_audience: str = ""
    notes: str = ""


class Pipeline(Part):
    default_period_days: Annotated[StrictInt, Field(ge=0, le=3650)] = DEFAULT_PERIOD_DAYS
    newsletter_mode: str = "period_based"
    ingestion_mode: Literal["strict", "balanced", "broad"] = "balanced"
    notes: str = ""


class BedrockConfig(Part):
    normalization_prompt: str = "generic_normalization"
    editorial_prompt: str = "lai_editorial"
    enable_domain_scoring: Flag = False
    matching_prompt: str = ""
    domain_scoring_prompt: str = ""


class WatchDomain(Part):
    id: Name
    type: str = "technology"
    priority: str = ""
    company_scope: str = ""
    technology_scope: str = ""
    molecule_scope: str = ""
    trademark_scope: str = ""
    technology_profile: str = ""
    matching_profile: str = ""
    enabled: Flag = True
    notes: str = ""


class ContentFilters(Part):
    """`exclude_patterns` are phrases, looked for as they stand and without regard to case; never regexes."""

    min_word_count: Count = 0
    exclude_patterns: Names = ()


class SourceConfig(Part):
    source_bouquets_enabled: Names = ()
    sources_extra_enabled: Names = ()
    bouquet_ingestion_overrides: Free = {}
    content_filters: ContentFilters = ContentFilters()
    notes: str = ""


class MatchingConfig(Part):
    min_domain_score: Number = 0.25
    min_confidence_level: str = ""
    domain_type_thresholds: dict[str, Number] = {}
    enable_fallback_mode: Flag | None = None
    fallback_min_score: Number | None = None
    fallback_max_domains: Count | None = None
    fallback_company_scopes: Names = ()
    max_domains_per_item: Count | None = None
    require_high_confidence_for_multiple: Flag | None = None
    enable_diagnostic_mode: Flag | None = None
    store_rejection_reasons: Flag | None = None
    default_matching_mode: str = ""
    domain_type_overrides: Free = {}
    trademark_privileges: Free = {}


class Bonus(Part):
    scope: str = ""
    bonus: Number | None = None
    description: str = ""


class Bonuses(Part):
    pure_player_companies: Bonus | None = None
    trademark_mentions: Bonus | None = None
    key_molecules: Bonus | None = None
    hybrid_companies: Bonus | None = None


class ScoringConfig(Part):
    event_type_weight_overrides: dict[str, Number] = {}
    client_specific_bonuses: Bonuses = Bonuses()
    selection_overrides: Free = {}


class NewsletterSelection(Part):
    max_items_total: Count = 15
    critical_event_types: Names = ()
    min_score_threshold: Number | None = None
    trimming_policy: Free = {}
    deduplication: Free = {}


class LayoutSection(Part):
    """One section of the newsletter. Unsaid: the title is the id, the limit 5 items, or 8 at priority 999."""

    id: Name
    title: str
    max_items: Count
    filter_event_types: Names = ()
    sort_by: str = "score_desc"
    priority: StrictInt = 999
    source_domains: Names = ()

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        limit = 8 if value.get("priority", 999) == 999 else 5
        return {"title": str(value.get("id")), "max_items": limit, **value}


class NewsletterLayout(Part):
    distribution_strategy: str = ""
    sections: tuple[LayoutSection, ...] = ()


class NewsletterDelivery(Part):
    format: str = ""
    include_tldr: Flag | None = None
    include_intro: Flag | None = None
    include_metrics: Flag | None = None
    delivery_method: str = ""
    notification_email: str = ""
    metrics_config: Free = {}


class ClientFile(Part):
    """Everything that a client file may say, each part under its YAML name."""

    client_profile: ClientProfile = ClientProfile()
    pipeline: Pipeline = Pipeline()
    bedrock_config: BedrockConfig = BedrockConfig()
    watch_domains: tuple[WatchDomain, ...] = ()
    source_config: SourceConfig = SourceConfig()
    matching_config: MatchingConfig = MatchingConfig()
    scoring_config: ScoringConfig = ScoringConfig()
    newsletter_selection: NewsletterSelection = NewsletterSelection()
    newsletter_layout: NewsletterLayout = NewsletterLayout()
    newsletter_delivery: NewsletterDelivery = NewsletterDelivery()
    metadata: Free = {}
