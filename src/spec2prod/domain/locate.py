"""Find a component among a project's files: its modules, its tests, and where a new test goes.

Pure: it works on the project's file list (relative POSIX paths), and on what a test file imports where the caller can tell.
How the list is read is in `layout.py`, and which tests are a component's in `belonging.py`.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import basename, commonpath, dirname, normpath

from spec2prod.domain.belonging import Imports, is_alone, is_only, named_for, own_names, owners_of, test_parts, tests_of
from spec2prod.domain.component import Component
from spec2prod.domain.layout import TEST_FOLDERS, Layout, folders_above, name_endings, normal
from spec2prod.errors import ComponentAmbiguousError, ComponentNotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSetting:
    """What a project's settings say about a component. `path` is its folder or file; empty `tests` are found by convention."""

    path: str
    tests: tuple[str, ...] = ()
    specification: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a component lies. The fields mean what `Component`'s do; every path is relative to the project.

    `rule` and `tests_rule` say by which rule it and its tests were found. `tests_left_out` are test files that belong to no component:
    they are not its own, and there is no other one.
    """

    name: str
    source: str
    import_root: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    tests_folder: str
    data: tuple[str, ...] = ()
    rule: str = field(default="", compare=False)
    tests_rule: str = field(default="", compare=False)
    tests_left_out: tuple[str, ...] = field(default=(), compare=False)


def locate(
    name: str,
    files: Sequence[str],
    *,
    configured: Mapping[str, ComponentSetting] | None = None,
    explicit: str | None = None,
    imports: Imports | None = None,
) -> Found:
    """Return where the component `name` lies: at `explicit`, where the settings say, else by convention.

    By convention: `src/<name>`, `<name>`, then a package or module whose dotted path ends in the name's parts.

    Raises:
        ComponentNotFoundError: lists what was looked for, and near names.
        ComponentAmbiguousError: lists the equally good ones.
    """
    layout = Layout(files)
    setting = (configured or {}).get(name)
    if explicit is not None:
        source, rule = _stated(layout, explicit, f"component {name}"), f"--component-path {explicit}"
    elif setting:
        where = f"tool.spec2prod.components.{name}.path"
        source, rule = _stated(layout, setting.path, where), where
    else:
        source = _by_convention(layout, name)
        rule = f"its place, {source}" if source in _plain_places(name) else f"its name: the only import path that ends in {name}"
    modules = layout.inside(source)
    stated = setting.tests if setting else ()
    tests = _expanded(layout, name, stated) if stated else tests_of(layout, name, source, imports)
    return Found(
        name=name,
        source=source,
        import_root=commonpath([layout.import_root(path) for path in modules]) or ".",
        modules=modules,
        tests=tests,
        tests_folder=_tests_folder(layout, source, tests),
        data=_data(layout, source, modules, tests),
        rule=rule,
        tests_rule=f"tool.spec2prod.components.{name}.tests" if stated else "what their names say, and what they import",
        tests_left_out=() if stated else _left_out(layout, source, tests),
    )


def _left_out(layout: Layout, source: str, tests: Sequence[str]) -> tuple[str, ...]:
    """Return the tests that are not the component's, where it is the only one."""
    others = set(layout.tests).difference(tests)
    return tuple(sorted(others)) if others and is_only(layout, source) else ()


def new_test_file(found: Found | Component, module: str, files: Iterable[str]) -> str:
    """Return the path of a test file for `module` that does not exist yet, and that the next `locate` finds again.

    A base name that stands anywhere in the project counts as taken: pytest cannot import two of one name without packages.
    """
    layout = Layout(files)
    taken = {basename(path).lower() for path in layout.files}
    stem = _test_stem(layout, found, module)
    endings = ("", "_generated", *(f"_generated_{number}" for number in range(2, len(taken) + 3)))
    free = next(name for ending in endings if (name := f"test_{stem}{ending}.py") not in taken)
    return normpath(f"{found.tests_folder}/{free}")


def _test_stem(layout: Layout, found: Found | Component, module: str) -> str:
    """Return the module's name, with as much of its package's as tells it from its namesakes."""
    endings = name_endings(layout.dotted(module)) or (normal(found.name),)
    own, owners = own_names(layout, found.source), owners_of(layout, found.name, found.source)
    return next((end for end in endings if named_for(owners, test_parts(f"{found.tests_folder}/test_{end}.py")) <= own), endings[0])


def _data(layout: Layout, source: str, modules: Sequence[str], tests: Sequence[str]) -> tuple[str, ...]:
    """Return what else takes part: a package's other files (not another's tests), and every `conftest.py` that a test obeys."""
    inside = {path for path in layout.files if path.startswith(f"{source}/") and path not in layout.tests} - set(modules)
    above = {f"{folder}/conftest.py" for path in tests for folder in folders_above(path)} | ({"conftest.py"} if tests else set())
    return tuple(sorted(inside | (above & layout.present)))


def _stated(layout: Layout, path: str, where: str) -> str:
    """Return a stated folder or file in the list's own form; it must hold Python."""
    source = normpath(path.replace("\\", "/"))
    if layout.inside(source) and (source not in layout.present or source.endswith(".py")):
        return source
    near = _near(layout, basename(source))
    raise ComponentNotFoundError(f"no Python files at {path}", where=where, next_step=f"Give a folder or file inside the project.{near}")


def _by_convention(layout: Layout, name: str) -> str:
    plain = re.fullmatch(r"\w[\w.-]*", name) is not None and name != "src"
    for source in _plain_places(name) if plain else ():
        if source in layout.modules or (source not in layout.present and layout.inside(source)):
            return source
    wanted = normal(name)
    candidates = {source for source in layout.owners.get(wanted, ()) if basename(source) != "__main__.py"}
    outer = _outermost(layout, candidates)
    if len(outer) == 1:
        return outer[0]
    if outer:
        listed = ", ".join(outer)
        step = f"Name one by its path: --component-path {outer[0]}, or path in [tool.spec2prod.components.{name}]."
        raise ComponentAmbiguousError(f"{len(outer)} components are called {name}: {listed}", where=f"component {name}", next_step=step)
    looked = f"src/{name}/, src/{name}.py, {name}/, {name}.py, and a package or module whose dotted path ends in {name}"
    step = f"Give its path with --component-path, or in [tool.spec2prod.components.{name}].{_near(layout, wanted)}"
    step = step if layout.modules else "Start it in the project's folder: there is no Python code here."
    raise ComponentNotFoundError(f"no component {name}; looked for {looked}", where=f"component {name}", next_step=step)


def _plain_places(name: str) -> tuple[str, ...]:
    return (f"src/{name}", f"src/{name}.py", name, f"{name}.py")


def _outermost(layout: Layout, candidates: Collection[str]) -> tuple[str, ...]:
    """Drop what lies inside another candidate: `a/a.py` is part of `a`. A bare folder around a candidate is none itself."""
    around = {folder for source in candidates for folder in folders_above(source)}
    direct = {dirname(path) for path in layout.modules}
    real = {source for source in candidates if source not in around or source in direct}
    real = {source.removesuffix("/__init__.py") for source in real}
    return tuple(sorted(source for source in real if real.isdisjoint(folders_above(source))))


def _near(layout: Layout, wanted: str) -> str:
    near = difflib.get_close_matches(wanted, layout.owners, n=3, cutoff=0.6)
    shown = [f"{name} ({min(layout.owners[name]).removesuffix('/__init__.py')})" for name in near]
    return f" Did you mean {' or '.join(shown)}?" if shown else ""


def _expanded(layout: Layout, name: str, stated: Sequence[str]) -> tuple[str, ...]:
    """Return the test files that settings name, or that lie in the folders they name."""
    found: set[str] = set()
    for each in map(normpath, stated):
        inside = {each} & layout.present or {path for path in layout.tests if each == "." or path.startswith(f"{each}/")}
        if not inside:
            where = f"tool.spec2prod.components.{name}.tests"
            raise ComponentNotFoundError(f"no test files at {each}", where=where, next_step="Name test files, or folders that hold some.")
        found |= inside
    return tuple(sorted(found))


def _tests_folder(layout: Layout, source: str, tests: Sequence[str]) -> str:
    """Return where a new test goes: beside the existing ones, else mirrored under the project's test folder."""
    if tests:
        return _shared_folder(tests)
    tops = {path.split("/", 1)[0] for path in layout.tests}
    top = "test" if "test" in tops and "tests" not in tops else "tests"
    if is_alone(layout, source) or source not in {*layout.modules, *layout.packages}:
        return top
    dotted = layout.dotted(source)
    return "/".join((top, *(dotted[:-1] if source.endswith(".py") else dotted)))


def _shared_folder(tests: Sequence[str]) -> str:
    """Return the folder that holds all the tests, or most of them where they share none that is for tests."""
    folders = Counter(dirname(path) or "." for path in tests)
    shared = commonpath(list(folders)) or "."
    if len(folders) == 1 or not TEST_FOLDERS.isdisjoint(shared.split("/")):
        return shared
    return min(folders, key=lambda folder: (-folders[folder], len(folder), folder))
