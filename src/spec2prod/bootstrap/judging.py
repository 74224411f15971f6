"""Test files, whoever wrote them, before the judge: one verdict per test function, and nothing adopted."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spec2prod.adapters import markdown
from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.store.cache import AnswerStore
from spec2prod.bootstrap.durable import database_of
from spec2prod.bootstrap.judging_place import Candidate, candidates_of, workplace_of
from spec2prod.bootstrap.judging_question import JUDGEMENT, question_of
from spec2prod.bootstrap.judging_verdicts import verdicts_in
from spec2prod.bootstrap.kills import remember
from spec2prod.bootstrap.place import Place, place_of
from spec2prod.bootstrap.project import project_root
from spec2prod.config.settings import read_settings
from spec2prod.domain.judged import Judged
from spec2prod.domain.question import Kept, Question
from spec2prod.domain.specification import Specification

_MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be judged. `cache` is off where an earlier judgement must not answer."""

    files: tuple[Path, ...]
    component: str
    component_path: Path | None = None
    spec: Path | None = None
    cache: bool = True
    root: Path | None = None


async def judge_files(asked: Asked, listen: Callable[[str], None] = lambda _: None) -> Judged:
    """Judge test files beside the component's own suite; `listen` is told how far it is.

    Unchanged files in an unchanged project are answered from the cache: no process is started. A judgement with an error in it is never
    kept.

    Raises:
        Spec2prodError: whatever is refused, with its address and the next step; `JudgeError` where the judge could not do its work.
    """
    root = asked.root or project_root(asked.component_path)
    settings = read_settings(root, {}, os.environ)
    place = place_of(asked.component, asked.component_path, settings, f"judge-{uuid.uuid4()}", root)
    specification = markdown.read_spec(asked.spec, root) if asked.spec else None
    candidates = candidates_of(asked.files, place)
    database = database_of(place.tree.root, place.settings.database_url) if asked.cache and settings.cache else None
    try:
        if database is None:
            return await _judged(place, candidates, specification, listen)
        question = _question(place, candidates, root / asked.spec if asked.spec else None)
        judged = await _kept(AnswerStore(database), question, place, lambda: _judged(place, candidates, specification, listen))
        remember(judged, place, database)
        return judged
    finally:
        place.tree.remember()
        if database is not None:
            database.close()


async def _kept(store: AnswerStore, question: Question, place: Place, judge: Callable[[], Awaitable[Judged]]) -> Judged:
    """Look for the judgement; else judge, and keep what came of it."""
    kept = store.find(question, place.tree)
    if kept is not None and kept.texts is not None:
        store.settle(place.settings.cache_max_mb * _MB)
        return replace(Judged.from_text(kept.texts[JUDGEMENT]), from_cache=True)
    judged = await judge()
    if judged.is_whole:
        told = {JUDGEMENT: judged.as_text()}
        store.keep(question, {}, Kept(run_id=place.run_id, measured_at=SystemClock().now(), tool="judge", texts=told), place.tree)
        store.settle(place.settings.cache_max_mb * _MB)
    return judged


async def _judged(
    place: Place, candidates: Sequence[Candidate], specification: Specification | None, listen: Callable[[str], None]
) -> Judged:
    """Judge in a copy of the project, and leave nothing of it."""
    try:
        listen("copying the project")
        return await verdicts_in(await workplace_of(place, candidates), specification, listen)
    finally:
        shutil.rmtree(place.tree.run_folder, ignore_errors=True)


def _question(place: Place, candidates: Sequence[Candidate], spec: Path | None) -> Question:
    """Return exactly what a judgement depends on."""
    told = {each.shown: [each.own, each.text] for each in candidates}
    promised = hashlib.sha256(spec.read_bytes()).hexdigest() if spec else "none"
    return question_of(place.component, place.tree, told, promised, place.tree)
