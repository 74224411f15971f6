"""What `spec2prod trace` tells to do next is done as it stands there, from wherever in the project."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from spec2prod.cli import main

FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-p no:hypothesispytest -p no:asyncio"\n',
    "lib/alpha/__init__.py": "def add(a, b):\n    return a + b\n",
    "other/alpha/__init__.py": "def add(a, b):\n    return a - b\n",
    "spec.md": "# Alpha\n\n## Requirements\n\n- REQ-1: adds\n",
    "lib/alpha/tests/test_alpha.py": 'import pytest\n\n\n@pytest.mark.requirement("REQ-1")\ndef test_add():\n    assert True\n',
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two components of one name: only a path tells which is meant. The screen rejects its test, so that no mutant is tried."""
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPEC2PROD_DATABASE_URL", "none")
    return tmp_path


def test_the_command_that_judges_names_the_component_by_its_path_where_that_was_needed_and_works_when_copied(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["trace", "--spec", "spec.md", "--component", "alpha", "--component-path", "lib/alpha", "--json"])
    command = json.loads(capsys.readouterr().out)["next_step"]
    for folder in (project, project / "other"):
        monkeypatch.chdir(folder)
        main([*shlex.split(command)[1:], "--json"])
        (judged,) = json.loads(capsys.readouterr().out)["tests"]
        assert (judged["file"], judged["verdict"]) == ("lib/alpha/tests/test_alpha.py", "rejected"), command
