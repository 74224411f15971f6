"""What is known of a task beside its conversation: kept in the run's folder, so that whoever goes on with it starts from there."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from spec2prod.adapters.openhands.client import IDLE, Progress
from spec2prod.adapters.openhands.limits import still_reached
from spec2prod.adapters.openhands.options import Limits, OpenHandsOptions
from spec2prod.adapters.openhands.redaction import redact
from spec2prod.adapters.openhands.whole import write_whole
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest

_OVER = frozenset({TaskStatus.DELIVERED, TaskStatus.NO_FILE})
_SUFFIX = ".task.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """One task. `elapsed_s` is the time that its conversation has used, in seconds, and `used` what else it has.

    `endpoint` is the place of its model among all.
    `identity` is the digest of model, address and key that its conversation works with. `limits` are its own where it was extended,
    `paused_at` those at which it was paused; `outcome` is its end so far, None while it is at work (or was, at a crash).
    `rounds` are the ends of its later rounds, by their numbers; `outcome` stays that of its first.
    """

    run_id: str
    request: TestRequest
    endpoint: int = 0
    identity: str = ""
    elapsed_s: float = 0.0
    used: Progress = IDLE
    limits: Limits | None = None
    paused_at: Limits | None = None
    outcome: TaskOutcome | None = None
    rounds: Mapping[int, TaskOutcome] = field(default_factory=dict)

    def answers(self, options: OpenHandsOptions) -> TaskOutcome | None:
        """Return its outcome where it is over, or paused at a limit that still holds; None where there is something to do."""
        if self.outcome is None or self.outcome.status in _OVER:
            return self.outcome
        held = self.outcome.resumable and still_reached(options.within(self.limits), self.used, self.elapsed_s)
        return self.outcome if held else None

    def after_round(self, number: int, outcome: TaskOutcome) -> TaskRecord:
        """Return it with a later round's end, where that is one: what failed, was stopped or ran out of the run's time is done again."""
        is_over = outcome.status in _OVER or (outcome.status is TaskStatus.LIMIT and not outcome.resumable)
        return replace(self, rounds={**self.rounds, number: outcome}) if is_over else self


def read_record(folder: Path, task_id: str) -> TaskRecord | None:
    """Return what is known of a task in a run's folder of tasks, None where nothing is, or nothing that can be read."""
    try:
        return _adapter().validate_json((folder / f"{task_id}{_SUFFIX}").read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(folder: Path, task_id: str, record: TaskRecord, secrets: Collection[str] = ()) -> None:
    """Keep it: whole, or as it was."""
    write_whole(folder / f"{task_id}{_SUFFIX}", redact(json.dumps(asdict(record), ensure_ascii=False, indent=1), secrets))


def records_in(folder: Path) -> Iterator[tuple[str, TaskRecord]]:
    """Give every task of a run's folder of tasks, by its ID."""
    for file in sorted(folder.glob(f"*{_SUFFIX}")):
        task_id = file.name.removesuffix(_SUFFIX)
        record = read_record(folder, task_id)
        if record is not None:
            yield task_id, record


@cache
def _adapter() -> TypeAdapter[TaskRecord]:
    return TypeAdapter(TaskRecord)
