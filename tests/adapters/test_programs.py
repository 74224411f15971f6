from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spec2prod.adapters.programs import basedpyright, checker_table, compiled, our_version, pyproject, ruff_selection
from spec2prod.errors import SettingsError


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_nearest_ruff_configuration_counts_with_what_it_extends(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[tool.ruff.lint]\nselect = ["E"]\n',
        "base.toml": '[lint]\nselect = []\nignore = ["D"]\n',
        "packages/a/ruff.toml": 'extend = "../../base.toml"\n[lint]\nignore = ["F"]\n',
        "packages/a/pyproject.toml": "[tool.other]\nx = 1\n",
        "packages/b/mod.py": "",
    }
    root = write(tmp_path, files)
    assert ruff_selection(root, "packages/a") == {"select": [], "ignore": ["F"]}
    assert ruff_selection(root, "packages/b/mod.py") == {"select": ["E"]}
    assert ruff_selection(root, "packages/b") == {"select": ["E"]}


@pytest.mark.parametrize("text", ["not TOML [", '[tool]\nruff = "x"\n', "tool = 1\n", '[tool.ruff]\nlint = 3\nextend = "pyproject.toml"\n'])
def test_a_ruff_configuration_that_cannot_be_read_is_left_to_ruff(tmp_path: Path, text: str) -> None:
    assert ruff_selection(write(tmp_path, {"pyproject.toml": text}), "a") == {}


def test_a_checkers_own_file_comes_before_pyproject(tmp_path: Path) -> None:
    root = write(tmp_path, {"pyproject.toml": '[tool.pyright]\nignore = ["a"]\n[tool.mypy]\nignore_errors = true\n'})
    assert checker_table(root, "pyright") == {"ignore": ["a"]}
    assert checker_table(root, "basedpyright") == {}
    assert checker_table(root, "mypy") == {"ignore_errors": True}
    write(
        root,
        {
            "pyrightconfig.json": '{\n  // ours\n  "ignore": ["b",],\n}\n',
            "mypy.ini": "[mypy]\nstrict = True\n[mypy-a.*,b]\nignore_errors = yes\n",
        },
    )
    assert checker_table(root, "pyright") == {"ignore": ["b"]}
    write(root, {"ty.toml": '[rules]\nall = "ignore"\n'})
    assert checker_table(root, "ty") == {"rules": {"all": "ignore"}}
    assert checker_table(root, "mypy") == {"ignore_errors": False, "overrides": [{"module": ["a.*", "b"], "ignore_errors": True}]}
    write(root, {"pyrightconfig.json": "{", "mypy.ini": "[mypy\n"})
    assert checker_table(root, "pyright") == {"ignore": ["a"]}
    assert checker_table(root, "mypy") == {"ignore_errors": True}


def test_our_basedpyright_is_started_without_a_python_in_between() -> None:
    assert [Path(each).name for each in basedpyright()] == ["node", "index.js"]


def test_only_our_own_interpreters_version_is_known_without_asking_it(tmp_path: Path) -> None:
    assert our_version(Path(sys.executable)) == ".".join(map(str, tuple(sys.version_info)))
    (tmp_path / "python").symlink_to(sys.executable)  # another environment's, perhaps
    assert not our_version(tmp_path / "python")


def test_what_many_versions_of_node_have_left_is_taken_away(tmp_path: Path) -> None:
    assert not compiled(tmp_path / "none").exists()
    for number in range(32):
        (tmp_path / "node" / f"v{number}").mkdir(parents=True)
    assert len([*compiled(tmp_path / "node").iterdir()]) == 32
    (tmp_path / "node" / "v32").mkdir()
    assert not compiled(tmp_path / "node").exists()


@pytest.mark.parametrize("text", [b"x = \n", b"\xff\xfe"], ids=["no TOML", "no UTF-8"])
def test_a_pyproject_that_cannot_be_read_is_told_with_its_address_and_next_step(tmp_path: Path, text: bytes) -> None:
    assert pyproject(tmp_path) == {}
    (tmp_path / "pyproject.toml").write_bytes(text)
    with pytest.raises(SettingsError, match=r"^pyproject\.toml: cannot be read: ") as refusal:
        pyproject(tmp_path)
    assert refusal.value.next_step == "Mend the file: it must be TOML in UTF-8."
