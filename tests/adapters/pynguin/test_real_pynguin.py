"""The real Pynguin in its real environment and sandbox. Where it is not installed, it is installed by the command that people use."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.pynguin import environment
from spec2prod.adapters.pynguin.asking import PynguinOptions
from spec2prod.adapters.pynguin.writer import PynguinWriter, Workplace
from spec2prod.adapters.sandbox import find_sandbox
from spec2prod.bootstrap.folders import cache_folder
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.component import Component
from spec2prod.domain.screening import screen

pytestmark = pytest.mark.slow

PRICES = '''\
"""Prices."""

from rates import RATE


def discounted(price: int, percent: int) -> int:
    """Take percent off."""
    if percent < 0 or percent > 100:
        raise ValueError(f"no percentage: {percent}")
    return price * RATE * (100 - percent) // 100
'''
WILD = '''\
"""What random input must not be given to outside of a sandbox."""

import contextlib
import os
import socket
from pathlib import Path

HERE = Path(__file__).parent


def tried() -> int:
    """Count what can be done that must not be possible."""
    worked = 0
    for attempt in (remove, write, call):
        with contextlib.suppress(OSError):
            attempt()
            worked += 1
    return worked


def remove() -> None:
    """Remove the sources."""
    os.unlink(__file__)


def write() -> None:
    """Write beside the sources."""
    (HERE / "written").write_text("here")


def call() -> None:
    """Reach the network: a port of the host on which somebody listens."""
    socket.create_connection(("127.0.0.1", PORT), timeout=2).close()
'''


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spec2prod", "pynguin", "install", "--python", sys.executable], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def written_for(root: Path, module: str, interpreter: Path = Path(sys.executable), seconds: float = 60.0) -> TaskOutcome:
    component = Component(name="it", root=root, source="src", import_root="src", modules=(module,), interpreter=interpreter)
    place = Workplace(
        component=component,
        run_folder=root / ".spec2prod/runs/r",
        host=ProcessHost(),
        box=find_sandbox(),
        find=lambda kind: environment.find(cache_folder(), kind),
    )
    asking = TestRequest(
        module=module, dotted=component.dotted(module), test_file="tests/test_it.py", specification="", generator="pynguin"
    )

    async def ask() -> TaskOutcome:
        writing = PynguinWriter(PynguinOptions(seconds_per_module=seconds), place)
        tasks = await writing.submit([asking])
        told = await writing.outcome(tasks[module])
        await writing.stop()
        return told

    return asyncio.run(ask())


def module_in(root: Path, text: str) -> str:
    file = root / "src/shop/prices.py"
    file.parent.mkdir(parents=True)
    (file.parent / "__init__.py").touch()
    file.write_text(text)
    return "src/shop/prices.py"


def interpreter_with(tmp_path: Path, **modules: str) -> Path:
    """Return the Python of an environment that holds these modules and nothing else: no pytest, no Pynguin."""
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    packages = next((folder / "lib").glob("python3*/site-packages"))
    for name, text in modules.items():
        (packages / f"{name}.py").write_text(text)
    return folder / "bin/python"


def test_a_component_that_imports_from_its_own_environment_gets_tests_that_pass(tmp_path: Path) -> None:
    module = module_in(tmp_path / "project", PRICES)
    told = written_for(tmp_path / "project", module, interpreter_with(tmp_path, rates="RATE = 3\n"))
    assert told.status is TaskStatus.DELIVERED, told.reason
    text = told.text or ""
    assert text.startswith("# characterisation: shows what the code does, not what it should do\n# written by pynguin 0.48.0, seed 1;")
    screened = screen(text)
    assert not isinstance(screened, str)
    assert {each.objection for each in screened} == {""}
    assert "pytest.raises(ValueError)" in text
    (tmp_path / "test_it.py").write_text(text)
    (tmp_path / "rates.py").write_text("RATE = 3\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        f"pythonpath={tmp_path} {tmp_path}/project/src",
        "test_it.py",
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_a_component_that_cannot_be_imported_is_told_with_the_reason(tmp_path: Path) -> None:
    told = written_for(tmp_path, module_in(tmp_path, PRICES))
    assert (told.status, told.text) == (TaskStatus.ERRORED, None)
    assert told.reason == "the component cannot be imported beside pynguin: ModuleNotFoundError: No module named 'rates'"


def test_a_component_that_tries_to_do_harm_can_write_nothing_and_reach_nobody(tmp_path: Path) -> None:
    calls = 0

    async def take(_reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        stream.close()

    async def ask() -> TaskOutcome:
        async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            _, ours = await asyncio.open_connection("127.0.0.1", port)  # so that it is known to hear
            ours.close()
            module = module_in(tmp_path, WILD.replace("PORT", str(port)))
            return await asyncio.to_thread(written_for, tmp_path, module, seconds=30.0)

    told = asyncio.run(ask())
    assert told.status is TaskStatus.DELIVERED, told.reason
    assert "== 0" in (told.text or ""), "pynguin has seen that nothing worked"
    assert calls == 1
    assert sorted(path.name for path in (tmp_path / "src/shop").iterdir()) == ["__init__.py", "prices.py"]
    assert list((tmp_path / ".spec2prod/runs/r/pynguin").iterdir()) == []


def test_a_component_that_never_ends_is_stopped_at_the_limit_and_leaves_no_process(tmp_path: Path) -> None:
    marked = f"nobody_{tmp_path.name}"
    endless = f"import time\n\n{marked} = 1\nwhile True:\n    time.sleep(0.01)\n"
    told = written_for(tmp_path, module_in(tmp_path, endless), seconds=12.0)
    assert told.status in {TaskStatus.LIMIT, TaskStatus.ERRORED}
    assert told.text is None
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path / "src") not in left
