"""Which folder is the project. Quick to import: it is asked before a run is known to need anything."""

from __future__ import annotations

import os
from pathlib import Path

from spec2prod.errors import UsageError


def project_root(component_path: Path | None = None) -> Path:
    """Return the project's folder: the nearest one with a `pyproject.toml` or `.git`, from the component's path or from here.

    A component outside of any project lies in the folder that holds it.
    """
    here = Path.cwd()
    start = component_path.resolve().parent if component_path is not None else here
    if start.is_relative_to(here) or (component_path is not None and component_path.resolve() == here):
        start = here
    marked = (each for each in (start, *start.parents) if any(os.path.lexists(each / name) for name in ("pyproject.toml", ".git")))
    found = next(marked, start)
    if found == found.parent:
        step = "Start it in a project's folder, or name a path inside one."
        raise UsageError("the whole file system is no project", where=str(component_path or here), next_step=step)
    return found
