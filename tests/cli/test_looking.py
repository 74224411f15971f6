"""Commands that only look: a folder that nothing was begun in stays as it was, and a login's lack of a right is no bug."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec2prod.cli import main

URL = "SPEC2PROD_DATABASE_URL"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are called: a project that nothing was begun in."""
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(URL, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["runs"], 0, "no run was begun here"),
        (["resume", "1f0c"], 2, "no run begins with '1f0c'"),
        (["retry", "1f0c", "--from", "testing"], 2, "no run begins with '1f0c'"),
        (["cancel", "1f0c"], 2, "no run begins with '1f0c'"),
        (["queue"], 0, "nothing is in the queue of "),
        (["queue", "report", "api"], 2, "there is no job 'api'"),
        (["queue", "remove", "api"], 2, "there is no job 'api'"),
        (["queue", "drain", "vm-1"], 2, "there is no worker 'vm-1'"),
        (["defects"], 0, "no suspected defect is open"),
        (["defects", "show", "1f0c"], 2, "1f0c"),
        (["cache", "stats"], 0, "0 answers"),
        (["cache", "prune"], 0, "0 answers let go"),
        (["releases"], 0, ""),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_who_looks_where_nothing_was_begun_leaves_nothing_there(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    assert main(words) == code
    told = capsys.readouterr()
    assert says in told.out + told.err
    assert [each.name for each in folder.iterdir()] == ["pyproject.toml"]


@pytest.mark.parametrize("words", [["runs"], ["queue"], ["defects"], ["cache", "stats"]], ids=" ".join)
@pytest.mark.parametrize("url", ["mysql://ada:hunter@db/x", "postgresql://ada:hunter@[::1/x"])
def test_a_database_of_no_known_kind_is_one_mistake_with_one_exit_code_everywhere(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], url: str
) -> None:
    monkeypatch.setenv(URL, url)
    assert main(words) == 2
    told = capsys.readouterr().err
    assert URL in told
    assert "postgresql://" in told, "and what to write instead"
    assert "hunter" not in told
    assert "\\S" not in told, "and no regular expression"
    assert [each.name for each in folder.iterdir()] == ["pyproject.toml"]
