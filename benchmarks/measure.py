"""What every benchmark needs: a process measured, environments for what is measured beside us, results kept."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import Path

BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One process, or several at once: seconds of wall clock, seconds of CPU with all children, the worst exit code, what was printed."""

    wall_s: float
    cpu_s: float
    exit_code: int
    output: str = ""


def measured(commands: Sequence[Sequence[str]], cwd: Path, env: Mapping[str, str] | None = None) -> Measured:
    """Start the commands at once and wait for all."""
    before, start = os.times(), time.perf_counter()
    started = [
        subprocess.Popen(each, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for each in commands
    ]
    outputs = [process.communicate()[0] for process in started]
    wall, after = time.perf_counter() - start, os.times()
    cpu = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    return Measured(wall_s=wall, cpu_s=cpu, exit_code=max(process.returncode for process in started), output="".join(outputs))


def environment(folder: Path, requirements: Path) -> Path:
    """Make an environment with pinned, hashed requirements; return its folder of programs."""
    uv = str(BIN / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python"), "--require-hashes"]
    subprocess.run([*install, "-r", str(requirements)], check=True)
    return folder / "bin"


def median(figures: Iterable[float]) -> float:
    """Return the median: one busy moment of a shared machine does not move it."""
    return statistics.median(figures)


def save(benchmark: str, told: object) -> Path:
    """Keep raw figures beside the benchmark, with what they were taken on."""
    folder = Path(benchmark).parent / "results"
    folder.mkdir(exist_ok=True)
    file = folder / f"{Path(benchmark).stem.strip('_')}-{datetime.now(tz=UTC):%Y-%m-%d-%H%M%S}.json"
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.system()}
    text = json.dumps({"machine": machine, "figures": told}, indent=1, default=_plain)
    file.write_text(text + "\n", encoding="utf-8")
    return file


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: figure for name, figure in asdict(value).items() if name != "output"}  # it names this machine's folders
    message = f"{type(value).__name__} is no figure"
    raise TypeError(message)
