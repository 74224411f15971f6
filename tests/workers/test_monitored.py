"""The interpreter's own way of telling which test executed which lines: it says what a trace function says of all that Python can do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spec2prod.workers import pytest_worker, spec2prod_monitored

COMPONENT = """\
import asyncio
import contextlib
import functools
import os
import sys
import threading


def decorated(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


@decorated
def shared(x):
    if x > 2:
        return "large"
    return (
        "small"
    )


def loop(n):
    total = 0
    for each in range(n):
        if each % 2:
            continue
        total += each
    else:
        total += 1
    while total > 100:
        total -= 100
    return total


def count():
    yield 1
    yield 2
    try:
        yield 3
    finally:
        yield 4


class Thing:
    value = [each for each in range(3)]

    @property
    def doubled(self):
        return {each: each * 2 for each in self.value if each}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return True


def swallow():
    with Thing():
        raise ValueError
    with contextlib.suppress(KeyError):
        {}["nothing"]
    try:
        raise OSError
    except (OSError, KeyError) as error:
        kind = type(error)
    finally:
        done = True
    return kind, done


def match(value):
    match value:
        case {"a": int(number)}:
            return number
        case [first, *_]:
            return first
        case _:
            return None


async def wait():
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        return [each async for each in agen()]


async def agen():
    for each in "ab":
        yield each


def in_thread(done):
    thread = threading.Thread(target=loop, args=(5,))
    thread.start()
    thread.join()
    done.append(1)


def in_fork():
    if not (child := os.fork()):
        only_forked()
        os._exit(0)
    os.waitpid(child, 0)


def only_forked():
    return "forked"


def only_elsewhere():
    return "elsewhere"


def traced():
    sys.settrace(sys.gettrace())
    return lambda x: x if x else shared(x)


def recursive(n):
    return 1 if n < 2 else n * recursive(n - 1)


def never():
    return "never"
"""
TESTS = """\
import asyncio, subprocess, sys
import pytest
from measured import *
from twin import shared as other


@pytest.fixture(scope="module")
def counting():
    numbers = count()
    yield numbers
    list(numbers)


@pytest.mark.parametrize("x", [1, 3, 5])
def test_shared(x, counting): shared(x); next(counting)
def test_shared_again(): shared(5)
def test_twin(): other(1)
def test_loop(): loop(1000); loop(2)
def test_thing(): assert Thing().doubled; swallow()
@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], None])
def test_match(value): match(value)
def test_wait(): asyncio.run(wait())
def test_thread(): in_thread([])
def test_fork(): in_fork()
def test_process(): subprocess.run([sys.executable, "-c", "import measured; measured.only_elsewhere()"], check=True)
def test_lambda(): traced()(0)
def test_recursive(): recursive(5)
def test_tool(): sys.monitoring.use_tool_id(sys.monitoring.COVERAGE_ID, "mine"); sys.monitoring.free_tool_id(sys.monitoring.COVERAGE_ID)
def test_exec(): exec(compile("def shared(x):\\n    return x\\nshared(1)", "twin.py", "exec"), {})
def test_red(): loop(3); assert shared(1) == "large"
"""
OCCUPIED = f"""\
import runpy, sys
sys.monitoring.use_tool_id({spec2prod_monitored.TOOL}, "another")  # which must be traced, then
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def measured(project: Path, *before: str) -> dict[str, Any]:
    """Return the worker's answer about a project of two modules."""
    scratch = project / f"scratch{len(before)}"
    scratch.mkdir()
    options = ["--answer", str(scratch / "answer.json"), "--root", str(project), "--import-root", "."]
    modules = ["--module", "measured.py", "--module", "twin.py"]
    command = [sys.executable, *before, pytest_worker.__file__, *options, *modules, "--", "test_it.py"]
    subprocess.run(command, cwd=project, capture_output=True, check=True)
    answer: dict[str, Any] = json.loads((scratch / "answer.json").read_text())
    return answer


@pytest.mark.skipif(not hasattr(sys, "monitoring"), reason="this interpreter has only trace functions")
def test_it_tells_the_very_lines_of_every_test_that_a_trace_function_tells(tmp_path: Path) -> None:
    (tmp_path / "measured.py").write_text(COMPONENT)
    (tmp_path / "twin.py").write_text(COMPONENT)  # equal code in two files is two things
    (tmp_path / "test_it.py").write_text(TESTS)
    told, traced = measured(tmp_path), measured(tmp_path, "-c", OCCUPIED)
    assert told["lines"] == traced["lines"]
    assert told["modules"] == traced["modules"]
    assert {case["id"] for case in told["cases"] if case["outcome"] != "passed"} == {"test_it.py::test_red"}
    lines = told["lines"]
    assert lines["test_it.py::test_shared_again"] == {"measured.py": lines["test_it.py::test_shared[5]"]["measured.py"].rpartition(",")[0]}
    assert list(lines["test_it.py::test_twin"]) == ["twin.py"]
    covered = {number for number, text in enumerate(COMPONENT.splitlines(), 1) if text.strip() in {'return "forked"', 'return "elsewhere"'}}
    assert not covered & {int(each) for each in told["modules"]["measured.py"]["missing"].replace("-", ",").split(",")}
