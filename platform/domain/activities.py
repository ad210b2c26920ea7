"""What Schematics says of its jobs and workspaces, as plain values; and the calls that the work on one workspace needs.

Here: values, both spellings of every status, the protocol of a workspace. Not here: the wire (resources.schematics),
when a job is launched (domain.launches).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from domain.errors import TransientError
from domain.inputs import Variable

Kind = Literal["plan", "apply", "drift", "destroy"]  # a drift job is a plan of what is applied already


class State(Enum):
    """Where a job is. What is not known is not over: it is followed until a deadline."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self in (State.COMPLETED, State.FAILED, State.STOPPED)


_STATES = {
    State.RUNNING: "CREATED INPROGRESS PENDING STOPPENDING STOPINPROGRESS READYTOEXECUTE",
    State.COMPLETED: "COMPLETED FINISHED",
    State.FAILED: "FAILED",
    State.STOPPED: "STOPPED CANCELLED CANCELED",
}
_STATE_OF = {word: state for state, words in _STATES.items() for word in words.split()}
_ACTIVITY_OF: dict[Kind, str] = {"plan": "PLAN", "drift": "PLAN", "apply": "APPLY", "destroy": "DESTROY"}


def state_of(status: str) -> State:
    """`IN PROGRESS`, `INPROGRESS` and `job_in_progress` are one state. Spellings: v1 activities and v2 jobs."""
    word = status.upper().removeprefix("JOB_").replace(" ", "").replace("_", "")
    return _STATE_OF.get(word, State.UNKNOWN)


def activity_name(kind: Kind) -> str:
    """What Schematics calls an activity of this kind."""
    return _ACTIVITY_OF[kind]


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """What a plan would do. Unknown counts are None as a whole, never zero."""

    add: int
    change: int
    destroy: int

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to apply."""
        return (self.add, self.change, self.destroy) == (0, 0, 0)

    def __str__(self) -> str:
        return f"{self.add} to add, {self.change} to change, {self.destroy} to destroy"


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A finished plan: its counts (None = unknown) and the resources it touches, as `action address`."""

    counts: PlanCounts | None
    resources: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry of a workspace's list of jobs. `name` is PLAN, APPLY, ...; `status` is the word on the wire."""

    id: str
    name: str
    status: str
    message: str = ""

    @property
    def state(self) -> State:
        """The status, spelled one way."""
        return state_of(self.status)


@dataclass(frozen=True, slots=True)
class WorkspaceLook:
    """A workspace as it is now. Secure variables have no value here: what Schematics shows of them is never kept."""

    status: str
    locked: bool
    locked_by: str
    frozen: bool
    template_id: str
    template_version: str  # what identifies the Terraform code: repository, branch or release, commit
    variables: Sequence[Variable]
    declared: frozenset[str] | None = field(default=None)  # names the template declares; None where it does not say


class BusyError(TransientError):
    """Not launched: another job holds the workspace (409), or too many requests (429)."""


class LostReplyError(TransientError):
    """Launched or not, nobody knows: the reply did not come. Only the workspace's activities can tell."""


class Workspace(Protocol):
    """One account's workspace. Reads are retried inside; a launch is one request, sent once.

    Every call raises PermanentError (401, 403, 404, 400: the remedy says what to mend) or TransientError (reads that
    were tried to their end).
    """

    @property
    def id(self) -> str:
        """The workspace's id."""
        ...

    def look(self) -> WorkspaceLook:
        """Status, lock and variables."""
        ...

    def set_inputs(self, look: WorkspaceLook, inputs: Sequence[Variable]) -> WorkspaceLook:
        """Merges the inputs into what the workspace has, writes the whole list, reads it back and checks it."""
        ...

    def activities(self) -> Sequence[Activity]:
        """Every job of the workspace that Schematics remembers."""
        ...

    def activity(self, activity_id: str) -> Activity:
        """One job."""
        ...

    def launch(self, kind: Kind) -> str:
        """Starts a job: its activity id. Raises BusyError (not launched) or LostReplyError (unknown)."""
        ...

    def plan_summary(self, activity_id: str) -> PlanSummary:
        """What a finished plan would do."""
        ...

    def log(self, activity_id: str) -> str:
        """The job's log, as text."""
        ...

    def stop(self, activity_id: str) -> None:
        """Asks a running job to end in good order."""
        ...
