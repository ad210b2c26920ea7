"""IAM's tokens as the Schematics emulator gives them out, and their checks.

Here: what is in a token, how long it lasts, who may have one. Not here: HTTP (schematics_server).
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

from domain.errors import RefusedError

GRANT = "urn:ibm:params:oauth:grant-type:apikey"
NO_REFRESH = "not_supported"
_WRONG_KEYS = frozenset({"", "wrong"})
_JWT_HEAD = b'{"alg":"HS256","typ":"JWT"}'


class RefusalError(RefusedError):
    """The API says no: `status`, IBM's message id, the message."""

    def __init__(self, status: int, message_id: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message_id = message_id


@dataclass
class Tokens:
    """Signed tokens, nothing of which is stored but the key: they survive a restart that keeps it."""

    key: str
    access_seconds: float = 3600
    refresh_seconds: float = 3600

    def grant(self, grant_type: str, apikey: str, with_client: bool, now: float) -> dict[str, Any]:
        """The reply to POST /identity/token; a refresh token only for the client bx:bx. Raises RefusalError."""
        if grant_type != GRANT:
            raise RefusalError(400, "BXNIM0106E", "Property missing or invalid: grant_type.")
        if apikey in _WRONG_KEYS:
            raise RefusalError(400, "BXNIM0415E", "Provided API key could not be found.")
        issued = int(now)
        person = hashlib.sha256(apikey.encode()).hexdigest()[:8]
        claims = {
            "iam_id": f"iam-ServiceId-{person}",
            "sub": f"ServiceId-{person}",
            "iat": issued,
            "exp": issued + int(self.access_seconds),
            "iss": "https://iam.cloud.ibm.com/identity",
            "grant_type": GRANT,
            "scope": "ibm openid",
        }
        return {
            "access_token": self._jwt(claims),
            "refresh_token": self._refresh(now) if with_client else NO_REFRESH,
            "token_type": "Bearer",
            "expires_in": int(self.access_seconds),
            "expiration": issued + int(self.access_seconds),
            "scope": "ibm openid",
        }

    def bearer(self, header: str, now: float) -> str:
        """Who sends this Authorization header. Raises RefusalError (401): none, not issued here, expired."""
        kind, _, token = header.partition(" ")
        head, _, signature = token.rpartition(".")
        if kind.lower() != "bearer" or not hmac.compare_digest(signature.encode(), self._sign(head).encode()):
            raise RefusalError(401, "M1005", "The IAM token is missing or not valid.")
        claims = json.loads(_unpacked(head.split(".")[1]))
        if now >= claims["exp"]:
            raise RefusalError(401, "M1005", "The IAM token has expired.")
        return str(claims["sub"])

    def check_refresh(self, token: str | None, now: float) -> None:
        """Raises RefusalError (401) unless the token was issued here and is young enough."""
        parts = (token or "").split(".")
        if len(parts) != 3 or not hmac.compare_digest(parts[2].encode(), self._sign(f"{parts[0]}.{parts[1]}").encode()):
            raise RefusalError(401, "BXNIM0407E", "The refresh_token header is missing or was not issued by IAM.")
        if now - float(_unpacked(parts[0])) > self.refresh_seconds:
            raise RefusalError(401, "BXNIM0408E", "The provided refresh token is expired.")

    def cipher(self, secret: str) -> str:
        """What is shown, and kept, of a secure value: nothing of it can be read back."""
        return f"$SCHEMATICSSECRET${self._sign('secret:' + secret)}"

    def _refresh(self, now: float) -> str:
        head = f"{_packed(repr(now).encode())}.{secrets.token_hex(12)}"
        return f"{head}.{self._sign(head)}"

    def _jwt(self, claims: dict[str, Any]) -> str:
        head = f"{_packed(_JWT_HEAD)}.{_packed(json.dumps(claims).encode())}"
        return f"{head}.{self._sign(head)}"

    def _sign(self, text: str) -> str:
        return _packed(hmac.digest(self.key.encode(), text.encode(), "sha256"))


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
