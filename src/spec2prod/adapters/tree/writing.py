"""Files are written whole or not at all, also where the process is killed or the disk is full meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from spec2prod.errors import OutputError


def write_atomic(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write a text as UTF-8, replacing what stood there: whole or not at all; `mode` is the file's (default: a new file's).

    Raises:
        OutputError: where it cannot be written.
    """
    with told_as_output(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path, text) as whole:
            if mode is not None:
                whole.chmod(stat.S_IMODE(mode))
            whole.replace(path)
        sync_folder(path.parent)


@contextlib.contextmanager
def told_as_output(where: str) -> Iterator[None]:
    """Tell what goes wrong while something is written as an `OutputError` about that place."""
    try:
        yield
    except (OSError, UnicodeError, shutil.Error) as error:
        raise OutputError(
            f"cannot be written: {error}", where=where, next_step="Check the path, its permissions and the free space."
        ) from error


@contextlib.contextmanager
def temporary(beside: Path, text: str) -> Iterator[Path]:
    """Give a complete, synced temporary file in the same folder, with the mode that a plain new file has.

    Where the system can (Linux), it gets its name only when it is complete: a process that is killed while it writes leaves nothing.
    Killed between that and the renaming, it leaves a whole file that nobody locks any more: whoever writes there next takes it away.
    """
    kin = f".{hashlib.sha256(os.fsencode(beside.name)).hexdigest()[:12]}-"
    _sweep(beside.parent, kin)
    path, content = beside.parent / f"{kin}{uuid.uuid4().hex}.tmp", text.encode()
    descriptor = _written_without_a_name(path, content)
    try:
        if descriptor is None:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
            _fill(descriptor, content)
        yield path
    finally:
        path.unlink(missing_ok=True)
        if descriptor is not None:
            os.close(descriptor)


def _written_without_a_name(path: Path, content: bytes) -> int | None:
    """Write a file that has no name until it is complete; return its descriptor, None where this system cannot."""
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except OSError:  # NFS and others cannot; what else is wrong with the folder, the plain way tells
        return None
    linked = False
    try:
        _fill(descriptor, content)
        with contextlib.suppress(OSError):
            os.link(f"/proc/self/fd/{descriptor}", path, follow_symlinks=True)
            linked = True
    finally:
        if not linked:
            os.close(descriptor)
    return descriptor if linked else None


def _fill(descriptor: int, content: bytes) -> None:
    """Lock a file as one that somebody works on, and write it whole."""
    with contextlib.suppress(OSError):  # where there are no locks, nobody is swept away either
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.fsync(descriptor)


def _sweep(folder: Path, kin: str) -> None:
    """Take away the temporary files that begin so and that nobody works on: who wrote them was killed."""
    left: list[Path] = []
    with contextlib.suppress(OSError):  # a folder that may not be listed
        left = [each for each in folder.iterdir() if each.name.startswith(kin) and each.name.endswith(".tmp")]
    for path in left:
        with contextlib.suppress(OSError), open(path, "rb") as file:  # noqa: PTH123 - another was quicker, or there are no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def publish(whole: Path, file: Path, where: str) -> None:
    """Give a complete file its name, unless something has it."""
    try:
        _link_or_move(whole, file)
    except FileExistsError:
        raise OutputError(
            "stands already, and is not overwritten", where=where, next_step="Move it away, or choose another name."
        ) from None


def _link_or_move(whole: Path, file: Path) -> None:
    try:
        file.hardlink_to(whole)
    except FileExistsError:
        raise
    except OSError:
        # a file system without hard links: reserve the name, then put the content under it
        file.touch(exist_ok=False)
        whole.replace(file)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a crash of the machine."""
    if os.name == "nt":
        return  # folders cannot be opened there; NTFS journals the name itself
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
