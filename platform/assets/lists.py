"""Lists in metadata: what strangers wrote, shown in the UI as they wrote it.

Here: lines -> Markdown metadata that holds no link, picture or tag of theirs. Not here: the escapes themselves
(domain.legible), which lines are worth showing.
"""

from collections.abc import Iterable

from dagster import MarkdownMetadataValue, MetadataValue

from domain.legible import as_code


def listed(lines: Iterable[str]) -> MarkdownMetadataValue:
    """Each line as code, on one line: it reads the same in the UI and where no one renders it. "none" where none is."""
    return MetadataValue.md("\n".join(f"- {as_code(line)}" for line in lines) or "none")
