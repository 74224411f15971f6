"""What is known of single files: never another answer than asking would give, and nothing asked twice."""

from __future__ import annotations

import hashlib
import sqlite3
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec2prod.workers import static_kept
from spec2prod.workers.static_kept import Kept, Parts, context


class Asking:
    """A question to files, that tells of each its bytes; `asked` is what it was asked about."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []

    def __call__(self, paths: list[str]) -> Parts:
        self.asked += paths
        return {path: hashlib.sha256((self.root / path).read_bytes()).hexdigest() for path in paths}


names = st.sampled_from(["a.py", "b.py", "c.py"])


@settings(max_examples=30)
@given(st.lists(st.dictionaries(names, st.binary(max_size=2), min_size=1), min_size=1, max_size=5))
def test_the_answers_are_those_of_asking_and_no_state_of_a_file_is_asked_about_twice(states: list[dict[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        place, seen = str(root / "kept" / "parts.sqlite"), set[tuple[str, bytes]]()
        for state in states:
            for name, content in state.items():
                (root / name).write_bytes(content)
            asking = Asking(root)
            assert Kept(place).parts("q", root, state, asking) == Asking(root)(list(state))
            assert set(asking.asked) == {name for name, content in state.items() if (name, content) not in seen}
            seen |= set(state.items())


def test_another_question_name_or_surroundings_is_another_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("same")
    place, asking = str(tmp_path / "parts.sqlite"), Asking(tmp_path)
    Kept(place).parts("q", tmp_path, ["a.py"], asking)
    Kept(place).parts("q", tmp_path, ["a.py", "b.py"], asking)
    Kept(place).parts("r", tmp_path, ["a.py"], asking)
    monkeypatch.setattr(static_kept, "context", lambda: "another Python, other packages, other code")
    Kept(place).parts("q", tmp_path, ["a.py"], asking)
    assert asking.asked == ["a.py", "b.py", "a.py", "a.py"]


def test_an_installed_package_is_part_of_the_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    told = [context()]
    (record := tmp_path / "bandit-1.dist-info" / "RECORD").parent.mkdir()
    for content in ("bandit/a.py,sha256=1,1\n", "bandit/a.py,sha256=2,1\n"):
        record.write_text(content)
        told.append(context())
    assert len(set(told)) == len(told)


def test_a_file_that_changes_while_it_is_asked_about_is_asked_about_again(tmp_path: Path) -> None:
    (file := tmp_path / "a.py").write_text("before")
    asking = Asking(tmp_path)

    def changing(paths: list[str]) -> Parts:
        file.write_text("after")
        return asking(paths)

    place = str(tmp_path / "parts.sqlite")
    Kept(place).parts("q", tmp_path, ["a.py"], changing)
    file.write_text("before")
    wanted = Asking(tmp_path)(["a.py"])
    assert Kept(place).parts("q", tmp_path, ["a.py"], asking) == wanted
    assert asking.asked == ["a.py", "a.py"]


def test_what_could_not_be_answered_of_a_file_is_not_kept(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(name)
    place, asked = str(tmp_path / "parts.sqlite"), list[list[str]]()

    def ask(paths: list[str]) -> Parts:
        asked.append(paths)
        return {"a.py": 1}

    for _ in range(2):
        assert Kept(place).parts("q", tmp_path, ["a.py", "b.py", "gone.py"], ask) == {"a.py": 1}
    assert asked == [["a.py", "b.py", "gone.py"], ["b.py", "gone.py"]]


def test_a_file_that_is_no_database_is_told_and_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text("x")
    (place := tmp_path / "parts.sqlite").write_text("this was never a database " * 100)
    asking = Asking(tmp_path)
    for _ in range(3):
        assert Kept(str(place)).parts("q", tmp_path, ["a.py"], asking) == Asking(tmp_path)(["a.py"])
    assert asking.asked == ["a.py"] * 2
    assert capsys.readouterr().err == "what was found in files is not kept: file is not a database\n"


def test_a_place_that_cannot_be_written_is_told_and_everything_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text("x")
    asking = Asking(tmp_path)
    assert Kept(str(tmp_path / "a.py" / "parts.sqlite")).parts("q", tmp_path, ["a.py"], asking) == Asking(tmp_path)(["a.py"])
    assert "is not kept" in capsys.readouterr().err


def test_the_least_recently_used_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_kept, "_MOST", 10)
    monkeypatch.setattr(static_kept, "_DAY_S", 0.0)
    place, asking = tmp_path / "parts.sqlite", Asking(tmp_path)
    names = [f"{number}.py" for number in range(12)]
    for name in names:
        (tmp_path / name).write_text(name)
        Kept(str(place)).parts("q", tmp_path, [name], asking)
        Kept(str(place)).parts("q", tmp_path, names[:1], asking)
    database = sqlite3.connect(place)
    assert 9 <= database.execute("select count(*) from parts").fetchone()[0] <= 10
    database.close()
    Kept(str(place)).parts("q", tmp_path, ["11.py", "0.py", "1.py"], asking)
    assert asking.asked == [*names, "1.py"]


def test_two_at_once_lose_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{number}.py" for number in range(40)]
    for name in names:
        (tmp_path / name).write_text(name)
    place = str(tmp_path / "parts.sqlite")

    def work(own: list[str]) -> None:
        for name in own:
            Kept(place).parts("q", tmp_path, [name], Asking(tmp_path))

    threads = [threading.Thread(target=work, args=(names[number::2],)) for number in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    asking = Asking(tmp_path)
    Kept(place).parts("q", tmp_path, names, asking)
    assert (asking.asked, capsys.readouterr().err) == ([], "")


def test_without_a_place_everything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    asking = Asking(tmp_path)
    for _ in range(2):
        Kept("").parts("q", tmp_path, ["a.py"], asking)
    assert asking.asked == ["a.py"] * 2
    assert Kept("").parts("q", tmp_path, [], asking) == {}
