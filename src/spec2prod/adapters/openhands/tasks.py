"""One agent's task as values: its name, its copy of the project, and what is told about its end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid5

from spec2prod.adapters.openhands.client import Progress
from spec2prod.adapters.openhands.copies import read_agreed, snapshot, strayed
from spec2prod.adapters.openhands.pursuit import Ending
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
    """What a task has used: `wall_ms` is from its submission, in milliseconds."""

    progress: Progress = field(default_factory=lambda: Progress(status="idle"))
    attempts: int = 1
    wall_ms: float = 0.0


def take_stock(copy: WorkingCopy, agreed: str) -> Found:
    """Look at what the agent left. A file that stood there before, unchanged, is not the agent's."""
    after = snapshot(copy.root)
    unchanged = agreed in copy.before and copy.before[agreed] == after.get(agreed)
    return Found(text=None if unchanged else read_agreed(copy.root, agreed), strayed=strayed(copy.before, after, agreed))


def remember(file: Path, copy: WorkingCopy) -> None:
    """Note a copy, so that a resumed run finds it again."""
    half = file.with_suffix(".half")
    half.write_text(json.dumps({"root": str(copy.root), "before": dict(copy.before)}), encoding="utf-8")
    half.replace(file)


def recall(file: Path) -> WorkingCopy | None:
    """Return the copy that an interrupted run made, None where there is none."""
    if not file.is_file():
        return None
    noted = json.loads(file.read_text(encoding="utf-8"))
    root = Path(noted["root"])
    return WorkingCopy(root=root, before=noted["before"]) if root.is_dir() else None


def outcome_of(request: TestRequest, name: str, ending: Ending, found: Found, account: Account, said: str = "") -> TaskOutcome:  # noqa: PLR0913, PLR0917 - its parts
    """Tell how a task ended. `finished` is no success: only the agreed file is (law 5)."""
    status, reason, next_step = ending.status, ending.reason, ending.next_step
    if status is None and found.text is not None:
        status = TaskStatus.DELIVERED
    elif status is None:
        status, next_step = TaskStatus.NO_FILE, next_step or "read the conversation in the run's folder"
        reason = "; ".join(part for part in (_no_file(request, found, said), reason) if part)
    return TaskOutcome(
        task_id=name,
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
    )


def _no_file(request: TestRequest, found: Found, said: str) -> str:
    words = " ".join(said.split())
    quote = f'; it said: "{words[:_LONGEST_QUOTE]}{"…" if len(words) > _LONGEST_QUOTE else ""}"' if words else ""
    elsewhere = f"; it changed other files: {', '.join(found.strayed[:5])}" if found.strayed else ""
    return f"the agent ended without writing {request.test_file}{elsewhere}{quote}"
