"""The sandbox, tried on real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.adapters.sandbox import Sandbox, find_sandbox, hidden_folders, links_on_the_way, mount_options, probe

_PATIENCE_S = 10.0


@pytest.fixture
def sandbox() -> Sandbox:
    """Return a working bubblewrap; skip with the reason where there is none."""
    found = find_sandbox()
    if not found.available:
        pytest.skip(found.reason)
    return found


def _run(argv: tuple[str, ...], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=30, check=False)


def _until(happens: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if happens():
            return True
        time.sleep(0.02)
    return False


def test_it_writes_where_it_may_and_nowhere_else(sandbox: Sandbox, tmp_path: Path) -> None:
    """A writable folder inside a folder that is not, below a hidden /tmp: depth decides."""
    project, workspace = tmp_path / "project", tmp_path / "project" / "run" / "workspaces"
    workspace.mkdir(parents=True)
    script = f"echo ours > {workspace}/new; echo theirs > {project}/source.py; echo theirs > /usr/spec2prod-was-here"
    completed = _run(sandbox.wrap(("sh", "-c", script), readable=(project,), writable=(workspace,), cwd=workspace), cwd=workspace)
    assert (workspace / "new").read_text() == "ours\n"
    assert not (project / "source.py").exists()
    assert not Path("/usr/spec2prod-was-here").exists()
    assert completed.stderr.count("Read-only file system") == 2


def test_homes_and_other_temporary_files_are_hidden(sandbox: Sandbox, tmp_path: Path) -> None:
    secret, workspace = tmp_path / "secret", tmp_path / "workspace"
    secret.write_text("not for the agent")
    workspace.mkdir()
    script = f"cat {secret}; ls -A {Path.home()}"
    completed = _run(sandbox.wrap(("sh", "-c", script), writable=(workspace,), cwd=workspace), cwd=workspace)
    assert "not for the agent" not in completed.stdout
    assert "No such file" in completed.stderr
    assert Path.home().resolve() in hidden_folders()


def test_an_interpreter_in_a_hidden_home_runs_when_it_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    link = tmp_path / "bin" / "python"
    link.parent.mkdir()
    link.symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    argv = sandbox.wrap((str(link), "-c", "print(6 * 7)"), readable=(link, Path(sys.base_prefix)), writable=(workspace,), cwd=workspace)
    completed = _run(argv, cwd=workspace)
    assert completed.stdout == "42\n", completed.stderr


def test_it_sees_only_its_own_processes(sandbox: Sandbox, tmp_path: Path) -> None:
    completed = _run(sandbox.wrap(("sh", "-c", "ls -d /proc/[0-9]*"), cwd=Path("/")), cwd=tmp_path)
    assert f"/proc/{os.getpid()}" not in completed.stdout.split()


def test_a_bubblewrap_that_does_not_work_is_told_with_its_own_words(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    found = probe(broken)
    assert not found.available
    assert found.bwrap is None
    assert "No permissions to create new namespace" in found.reason


@pytest.mark.parametrize("boxed", [True, False], ids=["bubblewrap", "lifeline"])
def test_nothing_outlives_us_even_when_we_are_killed(boxed: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter of the test
    """The parent is killed without a word; a grandchild with a session of its own must be gone all the same."""
    found = find_sandbox() if boxed else Sandbox(available=False, reason="for this test")
    if boxed and not found.available:
        pytest.skip(found.reason)
    mark = f"spec2prod-mark-{os.getpid()}-{tmp_path.name}"
    script = f"setsid bash -c 'exec -a {mark} sleep 300' & sleep 300"
    parent = (
        "import subprocess, sys, time; from pathlib import Path; from spec2prod.adapters.sandbox import Sandbox;"
        f"box = Sandbox(available={boxed}, bwrap={str(found.bwrap)!r} if {boxed} else None);"
        f"subprocess.Popen(box.wrap(('bash', '-c', {script!r}), cwd=Path('/')), start_new_session=True); time.sleep(300)"
    )
    process = subprocess.Popen((sys.executable, "-c", parent))
    try:
        assert _until(lambda: bool(_marked(mark)))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert _until(lambda: not _marked(mark))


def test_without_bubblewrap_the_command_gives_its_exit_code_and_is_ended_on_request(tmp_path: Path) -> None:
    box = Sandbox(available=False, reason="for this test")
    assert _run(box.wrap(("sh", "-c", "exit 3"), cwd=tmp_path), cwd=tmp_path).returncode == 3
    mark = f"spec2prod-ended-{os.getpid()}-{tmp_path.name}"
    process = subprocess.Popen(box.wrap(("bash", "-c", f"setsid bash -c 'exec -a {mark} sleep 300' & sleep 300"), cwd=tmp_path))
    assert _until(lambda: bool(_marked(mark)))
    process.terminate()
    assert process.wait(_PATIENCE_S) == 143
    assert not _marked(mark)


def _marked(mark: str) -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["cmdline"]) if (each.info["cmdline"] or [""])[0] == mark]


_FOLDERS = st.lists(st.sampled_from(["/a", "/a/b", "/a/b/c", "/a/d", "/e/f", "/e/f/g"]).map(Path), unique=True, max_size=6)


@given(writable=_FOLDERS, hidden=_FOLDERS)
def test_an_outer_mount_never_covers_an_inner_one(writable: list[Path], hidden: list[Path]) -> None:
    options = mount_options(readable=(), writable=writable, hidden=hidden)
    targets = [Path(options[at + (2 if option == "--bind" else 1)]) for at, option in enumerate(options) if option in {"--bind", "--tmpfs"}]
    for at, target in enumerate(targets):
        assert not any(earlier != target and earlier.is_relative_to(target) for earlier in targets[:at])
    assert set(writable) <= set(targets)
    assert len(targets) == len(set(targets))


def test_every_link_on_the_way_is_found(tmp_path: Path) -> None:
    place = tmp_path.resolve()
    (place / "versions" / "3.12.1").mkdir(parents=True)
    (place / "versions" / "3.12").symlink_to("3.12.1")
    (place / "current").symlink_to(place / "versions" / "3.12")
    assert links_on_the_way(place / "current" / "bin") == (
        (place / "current", str(place / "versions" / "3.12")),
        (place / "versions" / "3.12", "3.12.1"),
    )


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    place = tmp_path.resolve()
    (place / "one").symlink_to("two")
    (place / "two").symlink_to("one")
    assert links_on_the_way(place / "one") == ((place / "one", "two"), (place / "two", "one"))
