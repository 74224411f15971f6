"""A command is a value before it is a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to start. `argv` is a list, never a shell string.

    `tool` is the name shown to people. `answer` names a file in the command's own scratch folder that it is
    asked to write; in `argv` and `env` the text `{scratch}` stands for that folder. `env` is added to a small
    allow-list of our environment. `timeout_s` is in seconds of wall clock.
    """

    tool: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    timeout_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a command ended.

    `exit_code` is None where it never started (`not_found`) or was killed at its time limit (`timed_out`);
    negative where a signal ended it. `answer` is the text of the answer file, None where none was written.
    `wall_ms` and `cpu_ms` are milliseconds, `peak_memory_mb` is MiB (0 where it could not be read). `ahead_ms` of the wall time had
    gone by when somebody asked for it: it had a head start; all of it where nobody did, or its answer was not to be believed.
    """

    command: Command
    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    answer: str | None = None
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    peak_memory_mb: float = 0.0
    not_found: bool = False
    timed_out: bool = False
    ahead_ms: float = 0.0

    def ending(self) -> str:
        """Say in words how the process ended, with the last line it printed."""
        if self.not_found:
            return f"{self.command.tool} is not installed ({self.command.argv[0]} not found)"
        if self.timed_out:
            return f"{self.command.tool} was stopped at its time limit of {self.command.timeout_s:g} s"
        how = f"killed by signal {-self.exit_code}" if self.exit_code is not None and self.exit_code < 0 else f"exit {self.exit_code}"
        last = next((line.strip() for line in reversed((self.stderr or self.stdout).splitlines()) if line.strip()), "")
        return f"{self.command.tool} ended with {how}" + (f": {last[:300]}" if last else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """By what a run's processes and files are known to be its own, should it be gone without a word.

    Every process with `marks` (variables) in its environment is ended, and `folder`, where temporary files are made, is taken away.
    None stands for the system's own folder, which nobody clears.
    """

    marks: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What a mending command made of some files, in a copy: `texts` maps each path that it changed to its new text."""

    completed: Completed
    texts: Mapping[str, str]
