"""One agent's task as values: its name, its copy of the project, and what is told about its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid5

from spec2prod.adapters.openhands.client import Progress
from spec2prod.adapters.openhands.copies import read_agreed, snapshot, strayed
from spec2prod.adapters.openhands.endings import Ending
from spec2prod.adapters.openhands.ledger import TaskRecord
from spec2prod.adapters.openhands.pursuit import Pursuit
from spec2prod.adapters.openhands.turns import Seat
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest

_NAMES = UUID("6b0f5a3e-0f0c-5d3b-9a43-6f2d8a1c7e55")
_LONGEST_QUOTE = 200


def task_id(run_id: str, request: TestRequest) -> str:
    """Return the task's ID, which is the conversation's: the same after a crash, so that nothing is paid twice."""
    return str(uuid5(_NAMES, f"{run_id}\n{request.module}\n{request.attempt}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingCopy:
    """An isolated copy of the project, and what was in it before the agent came."""

    root: Path
    before: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What lies in a copy after the agent's work."""

    text: str | None = None
    strayed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a task has used: `wall_ms` is from its submission, in milliseconds; `tried` tells of the models that it gave up."""

    progress: Progress = field(default_factory=lambda: Progress(status="idle"))
    attempts: int = 1
    wall_ms: float = 0.0
    tried: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Work:
    """What one round of a task has come to so far: filled in as it goes, so that its end can be told from anywhere.

    `number` is the round's; `message` is what begins a later one.
    """

    request: TestRequest
    name: str
    record: TaskRecord
    number: int = 1
    message: str = ""
    copy: WorkingCopy | None = None
    pursuit: Pursuit | None = None
    seat: Seat | None = None

    def account(self, wall_ms: float) -> Account:
        """Return what it has used."""
        if self.pursuit is None:
            return Account(wall_ms=wall_ms)
        return Account(progress=self.pursuit.progress, attempts=self.pursuit.attempts, wall_ms=wall_ms, tried=self.pursuit.tried)

    def left(self) -> Found:
        """Look at what lies in its copy now."""
        return take_stock(self.copy, self.request.test_file) if self.copy and self.pursuit else Found()


def take_stock(copy: WorkingCopy, agreed: str) -> Found:
    """Look at what the agent left. A file that stood there before, unchanged, is not the agent's."""
    after = snapshot(copy.root)
    unchanged = agreed in copy.before and copy.before[agreed] == after.get(agreed)
    return Found(text=None if unchanged else read_agreed(copy.root, agreed), strayed=strayed(copy.before, after, agreed))


def outcome_of(work: Work, ending: Ending, found: Found, account: Account, said: str = "") -> TaskOutcome:
    """Tell how a task ended; `said` is the agent's last message. `finished` is no success: only the agreed file is (law 5)."""
    request = work.request
    status, reason, next_step = ending.status, ending.reason, ending.next_step
    if status is None and found.text is not None:
        status = TaskStatus.DELIVERED
    elif status is None:
        status, next_step = TaskStatus.NO_FILE, next_step or "read the conversation in the run's folder"
        reason = "; ".join(part for part in (_no_file(request, found, said), reason) if part)
    return TaskOutcome(
        task_id=work.name,
        module=request.module,
        test_file=request.test_file,
        status=status,
        text=found.text,
        reason=reason,
        next_step=next_step,
        strayed=found.strayed,
        llm_calls=account.progress.calls,
        input_tokens=account.progress.input_tokens,
        output_tokens=account.progress.output_tokens,
        cost_usd=account.progress.cost_usd,
        wall_ms=account.wall_ms,
        attempts=account.attempts,
        model=account.progress.models[-1] if account.progress.models else "",
        tried=account.tried,
        resumable=ending.resumable,
    )


def _no_file(request: TestRequest, found: Found, said: str) -> str:
    words = " ".join(said.split())
    quote = f'; it said: "{words[:_LONGEST_QUOTE]}{"…" if len(words) > _LONGEST_QUOTE else ""}"' if words else ""
    elsewhere = f"; it changed other files: {', '.join(found.strayed[:5])}" if found.strayed else ""
    return f"the agent ended without writing {request.test_file}{elsewhere}{quote}"
