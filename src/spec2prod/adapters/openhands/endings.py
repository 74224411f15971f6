"""How a conversation can end, in a user's words. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from spec2prod.adapters.openhands.client import ServerRefusedError, ServerSilentError
from spec2prod.adapters.openhands.failure import Failure
from spec2prod.adapters.openhands.limits import Reached
from spec2prod.domain.candidate import TaskStatus
from spec2prod.errors import Spec2prodError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a conversation ended. `status` is None where it came to rest by itself: then the files decide.

    `resumable` marks one that is only paused: it goes on where it stands, with a larger limit or at another time.
    """

    status: TaskStatus | None
    reason: str = ""
    next_step: str = ""
    resumable: bool = False

    def noting(self, remark: str) -> Ending:
        """Return the same ending with a remark after its reason."""
        return replace(self, reason=f"{self.reason}; {remark}" if self.reason else remark)


CANCELLED = Ending(status=TaskStatus.CANCELLED, reason="the run was stopped")


def of_failure(failure: Failure, tries: int = 1) -> Ending:
    """Return the ending that a failure of the model makes, after so many tries."""
    reason = f"{failure.reason} ({tries} tries)" if tries > 1 else failure.reason
    return Ending(status=TaskStatus.ERRORED, reason=reason, next_step=failure.next_step)


def of_limit(reached: Reached, task: str) -> Ending:
    """Return the ending at a limit: a pause, and how to go on."""
    step = f"spec2prod extend {task} {reached.more}"
    return Ending(status=TaskStatus.LIMIT, reason=f"stopped at {reached.limit}", next_step=step, resumable=True)


def of_run_time(left_s: float) -> Ending:
    """Return the ending where the run's own time is too short to begin, or is over."""
    reason = f"not begun: the run has only {max(left_s, 0.0):.0f} s left" if left_s > 0 else "stopped at the end of the run's time"
    return Ending(status=TaskStatus.LIMIT, reason=reason, next_step="give the run more time, then resume it", resumable=True)


def of_no_turn(reason: str) -> Ending:
    """Return the ending where the run's time does not suffice to wait for an agent slot, or for money."""
    step = "run it again later, give the run more time, or raise openhands.endpoint_slots or openhands.max_usd_per_hour"
    return Ending(status=TaskStatus.LIMIT, reason=f"not begun: {reason}", next_step=step, resumable=True)


def of_round(ending: Ending) -> Ending:
    """Return the ending of a later round: at a limit of the task it is over, for `spec2prod extend` goes on with first rounds only."""
    is_paused = ending.resumable and ending.next_step.startswith("spec2prod extend")
    return replace(ending, resumable=False, next_step="raise the task's limits") if is_paused else ending


def of_other_disk(url: str, root: Path) -> Ending:
    """Return the ending where a configured server does not share our files."""
    reason = f"the agent server at {url} does not see {root}"
    return Ending(status=TaskStatus.ERRORED, reason=reason, next_step="share the project's folder with it under the same path")


def of_error(error: Exception, *, death: str = "") -> Ending:
    """Return the ending that an error made; `death` are the last words of our own server where it died."""
    if isinstance(error, Spec2prodError):
        return Ending(status=TaskStatus.ERRORED, reason=str(error), next_step=error.next_step)
    if isinstance(error, ServerSilentError | ServerRefusedError):
        reason = f"the agent server died: {death}" if death else str(error)
        return Ending(status=TaskStatus.ERRORED, reason=reason, next_step="read the agent server's log")
    return Ending(status=TaskStatus.ERRORED, reason=f"{type(error).__name__}: {error}", next_step="please report this")
