"""The project's files on disk: listed, digested, read, copied; written whole or not at all, and never outside the project."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from spec2prod.errors import OutputError, UsageError

STATE = ".spec2prod"
_SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".eggs", STATE}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"}
)
_BUILT = frozenset({"build", "dist"})  # unless they are packages: `app/build/__init__.py` is code
_MARKERS = ("pyvenv.cfg", "CACHEDIR.TAG")
# The signature that bford.info/cachedir asks for: it is defined as the MD5 of this name.
_CACHE_TAG = f"Signature: {hashlib.md5(b'.IsCacheDirectory', usedforsecurity=False).hexdigest()}\n# Made by spec2prod: may be deleted.\n"


class ProjectTree:
    """A project's folder, with this run's own folder `.spec2prod/runs/<run id>/` in it."""

    def __init__(self, root: Path, run_id: str) -> None:
        """Take the project's folder, and the run's ID, which names the run's folder; nothing is written yet."""
        self._root = root.resolve() if ".." in root.parts else root.absolute()
        self._real = self._root.resolve()
        self._run_id = _safe(run_id)

    @property
    def root(self) -> Path:
        """Return the folder that relative paths start from."""
        return self._root

    @property
    def run_folder(self) -> Path:
        """Return the run's own folder; it is made when something is kept in it."""
        return self._root / STATE / "runs" / self._run_id

    def list_files(self) -> tuple[str, ...]:
        """Return every file of the project as a relative POSIX path, sorted, without caches, environments and build folders.

        What git ignores is listed: a component's generated module is still its own. Links to folders are not entered
        (no loops; what they show inside the project is listed where it lies), links that lead outside are left out.
        """
        return tuple(sorted(self._relative(path) for path in self._walk(self._root) if path.is_file()))

    def digest(self, paths: Collection[str]) -> str:
        """Return the SHA-256 (hex) over names and contents of the given paths; absent ones count as absent."""
        total = hashlib.sha256()
        for path, file in sorted({PurePosixPath(path).as_posix(): self._inside(path) for path in paths}.items()):
            content = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "absent"
            name = os.fsencode(path)
            total.update(b"%d:%b=%b\n" % (len(name), name, content.encode()))
        return total.hexdigest()

    def read(self, path: str) -> str | None:
        """Return a file's text (undecodable bytes replaced), None where there is no such file."""
        file = self._inside(path)
        return file.read_bytes().decode("utf-8", errors="replace") if file.is_file() else None

    def exists(self, path: str) -> bool:
        """Whether something stands at this relative path, be it a broken link."""
        return os.path.lexists(self._inside(path))

    async def copy(self, name: str) -> ProjectTree:
        """Return an isolated copy under the run's folder, made of real copies: no file is shared with the project."""
        return await asyncio.to_thread(self._copy, name)

    def write_new(self, path: str, text: str) -> None:
        """Write a file that does not exist yet: whole or not at all.

        Raises:
            OutputError: where something stands at `path`, or it cannot be written.
        """
        file = self._inside(path)
        with _told_as_output(path):
            file.parent.mkdir(parents=True, exist_ok=True)
            with _temporary(file, text) as whole:
                _publish(whole, file, path)
            _sync_folder(file.parent)

    def keep(self, name: str, text: str) -> str:
        """Keep a text in the run's own folder, replacing one of the same name; return its path relative to the project."""
        folder = self.make_run_folder()
        file = self._inside((folder / name).relative_to(self._root).as_posix() if not Path(name).is_absolute() else name)
        if not Path(os.path.normpath(file)).is_relative_to(folder):
            raise UsageError(f"{name} leads outside the run's folder", next_step="Name a file without .. in it.")
        write_atomic(file, text)
        return self._relative(file)

    def _inside(self, path: str) -> Path:
        """Return where a relative path leads, refusing one that leaves the project by its name or through a link."""
        file = self._root / path
        if path.startswith(("/", "\\")) or PurePosixPath(path).is_absolute() or "\0" in path or not self._holds(file):
            raise UsageError(f"{path!r} leads outside the project", next_step="Give a path relative to the project's folder.")
        return file

    def _holds(self, file: Path) -> bool:
        try:
            named, led = Path(os.path.normpath(file)), file.resolve()
        except (OSError, RuntimeError):  # a loop of links leads nowhere
            return False
        return named.is_relative_to(self._root) and led.is_relative_to(self._real)

    def _relative(self, file: Path) -> str:
        return file.relative_to(self._root).as_posix()

    def _walk(self, folder: Path) -> Iterator[Path]:
        """Yield files, and links that stay inside the project."""
        for entry in _entries(folder):
            path = folder / entry.name
            if entry.is_symlink():
                if self._holds(path):
                    yield path
            elif entry.is_file(follow_symlinks=False):
                yield path
            elif entry.is_dir(follow_symlinks=False) and not _is_skipped(path):
                yield from self._walk(path)

    def _copy(self, name: str) -> ProjectTree:
        with _told_as_output(name):
            target = _fresh_folder(self.make_run_folder() / "workspaces", _safe(name))
            for path in self._walk(self._root):
                place = target / path.relative_to(self._root)
                place.parent.mkdir(parents=True, exist_ok=True)
                if path.is_symlink():
                    # written anew and relative, so that it leads into the copy
                    place.symlink_to(os.path.relpath(path.resolve(), path.parent.resolve()), target_is_directory=path.is_dir())
                else:
                    shutil.copy2(path, place)
        return ProjectTree(target, self._run_id)

    def make_run_folder(self) -> Path:
        """Make the run's folder, and mark what is above it as nobody's to keep: neither backups nor git.

        Raises:
            OutputError: where it cannot be made.
        """
        with _told_as_output(STATE):
            self.run_folder.mkdir(parents=True, exist_ok=True)
            for name, text in (("CACHEDIR.TAG", _CACHE_TAG), (".gitignore", "*\n")):
                if not (self._root / STATE / name).exists():
                    write_atomic(self._root / STATE / name, text)
        return self.run_folder


def write_atomic(path: Path, text: str) -> None:
    """Write a text as UTF-8, replacing what stood there: whole or not at all.

    Raises:
        OutputError: where it cannot be written.
    """
    with _told_as_output(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path, text) as whole:
            whole.replace(path)
        _sync_folder(path.parent)


@contextlib.contextmanager
def _told_as_output(where: str) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeError, shutil.Error) as error:
        raise OutputError(
            f"cannot be written: {error}", where=where, next_step="Check the path, its permissions and the free space."
        ) from error


@contextlib.contextmanager
def _temporary(beside: Path, text: str) -> Iterator[Path]:
    """Give a complete, synced temporary file in the same folder, with the mode that a plain new file has."""
    path = beside.parent / f".{uuid.uuid4().hex}.tmp"
    try:
        with path.open("xb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _publish(whole: Path, file: Path, where: str) -> None:
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


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # folders cannot be opened there; NTFS journals the name itself
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fresh_folder(parent: Path, name: str) -> Path:
    """Make a folder that did not exist: `name`, else `name-2` and so on."""
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _safe(name: str) -> str:
    """Return a file name that says `name` and is one on every system."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:100]
    return plain or hashlib.sha256(name.encode()).hexdigest()[:12]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what stands in a folder; nothing where it may not be listed, since Python could import nothing from it either."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except PermissionError:
        return []


def _is_skipped(folder: Path) -> bool:
    if folder.name in _SKIPPED or folder.name.endswith(".egg-info"):
        return True
    if folder.name in _BUILT and not os.path.lexists(folder / "__init__.py"):
        return True
    return any(os.path.lexists(folder / marker) for marker in _MARKERS)  # unlike exists(), it does not mind a forbidden folder
