"""Whatever the component or a file does while it is imported: its tests get a true answer or a reason, and nothing is left of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from tests.workers.judge.conftest import Ask

NATIVE = """\
import ctypes, threading
_libc = ctypes.CDLL(None)
_thread = ctypes.c_ulong()
_libc.pthread_create(ctypes.byref(_thread), None, _libc.pause, None)  # a thread that Python does not know of
assert threading.active_count() == 1

def double(x):
    return x * 2
"""
NATIVE_TEST = "import unit\ndef test_two():\n    assert unit.double(2) == 4\ndef test_three():\n    assert unit.double(3) == 6\n"
EXTENSIONS = """\
import decimal, sqlite3, zoneinfo
from _decimal import Decimal
BASE = sqlite3.connect(":memory:")
BASE.execute("create table prices (name text, price text)")
ZONE = zoneinfo.ZoneInfo("UTC")

def put(name, price):
    BASE.execute("insert into prices values (?, ?)", (name, str(price)))

def total():
    return sum((Decimal(price) for (price,) in BASE.execute("select price from prices")), Decimal(0))
"""
EXTENSIONS_TEST = """\
import unit
def test_one():
    unit.put("a", 3)
    assert unit.total() == 3
def test_other():
    unit.put("b", 4)
    assert unit.total() == 4
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the threads of a process are counted in /proc")
@pytest.mark.slow
def test_a_module_with_native_threads_is_judged_without_forking_from_them(ask: Ask) -> None:
    told = ask({"unit.py": NATIVE, "test_unit.py": NATIVE_TEST}, ["unit.py"], mutate="matrix")
    assert {name: each["outcome"] for name, each in told.tests.items()} == {"test_two": "passed", "test_three": "passed"}
    assert told.collected["test_unit.py"]["threads"]
    assert told.outcomes("`*` becomes `/`", "test_three") == {"assertion"}
    assert not told.troubles


def test_objects_of_extension_modules_are_each_tests_own(ask: Ask) -> None:
    told = ask({"unit.py": EXTENSIONS, "test_unit.py": EXTENSIONS_TEST}, ["unit.py"], mutate="matrix")
    assert {name: each["outcome"] for name, each in told.tests.items()} == {"test_one": "passed", "test_other": "passed"}
    assert told.outcomes("`Decimal(0)` becomes `None`", "test_one") <= {"crash"}
    assert "assertion" in told.fates("test_one").values()
    assert "assertion" in told.fates("test_other").values()
    assert not told.troubles


def test_a_daemon_that_is_begun_at_import_ends_with_the_judgement(ask: Ask, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    daemon = f"""\
import os, signal, time, unit
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open({str(mark)!r}, "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists({str(mark)!r}) or not os.path.getsize({str(mark)!r}):
    time.sleep(0.01)
def test_it():
    assert unit.double(1) == 2
"""
    told = ask({"unit.py": "def double(x):\n    return x * 2\n", "test_daemon.py": daemon}, ["unit.py"])
    assert "fork" in {piece["kind"] for piece in told.collected["test_daemon.py"]["evidence"]}
    assert told.tests["test_it"]["outcome"] == "passed"
    assert not psutil.pid_exists(int(mark.read_text()))


@pytest.mark.slow
def test_a_file_that_ignores_sigterm_at_import_and_hangs_is_refused(ask: Ask) -> None:
    hanging = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n"
    told = ask({"unit.py": "X = 1\n", "test_hangs.py": hanging}, ["unit.py"], limits={"collect_s": 1.0})
    assert "longer than" in told.refused["test_hangs.py"]


@pytest.mark.slow
def test_a_component_that_ends_the_process_at_import_is_a_reason(ask: Ask) -> None:
    told = ask({"unit.py": "import os\nos._exit(0)\n", "test_unit.py": "import unit\ndef test_it():\n    assert unit\n"}, ["unit.py"])
    assert set(told.refused) == {"test_unit.py"}
    assert not told.tests


def test_a_test_that_writes_binary_into_every_descriptor_is_told_as_forging(ask: Ask) -> None:
    binary = """\
import contextlib, os, unit
def test_it():
    for number in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(number, bytes(range(256)) + b"\\n")
    assert unit.double(1) == 2
def test_beside():
    assert unit.double(2) == 4
"""
    told = ask({"unit.py": "def double(x):\n    return x * 2\n", "test_binary.py": binary}, ["unit.py"])
    assert told.tests["test_beside"]["outcome"] == "passed"
    assert told.tests["test_it"]["outcome"] != "passed" or "forged" in told.kinds("test_it")


def test_a_suite_that_takes_pytest_over_is_judged_by_pytests_own_rules(ask: Ask) -> None:
    taking = """\
import pytest, _pytest.runner
_pytest.runner.call_and_report = lambda *words, **options: None
def test_it():
    assert False
"""
    told = ask({"unit.py": "X = 1\n", "test_taking.py": taking}, ["unit.py"])
    evidence = {piece["kind"] for piece in told.collected.get("test_taking.py", {"evidence": []})["evidence"]}
    assert "pytest_patched" in evidence or told.tests["test_it"]["outcome"] != "passed"


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="no shared memory here")  # noqa: PTH112, S108 - asked once
def test_what_a_test_puts_into_shared_memory_is_told(ask: Ask, tmp_path: Path) -> None:
    name = f"/dev/shm/{tmp_path.name}-filled"  # noqa: S108 - the point
    filling = f"import unit\ndef test_it():\n    open({name!r}, 'wb').write(b'x' * 4096)\n    assert unit.double(1) == 2\n"
    try:
        told = ask({"unit.py": "def double(x):\n    return x * 2\n", "test_fills.py": filling}, ["unit.py"])
        assert "write" in told.kinds("test_it")
    finally:
        Path(name).unlink(missing_ok=True)


def test_another_copy_of_the_component_is_told(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "unit.py").write_text("def double(x):\n    return x * 2\n")
    other = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport unit\ndef test_it():\n    assert unit.double(1) == 2\n"
    told = ask({"pkg/unit.py": "def double(x):\n    return x * 2\n", "test_unit.py": other}, ["pkg/unit.py"], import_root="pkg")
    assert told.tests["test_it"]["evidence"] == [{"kind": "foreign_copy", "detail": f"unit from {tmp_path / 'unit.py'}"}]
    assert told.tests["test_it"]["lines"] == {}
