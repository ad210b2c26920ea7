"""The answers a target may leave out: what is off unless it is asked for.

Here: their fields, their defaults, what fits together. Not here: the answers every target gives, nor reading any
(settings).
"""

from pydantic import BaseModel, ConfigDict


class Option(BaseModel):
    """A block of a target file that may be absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")
