"""Which changes of the code the tests of a file notice: what that depends on, and what `spec2prod judge` leaves of it to every run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from spec2prod.adapters import programs
from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.fingerprints.closure import closure
from spec2prod.adapters.fingerprints.environment import environment_digest, interpreter_digest
from spec2prod.adapters.store.cache import AnswerStore
from spec2prod.adapters.store.database import Database
from spec2prod.adapters.store.defects import stamp_of
from spec2prod.adapters.tree import ProjectTree
from spec2prod.application.kills import KILLS, kept_kills
from spec2prod.application.ports import Tree
from spec2prod.bootstrap.place import Place
from spec2prod.domain.component import Component
from spec2prod.domain.judged import Judged, noticed
from spec2prod.domain.question import FILE, Question, digest_of

_PACKAGE = Path(__file__).parents[1]
_CODE = ("workers/judge/*.py", "adapters/judge/*.py", "domain/mutation*.py")  # what changes the code and looks who notices


def kills_question(component: Component, tree: Tree, test_file: str, surroundings: ProjectTree) -> Question:
    """Return exactly what it depends on: the modules and their data, the file, what it and its `conftest.py` import, the environment.

    Other tests, the specification and pytest's settings are no inputs: the judge looks at each test by itself, and asks pytest its own way.
    """

    def digests(paths: list[str]) -> dict[str, str]:
        return {name.removeprefix(FILE): digest for name, digest in surroundings.state([FILE + path for path in paths]).items()}

    files = {*component.modules, *component.data, test_file}
    files |= closure([test_file, *component.data], {component.import_root.removeprefix("."), ""}, tree.list_files(), _Texts(tree))
    return Question(
        name=KILLS,
        component=component.name,
        inputs={
            **tree.state([FILE + path for path in sorted(files)]),
            "spec2prod": digest_of(sorted((path[len(str(_PACKAGE)) :], digest) for path, digest in digests(_code()).items())),
            "interpreter": interpreter_digest(component.interpreter, digests),
            "environment": environment_digest(programs.site_packages(component.interpreter), digests),
        },
    )


def remember(judged: Judged, place: Place, database: Database) -> None:
    """Keep what a judgement has measured of the project's own test files: from then on a run, and `spec2prod trace`, know it."""
    store, at = AnswerStore(database), SystemClock().now()
    new = False
    for file, kills in _by_file(judged, place.component):
        question = kills_question(place.component, place.tree, file, place.tree)
        known, now = store.find(question, place.tree), kept_kills(place.run_id, at, kills)
        if known is None or known.texts != now.texts:
            store.keep(question, {}, now, place.tree)
            new = True
    if new and not database.shared:
        with suppress(OSError):  # a run of which nothing has changed tells what stood before: no verdict depends on it
            stamp_of(database.name).touch()


def _by_file(judged: Judged, component: Component) -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    measured = noticed(judged)
    for file in component.tests:
        own = {name: kills for name, kills in measured.items() if name.partition("::")[0] == file}
        if own:
            yield file, own


class _Texts(dict[str, str]):
    """The texts of a tree's files, each read when it is asked for."""

    def __init__(self, tree: Tree) -> None:
        super().__init__()
        self._tree = tree

    def __missing__(self, path: str) -> str:
        return self._tree.read(path) or ""


@cache
def _code() -> list[str]:
    return sorted(str(each) for pattern in _CODE for each in _PACKAGE.glob(pattern))
