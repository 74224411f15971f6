"""A small project on disk, its real copies, and the real agent server where it is installed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest

from spec2prod.adapters.openhands.environment import Environment, find
from spec2prod.adapters.openhands.writer import Workplace
from spec2prod.adapters.sandbox import Sandbox, find_sandbox
from spec2prod.application.ports import Tree
from spec2prod.domain.candidate import TestRequest

MODULE = "src/shop/prices.py"
TEST_FILE = "tests/test_prices_generated.py"
CODE = '"""Prices."""\n\n\ndef total(prices: list[int]) -> int:\n    """Return the sum."""\n    return sum(prices)\n'


@dataclass(frozen=True)
class FolderTree:
    """A `Tree` over a real folder; copies are made with `shutil`."""

    root: Path
    copies: Path

    def digest(self, paths: Collection[str]) -> str:
        """Not needed here."""
        raise NotImplementedError(paths)

    def read(self, path: str) -> str | None:
        """Return a file's text."""
        file = self.root / path
        return file.read_text() if file.is_file() else None

    def exists(self, path: str) -> bool:
        """Whether something stands there."""
        return (self.root / path).exists()

    async def copy(self, name: str) -> FolderTree:
        """Copy the whole folder."""
        shutil.copytree(self.root, self.copies / name, ignore=shutil.ignore_patterns(".spec2prod"))
        return FolderTree(self.copies / name, self.copies)

    def write_new(self, path: str, text: str) -> None:
        """Not needed here."""
        raise NotImplementedError(path, text)

    def keep(self, name: str, text: str) -> str:
        """Not needed here."""
        raise NotImplementedError(name, text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with one module and no tests."""
    module = tmp_path / "project" / MODULE
    module.parent.mkdir(parents=True)
    module.write_text(CODE)
    (module.parent / "__init__.py").touch()
    return tmp_path / "project"


@pytest.fixture
def request_for_prices() -> TestRequest:
    """Return the task for the project's one module."""
    return TestRequest(module=MODULE, dotted="shop.prices", test_file=TEST_FILE, specification="- total adds up the prices", uncovered=(6,))


@pytest.fixture(scope="session")
def environment() -> Environment:
    """Return the installed agent server; skip where there is none."""
    cache = Path(os.environ.get("SPEC2PROD_CACHE_DIR") or platformdirs.user_cache_dir("spec2prod"))
    found = find(cache)
    if found is None:
        pytest.skip(f"the agent server is not installed in {cache}: run `spec2prod openhands install`")
    return found


@pytest.fixture
def sandbox() -> Sandbox:
    """Return what this machine offers."""
    return find_sandbox()


@pytest.fixture
def tree_of() -> Callable[[Path, Path], Tree]:
    """Return what makes a tree of a folder, and of one for its copies."""
    return FolderTree


@pytest.fixture
def workplace(project: Path, tmp_path: Path, sandbox: Sandbox) -> Workplace:
    """Return a run's folders, without an agent server."""
    run_folder = tmp_path / "project" / ".spec2prod" / "runs" / "r1"
    (run_folder / "workspaces").mkdir(parents=True)
    tree = FolderTree(project, run_folder / "workspaces")
    # A run has an ID of its own: two with one ID would share their conversations on a shared server, as they should.
    return Workplace(
        run_id=tmp_path.name, run_folder=run_folder, tree=tree, interpreter=Path(sys.executable), environment=None, box=sandbox
    )
