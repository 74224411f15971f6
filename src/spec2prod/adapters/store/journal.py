"""The durable journal: one row a finished step, in the one database. A step's name is its key, so that branches may run at once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spec2prod.adapters.store.codec import asked, decode, digest, encode
from spec2prod.adapters.store.database import Database
from spec2prod.adapters.store.runs import StoredRun
from spec2prod.domain.candidate import TaskOutcome, TaskStatus
from spec2prod.domain.command import Completed, Mended
from spec2prod.domain.judged import Judged
from spec2prod.domain.release import Deployment
from spec2prod.domain.run import Replayed
from spec2prod.domain.verdict import Verdict
from spec2prod.errors import StepClashError, StoreError, StoreUnreachableError, TakenOverError

_SHORT = 8  # characters of an ID that people read
_RECORD = """INSERT INTO steps (run_id, name, question, value, attempt, began_at, ended_at)
    SELECT ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM runs WHERE id = ? AND attempt = ? AND state IN ('running', 'cancelling'))
    ON CONFLICT (run_id, name) DO NOTHING RETURNING name"""
_INTEND = """INSERT INTO writes (run_id, path, digest, original)
    SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM runs WHERE id = ? AND attempt = ? AND state IN ('running', 'cancelling'))
    ON CONFLICT (run_id, path) DO UPDATE SET digest = excluded.digest RETURNING path"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A finished step: its value, the digest of what was asked, who did it and when (seconds since 1970)."""

    value: Any
    question: str
    attempt: int
    began_at: float
    ended_at: float


class DurableJournal:
    """The journal of one run. `tell` is told once, should the database fail under way: the run goes on without it."""

    def __init__(self, database: Database, run: StoredRun, tell: Callable[[str], None]) -> None:
        """Read what earlier attempts have done.

        Raises:
            StoreError: where the database cannot be read, or holds what is not ours.
        """
        self._database: Database | None = database
        self._run = run
        self._tell = tell
        self._portable = Portable(run.root, run.secret)
        self._known = self._recorded(database)
        self._earlier = {name: step for name, step in self._known.items() if step.attempt < run.attempt}
        self._replayed: dict[str, Replayed] = {}

    @property
    def attempt(self) -> int:
        """Return which attempt this is, from 1."""
        return self._run.attempt

    @property
    def resumed_from(self) -> str:
        """Return when the first attempt began; empty where this is the first."""
        return _iso(self._run.began_at) if self._run.attempt > 1 else ""

    @property
    def replayed(self) -> Sequence[Replayed]:
        """Return the steps that were answered from an earlier attempt's record."""
        return tuple(self._replayed.values())

    def ended_at(self, name: str) -> float | None:
        """Return when an earlier attempt ended the step, None where none has."""
        step = self._earlier.get(name)
        return step.ended_at if step else None

    async def step[**P, T](self, name: str, call: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Answer from the record, or call and record."""
        question = digest(self._portable.leave(asked(args, kwargs)))
        known = self._known.get(name)
        if known is not None:
            answer: T = self._answer(name, known, question)
            return answer
        began_at = time.time()
        value = await call(*args, **kwargs)
        if is_settled(value):
            began_at -= value.ahead_ms / 1000 if isinstance(value, Completed) else 0.0  # a process may have had a head start
            step = Step(value=value, question=question, attempt=self._run.attempt, began_at=began_at, ended_at=time.time())
            await self._record(name, step)
        return value

    async def intend(self, path: str, original: str | None, text: str) -> None:
        """Note what will be written: what stood there before this run's first write to the file is what it is taken back to."""
        run = self._run
        values = (run.id, path, hashlib.sha256(text.encode()).hexdigest(), original, run.id, run.attempt)
        rows = await self._asked(_INTEND, *values)
        if rows == []:
            raise self._taken_over()

    def _answer(self, name: str, known: Step, question: str) -> Any:  # noqa: ANN401 - a step's value is whatever its call returns
        if known.question != question:
            message = f"the step {name} of run {self._run.id} was asked another question before"
            raise StepClashError(message, next_step="spec2prod run --new starts afresh; please report this")
        if name in self._earlier and name not in self._replayed:
            self._replayed[name] = Replayed(
                step=name,
                attempt=known.attempt,
                began_at=_iso(known.began_at),
                ended_at=_iso(known.ended_at),
                wall_ms=max(0.0, known.ended_at - known.began_at) * 1000,
            )
        return known.value

    async def _record(self, name: str, step: Step) -> None:
        """Keep a step. Where the row is not taken, either the name is used twice at once, or the run is another process's by now."""
        known = self._known.setdefault(name, step)
        if known is not step:
            self._answer(name, known, step.question)
            return
        run, text = self._run, self._portable.leave(encode(step.value))
        times = (step.began_at, step.ended_at)
        rows = await self._asked(_RECORD, run.id, name, step.question, text, run.attempt, *times, run.id, run.attempt)
        if rows == []:
            raise self._taken_over()

    async def _asked(self, sql: str, *values: str | float | None) -> list[Any] | None:
        """Write in a thread, since a disk or a server may take its time; None where the database has failed.

        Raises:
            StoreUnreachableError: where a server was lost for good: its locks are lost with it, and somebody else may work on this run.
        """
        database = self._database
        if database is None:
            return None
        try:
            return await asyncio.to_thread(database.rows, sql, *values)
        except StoreUnreachableError as error:
            step = f"when it is back: spec2prod resume {self._run.id[:_SHORT]} (what is done is kept)"
            raise StoreUnreachableError(error.message, where=error.where, next_step=step) from error
        except StoreError as error:
            if self._database is not None:
                self._database = None
                self._tell(f"the run goes on without its journal, and cannot be resumed from here: {error}")
            return None

    def _taken_over(self) -> TakenOverError:
        message = f"run {self._run.id} was taken up by another process, which goes on with it"
        return TakenOverError(message, next_step="spec2prod runs shows where")

    def _recorded(self, database: Database) -> dict[str, Step]:
        sql = "SELECT name, question, value, attempt, began_at, ended_at FROM steps WHERE run_id = ? ORDER BY ended_at, name"
        return {
            str(name): Step(
                value=decode(self._portable.enter(str(value))),
                question=str(question),
                attempt=int(attempt or 0),
                began_at=float(began_at or 0),
                ended_at=float(ended_at or 0),
            )
            for name, question, value, attempt, began_at, ended_at in database.rows(sql, self._run.id)
        }


class Portable:
    """Texts without the project's folder in them: a run that another machine takes over may lie in another place."""

    def __init__(self, root: str, secret: str) -> None:
        """Take the folder, and what nobody else can have written."""
        self._inner = json.dumps(root)[1:-1]
        self._word = f"<root {secret}>"
        self._pattern = re.compile(re.escape(self._inner) + r"(?![\w.-])")

    def leave(self, text: str) -> str:
        """Return JSON text with a word for the folder."""
        return self._pattern.sub(lambda _: self._word, text)

    def enter(self, text: str) -> str:
        """Return JSON text with the folder in its place."""
        return text.replace(self._word, self._inner)


def is_settled(value: object) -> bool:
    """Whether asking again would find the same. What could not be asked, was killed, ran out of time or is paused is asked again."""
    match value:
        case Completed():
            return not value.not_found and value.exit_code is not None and value.exit_code >= 0
        case Mended():
            return is_settled(value.completed)
        case TaskOutcome():
            return value.status not in {TaskStatus.ERRORED, TaskStatus.CANCELLED} and not value.resumable
        case Judged():
            return value.is_whole
        case Deployment():
            return value.verdict is not Verdict.ERRORED
        case _:
            return True


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")
