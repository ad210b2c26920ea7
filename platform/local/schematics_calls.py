"""One call of the Schematics API: the request, the answer, what every route asks of them.

Here: what a path names, pages, bodies, errors as IBM writes them. Not here: the routes (schematics_routes), sockets
(schematics_server).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from local import schematics_shapes as shapes
from local.schematics_iam import RefusalError
from local.schematics_records import Job, Workspace
from local.schematics_state import SchematicsState

_MOST = 2000  # rows of a page


@dataclass(frozen=True)
class Request:
    """One request, read to its end; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """One answer: JSON, or text where `body` is a str of type text/plain."""

    status: int
    body: Any = None
    content_type: str = "application/json"
    retry_after: int | None = None

    def payload(self) -> bytes:
        """The bytes to send."""
        if self.content_type != "application/json":
            return str(self.body).encode()
        return b"" if self.body is None else orjson.dumps(self.body)


@dataclass(frozen=True)
class Call:
    """A request that found its route: who calls, and what the path names."""

    state: SchematicsState
    request: Request
    url: str
    by: str
    now: float
    ids: Mapping[str, str]

    @property
    def workspace(self) -> Workspace:
        """The workspace of the path, which must have the template of the path, if it names one."""
        found = self.state.workspaces.get(self.ids["w"])
        if found is None or self.ids.get("t", found.template) != found.template:
            raise RefusalError(404, "M2001", f"The workspace {self.ids['w']}, or its template, was not found.")
        return found

    @property
    def job(self) -> Job:
        """The activity of the path."""
        found = self.state.jobs.get(self.ids["a"])
        owner = self.ids.get("w", found.workspace if found else "")
        if found is None or found.workspace != owner or owner not in self.state.workspaces:
            raise RefusalError(404, "M2031", f"The activity {self.ids['a']} was not found.")
        return found

    def fields(self) -> dict[str, Any]:
        """The JSON object of the body; an empty body is an empty one."""
        try:
            found = orjson.loads(self.request.body or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RefusalError(400, "M2010", "The body is not a JSON object.")
        return found

    def page(self) -> tuple[int, int]:
        """Offset and limit."""
        try:
            offset, limit = int(self.request.query.get("offset", 0)), int(self.request.query.get("limit", 100))
        except ValueError:
            offset = limit = -1
        if offset < 0 or not 1 <= limit <= _MOST:
            raise RefusalError(400, "M2011", f"The offset must be 0 or more, the limit 1 to {_MOST}.")
        return offset, limit

    def check_refresh(self) -> None:
        """The header is spelled with an underscore; a launch without it is refused."""
        self.state.tokens.check_refresh(self.request.headers.get("refresh_token"), self.state.now())


def error(status: int, message_id: str, message: str) -> dict[str, Any]:
    """IBM's body of an error."""
    return {
        "requestid": secrets.token_hex(8),
        "timestamp": "",
        "messageid": message_id,
        "message": message,
        "statuscode": status,
    }


def refusal(refused: RefusalError, now: float) -> Answer:
    """What the API answers where it says no."""
    body = {**error(refused.status, refused.message_id, refused.message), "timestamp": shapes.moment(now)}
    return Answer(refused.status, body)
