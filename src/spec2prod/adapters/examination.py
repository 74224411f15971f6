"""What `spec2prod doctor` looks at on this machine: each row is measured, none is guessed.

The cheap looks (disk, state folder, port) are also what a run with generation does before it spends anything.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from spec2prod.application.ports import Host
from spec2prod.domain.command import Command, Completed

_STATE = ".spec2prod"
_LOOPBACK = "127.0.0.1"
_LEAST_FREE_BYTES = 500_000_000  # reports, copies of the tree, a release's environment
_VERSION = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)+[\w.+-]*)")
_NO_MODULE = re.compile(r"No module named (\S+)")
_LIMIT_S = 60.0


class State(StrEnum):
    """What was found."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that was looked at. `told` says what was found, `next_step` what to do where that is not well."""

    name: str
    state: State
    told: str
    next_step: str = ""
    required: bool = True

    @property
    def stops(self) -> bool:
        """Whether nothing can be promoted before it is mended."""
        return self.required and self.state is not State.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A program to start: what tells its version, and what to do where it does not."""

    name: str
    argv: tuple[str, ...]
    next_step: str
    required: bool = True


async def ask_all(host: Host, probes: Iterable[Probe]) -> tuple[Row, ...]:
    """Start every program at once and read its version; the folder is none of a project's, so that no file of it takes part."""
    with tempfile.TemporaryDirectory(prefix="spec2prod-doctor-") as empty:
        return tuple(await asyncio.gather(*(_ask(host, probe, Path(empty)) for probe in probes)))


async def _ask(host: Host, probe: Probe, cwd: Path) -> Row:
    completed = await host.run(Command(tool=probe.name, argv=probe.argv, cwd=cwd, timeout_s=_LIMIT_S))
    state, told = read_version(completed)
    next_step = "" if state is State.OK else probe.next_step
    return Row(name=probe.name, state=state, told=told, next_step=next_step, required=probe.required)


def read_version(completed: Completed) -> tuple[State, str]:
    """Return what a program's `--version` says of it: exit 0 without a version is no answer."""
    absent = _NO_MODULE.search(completed.stderr)
    if completed.not_found:
        return State.MISSING, f"{completed.command.argv[0]} is not there"
    if completed.exit_code and absent:
        return State.MISSING, f"not installed for {completed.command.argv[0]}"
    if completed.exit_code != 0:
        return State.BROKEN, completed.ending()
    version = _VERSION.search(completed.stdout) or _VERSION.search(completed.stderr)
    if version is None:
        return State.BROKEN, f"{completed.command.tool} ended well, but told no version"
    return State.OK, version[1]


def look_at_disk(root: Path) -> Row:
    """Return whether there is room for what a run leaves in the project."""
    free = shutil.disk_usage(root).free
    told = f"{free / 1e9:.1f} GB free"
    if free >= _LEAST_FREE_BYTES:
        return Row(name="disk space", state=State.OK, told=told)
    step = f"free some: a run wants {_LEAST_FREE_BYTES / 1e9:.1f} GB"
    return Row(name="disk space", state=State.BROKEN, told=f"only {told} at {root}", next_step=step)


def look_at_state_folder(root: Path) -> Row:
    """Return whether `.spec2prod` can be written: a file is made there, and taken away again."""
    folder = root / _STATE
    fresh = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"doctor")
            file.flush()
            os.fsync(file.fileno())
        if fresh:
            folder.rmdir()
    except OSError as error:
        step = f"make {root} writable, or run where it is"
        return Row(name=_STATE, state=State.BROKEN, told=f"cannot be written: {error.strerror or error}", next_step=step)
    return Row(name=_STATE, state=State.OK, told="writable")


def look_at_port() -> Row:
    """Return whether a port on loopback can be listened on and reached: the agent server needs one."""
    try:
        with socket.create_server((_LOOPBACK, 0)) as server, socket.create_connection(server.getsockname(), timeout=5) as client:
            port = client.getpeername()[1]
    except OSError as error:
        step = f"let this process listen and connect on {_LOOPBACK}"
        return Row(name="loopback port", state=State.BROKEN, told=str(error), next_step=step, required=False)
    return Row(name="loopback port", state=State.OK, told=f"{_LOOPBACK}:{port} could be used", required=False)


def before_generation(root: Path) -> Row | None:
    """Return what stands in the way of an agent on this machine, None where nothing does; no program is started for it."""
    looks = (look_at_disk, look_at_state_folder)
    rows = (*(look(root) for look in looks), look_at_port())
    return next((row for row in rows if row.state is not State.OK), None)
