"""Collects a group of test files with pytest, as the project configures it, but for what would bend the judgement."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import os
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import _pytest.config
import pytest

from . import addopts, installed
from .harness import Harness
from .work import function_of

OVERRIDES = (
    "addopts=",
    "filterwarnings=",
    "strict_config=false",
    "strict=false",
    "xfail_strict=false",
    "log_cli=false",
    "junit_logging=no",
)
BLOCKED = ("randomly", "rerunfailures", "faulthandler", "sugar", "pytest_sugar")
INERT = {"pytest_cov": "--no-cov", "pytest_benchmark": "--benchmark-disable"}
HYPOTHESIS_SEED = "--hypothesis-seed=20250101"  # the same examples in every run, so that a kill is one again


@dataclass
class Collected:
    """A collected group: the session that holds it, and its items by node ID."""

    session: Any
    items: dict[str, Any]
    harness: Harness
    too_many: list[str]


def arguments(root: str, scratch: str) -> list[str]:
    """Return the judge's own arguments for pytest."""
    ours = ["--rootdir", root, "--basetemp", os.path.join(scratch, "tmp", "t"), "-o", "cache_dir=" + os.path.join(scratch, "tmp", "cache")]
    ours += [word for name in BLOCKED for word in ("-p", "no:" + name)]
    ours += [word for each in OVERRIDES for word in ("-o", each)]
    ours += [option for plugin, option in INERT.items() if importlib.util.find_spec(plugin) is not None]
    if "hypothesis" in sys.modules:  # the base loaded it, because a file of the project names it; the option alone would load it
        ours.append(HYPOTHESIS_SEED)
    return [*ours, "--capture=no", "--tb=short", "--color=no", "--no-header", "--continue-on-collection-errors", "--maxfail=0"]


def projects_own(root: str, files: list[str]) -> list[str]:
    """Return what of the project's `addopts` may take part, read as pytest reads it."""
    from _pytest.config.findpaths import determine_setup  # noqa: PLC0415 - its place is pytest's own affair

    found = determine_setup_of(determine_setup, root, files)
    stated = found.get("addopts", "")
    return addopts.kept(addopts.words(getattr(stated, "value", stated)))


def determine_setup_of(determine_setup: Any, root: str, files: list[str]) -> dict[str, Any]:  # noqa: ANN401 - a function that changes between versions
    """Ask pytest for the configuration file's content, whatever its version wants to be told."""
    from inspect import signature  # noqa: PLC0415 - only here
    from pathlib import Path  # noqa: PLC0415 - only here

    known = {"inifile": None, "override_ini": None, "args": files, "rootdir_cmd_arg": root, "invocation_dir": Path(root)}
    wanted = signature(determine_setup).parameters
    answer = determine_setup(**{name: value for name, value in known.items() if name in wanted})
    content = answer[2]
    return dict(content)


def collect(files: list[str], setting: dict[str, Any], component: list[str], watching: Any) -> Collected:  # noqa: ANN401 - a context
    """Collect the files. Errors of single files are in the harness; pytest's refusal of the whole is raised."""
    harness, root, scratch = Harness(component), setting["root"], setting["scratch"]
    with installed.remembered():
        config = _pytest.config._prepareconfig([*projects_own(root, files), *arguments(root, scratch), "--", *files], plugins=[harness])  # noqa: SLF001 - there is no public way to stop before the run
    config._do_configure()  # noqa: SLF001 - as above
    session = pytest.Session.from_config(config)
    config.hook.pytest_sessionstart(session=session)
    with watching:
        config.hook.pytest_collection(session=session)
    tell_nobody(config)
    items, too_many = bounded(session.items, setting["most_cases"])
    return Collected(session=session, items=items, harness=harness, too_many=too_many)


def tell_nobody(config: Any) -> None:  # noqa: ANN401 - pytest's
    """Spare the terminal's account of each test: it goes nowhere, and costs a sixth of a small test's time."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for name in ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish"):
        remove = getattr(getattr(config.hook, name), "_remove_plugin", None)  # there is no public way; without it the account is written
        if remove is not None and reporter is not None:
            with contextlib.suppress(ValueError):  # another reporter took its place
                remove(reporter)


def bounded(items: list[Any], most: int) -> tuple[dict[str, Any], list[str]]:
    """Return the items by node ID, of each function's cases the first `most`; and the functions that have more."""
    kept: dict[str, Any] = {}
    count: dict[str, int] = {}
    for item in items:
        name = function_of(item.nodeid)
        count[name] = count.get(name, 0) + 1
        if count[name] <= most:
            kept[item.nodeid] = item
    return kept, sorted(name for name, cases in count.items() if cases > most)


def set_path(root: str, import_root: str) -> None:
    """Put the import root and the project first on the path; the judge's own folder is not on it."""
    here = os.path.dirname(os.path.abspath(__file__))
    first = [os.path.abspath(os.path.join(root, import_root)), os.path.abspath(root)]
    sys.path[:] = [*first, *(each for each in sys.path if each not in first and os.path.abspath(each or os.curdir) != here)]


def forget_foreign(modules: Iterable[str], import_root: str) -> None:
    """Forget what pytest has imported by the component's name from elsewhere, its own dependencies: tests mean the project's own."""
    root = os.path.realpath(import_root)
    tops = {os.path.relpath(path, root).split(os.sep)[0] for path in modules if path.startswith(os.path.join(root, ""))}
    for top in {each.removesuffix(".py") for each in tops}:
        file = getattr(sys.modules.get(top), "__file__", None)
        if file and not os.path.realpath(file).startswith(os.path.join(root, "")):
            for name in [each for each in sys.modules if each == top or each.startswith(top + ".")]:
                del sys.modules[name]


def reseed(seed: int) -> None:
    """Give a forked process random numbers of its own, the same ones in each run."""
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if isinstance(numpy, ModuleType) and hasattr(numpy, "random"):
        numpy.random.seed(seed % 2**32)


def settle() -> None:
    """Prepare for many forks: what lives now is not looked at by the collector again, so that its pages stay shared."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is not None:
        # a busy machine is no failure of a test, and its database is a file in the project
        phases = [each for each in hypothesis.Phase if each.name in {"explicit", "reuse", "generate"}]  # nobody reads the smallest example
        hypothesis.settings.register_profile("spec2prod-judge", hypothesis.settings.default, deadline=None, database=None, phases=phases)
        hypothesis.settings.load_profile("spec2prod-judge")
    gc.collect()
    gc.freeze()
