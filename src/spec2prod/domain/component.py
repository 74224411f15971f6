"""What is promoted: a package or a module, its tests, and where they lie in the project."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component found in a project. Every path but `root` is relative to it, in POSIX form.

    `import_root` is what must be on `sys.path` ("src" or "."); `modules` are the component's Python files;
    `tests` are its existing test files, sorted; `tests_folder` is where a new test goes, next to the
    existing layout. `source` is the package's folder or the single module's file. `data` is what else takes part in
    what is measured: the other files of a package's folder, and the `conftest.py` files of its tests. `named_by_path` says that its
    name alone may not tell where it lies: whoever asked gave its path.
    """

    name: str
    root: Path
    source: str
    import_root: str
    modules: tuple[str, ...]
    tests: tuple[str, ...] = ()
    tests_folder: str = "tests"
    interpreter: Path
    data: tuple[str, ...] = ()
    named_by_path: bool = field(default=False, compare=False)

    def dotted(self, module: str) -> str:
        """Return the import name of one of the component's files: `src/a/b.py` is `a.b` under `src`."""
        parts = Path(module).relative_to(self.import_root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

    @property
    def files(self) -> tuple[str, ...]:
        """Return everything that is the component's own: its modules, its tests and its data."""
        return (*self.modules, *self.tests, *self.data)
