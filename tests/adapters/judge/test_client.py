"""The judge from our side: the real worker in the real sandbox, and what happens where it cannot answer."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from spec2prod.adapters.judge.client import WORKER, Judge, Mutation
from spec2prod.adapters.judge.place import Bounds, JudgeError, Place
from spec2prod.adapters.judge.reading import Progress, Reader
from spec2prod.adapters.sandbox import Sandbox, find_sandbox
from spec2prod.domain.command import Belongings
from spec2prod.domain.judging import JudgedVerdict, judged
from spec2prod.domain.judging_canaries import canary_file, planted, void_reason
from spec2prod.domain.mutation import Fate

UNIT = "def low(x):\n    return x < 3\n\n\ndef unused():\n    return 1\n"
TESTS = "import unit\n\n\ndef test_low():\n    assert unit.low(2)\n    assert not unit.low(3)\n\n\ndef test_calls():\n    unit.low(1)\n"
ESCAPES = """\
import os, pathlib, socket, unit
def test_writes_into_the_project():
    (pathlib.Path(unit.__file__).parent / "escaped").write_text("x")
def test_sees_no_network():
    socket.create_connection(("127.0.0.1", PORT), timeout=1)
def test_sees_nothing_beside_the_project():
    assert not os.path.exists("SECRET") and unit.low(1)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "unit.py").write_text(UNIT)
    (root / "test_unit.py").write_text(TESTS)
    return root


def place(root: Path, *, box: Sandbox | None = None, interpreter: Path | None = None, bounds: Bounds | None = None) -> Place:
    return Place(
        root=root, import_root=".", interpreter=interpreter or Path(sys.executable), box=box or find_sandbox(), bounds=bounds or Bounds()
    )


def ours() -> list[psutil.Process]:
    """Return our descendants that belong to a judge."""
    return [each for each in psutil.Process().children(recursive=True) if str(WORKER) in " ".join(each.cmdline())]


@pytest.mark.asyncio
async def test_tests_candidates_and_canaries_are_measured_in_one_go(project: Path) -> None:
    (project / "test_canary.py").write_text(canary_file("unit"))
    heard: list[Progress] = []
    async with Judge(place(project), heard.append) as judge:
        measured = await judge.measure(["test_unit.py"], ["test_canary.py"], ["unit.py"])
    assert (heard[-1].measured, heard[-1].tests, heard[-1].mutants) == (7, 7, len(measured.matrix.mutants))
    assert 0 < heard[-1].tried <= heard[-1].mutants
    assert [each.measured for each in heard] == sorted(each.measured for each in heard)
    matrix = measured.by_function
    assert {matrix.fate(each.id) for each in matrix.mutants if each.owner == "low"} == {Fate.KILLED}
    assert {matrix.fate(each.id) for each in matrix.mutants if each.owner == "unused"} <= {Fate.NOT_COVERED, Fate.SURVIVED}
    judgements = judged(measured, {case.function for case in measured.cases})
    verdicts = {each.test: each.verdict for each in judgements}
    assert verdicts["test_unit.py::test_low"] is JudgedVerdict.ACCEPTED
    assert verdicts["test_unit.py::test_calls"] is JudgedVerdict.REJECTED
    assert void_reason(judgements, planted("test_canary.py")) == ""
    assert sorted(os.listdir(project)) == ["test_canary.py", "test_unit.py", "unit.py"]  # noqa: PTH208 - a look, after the fact


@pytest.mark.asyncio
async def test_inside_there_is_no_network_no_neighbour_and_nothing_to_write(project: Path) -> None:
    if not find_sandbox().available:
        pytest.skip(find_sandbox().reason)
    secret = project.parent / "secret"
    secret.write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()  # from here it can be reached
        (project / "test_escapes.py").write_text(ESCAPES.replace("PORT", str(server.getsockname()[1])).replace("SECRET", str(secret)))
        async with Judge(place(project)) as judge:
            measured = await judge.measure([], ["test_escapes.py"], ["unit.py"], mutation=Mutation.NONE)
    outcomes = {case.function.partition("::")[2]: (case.outcome, case.exception) for case in measured.cases}
    assert outcomes == {
        "test_writes_into_the_project": ("failed", "OSError"),
        "test_sees_no_network": ("failed", "ConnectionRefusedError"),
        "test_sees_nothing_beside_the_project": ("passed", ""),
    }
    assert not (project / "escaped").exists()


FILLS = """\
import contextlib, unit
def test_it():
    written = 0
    for folder in ("/dev/shm", "/dev", "/tmp", "/var/tmp", "/root", "/home", "/run"):
        for number in range(80):
            with contextlib.suppress(OSError), open(f"{folder}/filled-{number}", "wb") as file:
                written += file.write(b"x" * 2 ** 20)
                file.flush()
    assert unit.low(1) and 0 < written < 600 * 2 ** 20
"""
SHARES = """\
import unit
from multiprocessing import Lock, shared_memory
def test_it():
    memory = shared_memory.SharedMemory(create=True, size=1024)
    memory.close()
    memory.unlink()
    assert Lock().acquire() and unit.low(1)
"""


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.skipif(not find_sandbox().available, reason="there is no sandbox here")
@pytest.mark.parametrize(("text", "tells"), [(FILLS, True), (SHARES, False)], ids=["fills", "shares"])
async def test_folders_in_memory_are_small_and_gone_with_the_sandbox(project: Path, text: str, tells: bool) -> None:  # noqa: FBT001 - a case
    (project / "test_it.py").write_text(text)
    async with Judge(place(project)) as judge:
        measured = await judge.measure([], ["test_it.py"], ["unit.py"], mutation=Mutation.NONE)
    (case,) = measured.cases
    assert (case.outcome, case.message) == ("passed", "")
    assert ("write" in {piece.kind for piece in case.evidence}) is tells
    assert not list(Path("/dev/shm").glob("filled-*"))  # noqa: ASYNC240, S108 - asked once


@pytest.mark.asyncio
async def test_whoever_clears_up_knows_the_worker_and_its_files_and_the_judged_code_sees_no_mark(project: Path, tmp_path: Path) -> None:
    (ours := tmp_path / "ours").mkdir()
    there = "pathlib.Path('/proc/self/environ').read_bytes()"
    known = f"b'MARK=ours' in {there} and b'PWD={ours}/judge-' in {there}"
    test = f"import os, pathlib, unit\ndef test_it():\n    assert {known} and 'MARK' not in os.environ and unit.low(1)\n"
    (project / "test_mark.py").write_text(test)
    async with Judge(replace(place(project), ours=Belongings(marks={"MARK": "ours"}, folder=ours))) as judge:
        measured = await judge.measure([], ["test_mark.py"], ["unit.py"], mutation=Mutation.NONE)
    assert [(case.outcome, case.message) for case in measured.cases] == [("passed", "")]
    assert list(ours.iterdir()) == []


@pytest.mark.asyncio
async def test_a_worker_that_cannot_start_is_an_error_with_its_last_words(project: Path, tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho 'it hurts' >&2\nexit 3\n")
    script.chmod(0o755)
    none = Sandbox(available=False)
    async with Judge(place(project, box=none, interpreter=script)) as judge:
        with pytest.raises(JudgeError, match=r"ended early \(exit 3\).*it hurts"):
            await judge.measure([], ["test_unit.py"], ["unit.py"])


@pytest.mark.asyncio
async def test_a_module_that_does_not_parse_is_an_error_with_its_address(project: Path) -> None:
    (project / "unit.py").write_text("def f(:\n")
    async with Judge(place(project)) as judge:
        with pytest.raises(JudgeError) as caught:
            await judge.measure([], ["test_unit.py"], ["unit.py"])
    assert caught.value.where == "unit.py:1"


@pytest.mark.asyncio
@pytest.mark.parametrize("box", [None, pytest.param(Sandbox(available=False), marks=pytest.mark.slow)], ids=["sandbox", "no sandbox"])
async def test_a_judgement_that_takes_too_long_or_is_cancelled_leaves_nothing(project: Path, box: Sandbox | None) -> None:
    (project / "test_hangs.py").write_text(
        "import signal, time\ndef test_hangs():\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(600)\n"
    )
    async with Judge(place(project, box=box, bounds=Bounds(total_s=1.5, test_s=600))) as judge:
        with pytest.raises(JudgeError, match=r"took longer than 1\.5 s"):
            await judge.measure([], ["test_hangs.py"], ["unit.py"])
        assert not ours()
        asked = asyncio.create_task(judge.measure([], ["test_hangs.py"], ["unit.py"]))
        await asyncio.sleep(0.3)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert not ours()


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b'"a text"',
        b'{"event": "unheard of"}',
        b'{"event": "hello", "format": 1, "nonce": "other", "python": "3"}',
        b'{"event": "hello", "format": 99, "nonce": "mine", "python": "3"}',
        b'{"event": "done", "nonce": "other"}',
        b'{"event": "kill", "mutant": "m", "test": "t", "outcome": "perhaps"}',
        b'{"event": "test", "test": "t"}',
        b'{"event": "error", "reason": "pytest is not there"}',
    ],
)
def test_what_is_not_as_agreed_is_an_error_and_no_answer(line: bytes) -> None:
    reader = Reader("mine")
    with pytest.raises(JudgeError):
        reader.take(line)
    assert not reader.ended


def test_what_the_judge_has_planted_itself_is_no_progress() -> None:
    reader = Reader("mine", ["tests/test_canaries.py"])
    common: dict[str, list[str]] = {"too_many": [], "evidence": [], "errors": []}
    ended = {"how": "", "exception": "", "message": "", "seconds": 0, "lines": {}, "arcs": {}, "evidence": [], "properties": []}
    for file, names in (("tests/test_canaries.py", "abcde"), ("tests/test_new.py", "x")):
        tests = [f"{file}::test_{name}" for name in names]
        reader.take(json.dumps({"event": "collected", "group": file, "tests": tests, **common}).encode())
        for each in (*tests, tests[0]):
            reader.take(json.dumps({"event": "test", "test": each, "outcome": "passed", **ended}).encode())
    assert (reader.progress.measured, reader.progress.tests) == (1, 1)
    assert len(reader.measured({}).cases) == 6


def test_a_module_that_cannot_be_read_is_told_with_its_place_once_and_what_to_do() -> None:
    message = {"event": "unreadable", "module": "src/shop/prices.py", "reason": "invalid syntax", "line": 4}
    with pytest.raises(JudgeError) as told:
        Reader("mine").take(json.dumps(message).encode())
    assert str(told.value) == "src/shop/prices.py:4: cannot be read: invalid syntax"
    assert told.value.next_step == "mend src/shop/prices.py, then judge again"
