"""Find a component among a project's files: its modules, its tests, and where a new test goes.

Pure: it works on the project's file list (relative POSIX paths), and on what a test file imports where the caller can tell.
Which tests are a component's is decided by names: a test belongs to the module or package that its path names (`test_b.py`, `a/test_b.py`,
`test_a_b.py`, `test_b_anything.py` for `a/b.py`). Where the name fits several, what the test imports decides, and without that it is
nobody's: another component's tests would make this one's verdict untrue.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from posixpath import basename, commonpath, dirname, normpath

from spec2prod.domain.component import Component
from spec2prod.errors import ComponentAmbiguousError, ComponentNotFoundError

type Imports = Callable[[str], Collection[str]]
"""Given a test file's path, the dotted names it imports (`a.b` and, for `from a import b`, both `a` and `a.b`)."""

_NOT_MODULES = frozenset({"conftest.py", "setup.py", "noxfile.py"})
_NOT_SOURCE_FOLDERS = frozenset({"docs", "doc", "build", "dist"})  # at the top only: `src/app/build/` may well be code
_HELPERS = frozenset({"scripts", "tools", "examples", "benchmarks"})  # beside a package, not another component
_GENERATED = re.compile(r"_generated(?:_\d+)?\.py$")
_TESTS = frozenset({"tests", "test"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSetting:
    """What a project's settings say about a component. `path` is its folder or file; empty `tests` are found by convention."""

    path: str
    tests: tuple[str, ...] = ()
    specification: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a component lies. The fields mean what `Component`'s do; every path is relative to the project.

    `rule` and `tests_rule` say by which rule it and its tests were found.
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


class Layout:
    """A project's file list, asked for what stands where."""

    def __init__(self, files: Iterable[str]) -> None:
        """Take the relative POSIX paths of the project's files."""
        self.files = tuple(sorted({normpath(path) for path in files}))
        self.present = frozenset(self.files)

    @cached_property
    def tests(self) -> tuple[str, ...]:
        """Return every test file, by pytest's own two patterns."""
        return tuple(path for path in self.files if _is_test(path))

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """Return every Python file that can be (part of) a component."""
        return tuple(path for path in self.files if path.endswith(".py") and not self._is_aside(path))

    @cached_property
    def owners(self) -> dict[str, set[str]]:
        """Return what a test may be named for: `b`, `a_b` and so on → the modules and packages `a/b` of that name."""
        owners: dict[str, set[str]] = {}
        for source in (*self.modules, *self.packages):
            for name in _endings(self.dotted(source)):
                owners.setdefault(name, set()).add(source)
        return owners

    @cached_property
    def packages(self) -> tuple[str, ...]:
        """Return every folder that holds modules, at any depth."""
        found = ((folder, self.import_root(path)) for path in self.modules for folder in _folders(path))
        return tuple(sorted({folder for folder, root in found if root == "." or folder.startswith(f"{root}/")}))

    def dotted(self, source: str) -> tuple[str, ...]:
        """Return a module's or package's import name, in parts."""
        root = self.import_root(source)
        inner = source if root == "." else source[len(root) + 1 :]
        parts = tuple(inner.removesuffix(".py").split("/"))
        return parts[:-1] if parts[-1] == "__init__" else parts

    def import_root(self, source: str) -> str:
        """Return what must be on `sys.path`: a `src` above it, the topmost package's parent, else the project's root.

        A folder whose name is no Python name (`my-app`) cannot be imported through, so that imports begin in it.
        """
        parents = _folders(source)
        for folder in reversed(parents):
            if basename(folder) == "src" and not self.is_package(folder):
                return folder
        top = source if source.endswith(".py") else f"{source}/__init__.py"
        packaged = [folder for folder in _folders(top) if self.is_package(folder)]
        if packaged:
            while len(packaged) > 1 and packaged[-2] == dirname(packaged[-1]):
                packaged.pop()
            return dirname(packaged[-1]) or "."
        return next((folder for folder in reversed(parents) if not basename(folder).isidentifier()), ".")

    def is_package(self, folder: str) -> bool:
        """Whether a folder is a regular package."""
        return f"{folder}/__init__.py" in self.present

    def inside(self, source: str) -> tuple[str, ...]:
        """Return the modules of a folder, or of the file itself."""
        if source in self.present:
            return (source,)
        return tuple(path for path in self.modules if source == "." or path.startswith(f"{source}/"))

    def _is_aside(self, path: str) -> bool:
        parts = path.split("/")
        in_tests = any(folder in self._test_folders for folder in _folders(path))
        return _is_test(path) or in_tests or parts[-1] in _NOT_MODULES or (len(parts) > 1 and parts[0] in _NOT_SOURCE_FOLDERS)

    @cached_property
    def _test_folders(self) -> frozenset[str]:
        """Return folders named `tests`; of those named `test`, only the top one and those that hold tests (`x.test` may be code)."""
        named = {folder for path in self.files for folder in _folders(path) if basename(folder) in _TESTS}
        holding = {dirname(path) for path in self.tests}
        return frozenset(folder for folder in named if basename(folder) == "tests" or folder == "test" or folder in holding)


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
    tests = _expanded(layout, name, setting.tests) if setting and setting.tests else _tests(layout, name, source, imports)
    return Found(
        name=name,
        source=source,
        import_root=commonpath([layout.import_root(path) for path in modules]) or ".",
        modules=modules,
        tests=tests,
        tests_folder=_tests_folder(layout, source, tests),
        data=_data(layout, source, modules, tests),
        rule=rule,
        tests_rule=f"tool.spec2prod.components.{name}.tests" if setting and setting.tests else "what their names say, and what they import",
    )


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
    endings = _endings(layout.dotted(module)) or (_normal(found.name),)
    own, owners = _own(layout, found.source), _owners(layout, found.name, found.source)
    return next((end for end in endings if _named_for(owners, _test_parts(f"{found.tests_folder}/test_{end}.py")) <= own), endings[0])


def _data(layout: Layout, source: str, modules: Sequence[str], tests: Sequence[str]) -> tuple[str, ...]:
    """Return what else takes part: a package's other files (not another's tests), and every `conftest.py` that a test obeys."""
    inside = {path for path in layout.files if path.startswith(f"{source}/") and path not in layout.tests} - set(modules)
    above = {f"{folder}/conftest.py" for path in tests for folder in _folders(path)} | ({"conftest.py"} if tests else set())
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
    wanted = _normal(name)
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
    raise ComponentNotFoundError(f"no component {name}; looked for {looked}", where=f"component {name}", next_step=step)


def _plain_places(name: str) -> tuple[str, ...]:
    return (f"src/{name}", f"src/{name}.py", name, f"{name}.py")


def _outermost(layout: Layout, candidates: Collection[str]) -> tuple[str, ...]:
    """Drop what lies inside another candidate: `a/a.py` is part of `a`. A bare folder around a candidate is none itself."""
    around = {folder for source in candidates for folder in _folders(source)}
    direct = {dirname(path) for path in layout.modules}
    real = {source for source in candidates if source not in around or source in direct}
    real = {source.removesuffix("/__init__.py") for source in real}
    return tuple(sorted(source for source in real if real.isdisjoint(_folders(source))))


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


def _own(layout: Layout, source: str) -> frozenset[str]:
    """Return all that a test of the component may be named for."""
    packages = (folder for folder in layout.packages if source == "." or folder.startswith(f"{source}/"))
    return frozenset((source, *layout.inside(source), *packages))


def _owners(layout: Layout, name: str, source: str) -> dict[str, set[str]]:
    """Return what tests may be named for, the component's own name included."""
    return layout.owners | {_normal(name): layout.owners.get(_normal(name), set()) | {source}}


def _tests(layout: Layout, name: str, source: str, imports: Imports | None) -> tuple[str, ...]:
    own, owners = _own(layout, source), _owners(layout, name, source)
    alone = _is_alone(layout, source)

    def belongs(path: str) -> bool:
        inside = source == "." or path.startswith(f"{source}/")
        return inside or (alone and _is_top(path)) or _is_named_for(layout, _named_by(owners, path), own, path, imports)

    return tuple(path for path in layout.tests if belongs(path))


def _is_alone(layout: Layout, source: str) -> bool:
    """Whether it is all that is imported from where it lies: the project's test folder is then wholly its own."""
    own = layout.inside(source)
    roots = {layout.import_root(path) for path in own}
    others = (path for path in layout.modules if layout.import_root(path) in roots and path.split("/", 1)[0] not in _HELPERS)
    return (source in roots or len(layout.dotted(source)) == 1) and set(others) <= set(own)


def _is_top(path: str) -> bool:
    return "/" not in path or path.split("/", 1)[0] in _TESTS


def _is_named_for(layout: Layout, named: Collection[str], own: frozenset[str], path: str, imports: Imports | None) -> bool:
    """Whether what a test is named for is the component; imports decide between it, its namesakes and the package around it."""
    if named and own.issuperset(named):
        return True
    around = {f"{folder}{init}" for source in own for folder in _folders(source) for init in ("", "/__init__.py")}
    if imports is None or not (own | around).intersection(named):
        return False
    return not {".".join(layout.dotted(module)) for module in own & set(layout.modules)}.isdisjoint(imports(path))


def _named_by(owners: Mapping[str, set[str]], path: str) -> set[str]:
    """Return what a test file is named for; `test_a_generated.py` may be for `a_generated.py`, or a generated one for `a.py`."""
    named = _named_for(owners, _test_parts(path))
    plain = _GENERATED.sub(".py", path)
    return named if plain == path else named | _named_for(owners, _test_parts(plain))


def _named_for(owners: Mapping[str, set[str]], parts: Sequence[str]) -> set[str]:
    """Return the modules and packages that a test's path names: the longest name that fits, else its longest beginning.

    Leading folders that name nothing (`unit`, `integration`) are left out.
    """
    words = _normal("_".join(parts)).split("_")
    if owned := owners.get("_".join(words)):
        return owned
    if len(parts) > 1 and _normal(parts[0]) not in owners:
        return _named_for(owners, parts[1:])
    beginnings = ("_".join(words[:end]) for end in range(len(words), 0, -1))
    return next((owners[each] for each in beginnings if each in owners), set())


def _test_parts(path: str) -> list[str]:
    """Return what a test's path says: `tests/a/test_b.py` and `src/a/tests/test_b.py` say `a`, `b`."""
    *folders, file = path.split("/")
    stem = file.removesuffix(".py").removeprefix("test_").removesuffix("_test")
    return [*(folder for folder in folders if folder not in _TESTS and folder != "src"), stem]


def _tests_folder(layout: Layout, source: str, tests: Sequence[str]) -> str:
    """Return where a new test goes: beside the existing ones, else mirrored under the project's test folder."""
    if tests:
        return _shared_folder(tests)
    tops = {path.split("/", 1)[0] for path in layout.tests}
    top = "test" if "test" in tops and "tests" not in tops else "tests"
    if _is_alone(layout, source) or source not in {*layout.modules, *layout.packages}:
        return top
    dotted = layout.dotted(source)
    return "/".join((top, *(dotted[:-1] if source.endswith(".py") else dotted)))


def _shared_folder(tests: Sequence[str]) -> str:
    """Return the folder that holds all the tests, or most of them where they share none that is for tests."""
    folders = Counter(dirname(path) or "." for path in tests)
    shared = commonpath(list(folders)) or "."
    if len(folders) == 1 or not _TESTS.isdisjoint(shared.split("/")):
        return shared
    return min(folders, key=lambda folder: (-folders[folder], len(folder), folder))


def _is_test(path: str) -> bool:
    file = basename(path)
    return file.endswith("_test.py") or (file.startswith("test_") and file.endswith(".py"))


def _folders(path: str) -> tuple[str, ...]:
    """Return the folders above a path, outermost first: of `a/b/c.py`, `a` and `a/b`."""
    parts = path.split("/")[:-1]
    return tuple("/".join(parts[: end + 1]) for end in range(len(parts)))


def _endings(dotted: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a dotted path ends in, shortest first: of `a.b.c`, `c`, `b_c` and `a_b_c`."""
    return tuple(_normal("_".join(dotted[start:])) for start in range(len(dotted) - 1, -1, -1))


def _normal(name: str) -> str:
    return re.sub(r"[-.]", "_", name).lower()
