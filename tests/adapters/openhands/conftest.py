"""A small project on disk, and the real agent server where it is installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest

from spec2prod.adapters.openhands.environment import Environment, find
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.adapters.sandbox import Sandbox, find_sandbox
from spec2prod.adapters.tree import ProjectTree
from spec2prod.domain.candidate import TestRequest

MODULE = "src/shop/prices.py"
TEST_FILE = "tests/test_prices_generated.py"
CODE = '"""Prices."""\n\n\ndef total(prices: list[int]) -> int:\n    """Return the sum."""\n    return sum(prices)\n'


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
def workplace(project: Path, tmp_path: Path, sandbox: Sandbox) -> Workplace:
    """Return a run's folders, without an agent server."""
    return workplace_in(project, tmp_path.name, sandbox)


@pytest.fixture
def place(workplace: Workplace, environment: Environment) -> Workplace:
    """Return a run's folders with an agent server of its own."""
    return replace(workplace, environment=environment)


@pytest.fixture
def place_in(sandbox: Sandbox) -> Callable[[Path, str], Workplace]:
    """Return what makes a run's folders in another project."""
    return lambda project, run_id: workplace_in(project, run_id, sandbox)


def workplace_in(project: Path, run_id: str, sandbox: Sandbox) -> Workplace:
    """Return the folders of a run. Runs have IDs of their own: with one ID they share conversations, as they should."""
    tree = ProjectTree(project, run_id)
    return Workplace(run_id=run_id, run_folder=tree.run_folder, tree=tree, interpreter=Path(sys.executable), environment=None, box=sandbox)
