"""Remembers that a release was healthy: while not one of its files has changed, the look of an earlier run counts, for a day at most."""

from __future__ import annotations

import os
from pathlib import Path

from spec2prod.adapters.environments.record import Record
from spec2prod.application.ports import Cache, Clock, Tree
from spec2prod.domain.question import FILE, Kept, Question, digest_of
from spec2prod.domain.release import HealthCheck
from spec2prod.domain.verdict import Measurement, Verdict
from spec2prod.errors import StoreError

_HEALTH = "health"
_LONGEST_S = 86_400.0  # what a release imports may also lie outside of it: the system's libraries


class Seen:
    """What earlier runs have seen of releases. A cache that breaks has seen nothing."""

    def __init__(self, cache: Cache, tree: Tree, clock: Clock, run_id: str) -> None:
        self._cache, self._tree, self._clock, self._run_id = cache, tree, clock, run_id

    def find(self, folder: Path, record: Record) -> HealthCheck | None:
        """Return the check that was passed on the very same files, None where it has to be looked at."""
        try:
            kept = self._cache.find(self._question(folder, record), self._tree)
        except (StoreError, OSError):
            return None
        if kept is None or not kept.answers:
            return None
        told = f"{kept.answers[0].summary}, from the cache: looked at {kept.measured_at}"
        return HealthCheck(name="imports", verdict=Verdict.PASSED, detail=told, wall_ms=0.0)

    def keep(self, folder: Path, record: Record, check: HealthCheck) -> None:
        """Keep a check that was passed, unless it is an earlier run's itself."""
        if check.verdict is not Verdict.PASSED or not check.wall_ms:
            return
        answer = Measurement(gate=_HEALTH, values={}, checked=len(record.modules), summary=check.detail)
        kept = Kept(run_id=self._run_id, measured_at=self._clock.now(), tool="release import", answers=(answer,))
        try:
            self._cache.keep(self._question(folder, record), {}, kept, self._tree)
        except (StoreError, OSError):
            return

    def _question(self, folder: Path, record: Record) -> Question:
        python = str((folder / "bin" / "python").resolve())
        inputs = {"release": record.digest, "folder": _state(folder), **self._tree.state([FILE + python])}
        return Question(name=_HEALTH, component=record.component, inputs=inputs, max_age_s=_LONGEST_S)


def _state(folder: Path) -> str:
    """Return a digest of every file below a folder, by its stat: bytes are compared where a release is made, not at every run."""
    told: list[tuple[str, ...]] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            path = Path(place, name)
            stat = path.lstat()
            leads = os.readlink(path) if path.is_symlink() else ""  # noqa: PTH115 - its text, not a path
            told.append((path.relative_to(folder).as_posix(), str(stat.st_size), str(stat.st_mtime_ns), str(stat.st_ctime_ns), leads))
    return digest_of(told)
