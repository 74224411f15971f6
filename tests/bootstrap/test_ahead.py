"""Which commands get a head start: those that the last run with the question says will be asked again, and no others."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from spec2prod.adapters import standing
from spec2prod.adapters.host.starting import handed_on
from spec2prod.adapters.standing import SECRET, Look, Start, Starts
from spec2prod.bootstrap.ahead import WORTH_MS, Ahead, head_start
from spec2prod.bootstrap.standing import Asked
from spec2prod.domain.command import Command

_LONG_AGO = 1_700_000_000


@pytest.fixture
def question(tmp_path: Path) -> Asked:
    """Return a question to a project of two old files."""
    root = tmp_path / "project"
    for name in ("sums.py", "test_sums.py"):
        root.mkdir(exist_ok=True)
        _write(root / name, "old\n")
    return Asked(root=str(root), key="0" * 32, outputs=(), begun_ns=time.time_ns(), look=Look(str(root), "0" * 32, ()))


def _write(file: Path, text: str) -> None:
    file.write_text(text)
    os.utime(file, (_LONG_AGO, _LONG_AGO))


def _start(question: Asked, tool: str, *reads: str, wall_ms: float = 2 * WORTH_MS, is_answered: bool = True) -> Start:
    return Start(
        tool=tool,
        argv=[sys.executable, "-c", f"open('{tool}', 'w').write('{SECRET}'); import time; time.sleep(60)"],
        cwd=str(Path(question.root).parent),
        env={},
        answer="",
        timeout_s=60.0,
        reads=list(reads),
        answered=[standing.contents(question.root, reads)] if is_answered else [],
        wall_ms=wall_ms,
    )


def _asked_now(question: Asked) -> Asked:
    return question._replace(begun_ns=time.time_ns(), look=Look(question.root, question.key, question.outputs))


def _started(question: Asked, *starts: Start, at_once: bool = True, most: int = 4) -> list[str]:
    """Name the tools that were started, in their order."""
    standing.keep_starts(question.root, question.key, Starts(watched=[], at_once=most, starts=list(starts)))
    with head_start(_asked_now(question), at_once=at_once) as ahead:
        assert ahead is not None
        told = ahead.host.end()
    return [each.command.tool for each in reversed(told)]


def test_an_unchanged_or_answered_state_starts_nothing(question: Asked) -> None:
    assert _started(question, _start(question, "tests", "sums.py", "test_sums.py")) == []


def test_what_reads_a_changed_file_is_started_the_slowest_first(question: Asked) -> None:
    starts = [
        _start(question, "lint", "sums.py", wall_ms=WORTH_MS - 1),
        _start(question, "types", "sums.py"),
        _start(question, "tests", "sums.py", "test_sums.py", wall_ms=9 * WORTH_MS),
        _start(question, "others", "test_sums.py"),
    ]
    _write(Path(question.root, "sums.py"), "new\n")
    assert _started(question, *starts) == ["tests", "types"]
    assert _started(question, *starts, most=1) == ["tests"]


def test_where_one_follows_the_other_only_the_first_is_started(question: Asked) -> None:
    starts = [_start(question, "types", "sums.py"), _start(question, "tests", "sums.py", wall_ms=9 * WORTH_MS)]
    _write(Path(question.root, "sums.py"), "new\n")
    assert _started(question, *starts, at_once=False) == ["types"]


def test_what_could_not_be_answered_is_started_again(question: Asked) -> None:
    assert _started(question, _start(question, "tests", "sums.py", is_answered=False)) == ["tests"]


def test_a_file_written_a_moment_ago_starts_nothing(question: Asked) -> None:
    start = _start(question, "tests", "sums.py")
    Path(question.root, "sums.py").write_text("new\n")
    assert _started(question, start) == []


def test_a_file_changed_after_the_start_is_not_believed(question: Asked) -> None:
    start = _start(question, "tests", "sums.py", is_answered=False)
    with head_start(question, at_once=True) as ahead:
        assert ahead is not None
        ahead.known = Starts(watched=[], at_once=4, starts=[start])
        ahead.begin(at_once=True)
        Path(question.root, "sums.py").write_text("new\n")
        assert ahead.host.take(_command(start, ahead), handed_on()) is None
        assert [each.exit_code for each in ahead.host.end()] == [-9]


def test_the_run_s_own_secret_takes_its_place(question: Asked) -> None:
    start = _start(question, "tests", "sums.py", is_answered=False)
    standing.keep_starts(question.root, question.key, Starts(watched=[], at_once=4, starts=[start]))
    with head_start(question, at_once=True) as ahead:
        assert ahead is not None
        taken = ahead.host.take(_command(start, ahead), handed_on())
        assert taken is not None
        taken.process.kill()
        taken.process.communicate()


def test_a_record_is_used_once(question: Asked) -> None:
    standing.keep_starts(question.root, question.key, Starts(watched=["here"], at_once=3, starts=[_start(question, "tests", "sums.py")]))
    taken = standing.take_starts(question.root, question.key)
    assert taken is not None
    assert (taken.watched, taken.at_once, taken.starts) == (["here"], 3, [_start(question, "tests", "sums.py")])
    assert standing.take_starts(question.root, question.key) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', '{"format": 2, "starts": [[], 1, [["too", "short"]]]}'])
def test_a_record_that_cannot_be_read_is_none(question: Asked, text: str) -> None:
    standing.keep_starts(question.root, question.key, Starts(watched=[], at_once=1, starts=[]))
    (file,) = Path(question.root, standing.FOLDER).iterdir()
    file.write_text(text)
    assert standing.take_starts(question.root, question.key) is None


def _command(start: Start, ahead: Ahead) -> Command:
    argv = tuple(word.replace(SECRET, ahead.host.secret) for word in start.argv)
    return Command(tool=start.tool, argv=argv, cwd=Path(start.cwd), timeout_s=start.timeout_s)
