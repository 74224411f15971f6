"""Where a run happens: the project, the component in it, their settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from spec2prod.adapters.digests import Digests
from spec2prod.adapters.interpreter import find_interpreter
from spec2prod.adapters.tree import ProjectTree
from spec2prod.application.ports import Gate
from spec2prod.bootstrap.project import project_root
from spec2prod.config.settings import Settings
from spec2prod.domain.belonging import imported_names
from spec2prod.domain.component import Component
from spec2prod.domain.locate import locate
from spec2prod.domain.schedule import Priority
from spec2prod.errors import UsageError
from spec2prod.gates.performance import Performance

OUR_PYTHON = "spec2prod's own: the project has no .venv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run happens: the project's tree, its settings, the component, the folder of the run.

    `found_by` and `tests_found_by` say by which rule the component and its tests were found, `tests_left_out` are tests of the project
    that belong to no component; `own_gates` are the project's, and
    `performance` is what benchmarks are compared with, where there are any. `priority` is the run's among others on this machine.
    """

    tree: ProjectTree
    settings: Settings
    component: Component
    run_id: str
    found_by: str = ""
    tests_found_by: str = ""
    tests_left_out: tuple[str, ...] = ()
    own_gates: tuple[Gate, ...] = ()
    performance: Performance | None = None
    priority: Priority = Priority.NORMAL


def place_of(name: str, component_path: Path | None, settings: Settings, run_id: str, root: Path | None = None) -> Place:
    """Find the component in its project: at `root`, or where `project_root` finds it."""
    root = root or project_root(component_path)
    tree = ProjectTree(root, run_id, Digests)
    explicit = _relative(component_path, root) if component_path is not None else None
    configured = settings.component_settings()
    found = locate(
        name, tree.list_files(), configured=configured, explicit=explicit, imports=lambda path: imported_names(tree.read(path) or "")
    )
    _refuse_unreadable_names(str(root), *found.modules, *found.tests)
    component = Component(
        name=name,
        root=root,
        source=found.source,
        import_root=found.import_root,
        modules=found.modules,
        tests=found.tests,
        tests_folder=found.tests_folder,
        data=found.data,
        named_by_path=explicit is not None,
        interpreter=find_interpreter(root, settings.python, os.environ),
    )
    return Place(
        tree=tree,
        settings=settings,
        component=component,
        run_id=run_id,
        found_by=found.rule,
        tests_found_by=found.tests_rule,
        tests_left_out=found.tests_left_out,
    )


def seen_from(path: Path, root: Path) -> Path:
    """Return a path seen from here; where nothing lies there, seen from the project, as reports and hints name its files."""
    return root / path if not os.path.lexists(path) and os.path.lexists(root / path) else path


def interpreter_by(place: Place) -> str:
    """Return by which rule the interpreter was chosen: the setting, the project's environment, the active one, ours."""
    python = place.component.interpreter
    if place.settings.python:
        return place.settings.origin("python")
    if python.is_relative_to(place.component.root / ".venv"):
        return "the project's .venv"
    active = os.environ.get("VIRTUAL_ENV")
    return "VIRTUAL_ENV" if active and python.is_relative_to(Path(active).absolute()) else OUR_PYTHON


def _refuse_unreadable_names(*paths: str) -> None:
    """Refuse names that are no UTF-8 text: no report could name them, and Python cannot import them."""
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError:
            raise UsageError(f"the name {path!r} is no UTF-8 text", next_step="Rename it, or move it out of the component.") from None


def _relative(path: Path, root: Path) -> str:
    try:
        return seen_from(path, root).resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        raise UsageError(f"{path} lies outside of the project {root}", where="--component-path") from None
