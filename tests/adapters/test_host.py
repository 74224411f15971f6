from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import sys
from pathlib import Path

import psutil
import pytest

from spec2prod.adapters.host import COULD_NOT_START, KeptOutput, ProcessHost
from spec2prod.application.ports import Host
from spec2prod.domain.command import Command, Completed


def python(code: str, tmp_path: Path, **parts: object) -> Command:
    return Command(tool="python", argv=(sys.executable, "-c", code), cwd=tmp_path, **parts)  # type: ignore[arg-type]


def run(command: Command, host: ProcessHost | None = None) -> Completed:
    return asyncio.run((host or ProcessHost(grace_s=0.3)).run(command))


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # an orphan that nobody reaps is dead all the same
    except psutil.NoSuchProcess:
        return True


def test_output_answer_and_figures_come_back(tmp_path: Path) -> None:
    code = "import sys, os; print('out'); print('err', file=sys.stderr); open(sys.argv[1], 'w').write('{}'); sys.exit(3)"
    command = Command(
        tool="python", argv=(sys.executable, "-c", code, "{scratch}/deep.json"), cwd=tmp_path, answer="deep.json", env={"A": "{scratch}"}
    )
    host = ProcessHost()
    meets_the_port: Host = host
    completed = run(command, host)
    assert meets_the_port is host
    assert (completed.exit_code, completed.stdout, completed.stderr, completed.answer) == (3, "out\n", "err\n", "{}")
    assert completed.wall_ms > 0
    assert completed.cpu_ms > 0
    assert completed.peak_memory_mb > 1
    assert host.processes == [completed]
    assert host.started == 1


def test_the_first_start_is_told_once(tmp_path: Path) -> None:
    told: list[int] = []
    host = ProcessHost(begun=lambda: told.append(host.started))
    run(Command(tool="ruff", argv=("no-such-program",), cwd=tmp_path), host)
    assert told == []
    for _ in range(2):
        run(python("", tmp_path), host)
    assert told == [1]


def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    host = ProcessHost()
    absent = run(Command(tool="ruff", argv=("no-such-program",), cwd=tmp_path), host)
    assert absent.not_found
    assert absent.ending() == "ruff is not installed (no-such-program not found)"
    homeless = run(Command(tool="ruff", argv=(sys.executable,), cwd=tmp_path / "gone"), host)
    assert (homeless.exit_code, homeless.not_found) == (COULD_NOT_START, False)
    assert "no folder" in homeless.stderr
    forbidden = run(Command(tool="ruff", argv=(str(tmp_path),), cwd=tmp_path), host)
    assert forbidden.exit_code == COULD_NOT_START
    assert run(Command(tool="ruff", argv=("a\0b",), cwd=tmp_path), host).exit_code == COULD_NOT_START
    assert host.started == 0
    assert len(host.processes) == 4


def test_a_process_that_kills_itself_has_a_negative_exit_code(tmp_path: Path) -> None:
    assert run(python("import os; os.kill(os.getpid(), 9)", tmp_path)).exit_code == -signal.SIGKILL


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
family = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=new) for new in (False, True)]
print(os.getpid(), *(each.pid for each in family), flush=True)
"""


def test_at_the_time_limit_the_whole_family_is_killed(tmp_path: Path) -> None:
    completed = run(python(STUBBORN + "time.sleep(600)", tmp_path, timeout_s=2.0))
    assert completed.timed_out
    assert completed.exit_code is None
    pids = [int(pid) for pid in completed.stdout.split()]
    assert len(pids) == 3
    assert all(is_gone(pid) for pid in pids)


def test_children_left_behind_by_a_finished_command_are_killed(tmp_path: Path) -> None:
    completed = run(python(STUBBORN, tmp_path))
    assert completed.exit_code == 0
    pids = [int(pid) for pid in completed.stdout.split()]
    assert len(pids) == 3
    assert all(is_gone(pid) for pid in pids)


ANNOUNCED = (
    STUBBORN
    + """
with open("part", "w") as file: print(os.getpid(), *(each.pid for each in family), file=file)
os.rename("part", "told")
time.sleep(600)
"""
)


def test_a_cancelled_call_leaves_no_process_behind_and_tells_what_it_cost(tmp_path: Path) -> None:
    told = tmp_path / "told"
    host = ProcessHost(grace_s=0.1)

    async def cancelled() -> None:
        task = asyncio.create_task(host.run(python(ANNOUNCED, tmp_path)))
        while not told.exists() and not task.done():  # noqa: ASYNC110 - another process tells
            await asyncio.sleep(0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(cancelled())
    pids = [int(pid) for pid in told.read_text().split()]
    assert len(pids) == 3
    assert all(is_gone(pid) for pid in pids)
    (process,) = host.processes
    assert (process.exit_code in {-15, -9}, process.cpu_ms > 0, process.wall_ms > 0, process.timed_out) == (True, True, True, False)


def test_the_environment_is_small_and_stdin_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOME_API_KEY", "PYTEST_ADDOPTS", "HTTPS_PROXY", "KEPT"):
        monkeypatch.setenv(name, "value")
    code = "import os, sys; print(sorted(os.environ)); print(repr(sys.stdin.read())); print(os.environ['TMPDIR'])"
    completed = run(python(code, tmp_path, env={"ADDED": "1"}), ProcessHost(keep=("KEPT",)))
    names, stdin, temporary = completed.stdout.splitlines()
    assert "'ADDED'" in names
    assert "'KEPT'" in names
    assert "'PATH'" in names
    assert not any(name in names for name in ("SOME_API_KEY", "PYTEST_ADDOPTS", "HTTPS_PROXY"))
    assert stdin == "''"
    assert not Path(temporary).exists()


def test_two_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.6: pass\nprint('busy')"
    idle = "import time; time.sleep(0.3); print('idle')"
    big = "x = bytearray(400 * 2**20)\nfor i in range(0, len(x), 4096): x[i] = 1"

    async def at_once() -> list[Completed]:
        host = ProcessHost()
        return await asyncio.gather(*(host.run(python(code, tmp_path)) for code in (busy, idle, big)))

    first, second, third = asyncio.run(at_once())
    assert (first.stdout, second.stdout) == ("busy\n", "idle\n")
    assert first.cpu_ms >= 600
    assert second.cpu_ms < first.cpu_ms
    assert 400 < third.peak_memory_mb < 600
    assert 1 < second.peak_memory_mb < 100


def test_100_mb_of_output_cost_no_memory(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = "import sys; sys.stdout.write('first\\n'); [sys.stdout.write('x' * 1_000_000) for _ in range(100)]; sys.stdout.write('\\nlast')"
    completed = run(python(code, tmp_path))
    assert completed.stdout.startswith("first\n")
    assert completed.stdout.endswith("\nlast")
    assert "bytes left out" in completed.stdout
    assert len(completed.stdout) < 5_000_000
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 60


def test_kept_output_is_exact_up_to_its_limits() -> None:
    async def kept(*chunks: bytes) -> str:
        output = KeptOutput(head_bytes=4, tail_bytes=3)
        for chunk in chunks:
            output.data_received(chunk)
        return output.text()

    assert asyncio.run(kept(b"ab", b"cdefg")) == "abcdefg"
    assert asyncio.run(kept(*[b"%d" % (digit % 10) for digit in range(20)])) == "0123\n… 13 bytes left out …\n789"


def test_an_answer_that_is_no_file_is_none(tmp_path: Path) -> None:
    completed = run(
        Command(tool="t", argv=(sys.executable, "-c", "import os,sys; os.mkdir(sys.argv[1])", "{scratch}/a"), cwd=tmp_path, answer="a")
    )
    assert completed.answer is None
