"""The cache for the commands that look after it: what it holds, what lets go, and why a question would be asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spec2prod.adapters.store.cache import AnswerStore, Stats
from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.tree import ProjectTree
from spec2prod.application.ports import Gate, Subject
from spec2prod.application.session import Session
from spec2prod.bootstrap.assembly import ports_to_look_at
from spec2prod.bootstrap.durable import place_of_database
from spec2prod.bootstrap.folders import found_in_files
from spec2prod.bootstrap.memory import fingerprinting
from spec2prod.bootstrap.planning import prepare
from spec2prod.bootstrap.project import project_root
from spec2prod.bootstrap.request import Request
from spec2prod.config.settings import read_settings
from spec2prod.domain.plan import Stage
from spec2prod.domain.question import Explained, Found, Question
from spec2prod.errors import UsageError

_MB, _DAY_S = 1_000_000, 86_400.0
_LOOKED_AT = "explain"  # the name of a run that never is
_NOTHING = Stats(answers=0, flaky=0, components=0, size=0, oldest=None, last_used=None)


def stats() -> tuple[Stats, str]:
    """Return what the cache of this project holds, and where it lies."""
    with _store() as (store, place):
        return (store.stats() if store else _NOTHING), place


def prune(*, max_size_mb: float | None, older_than_days: float | None) -> int:
    """Let answers go: those that nobody has used for so long, and the least recently used above a size; return how many."""
    settings = read_settings(Path(project_root()), {}, os.environ)
    largest = settings.cache_max_mb if max_size_mb is None and older_than_days is None else max_size_mb
    with _store() as (store, _):
        if store is None:
            return 0
        since = None if older_than_days is None else store.now() - older_than_days * _DAY_S
        return store.prune(largest_bytes=None if largest is None else largest * _MB, unused_since=since)


def clear() -> int:
    """Let every answer go, and what this machine knows of single files; return how many answers there were."""
    for end in ("", "-wal", "-shm"):
        found_in_files().with_name(found_in_files().name + end).unlink(missing_ok=True)
    with _store() as (store, _):
        return store.clear() if store else 0


def explain(request: Request, what: str) -> tuple[tuple[Gate, Explained | None], ...]:
    """Tell of each question of a stage, or of one gate, what a look into the cache finds; None of a gate that is never kept.

    Nothing is started and nothing written.

    Raises:
        UsageError: where nothing that is asked has that name.
        Spec2prodError: whatever a run would refuse.
    """
    plan, place = prepare(request, _LOOKED_AT)
    session = Session(plan, ports_to_look_at(place))
    names = {str(stage): session.names(stage) for stage in (Stage.TESTING, Stage.REFACTORING)}
    asked = session.asked(tuple(name for each in names.values() for name in each))
    chosen = [gate for gate in asked if what in {gate.name, *gate.measures} or set(names.get(what, ())) & set(gate.measures)]
    if not chosen:
        known = ", ".join([*names, *sorted({name for gate in asked for name in (gate.name, *gate.measures)})])
        raise UsageError(f"nothing that is asked here is called {what}", where="--cache", next_step=f"there are {known}")
    fingerprints = fingerprinting(place)
    with _store(place.component.root, place.settings.database_url) as (store, _):
        told: list[tuple[Gate, Explained | None]] = []
        for gate in chosen:
            command = gate.command(plan.component)
            question = fingerprints.question(Subject(gate=gate, component=plan.component, tree=place.tree, command=command, name=gate.name))
            told.append((gate, _explained(store, question, place.tree) if question else None))
    return tuple(told)


def _explained(store: AnswerStore | None, question: Question, tree: ProjectTree) -> Explained:
    return store.explain(question, tree) if store else Explained(question=question, found=Found.UNKNOWN)


@contextmanager
def _store(root: Path | None = None, setting: str | None = None) -> Iterator[tuple[AnswerStore | None, str]]:
    """Open the cache of a project; None where there is no database yet, or none is to be used."""
    folder = root or Path(project_root())
    url = setting if root else read_settings(folder, {}, os.environ).database_url
    place = place_of_database(folder, url)
    if url == "none" or ("://" not in place and not Path(place).exists()):
        yield None, place
        return
    database = open_database(place, looking=True)
    try:
        yield AnswerStore(database), database.name
    finally:
        database.close()
