"""The inputs of an account's Terraform: what a desired state becomes, and when two sets of inputs are the same.

Here: variables as plain values, their fingerprint. Not here: where secret ones come from, how they are written.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.accounts import DesiredState


@dataclass(frozen=True, slots=True)
class Variable:
    """One Terraform variable. A value is always text; a secure one is never shown, and unknown when read."""

    name: str
    value: str = field(repr=False)
    type: str = "string"
    secure: bool = False


def inputs_of(state: DesiredState, secrets: Mapping[str, str]) -> list[Variable]:
    """The variables that carry a desired state, and the secret ones beside them (name -> value)."""
    return [
        Variable("iam_version", state.iam_version),
        Variable("subnet_count", str(state.subnet_count), "number"),
        Variable("enable_monitoring", "true" if state.enable_monitoring else "false", "bool"),
        Variable("tags", json.dumps(dict(state.tags), sort_keys=True, ensure_ascii=False), "map(string)"),
        *(Variable(name, value, secure=True) for name, value in sorted(secrets.items())),
    ]


def fingerprint(variables: Sequence[Variable], secrets: Mapping[str, str], code: str, key: str) -> str:
    """64 hex: equal for equal inputs and the same Terraform code.

    The values of secure variables enter as an HMAC under `key`, from `secrets`: what a workspace shows of them differs
    from what it was given.
    """
    plain = sorted((v.name, v.value) for v in variables if not v.secure)
    sealed = sorted(
        (name, hmac.new(key.encode(), f"{name}={value}".encode(), hashlib.sha256).hexdigest())
        for name, value in secrets.items()
    )
    hidden = sorted(v.name for v in variables if v.secure)
    text = json.dumps([plain, sealed, hidden, code], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
