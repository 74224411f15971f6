"""Suspected defects in the one database: what was noted once counts in every later run, until a person disposes of it.

Each project on a shared database has its own. What people said is added to, and never changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from spec2prod.adapters.store.database import Database, Row, Statements, repeatable
from spec2prod.domain.defect import Defect, Disposition, DispositionKind, Promised, seen_again
from spec2prod.errors import StoreError, UsageError

_READ = """SELECT d.id, d.component, d.body, d.run_id, d.seen_at, s.kind, s.reason, s.by_whom, s.at
    FROM defects d LEFT JOIN dispositions s ON s.project = d.project AND s.defect = d.id AND d.kind <> ''
        AND s.number = (SELECT max(number) FROM dispositions o WHERE o.project = d.project AND o.defect = d.id)
    WHERE d.project = ?"""
_IN_ORDER = " ORDER BY d.noted_at, d.id"
_NEW = """INSERT INTO defects (project, id, component, body, run_id, seen_at, noted_at) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (project, id) DO UPDATE SET noted_at = defects.noted_at"""
_AGAIN = "UPDATE defects SET body = ?, run_id = ?, seen_at = ?, kind = ? WHERE project = ? AND id = ?"
_SAY = """INSERT INTO dispositions (project, defect, number, kind, reason, by_whom, at)
    SELECT ?, ?, coalesce(max(number), 0) + 1, ?, ?, ?, ? FROM dispositions WHERE project = ? AND defect = ?"""
_TOLD = "SELECT kind, reason, by_whom, at FROM dispositions WHERE project = ? AND defect = ? ORDER BY number"
_LIKELY = 8  # of many defects whose IDs begin alike, how many are named
_BODY = ("module", "test_file", "test", "source", "sentence", "message")


def stamp_of(database: str) -> Path:
    """Return the file that changes whenever a defect of this SQLite file is noted, opened again or disposed of.

    Whoever has no time to open the database looks at it (`adapters/standing.py`).
    """
    return Path(f"{database}.defects")


class DefectStore:
    """The suspected defects of one project. `project` tells it from others on the same server; empty where the database is its own."""

    is_kept = True

    def __init__(self, database: Database, project: str = "") -> None:
        self._database, self._project = database, project
        self._unwritten: dict[str, Defect] = {}

    def note(self, defect: Defect) -> Defect:
        """Keep a defect, and return it as it is known; one that was fixed, and was seen to fail after that, is open again.

        Raises:
            StoreError: where the database cannot be written; it is open all the same while this record lasts.
        """
        self._unwritten[defect.id] = defect
        told = self._noted(defect)
        del self._unwritten[defect.id]
        return told

    @repeatable
    def _noted(self, defect: Defect) -> Defect:
        with self._database.transaction() as statements:
            now = self._database.now()
            statements.rows(_NEW, self._project, defect.id, defect.component, _body(defect), defect.run_id, defect.seen_at, now)
            known = self._one(statements, defect.id)  # nobody else writes to it until this is done: the row is ours by the statement above
            disposition = None if _fails_again(known, defect) else known.disposition
            told = replace(seen_again(known, defect), disposition=disposition)
            kind = str(disposition.kind) if disposition else ""
            statements.rows(_AGAIN, _body(told), defect.run_id, defect.seen_at, kind, self._project, defect.id)
            self._stamp()
        self._stamp()
        return told

    def open_of(self, component: str) -> tuple[Defect, ...]:
        """Return a component's open defects, the oldest first.

        Raises:
            StoreError: where they cannot be read.
        """
        known = {each.id: each for each in self.known(component)}
        lost = (each for each in self._unwritten.values() if each.component == component and _is_open(known.get(each.id), each))
        return tuple(({each.id: each for each in known.values() if each.is_open} | {each.id: each for each in lost}).values())

    def disposed_of(self, defect_id: str) -> Disposition | None:
        """Return what a person said about a defect; None where it is open, or unknown.

        Raises:
            StoreError: where it cannot be read.
        """
        rows = self._database.rows(f"{_READ} AND d.id = ?", self._project, defect_id)
        return _defect(rows[0]).disposition if rows else None

    def known(self, component: str = "") -> tuple[Defect, ...]:
        """Return all defects, of one component or of the whole project, the oldest first; the disposed ones too.

        Raises:
            StoreError: where they cannot be read.
        """
        if component:
            rows = self._database.rows(f"{_READ} AND d.component = ?{_IN_ORDER}", self._project, component)
        else:
            rows = self._database.rows(f"{_READ}{_IN_ORDER}", self._project)
        return tuple(map(_defect, rows))

    def find(self, prefix: str) -> Defect:
        """Return the one defect whose ID begins so.

        Raises:
            UsageError: where there is none, or more than one.
        """
        found = [each for each in self.known() if prefix and each.id.startswith(prefix)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(each.id for each in found[:_LIKELY])
            raise UsageError(f"{len(found)} defects have an ID that begins with {prefix}", next_step=f"name one of {names}")
        raise UsageError(f"no defect has the ID {prefix!r}", next_step="spec2prod defects --all lists them")

    def find_all(self, prefixes: Sequence[str]) -> tuple[Defect, ...]:
        """Return the defects whose IDs begin so, each once.

        Raises:
            UsageError: where one of them leads to none, or to more than one. All that do are named.
        """
        found, refused = {}, list[UsageError]()
        for prefix in dict.fromkeys(prefixes):
            try:
                defect = self.find(prefix)
                found[defect.id] = defect
            except UsageError as error:
                refused.append(error)
        if len(refused) > 1:
            steps = "; ".join(dict.fromkeys(each.next_step for each in refused))
            raise UsageError("; ".join(each.message for each in refused), next_step=steps)
        if refused:
            raise refused[0]
        return tuple(found.values())

    def dispose(self, defect: Defect, disposition: Disposition) -> Defect:
        """Keep what a person says about a defect; what was said before is kept beside it.

        Raises:
            StoreError: where the database cannot be written.
        """
        (told,) = self.dispose_all([defect], disposition)
        return told

    @repeatable
    def dispose_all(self, defects: Sequence[Defect], disposition: Disposition) -> tuple[Defect, ...]:
        """Keep what a person says about several defects: of all, or of none.

        Raises:
            StoreError: where the database cannot be written.
        """
        with self._database.transaction() as statements:
            told = (str(disposition.kind), disposition.reason, disposition.by, disposition.at)
            for own in ((self._project, each.id) for each in defects):
                statements.rows(_SAY, *own, *told, *own)
                statements.rows("UPDATE defects SET kind = ? WHERE project = ? AND id = ?", str(disposition.kind), *own)
            self._stamp()
        self._stamp()
        return tuple(replace(each, disposition=disposition) for each in defects)

    def said_of(self, defect: Defect) -> tuple[Disposition, ...]:
        """Return everything that people ever said about a defect, the oldest first.

        Raises:
            StoreError: where it cannot be read.
        """
        return tuple(map(_disposition, self._database.rows(_TOLD, self._project, defect.id)))

    def _one(self, statements: Statements, defect_id: str) -> Defect:
        ((*row,),) = statements.rows(f"{_READ} AND d.id = ?", self._project, defect_id)
        return _defect(row)

    def _stamp(self) -> None:
        """Say on disk that something has changed: before it counts and after it, so that no look in between goes unnoticed."""
        if self._database.shared:
            return
        try:
            stamp_of(self._database.name).touch()
        except OSError as error:
            where = str(stamp_of(self._database.name))
            raise StoreError(
                f"it cannot be written ({error})", where=where, next_step="free some disk space, or mend its rights"
            ) from error


class PassingDefects:
    """The suspected defects of one run, where nothing is kept: they block this run, and no later one knows them."""

    is_kept = False

    def __init__(self) -> None:
        self._known: dict[str, Defect] = {}

    def note(self, defect: Defect) -> Defect:
        """Remember it while the run lasts."""
        return self._known.setdefault(defect.id, defect)

    def open_of(self, component: str) -> tuple[Defect, ...]:
        """Return those of a component."""
        return tuple(each for each in self._known.values() if each.component == component)

    def disposed_of(self, _defect_id: str) -> Disposition | None:
        """Return None: nobody was asked."""
        return None


class UnreadableDefects:
    """The suspected defects in a database that cannot be used: nobody knows them, and every question says so."""

    is_kept = True

    def __init__(self, error: StoreError) -> None:
        self._error = error

    def note(self, _defect: Defect) -> Defect:
        """Raise why not."""
        raise self._error

    def open_of(self, _component: str) -> tuple[Defect, ...]:
        """Raise why not."""
        raise self._error

    def disposed_of(self, _defect_id: str) -> Disposition | None:
        """Raise why not."""
        raise self._error


def _fails_again(known: Defect, seen: Defect) -> bool:
    """Whether something that was fixed was seen to fail after that."""
    said = known.disposition
    return said is not None and said.kind is DispositionKind.FIXED and seen.seen_at > said.at


def _is_open(known: Defect | None, seen: Defect) -> bool:
    """Whether a defect that could not be written is open, as far as the record tells."""
    return known is None or known.is_open or _fails_again(known, seen)


def _body(defect: Defect) -> str:
    """Return what a defect says, as JSON text: a test's output may hold what no database takes as it is."""
    told: dict[str, object] = {name: getattr(defect, name) for name in _BODY}
    lists = {"requirements": defect.requirements, "seen": defect.seen, "promises": [asdict(each) for each in defect.promises]}
    return json.dumps({**told, **lists, "times": defect.times})


def _defect(row: Sequence[object] | Row) -> Defect:
    defect_id, component, body, run_id, seen_at, kind, *said = row
    told = json.loads(str(body))
    return Defect(
        id=str(defect_id),
        component=str(component),
        requirements=_pairs(told.pop("requirements")),
        promises=tuple(Promised(**each) for each in told.pop("promises", ())),
        seen=_pairs(told.pop("seen", ((run_id, seen_at),))),
        run_id=str(run_id),
        seen_at=str(seen_at),
        disposition=_disposition((kind, *said)) if kind else None,
        **told,
    )


def _pairs(values: Iterable[Sequence[object]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(one), str(other)) for one, other in values)


def _disposition(row: Sequence[object] | Row) -> Disposition:
    kind, reason, by, at = row
    return Disposition(kind=DispositionKind(str(kind)), reason=str(reason), by=str(by), at=str(at))
