"""item_readings [day]: what a language model made of the texts of the requested cells, where the target has one.

Here: the budget of a run, what people read about it. Not here: asking and checking (resources.reader), which texts
(resources.item_readings), nor what a reading changes (dbt's models).
"""

import time

from dagster import (
    AssetDep,
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    MaterializeResult,
    multi_asset,
)

from assets.batches import requested
from assets.lists import listed
from assets.names import ITEM_MATCHES, ITEM_READINGS
from assets.outcomes import in_words
from domain.errors import ConfigError
from partitions import Partitions
from resources.archive import Archive
from resources.item_readings import ItemReadings, stored_prompt
from resources.language_model import LanguageModelResource
from resources.object_store import ObjectStoreResource
from resources.reader import CellsRead, read_cells
from resources.warehouse_resource import WarehouseResource

_REASONS = 10  # shown in the UI


def reading_assets(partitions: Partitions) -> list[AssetsDefinition]:
    """The asset, for the given partitionings."""

    @multi_asset(
        name=ITEM_READINGS,
        specs=[
            AssetSpec(
                ITEM_READINGS,
                description="Summary, event type and entities of each text by a language model, where there is one.",
                group_name="warehouse",
                kinds={"python"},
                partitions_def=partitions.days,
                deps=[AssetDep(ITEM_MATCHES)],
            )
        ],
        backfill_policy=BackfillPolicy.single_run(),
        pool="warehouse",  # DuckDB has one writer
    )
    def item_readings(
        context: AssetExecutionContext,
        config_store: ObjectStoreResource,
        data_store: ObjectStoreResource,
        warehouse: WarehouseResource,
        language_model: LanguageModelResource,
    ) -> MaterializeResult[None]:
        model = language_model.model()
        if model is None:
            return MaterializeResult(metadata={"state": "off"})
        with in_words():
            raw = warehouse.warehouse()
            raw.prepare()
            batch_id, cells = requested(context, Archive(data_store.store()), raw)
            try:
                prompt = stored_prompt(config_store.store(), language_model.prompt)
            except ConfigError as error:  # nothing is read, and the rules do without
                context.log.error(f"no text is read: {error}")
                return MaterializeResult(metadata={"state": "the prompt is refused", "why": str(error)})
            started, readings = time.monotonic(), ItemReadings(raw, batch_id, cells, prompt, model.name)
            done = read_cells(
                readings,
                model,
                prompt,
                calls=language_model.max_calls_per_run,
                tokens_per_day=language_model.max_tokens_per_day,
                progress=context.log.info,
            )
        reasons = done.tally.why[:_REASONS]
        if reasons:
            context.log.warning(f"{done.fallback} texts go by the rules: {'; '.join(reasons)}")
        return MaterializeResult(
            metadata={
                "state": "on",
                "model": model.name,
                "prompt": f"{prompt.name} {prompt.fingerprint}",
                "seconds": round(time.monotonic() - started, 3),
                **_figures(done),
                "why": listed(reasons),
            }
        )

    return [item_readings]


def _figures(done: CellsRead) -> dict[str, int]:
    """Every text of the cells is in exactly one of read, cached, fallback, over_budget and too_short."""
    return {
        "items": done.standing.items,
        "texts": done.standing.texts,
        "read": done.tally.read,
        "cached": done.standing.cached,
        "fallback": done.fallback,
        "over_budget": done.over_budget,
        "too_short": done.standing.short,
        "calls": done.tally.calls,
        "input_tokens": done.tally.input_tokens,
        "output_tokens": done.tally.output_tokens,
        "tokens_of_the_day": done.tokens_of_the_day,
        "names_dropped": done.tally.dropped,
    }
