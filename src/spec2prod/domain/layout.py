"""A project's file list, asked for what stands where: modules, packages, tests, import roots, dotted names.

Pure: it works on relative POSIX paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from posixpath import basename, dirname, normpath

TEST_FOLDERS = frozenset({"tests", "test"})
_NOT_MODULES = frozenset({"conftest.py", "setup.py", "noxfile.py"})
_NOT_SOURCE_FOLDERS = frozenset({"docs", "doc", "build", "dist"})  # at the top only: `src/app/build/` may well be code
HELPERS = frozenset({"scripts", "tools", "examples", "example", "benchmarks", "docs", "doc", "build", "dist", "noxfile.py", "tasks.py"})
"""What lies at a project's top to help with it, and is no component of its own."""
_HELPERS_UNLESS_PACKAGES = frozenset({"dev", "devel", "ci"})  # of scripts, if no `__init__.py` is there


class Layout:
    """A project's file list, asked for what stands where."""

    def __init__(self, files: Iterable[str]) -> None:
        """Take the relative POSIX paths of the project's files."""
        self.files = tuple(sorted({normpath(path) for path in files}))
        self.present = frozenset(self.files)

    @cached_property
    def tests(self) -> tuple[str, ...]:
        """Return every test file, by pytest's own two patterns."""
        return tuple(path for path in self.files if is_test(path))

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """Return every Python file that can be (part of) a component."""
        return tuple(path for path in self.files if path.endswith(".py") and not self._is_aside(path))

    @cached_property
    def owners(self) -> dict[str, set[str]]:
        """Return what a test may be named for: `b`, `a_b` and so on → the modules and packages `a/b` of that name."""
        owners: dict[str, set[str]] = {}
        for source in (*self.modules, *self.packages):
            for name in name_endings(self.dotted(source)):
                owners.setdefault(name, set()).add(source)
        return owners

    @cached_property
    def imported(self) -> dict[str, str]:
        """Return which file an import loads: `a.b` → `src/a/b.py`."""
        return {".".join(self.dotted(path)): path for path in self.modules}

    @cached_property
    def packages(self) -> tuple[str, ...]:
        """Return every folder that holds modules, at any depth."""
        found = ((folder, self.import_root(path)) for path in self.modules for folder in folders_above(path))
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
        parents = folders_above(source)
        for folder in reversed(parents):
            if basename(folder) == "src" and not self.is_package(folder):
                return folder
        top = source if source.endswith(".py") else f"{source}/__init__.py"
        packaged = [folder for folder in folders_above(top) if self.is_package(folder)]
        if packaged:
            while len(packaged) > 1 and packaged[-2] == dirname(packaged[-1]):
                packaged.pop()
            return dirname(packaged[-1]) or "."
        return next((folder for folder in reversed(parents) if not basename(folder).isidentifier()), ".")

    def is_package(self, folder: str) -> bool:
        """Whether a folder is a regular package."""
        return f"{folder}/__init__.py" in self.present

    def is_helper(self, path: str) -> bool:
        """Whether a file lies in what only helps with the project: scripts, documentation, examples."""
        top = path.split("/", 1)[0]
        return top in HELPERS or (top in _HELPERS_UNLESS_PACKAGES and not self.is_package(top))

    def inside(self, source: str) -> tuple[str, ...]:
        """Return the modules of a folder, or of the file itself."""
        if source in self.present:
            return (source,)
        return tuple(path for path in self.modules if source == "." or path.startswith(f"{source}/"))

    def _is_aside(self, path: str) -> bool:
        parts = path.split("/")
        in_tests = any(folder in self._test_folders for folder in folders_above(path))
        return is_test(path) or in_tests or parts[-1] in _NOT_MODULES or (len(parts) > 1 and parts[0] in _NOT_SOURCE_FOLDERS)

    @cached_property
    def _test_folders(self) -> frozenset[str]:
        """Return folders named `tests`; of those named `test`, only the top one and those that hold tests (`x.test` may be code)."""
        named = {folder for path in self.files for folder in folders_above(path) if basename(folder) in TEST_FOLDERS}
        holding = {dirname(path) for path in self.tests}
        return frozenset(folder for folder in named if basename(folder) == "tests" or folder == "test" or folder in holding)


def is_test(path: str) -> bool:
    """Whether it is a test file by one of pytest's own two patterns."""
    file = basename(path)
    return file.endswith("_test.py") or (file.startswith("test_") and file.endswith(".py"))


def folders_above(path: str) -> tuple[str, ...]:
    """Return the folders above a path, outermost first: of `a/b/c.py`, `a` and `a/b`."""
    parts = path.split("/")[:-1]
    return tuple("/".join(parts[: end + 1]) for end in range(len(parts)))


def name_endings(dotted: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a dotted path ends in, shortest first: of `a.b.c`, `c`, `b_c` and `a_b_c`."""
    return tuple(normal("_".join(dotted[start:])) for start in range(len(dotted) - 1, -1, -1))


def normal(name: str) -> str:
    """Return a name in the one spelling in which names are compared: `My-App` is `my_app`."""
    return re.sub(r"[-.]", "_", name).lower()
