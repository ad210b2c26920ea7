"""The definitions of the target that the environment names now: what a re-executed run loads."""

from dagster import Definitions

from definitions import build_definitions
from settings import load_settings


def defs() -> Definitions:
    """Built anew at every call, unlike `definitions.defs`, which belongs to the process's first target."""
    return build_definitions(load_settings())
