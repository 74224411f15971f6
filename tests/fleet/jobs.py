"""Jobs by the line."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spec2prod.adapters.store.database import Database
from spec2prod.adapters.store.queue import Queue
from spec2prod.domain.fleet import Crew, Ending, Job, turn_of
from spec2prod.domain.schedule import Priority

DONE = Ending(exit_code=0, conclusion="Promoted to staging.", report="{}", changes="")
RED = Ending(exit_code=1, conclusion="Not promoted to staging: linting failed.")


def crew(name: str = "one", *, slots: int = 1, labels: str = "") -> Crew:
    return Crew(id=name, host="here", slots=slots, labels=frozenset(filter(None, labels.split(","))))


def put(database: Database, names: Sequence[str], needs: Mapping[str, Sequence[str]] | None = None, **values: Any) -> dict[str, str]:
    """Put components into the queue in this order, each with these values; return their jobs' IDs by name."""
    ids = {name: uuid.uuid4().hex[:12] for name in names}
    wanted = needs or {}
    jobs = [
        replace(
            Job(id=ids[name], batch="b", component=name, target="staging", request="{}", source="{}"),
            position=float(place),
            waits_for=len(wanted.get(name, ())),
            **_timed(**values),
        )
        for place, name in enumerate(names)
    ]
    put_in = Queue(database).submit(jobs, {ids[name]: [ids[each] for each in wanted.get(name, ())] for name in names})
    return dict(zip(names, put_in, strict=True))


def _timed(*, priority: Priority = Priority.NORMAL, at: float = 1_000.0, **values: Any) -> dict[str, Any]:
    return {"priority": priority, "turn": turn_of(priority, at), "submitted_at": at, "changed_at": at, "expected_ms": 1.0, **values}
