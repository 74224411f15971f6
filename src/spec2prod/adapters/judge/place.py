"""Where a judgement takes place: which project, which Python, within which bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from spec2prod.domain.command import Belongings
from spec2prod.errors import ExitCode, Spec2prodError

SHARE = 0.8  # of the whole time; what is under way then may still end

_ROOM = str(64 * 1024 * 1024)  # bytes of each
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - one of the sandbox's own


class JudgeError(Spec2prodError):
    """The judge could not do its work: never a verdict on a test."""

    slug = "judge"
    exit_code = ExitCode.COULD_NOT_ASK


class Box(Protocol):
    """Puts a command into a sandbox, or at least ties its life to ours."""

    @property
    def bwrap(self) -> Path | None:
        """The sandbox's program, None where there is no sandbox."""
        ...

    def wrap(self, argv: Sequence[str], *, readable: Iterable[Path] = (), writable: Iterable[Path] = (), cwd: Path) -> tuple[str, ...]:
        """Return the command that runs inside."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits of one judgement. Times in seconds of wall clock, sizes in MiB.

    `lanes` processes work at once. After four fifths of `total_s` no mutant is begun any more: those left are told as not tried. A test on
    a mutant has `mutant_s`, or ten times its time on the component as it is.
    `memory_mb` is what one test may take beyond what its collected suite takes already; `disk_mb` is what it may write in sum, `file_mb`
    into one file. Of a function with more than `most_cases` cases the rest is not run, and the function is not judged.
    """

    lanes: int = 2
    total_s: float = 900.0
    collect_s: float = 60.0
    test_s: float = 10.0
    mutant_s: float = 0.5
    memory_mb: int = 1024
    file_mb: int = 64
    disk_mb: int = 256
    processes: int = 64
    most_cases: int = 200

    def told(self) -> dict[str, float]:
        """Return what the worker is told; the time of the whole is kept here, and most of it is for the mutants."""
        return {**{name: value for name, value in asdict(self).items() if name != "total_s"}, "mutants_until_s": SHARE * self.total_s}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A copy of the project that already holds the candidates' files. It is read, never written.

    `import_root` is what must be importable, relative to `root`. `environment` are variables that the judged code sees beside
    the few that programs need (a hash seed, a time zone, a locale, a home). `readable` are further folders that it needs.
    By `ours` whoever clears up after us knows the worker and its files: a sandbox that is just being started does not die with us yet.
    With `clock_s` Python's `time` and `datetime` tell the judged code a date that is off by so many seconds; 0 replaces them, and
    tells the right one.
    """

    root: Path
    import_root: str
    interpreter: Path
    box: Box
    bounds: Bounds = field(default_factory=Bounds)
    environment: tuple[tuple[str, str], ...] = ()
    readable: tuple[Path, ...] = ()
    fork: bool = True
    clock_s: float | None = None
    ours: Belongings = field(default_factory=Belongings)


def sealed(box: Box, wrapped: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command of the sandbox without network, and with little room in the folders that lie in the machine's memory."""
    if box.bwrap is None:
        return wrapped
    end = wrapped.index("--")
    options = [word for each in wrapped[1:end] for word in (("--size", _ROOM, each) if each == "--tmpfs" else (each,))]
    return (wrapped[0], "--unshare-net", *options, "--remount-ro", "/dev", "--size", _ROOM, "--tmpfs", _SHARED_MEMORY, *wrapped[end:])


def interpreter_folders(interpreter: Path) -> tuple[Path, ...]:
    """Return what must be readable to run a Python: its environment, and the installation that it was made from."""
    settings = interpreter.parent.parent / "pyvenv.cfg"
    lines = settings.read_text(encoding="utf-8").splitlines() if settings.is_file() else []
    homes = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "home"]
    bases = [Path(home).parent for home in homes] or [interpreter.resolve().parent.parent]
    return (interpreter.parent.parent, interpreter, *bases)
