"""Every error a user can meet: what it is called, how the process ends, and what to do next.

Exit codes (docs/reference/exit-codes.md is made from this table):
0 promoted, 1 a gate failed, 2 usage, specification or settings, 3 pending, 4 a tool or service could
not be asked, 5 released, then rolled back, 124 time limit, 130 interrupted.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """How the process ends, and what that means."""

    PROMOTED = 0
    GATE_FAILED = 1
    USAGE = 2
    PENDING = 3
    COULD_NOT_ASK = 4
    ROLLED_BACK = 5
    TIME_LIMIT = 124
    INTERRUPTED = 130


class Spec2prodError(Exception):
    """An error with an address, an exit code and the reader's next step.

    `where` is a `file:line` or the name of a setting; it is empty where there is none.
    """

    slug: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    def __init__(self, message: str, *, where: str = "", next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        """Return the address and the message on one line."""
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(Spec2prodError):
    """The command line, or a call of the library, asks for something that makes no sense."""

    slug = "usage"


class SpecificationError(Spec2prodError):
    """The specification is missing, unreadable, or promises nothing."""

    slug = "specification"


class SettingsError(Spec2prodError):
    """A setting has the wrong name, type or value."""

    slug = "settings"


class ComponentNotFoundError(Spec2prodError):
    """No component of that name; the message lists what was looked for."""

    slug = "component-not-found"


class ComponentAmbiguousError(Spec2prodError):
    """Several components of that name; the message lists them."""

    slug = "component-ambiguous"


class ToolMissingError(Spec2prodError):
    """A program that this command needs is not there, or could not be started."""

    slug = "tool-missing"
    exit_code = ExitCode.COULD_NOT_ASK


class AgentUnavailableError(Spec2prodError):
    """The agent server or its model could not be asked: no key, refused, unreachable, circuit open."""

    slug = "agent-unavailable"
    exit_code = ExitCode.COULD_NOT_ASK


class DeliveryError(Spec2prodError):
    """A release could not be made, read, or gone back to."""

    slug = "delivery"
    exit_code = ExitCode.COULD_NOT_ASK


class OutputError(Spec2prodError):
    """A declared output could not be written."""

    slug = "output"


class StoreError(Spec2prodError):
    """The database of runs, answers and jobs could not be opened, read or written."""

    slug = "store"
    exit_code = ExitCode.COULD_NOT_ASK


class StoreUnreachableError(StoreError):
    """The database server was lost in mid-run, and did not come back in time. What was done is kept: the run can be gone on with."""

    slug = "store-unreachable"


class StoreRightsError(StoreError):
    """The login that the database's URL names has no right to do that; the next step tells which role has."""

    slug = "store-rights"


class StoreLayoutError(StoreError):
    """The database was made by another version of spec2prod, in a layout that this one does not know."""

    slug = "store-layout"


class StepClashError(Spec2prodError):
    """Two different questions were asked under one name of a step: a bug of spec2prod, told before it mixes up their answers."""

    slug = "step-clash"
    exit_code = ExitCode.COULD_NOT_ASK


class TakenOverError(Spec2prodError):
    """Another process has taken up this run, and goes on with it."""

    slug = "taken-over"
    exit_code = ExitCode.COULD_NOT_ASK


class ComponentBusyError(Spec2prodError):
    """Another run of the same component is going on, and was not to be waited for."""

    slug = "component-busy"
    exit_code = ExitCode.COULD_NOT_ASK


class RunNotFoundError(Spec2prodError):
    """No run has that ID, or several begin with it; the message lists what is near."""

    slug = "run-not-found"


class RunChangedError(Spec2prodError):
    """A run cannot be gone on with: what it began with has changed since."""

    slug = "run-changed"


class InterruptedRunError(Spec2prodError):
    """The user stopped the run."""

    slug = "interrupted"
    exit_code = ExitCode.INTERRUPTED
