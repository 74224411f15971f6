"""What a run began with: what was asked, of which files, and from where; so that it is asked again, or told from another question."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from spec2prod.adapters.digests import Digests
from spec2prod.adapters.store.runs import StoredRun
from spec2prod.adapters.tree import ProjectTree
from spec2prod.bootstrap.request import Request
from spec2prod.domain.plan import Plan

_SOURCES = frozenset({".py", ".pyi", ".toml", ".cfg", ".ini", ".lock"})
_CONFIGURATION = frozenset({"pyrightconfig.json", "requirements.txt", "requirements-dev.txt"})


def identity_of(plan: Plan) -> str:
    """Return the digest of what was asked: target, mode, rules, specification, model, interpreter; wherever the project lies.

    The component's own test files are left out, and what follows from them: a run may have added some. They are among the inputs.
    """
    component = plan.component
    interpreter = component.interpreter
    if interpreter.is_relative_to(component.root):
        interpreter = interpreter.relative_to(component.root)
    anywhere = replace(component, root=Path(), interpreter=interpreter, tests=(), tests_folder="", data=(), named_by_path=False)
    asked = replace(plan, run_id="", component=anywhere, time_limit_s=None, traces_requirements=False, left_out=())
    return hashlib.sha256(repr(asked).encode("utf-8", "surrogatepass")).hexdigest()


def inputs_of(tree: ProjectTree, plan: Plan) -> dict[str, str]:
    """Return the files that a run may depend on, with their digests: all Python, configuration, the component's own, the promise."""
    files = {path for path in tree.list_files() if PurePosixPath(path).suffix in _SOURCES or PurePosixPath(path).name in _CONFIGURATION}
    files |= {*plan.component.files, plan.specification.path}
    return Digests(tree.root).of(sorted(files))


def request_as_json(request: Request) -> dict[str, Any]:
    """Return how to ask the same again: from the same folder, or in the folder that the caller named as the project's, wherever it lies.

    The database of such a caller is not kept: whoever goes on with the run has it open, and its address may hold a password.
    """
    named = request.root is not None
    return {
        "spec": _below(request, request.spec),
        "component": request.component,
        "target": request.target,
        "async_mode": request.async_mode,
        "component_path": None if request.component_path is None else _below(request, request.component_path),
        "overrides": {
            name: value for name, value in request.overrides.items() if value is not None and not (named and name == "database_url")
        },
        "overrides_from": request.overrides_from,
        "output": None if request.output is None else str(request.output),
        "cwd": str(Path.cwd()),
        "root_named": named,
    }


def _below(request: Request, path: Path) -> str:
    """Return a path from the project's folder on, where the caller named that: the next attempt's checkout lies elsewhere."""
    root = request.root
    return path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else str(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where a run was begun: from `folder`; `root` is the project's, where its caller named one, and `is_checkout` if a worker did."""

    folder: Path
    root: Path | None = None
    is_checkout: bool = False


def begun(run: StoredRun) -> Begun:
    """Return where a run was begun. A worker's run was begun in its checkout, wherever the worker was started."""
    folder, root = Path(str(run.request.get("cwd") or run.root)), Path(run.root)
    if not run.request.get("root_named", run.request.get("overrides_from") == "queue"):
        return Begun(folder=folder)
    return Begun(folder=folder, root=root) if folder.is_relative_to(root) else Begun(folder=root, root=root, is_checkout=True)


def request_from(run: StoredRun) -> Request:
    """Return the request of a run, so that it is gone on with."""
    told, root = run.request, begun(run).root
    place = Path() if root is None else root
    return Request(
        spec=place / told["spec"],
        component=told["component"],
        target=told["target"],
        async_mode=bool(told["async_mode"]),
        component_path=None if told["component_path"] is None else place / told["component_path"],
        overrides=told["overrides"],
        overrides_from=told["overrides_from"],
        root=root,
        output=None if told["output"] is None else Path(told["output"]),
        resume=run.id,
    )
