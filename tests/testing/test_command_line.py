"""`python -m spec2prod.testing` as a process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testing.client import chat

ASK = """
import json, os, sys, urllib.request
request = urllib.request.Request(os.environ["LLM_BASE_URL"] + "/chat/completions", sys.argv[1].encode())
request.add_header("Authorization", "Bearer " + os.environ["LLM_API_KEY"])
answer = json.load(urllib.request.urlopen(request))
print(os.environ["LLM_MODEL"], answer["model"])
sys.exit(7)
"""


def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spec2prod.testing", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)  # type: ignore[call-overload,no-any-return]


@contextlib.contextmanager
def start(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start it; it ends with the test, whatever it waits for."""
    command = [sys.executable, "-m", "spec2prod.testing", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_command_meets_the_model_and_its_exit_code_comes_back() -> None:
    done = run("--key", "k" * 8, "--", sys.executable, "-c", ASK, json.dumps(chat()))
    assert done.returncode == 7
    assert done.stdout.split() == ["openai/scripted-calculator", "scripted-calculator"]
    assert done.stderr == "spec2prod.testing: the model was scripted (openai/scripted-calculator); it answered 1 of 1 calls\n"


def test_the_options_of_the_command_are_its_own() -> None:
    done = run("--", sys.executable, "-c", "import sys; print(sys.argv)", "--help", "--key")
    assert "['-c', '--help', '--key']" in done.stdout


def test_behaviour_on_the_command_line_wins_over_the_scripts(tmp_path: Path) -> None:
    script = {"format": 1, "name": "mine", "behaviour": {"rate_limited": 9}, "tasks": [{"turns": [{"say": "hello"}]}]}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(script))
    done = run("--script", str(path), "--rate-limited", "0", "--", sys.executable, "-c", ASK, json.dumps(chat()))
    assert done.returncode == 7


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--script", "nowhere.json", "--", "true"), 2, "nowhere.json: cannot be read"),
        (("--port", "99999", "--", "true"), 2, "port 99999 cannot be served"),
        (("--rate-limited", "-1"), 2, "'-1' is no int from 0"),
        (("--seconds-per-call", "nan"), 2, "'nan' is no float from 0"),
        (("--", "no-such-command-anywhere"), 127, "no-such-command-anywhere cannot be started"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = run(*arguments)
    assert (done.returncode, message in done.stderr, "Traceback" in done.stderr) == (code, True, False)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on_and_the_end_comes_back(number: signal.Signals) -> None:
    asleep = "import signal, sys, time; signal.signal(signal.SIGINT, signal.SIG_DFL); print('up', flush=True); time.sleep(60)"
    with start("--", sys.executable, "-c", asleep) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "the model was scripted" in errors


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_a_command_it_serves_until_it_is_stopped(number: signal.Signals) -> None:
    with start("--key", "it's") as process:
        assert process.stdout is not None
        exports = dict(process.stdout.readline().removeprefix("export ").strip().split("=", 1) for _ in range(3))
        assert exports["LLM_API_KEY"] == "'it'\"'\"'s'"
        request = urllib.request.Request(exports["LLM_BASE_URL"] + "/models", headers={"Authorization": "Bearer it's"})  # noqa: S310  # loopback
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  # loopback
            assert response.status == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, "it answered 0 of 0 calls" in errors) == (0, True)


def test_it_needs_nothing_but_the_standard_library() -> None:
    probe = "import sys; import spec2prod.testing, spec2prod.testing.__main__ as m; print(*sorted(n.split('.')[0] for n in sys.modules))"
    modules = set(subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split())
    named = {name for name in modules if not name.startswith("_")} - {"spec2prod"}
    assert not {"httpx", "pydantic", "rich", "jinja2"} & named
