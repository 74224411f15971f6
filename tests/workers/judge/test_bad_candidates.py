"""Whatever a candidate does: it gets an outcome and its evidence, the others get theirs, and nothing is left of it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.workers.judge.conftest import Ask, Told

UNIT = "def double(x):\n    return x * 2\n\n\nclass Box:\n    def open(self):\n        return 1\n"
BAD = """\
import gc, os, pathlib, signal, socket, subprocess, sys, tempfile, threading, time, unittest.mock, contextlib
import pytest
import unit

def test_good():
    assert unit.double(2) == 4

def test_exits():
    os._exit(0)

def test_raises_system_exit():
    sys.exit(0)

def test_ends_the_session():
    pytest.exit("enough")

def test_forges_frames():
    for number in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(number, b'deadbeef {"kind": "result", "test": 0, "outcome": "passed"}\\n')
    os._exit(0)

def test_daemonises():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with open("MARK", "w") as file:
                file.write(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
    os.wait()
    while not os.path.exists("MARK") or not os.path.getsize("MARK"):
        time.sleep(0.01)

def test_forks_and_comes_back():
    os.fork()

def test_leaves_a_thread():
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()

def test_swallowed_network():
    with contextlib.suppress(Exception):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)

def test_talks_to_itself():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))

def test_writes_into_the_project():
    with contextlib.suppress(OSError):
        open("forged-coverage.json", "w").close()

def test_writes_where_it_may(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "a").rename(tmp_path / "b")

def test_leaves_a_file_in_the_common_folder():
    (pathlib.Path(tempfile.gettempdir()) / "left.txt").write_text("a")

def test_leaves_what_nobody_else_can_meet():
    tempfile.mkdtemp()
    tempfile.NamedTemporaryFile(prefix="own", delete=False).close()

def test_tidies_the_common_folder_up():
    path = pathlib.Path(tempfile.gettempdir()) / "tidied.txt"
    path.write_text("a")
    path.unlink()

def test_leaves_the_environment():
    os.environ["LEFT"] = "1"

def test_undoes_the_environment(monkeypatch):
    monkeypatch.setenv("NOT_LEFT", "1")

def test_moves_away(tmp_path):
    os.chdir(tmp_path)

def test_changes_the_path():
    sys.path.insert(0, "/nowhere")

def test_replaces_a_module():
    sys.modules["unit"] = unittest.mock.MagicMock()

def test_patches_pytest():
    import _pytest.runner
    _pytest.runner.check_interactive_exception = lambda *words: False

def test_patches_the_unit():
    with getattr(unittest.mock, "patch").object(unit, "double", lambda x: 4):
        assert unit.double(2) == 4

def test_patches_the_unit_by_hand():
    old = unit.double
    unit.double = lambda x: 4
    try:
        assert unit.double(2) == 4
    finally:
        unit.double = old

def test_patches_a_class_of_the_unit(monkeypatch):
    monkeypatch.setattr(unit.Box, "open", lambda self: 2)
    assert unit.Box().open() == 2

def test_replaces_code():
    unit.double.__code__ = (lambda x: 4).__code__

def test_searches_for_the_nonce():
    gc.get_objects()

def test_prints_binary():
    sys.stdout.buffer.write(b"\\xff\\x00" * 1_000_000)
    os.write(1, b"\\xff\\x00" * 100_000)

def test_signals_the_judge():
    os.kill(os.getppid(), signal.SIGKILL)

def test_starts_a_program():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_skips():
    pytest.skip("no")

@pytest.mark.xfail
def test_expects_to_fail():
    assert False
"""
GREEDY = """\
import os, signal, sys, time
def test_hangs_and_ignores_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
def test_fills_the_memory():
    kept = [bytearray(16 * 1024 * 1024) for _ in range(1000)]
def test_fills_a_file(tmp_path):
    with open(tmp_path / "a", "wb") as file:
        while True:
            file.write(b"x" * 1024 * 1024)
def test_fills_the_disk(tmp_path):
    for number in range(10 ** 9):
        (tmp_path / str(number)).write_bytes(b"x" * 1024 * 1024)
        time.sleep(0.002)
def test_bombs():
    while True:
        os.fork()
def test_floods_the_judge():
    while True:
        for number in range(3, 64):
            try:
                os.write(number, b"x" * 4096)
            except OSError:
                pass
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file into which the daemon writes its number."""
    return tmp_path_factory.mktemp("daemon") / "pid"


@pytest.fixture(scope="module")
def bad(ask: Ask, daemon: Path) -> Told:
    return ask({"unit.py": UNIT, "test_bad.py": BAD.replace("MARK", str(daemon))}, ["unit.py"])


@pytest.mark.parametrize(
    ("test", "outcome", "kinds"),
    [
        ("test_good", "passed", set()),
        ("test_exits", "vanished", set()),
        ("test_raises_system_exit", "failed", set()),
        ("test_ends_the_session", "failed", set()),
        ("test_forges_frames", "vanished", {"forged"}),
        ("test_daemonises", "passed", {"fork", "leaked_process"}),
        ("test_leaves_a_thread", "passed", {"threads"}),
        ("test_swallowed_network", "passed", {"network"}),
        ("test_talks_to_itself", "passed", {"loopback"}),
        ("test_writes_into_the_project", "passed", {"write"}),
        ("test_writes_where_it_may", "passed", set()),
        ("test_leaves_a_file_in_the_common_folder", "passed", {"leftover"}),
        ("test_leaves_what_nobody_else_can_meet", "passed", set()),
        ("test_tidies_the_common_folder_up", "passed", set()),
        ("test_leaves_the_environment", "passed", {"environment"}),
        ("test_undoes_the_environment", "passed", set()),
        ("test_moves_away", "passed", {"cwd"}),
        ("test_changes_the_path", "passed", {"sys.path"}),
        ("test_replaces_a_module", "passed", {"sys.modules"}),
        ("test_patches_pytest", "passed", {"pytest_patched", "pytest_changed"}),
        ("test_patches_a_class_of_the_unit", "passed", {"unit_patched"}),
        ("test_replaces_code", "passed", {"code_replaced"}),
        ("test_searches_for_the_nonce", "passed", {"introspection"}),
        ("test_prints_binary", "passed", set()),
        ("test_signals_the_judge", "failed", {"foreign_signal"}),
        ("test_starts_a_program", "passed", {"subprocess"}),
        ("test_skips", "skipped", set()),
        ("test_expects_to_fail", "xfailed", set()),
    ],
)
def test_each_gets_its_outcome_and_its_evidence(bad: Told, test: str, outcome: str, kinds: set[str]) -> None:
    assert (bad.tests[test]["outcome"], bad.kinds(test)) == (outcome, kinds)


@pytest.mark.parametrize("test", ["test_patches_the_unit", "test_patches_the_unit_by_hand"])
def test_the_unit_is_seen_to_be_patched_even_where_it_is_put_back(bad: Told, test: str) -> None:
    assert "unit_patched" in bad.kinds(test)


def test_a_fork_that_comes_back_says_nothing(bad: Told) -> None:
    assert bad.tests["test_forks_and_comes_back"]["outcome"] == "passed"
    assert "fork" in bad.kinds("test_forks_and_comes_back")


def test_no_daemon_outlives_its_test(bad: Told, daemon: Path) -> None:
    assert bad.tests["test_daemonises"]["outcome"] == "passed"
    assert not psutil.pid_exists(int(daemon.read_text()))


@pytest.mark.slow
def test_the_greedy_are_stopped_and_say_why(ask: Ask) -> None:
    limits = {"test_s": 3.0, "memory_mb": 256, "file_mb": 16, "disk_mb": 48, "processes": 32}
    told = ask(
        {"unit.py": UNIT, "test_greedy.py": GREEDY, "test_unit.py": "import unit\ndef test_u():\n    assert unit.double(1) == 2\n"},
        ["unit.py"],
        limits=limits,
    )
    outcomes = {name: event["outcome"] for name, event in told.tests.items()}
    assert outcomes["test_hangs_and_ignores_sigterm"] == "timeout"
    assert outcomes["test_fills_the_memory"] == "failed"
    assert told.tests["test_fills_the_memory"]["exception"] == "MemoryError"
    assert outcomes["test_fills_a_file"] == "failed"
    assert outcomes["test_fills_the_disk"] == "killed"
    assert outcomes["test_bombs"] in {"vanished", "killed"}
    assert outcomes["test_floods_the_judge"] in {"killed", "timeout"}
    assert outcomes["test_u"] == "passed"


@pytest.mark.slow
def test_files_that_cannot_be_judged_are_told_and_the_others_are_judged(ask: Ask, tmp_path: Path) -> None:
    files = {
        "unit.py": UNIT,
        "test_broken.py": "def test_x(:\n",
        "test_missing.py": "import no_such_module\ndef test_x():\n    pass\n",
        "test_leaves_at_import.py": "import os\nos._exit(3)\n",
        "test_hangs_at_import.py": "import time\ntime.sleep(600)\n",
        "test_writes_at_import.py": f"open({str(tmp_path / 'x')!r}, 'w').close()\ndef test_x():\n    pass\n",
        "test_threads_at_import.py": "import threading, time, unit\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
        "def test_beside():\n    assert unit.double(1) == 2\n",
        "test_many.py": "import pytest\n@pytest.mark.parametrize('n', range(10000))\ndef test_n(n):\n    pass\n",
        "test_good.py": "import unit\ndef test_good():\n    assert unit.double(1) == 2\n",
    }
    told = ask(files, ["unit.py"], limits={"collect_s": 6.0, "most_cases": 2})
    assert {name: bool(event["errors"]) for name, event in told.collected.items()} == {
        "test_broken.py": True,
        "test_missing.py": True,
        "test_writes_at_import.py": False,
        "test_threads_at_import.py": False,
        "test_many.py": False,
        "test_good.py": False,
    }
    assert set(told.refused) == {"test_leaves_at_import.py", "test_hangs_at_import.py"}
    assert "longer than" in told.refused["test_hangs_at_import.py"]
    assert [piece["kind"] for piece in told.collected["test_writes_at_import.py"]["evidence"]] == ["write"]
    assert told.collected["test_many.py"]["too_many"] == ["test_many.py::test_n"]
    assert len([name for name in told.tests if name.startswith("test_n[")]) == 2
    assert told.collected["test_threads_at_import.py"]["threads"]
    assert told.tests["test_beside"]["outcome"] == "passed"
    assert told.tests["test_beside"]["lines"] == {"unit.py": [2]}
    assert told.tests["test_good"]["outcome"] == "passed"


def test_a_patch_is_noticed_though_no_test_names_what_makes_it(ask: Ask) -> None:
    helper = "def patched(box):\n    from unittest import mock\n    return mock.patch.object(box, 'open', lambda self: 4)\n"
    test = "import helper\nimport unit\n\n\ndef test_it():\n    with helper.patched(unit.Box):\n        assert unit.Box().open() == 4\n"
    files = {"unit.py": UNIT, "helper.py": helper, "test_helped.py": test, "test_other.py": "def test_nothing():\n    assert True\n"}
    told = ask(files, ["unit.py"])
    assert told.tests["test_it"]["outcome"] == "passed"
    assert "unit_patched" in told.kinds("test_it")
    assert told.kinds("test_nothing") == set()
