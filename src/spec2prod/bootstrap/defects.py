"""Suspected defects outside of a run: which there are, whether a kept test passes by now, and what a person says about one."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.defects import DefectStore
from spec2prod.adapters.tree import ProjectTree
from spec2prod.application.ports import Ports
from spec2prod.application.session import mending, with_tests
from spec2prod.bootstrap.agent import Nobody
from spec2prod.bootstrap.assembly import ports_of
from spec2prod.bootstrap.durable import NOWHERE, lock_of, place_of_database, project_of
from spec2prod.bootstrap.place import Place, place_of
from spec2prod.bootstrap.project import project_root
from spec2prod.bootstrap.request import new_run_id
from spec2prod.config.settings import read_settings
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.defect import Defect, Disposition, DispositionKind
from spec2prod.domain.suite import SuiteReport
from spec2prod.domain.verdict import Unanswered
from spec2prod.errors import ComponentBusyError, UsageError

_GIT_S = 10.0
_SHORT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How the kept test of a defect went on the code as it is.

    `passes` is None where it could not be run to a result; `told` is why, or how it failed. `text` is the test's file as it would be
    written to `path` (relative to the project).
    """

    defect: Defect
    passes: bool | None
    told: str
    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposed:
    """What came of a disposal. `written` is the test file that the project has now, empty where none was needed; `is_found` whether the
    component's next run will take it for one of its own.
    """  # noqa: D205 - one thought

    defect: Defect
    tried: Tried | None = None
    written: str = ""
    is_found: bool = True


class Defects:
    """The record of the project here, and its database."""

    def __init__(self, root: Path, database: Database, project: str) -> None:
        """Take the project."""
        self.root = root
        self.store = DefectStore(database, project)
        self._database = database

    async def check(self, defect: Defect, component_path: Path | None = None) -> Tried:
        """Run the kept test on the code as it is, in a copy of the project.

        Raises:
            Spec2prodError: where the component is not there any more.
        """
        place = self._place(defect, component_path)
        try:
            return await _tried(place, defect)
        finally:
            shutil.rmtree(place.tree.run_folder, ignore_errors=True)

    async def dispose(self, defects: Sequence[Defect], said: Disposition, component_path: Path | None = None) -> tuple[Disposed, ...]:
        """Keep what a person says of defects: of all, or of none. Of what was fixed the kept test must pass, and becomes one of the
        component's.

        Where one does not pass nothing is kept of any, and `written` and `defect.disposition` say so.

        Raises:
            ComponentBusyError: where a run of a component is going on, which a new test file would disturb.
            OutputError: where a test cannot be written; then none is.
        """  # noqa: D205 - one thought
        if said.kind is not DispositionKind.FIXED:
            return tuple(Disposed(defect=each) for each in self.store.dispose_all(defects, said))
        with self._alone({each.component for each in defects}):
            tried = [await self.check(each, component_path) for each in defects]
            if not all(each.passes for each in tried):
                return tuple(Disposed(defect=each.defect, tried=each) for each in tried)
            with self._written(tried, component_path) as written:
                disposed = self.store.dispose_all(defects, said)
        return tuple(
            Disposed(defect=defect, tried=each, written=path, is_found=path in self._place(defect, component_path).component.tests)
            for defect, each, path in zip(disposed, tried, written, strict=True)
        )

    @contextmanager
    def _written(self, tried: Sequence[Tried], component_path: Path | None) -> Iterator[tuple[str, ...]]:
        """Write the kept tests, and return their paths; where what follows fails they are taken away again."""
        with ExitStack() as undo:
            paths: list[str] = []
            for each in tried:
                tree = self._place(each.defect, component_path).tree
                path = _free(each.path, tree.list_files())  # one that was written a moment ago may have taken the name
                tree.write_new(path, each.text)
                undo.callback(tree.remove, path)
                paths.append(path)
            yield tuple(paths)
            undo.pop_all()

    @contextmanager
    def _alone(self, components: Collection[str]) -> Iterator[None]:
        with ExitStack() as held:
            for component in sorted(components):
                hold = self._database.hold(lock_of(self.root, component))
                if hold is None:
                    raise ComponentBusyError(f"a run of {component} is going on", next_step="wait for it, then say it again")
                held.callback(hold.release)
            yield

    def _place(self, defect: Defect, component_path: Path | None) -> Place:
        settings = read_settings(self.root, {}, os.environ)
        return place_of(defect.component, component_path, settings, f"defect-{new_run_id()}", self.root)


@contextmanager
def opened() -> Iterator[Defects]:
    """Open the record of the project here.

    Raises:
        StoreError: where the database cannot be opened.
        UsageError: where the settings say that there is none.
    """
    root = project_root()
    setting = read_settings(root, environ=os.environ).database_url
    place = place_of_database(root, setting)
    if place == NOWHERE:
        raise UsageError("suspected defects are not kept", where="database_url", next_step="unset it, or SPEC2PROD_DATABASE_URL")
    database = open_database(place, looking=True)
    try:
        yield Defects(root, database, project_of(root, setting))
    finally:
        database.close()


async def who() -> str:
    """Return who says so, where nobody is named: git's user, else the system's.

    Raises:
        UsageError: where neither is known.
    """
    command = Command(tool="git", argv=("git", "config", "user.name"), cwd=Path.cwd(), timeout_s=_GIT_S)
    asked = await ProcessHost().run(command)
    if asked.exit_code == 0 and asked.stdout.strip():
        return asked.stdout.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise UsageError("nobody knows who you are", where="--by", next_step="say it: --by NAME") from None


async def _tried(place: Place, defect: Defect) -> Tried:
    ports = ports_of(place, SystemClock(), Nobody())
    there = await place.tree.copy("defect")
    path = _free(defect.test_file, there.list_files())
    there.write_new(path, defect.source)
    component = replace(with_tests(place.component, [path]), root=there.root)
    if place.settings.auto_fix_linting:
        await _mend(ports, there, component, path)
    completed = await ports.host.run(ports.suite.again(component, [path]))
    passes, told = _result(ports, component, completed, path)
    return Tried(defect=defect, passes=passes, told=told, path=path, text=there.read(path) or "")


async def _mend(ports: Ports, there: ProjectTree, component: Component, path: str) -> None:
    """Let the linter mend what it safely can, as a run does with every test that it takes."""
    mended = await mending(ports.host, there, [path])(ports.linter.fix(component, [path]))
    for changed, text in mended.texts.items():
        there.replace(changed, text)


def _result(ports: Ports, component: Component, completed: Completed, path: str) -> tuple[bool | None, str]:
    """Return whether the test passed and how it failed; None and the reason where it came to no result."""
    report: SuiteReport = ports.suite.report(component, completed)
    cases = [case for case in report.cases if case.file == path]
    if red := next((case for case in cases if case.outcome in {"failed", "error"}), None):
        return False, red.message or red.outcome
    if cases and all(case.outcome == "passed" for case in cases):
        return True, ""
    answers = ports.suite.read(component, completed)
    unasked = next((each.reason for each in answers if isinstance(each, Unanswered)), "")
    outcomes = ", ".join(sorted({case.outcome for case in cases}))
    return None, f"it was {outcomes}" if outcomes else unasked or completed.ending()


def _free(path: str, files: Collection[str]) -> str:
    """Return a path like this one whose base name nothing else in the project has: pytest cannot import two of one name."""
    taken = {PurePosixPath(each).name.lower() for each in files}
    wanted = PurePosixPath(path)
    names = (wanted.name, *(f"{wanted.stem}_{ending}.py" for ending in ("defect", *(f"defect_{n}" for n in range(2, len(taken) + 3)))))
    return str(wanted.with_name(next(name for name in names if name.lower() not in taken)))
