"""Starting and ending a server process. The program is a small script that behaves as told."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from spec2prod.adapters.openhands.child import ServerPlan
from spec2prod.adapters.openhands.environment import Environment
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.server import AgentServer
from spec2prod.adapters.openhands.servers import Connection
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.adapters.sandbox import Sandbox
from spec2prod.domain.command import Belongings
from spec2prod.errors import AgentUnavailableError

_LIFELINE = Sandbox(available=False, reason="the tests of the sandbox are elsewhere")
# A server as far as we look at one: says that it listens, answers /health, and starts a child with a session of its own.
_GOOD = """
import http.server, os, subprocess, sys
port = int(sys.argv[4])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", port), Handler)
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
print("child", child.pid, "key", os.environ["OH_SESSION_API_KEYS_0"], "home", os.environ["HOME"], flush=True)
print("strangers", sorted(set(os.environ) & {"SPEC2PROD_TEST_LEAK"}), flush=True)
print("Uvicorn running on http://127.0.0.1:%d" % port, flush=True)
server.serve_forever()
"""


def _plan(tmp_path: Path, program: str, *, start_limit_s: float = 30.0) -> ServerPlan:
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix) / 'bin'}\n")
    script = folder / "bin" / "agent-server"
    script.write_text(f"#!{sys.executable}\n{program}")
    script.chmod(0o755)
    environment = Environment(agent_server=script, version="1", folder=folder)
    run = tmp_path / "run"
    return ServerPlan(environment=environment, folder=run, workspaces=tmp_path / "workspaces", box=_LIFELINE, start_limit_s=start_limit_s)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp") as name:
        yield Path(name).resolve()


@pytest.mark.asyncio
async def test_it_starts_with_an_environment_of_its_own_and_ends_with_everything_it_started(
    tmp_path: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEC2PROD_TEST_LEAK", "ours")
    plan = replace(_plan(tmp_path, _GOOD), ours=Belongings(marks={"SPEC2PROD_COMMANDS": "known by this"}, folder=short_folder))
    server = AgentServer(plan)
    await server.start()
    assert server.alive
    log = plan.log.read_text()
    grandchild = int(log.split("child ")[1].split()[0])
    environ = psutil.Process(grandchild).environ()
    assert environ["SPEC2PROD_COMMANDS"] == "known by this"
    assert Path(environ["TMUX_TMPDIR"]).parent == short_folder
    assert f"home {plan.state / 'home'}" in log
    assert "strangers []" in log
    await server.stop()
    assert not psutil.pid_exists(grandchild)
    assert list(short_folder.iterdir()) == []  # noqa: ASYNC240 - asked once
    await server.stop()


@pytest.mark.asyncio
async def test_a_start_is_told_as_it_begins_and_when_the_server_is_ready(tmp_path: Path, workplace: Workplace) -> None:
    told: list[str] = []
    place = replace(workplace, environment=_plan(tmp_path, _GOOD).environment, box=_LIFELINE)
    connection = Connection(OpenHandsOptions(model="m"), place, sleep=asyncio.sleep, left_s=lambda: 60.0, tell=told.append)
    await connection.open()
    await connection.close()
    assert told == ["starting the agent server", f"the agent server is ready, after {connection.started_s:.1f} s"]


@pytest.mark.asyncio
async def test_its_own_key_is_not_in_the_log(tmp_path: Path) -> None:
    plan = _plan(tmp_path, _GOOD)
    server = AgentServer(plan)
    await server.start()
    await server.stop()
    assert server.key not in plan.log.read_text()
    assert "key [hidden]" in plan.log.read_text()


@pytest.mark.asyncio
async def test_an_early_death_is_told_with_the_last_lines(tmp_path: Path) -> None:
    server = AgentServer(_plan(tmp_path, "import sys; print('ModuleNotFoundError: litellm'); sys.exit(7)"))
    with pytest.raises(AgentUnavailableError, match=r"exit 7.*ModuleNotFoundError: litellm") as caught:
        await server.start()
    assert caught.value.where.endswith("server.log")
    assert not server.alive


@pytest.mark.asyncio
async def test_a_taken_port_is_tried_again_on_another_three_times(tmp_path: Path) -> None:
    count = tmp_path / "count"
    program = f"import sys; open({str(count)!r}, 'a').write(sys.argv[4] + ' '); print('[Errno 98] address already in use'); sys.exit(3)"
    with pytest.raises(AgentUnavailableError, match="no free port in 3 tries"):
        await AgentServer(_plan(tmp_path, program)).start()
    assert len(set(count.read_text().split())) == 3


@pytest.mark.asyncio
async def test_one_that_never_answers_is_ended_at_the_start_limit(tmp_path: Path) -> None:
    server = AgentServer(_plan(tmp_path, "import time; print('thinking', flush=True); time.sleep(300)", start_limit_s=1.0))
    with pytest.raises(AgentUnavailableError, match=r"did not answer within 1 s"):
        await server.start()
    assert not server.alive


@pytest.mark.asyncio
async def test_a_cancelled_start_leaves_nothing_behind(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(300)"
    starting = asyncio.create_task(AgentServer(_plan(tmp_path, program)).start())
    async with asyncio.timeout(30):
        while not (pid_file.exists() and pid_file.read_text()):  # noqa: ASYNC110 - a file is the only sign
            await asyncio.sleep(0.02)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not psutil.pid_exists(int(pid_file.read_text()))


@pytest.mark.asyncio
async def test_its_secret_is_stable_and_private(tmp_path: Path) -> None:
    plan = _plan(tmp_path, _GOOD)
    secrets = set()
    for _ in range(2):
        server = AgentServer(plan)
        await server.start()
        await server.stop()
        secrets.add((plan.folder / "secret").read_text())
    assert len(secrets) == 1
    assert (plan.folder / "secret").stat().st_mode & 0o077 == 0
