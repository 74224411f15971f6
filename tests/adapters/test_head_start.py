"""Commands with a head start: taken over as the one start that they are, or ended whole and not believed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.host.ahead import HeadStart
from spec2prod.domain.command import Command, Completed

_NOTES_ITSELF = "import os; open('starts', 'a').write(f'{os.getpid()}\\n'); print(os.getpid())"
_PATIENCE_S = 20.0


def _command(code: str, folder: Path, **parts: object) -> Command:
    return Command(tool="python", argv=(sys.executable, "-c", code), cwd=folder, **parts)  # type: ignore[arg-type]


def _run(command: Command, ahead: HeadStart, **parts: object) -> tuple[Completed, ProcessHost]:
    host = ProcessHost(grace_s=0.3, ahead=ahead, **parts)  # type: ignore[arg-type]
    return asyncio.run(host.run(command)), host


def _starts(folder: Path) -> list[str]:
    file = folder / "starts"
    return file.read_text().split() if file.exists() else []


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def _ahead(*commands: Command, unchanged: Callable[[], bool] = lambda: True) -> Iterator[HeadStart]:
    head_start = HeadStart(unchanged)
    try:
        for command in commands:
            head_start.start(command)
        yield head_start
    finally:
        head_start.end()


def test_the_same_command_is_taken_over_and_not_started_again(tmp_path: Path) -> None:
    command = _command(_NOTES_ITSELF, tmp_path)
    told: list[int] = []
    with _ahead(command) as ahead:
        _until(lambda: len(_starts(tmp_path)) == 1)
        completed, host = _run(command, ahead, begun=lambda: told.append(1))
        assert ahead.end() == ()
    assert [completed.stdout.strip()] == _starts(tmp_path)
    assert (completed.exit_code, host.started, host.processes, told) == (0, 1, [completed], [1])
    assert 0 < completed.ahead_ms <= completed.wall_ms


def test_it_is_taken_over_once_and_then_asked_anew(tmp_path: Path) -> None:
    command = _command(_NOTES_ITSELF, tmp_path)
    with _ahead(command) as ahead:
        first, _ = _run(command, ahead)
        second, _ = _run(command, ahead)
    assert first.stdout != second.stdout
    assert second.ahead_ms == 0
    assert len(_starts(tmp_path)) == 2


def test_its_answer_file_is_read_and_its_folder_taken_away(tmp_path: Path) -> None:
    command = replace(_command("import sys; open(sys.argv[1], 'w').write(sys.argv[1])", tmp_path), answer="answer")
    command = replace(command, argv=(*command.argv, "{scratch}/answer"))
    with _ahead(command) as ahead:
        completed, _ = _run(command, ahead)
    assert completed.answer is not None
    assert completed.answer.endswith("/answer")
    assert not Path(completed.answer).parent.exists()


@pytest.mark.parametrize(
    "other",
    [
        lambda command: replace(command, argv=(*command.argv, "--nonce=other")),
        lambda command: replace(command, env={"SOME": "thing"}),
        lambda command: replace(command, cwd=command.cwd.parent),
        lambda command: replace(command, timeout_s=command.timeout_s + 1),
    ],
)
def test_another_command_of_the_tool_ends_it_and_is_asked_itself(tmp_path: Path, other: Callable[[Command], Command]) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    sleeping = _command("import os, time; print(os.getpid(), flush=True); time.sleep(60)", folder)
    with _ahead(sleeping) as ahead:
        asked = other(replace(sleeping, argv=(*sleeping.argv[:2], "print('asked')")))
        completed, host = _run(asked, ahead)
        (given_up,) = ahead.end()
    assert (completed.stdout, completed.ahead_ms, host.processes) == ("asked\n", 0, [completed])
    assert (given_up.command, given_up.exit_code) == (sleeping, -9)
    assert given_up.ahead_ms == given_up.wall_ms > 0


def test_other_variables_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = _command(_NOTES_ITSELF + "; import time; time.sleep(0.2)", tmp_path)
    with _ahead(command) as ahead:
        monkeypatch.setenv("TZ", "Antarctica/Troll")
        completed, _ = _run(command, ahead)
        assert len(ahead.end()) == 1
    assert completed.ahead_ms == 0


def test_what_changed_since_its_start_is_asked_anew(tmp_path: Path) -> None:
    read = tmp_path / "read"
    read.write_text("before")
    command = _command("print(open('read').read())", tmp_path)
    with _ahead(command, unchanged=lambda: read.read_text() == "before") as ahead:
        read.write_text("after")
        completed, host = _run(command, ahead)
        assert len(ahead.end()) == 1
    assert (completed.stdout, completed.ahead_ms, host.started) == ("after\n", 0, 1)


def test_what_nobody_asks_for_is_ended_with_its_family_and_its_cost_is_told(tmp_path: Path) -> None:
    child = "import os, time; open('starts', 'a').write(f'{os.getpid()}\\n'); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True); {child}"
    with _ahead(_command(code, tmp_path)) as ahead:
        _until(lambda: len(_starts(tmp_path)) == 2)
        (given_up,) = ahead.end()
        assert ahead.end() == (given_up,)
    _until(lambda: all(_is_gone(int(pid)) for pid in _starts(tmp_path)))
    assert given_up.cpu_ms > 0


def test_its_time_limit_counts_from_its_start(tmp_path: Path) -> None:
    command = _command("import time; time.sleep(60)", tmp_path, timeout_s=0.3)
    with _ahead(command) as ahead:
        time.sleep(0.3)
        completed, _ = _run(command, ahead)
    assert completed.timed_out


def test_what_cannot_be_started_is_left_to_who_asks(tmp_path: Path) -> None:
    command = Command(tool="ruff", argv=("no-such-program",), cwd=tmp_path)
    with _ahead(command) as ahead:
        assert ahead.began is None
        completed, _ = _run(command, ahead)
    assert completed.not_found


def test_a_killed_process_leaves_no_head_start_behind(tmp_path: Path) -> None:
    sleeping = _NOTES_ITSELF + "; import time; time.sleep(60)"
    code = (
        "import os, signal, sys, time\nfrom pathlib import Path\nfrom spec2prod.adapters.host.ahead import HeadStart\n"
        "from spec2prod.domain.command import Command\n"
        "ahead = HeadStart(lambda: True)\n"
        f"ahead.start(Command(tool='t', argv=(sys.executable, '-c', {sleeping!r}), cwd=Path.cwd()))\n"
        "while not Path('starts').exists(): time.sleep(0.01)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=_PATIENCE_S, check=False)
    assert ended.returncode == -9
    _until(lambda: all(_is_gone(int(pid)) for pid in _starts(tmp_path)) and len(_starts(tmp_path)) == 1)


def test_a_head_start_imports_nothing_of_what_a_run_needs() -> None:
    code = (
        "import sys, spec2prod.cli.run, spec2prod.bootstrap.ahead; print({'asyncio', 'psutil', 'pydantic', 'sqlite3'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=_PATIENCE_S, check=True)
    assert told.stdout.strip() == "set()"
