"""What a plan says of the project's tests that it leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec2prod.bootstrap.planning import prepare
from spec2prod.bootstrap.request import Request


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    for path, text in {
        "pyproject.toml": "[tool.spec2prod]\n",
        "sort/__init__.py": "def up() -> int:\n    return 1\n",
        "spec.md": "# Sort\n\n## Requirements\n\n- It sorts\n",
        "checks/test_sort.py": "import sort\n",
        "checks/test_flow.py": "import subprocess\n",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return Request(spec=tmp_path / "spec.md", component="sort", target="development", async_mode=False, root=tmp_path)


def test_tests_that_no_component_has_are_told_by_plan_and_run(request_: Request, tmp_path: Path) -> None:
    told = "1 test file belongs to no component, and is left out: checks/test_flow.py"
    assert any(clause.startswith(told) for clause in prepare(request_, "r1")[0].left_out)
    (tmp_path / "checks/test_flow.py").write_text("from sort import up\n")
    assert not any("belongs to no component" in clause for clause in prepare(request_, "r2")[0].left_out)
