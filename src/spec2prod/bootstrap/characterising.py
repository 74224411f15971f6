"""Where Pynguin meets its adapter: its environment for the component's Python, and the writer of one run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.adapters import programs
from spec2prod.adapters.interpreter import find_interpreter
from spec2prod.application.ports import Host, TestWriter
from spec2prod.bootstrap.folders import cache_folder
from spec2prod.bootstrap.place import Place
from spec2prod.bootstrap.project import project_root
from spec2prod.config.settings import read_settings

if TYPE_CHECKING:
    from spec2prod.adapters.pynguin.environment import Environment


def pynguin_writer(place: Place, host: Host) -> TestWriter:
    """Return what writes characterisation tests in one run; its processes are the run's. Nothing is started yet."""
    from spec2prod.adapters.pynguin import environment
    from spec2prod.adapters.pynguin.asking import PynguinOptions
    from spec2prod.adapters.pynguin.writer import PynguinWriter, Workplace
    from spec2prod.adapters.sandbox import find_sandbox

    options = PynguinOptions(**place.settings.pynguin.model_dump(), time_left_s=place.settings.time_limit_seconds)
    workplace = Workplace(
        component=place.component,
        run_folder=place.tree.run_folder,
        host=host,
        box=find_sandbox(),
        find=lambda kind: environment.find(cache_folder(), kind),
    )
    return PynguinWriter(options, workplace)


def install_pynguin(say: Callable[[str], None], python: str | None = None) -> Environment:
    """Build Pynguin's environment in the user's cache directory, for a Python: the one that is named, else that of this project's runs."""
    from spec2prod.adapters.pynguin import environment

    return environment.install(cache_folder(), uv=programs.uv_program(), python=_python(python), say=say)


def find_pynguin(python: str | None = None) -> tuple[str, Environment | None]:
    """Return which Python that is, and the environment for it, if there is one."""
    return environment_for(_python(python))


def environment_for(interpreter: Path) -> tuple[str, Environment | None]:
    """Return which Python an interpreter is, and the environment for it, if there is one.

    Raises:
        ToolMissingError: where it does not start.
    """
    from spec2prod.adapters.pynguin import environment

    asked = environment.ask(interpreter)
    return f"Python {asked.version} ({asked.program})", environment.find(cache_folder(), asked.kind)


def _python(named: str | None) -> Path:
    root = project_root()
    return find_interpreter(root, named or read_settings(root, None, os.environ).python, os.environ)
