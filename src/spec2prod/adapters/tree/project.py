"""The project's files on disk: listed, digested, read, copied; written whole or not at all, and never outside the project."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable

from spec2prod.adapters.state_folder import STATE, mark_state_folder
from spec2prod.adapters.tree.writing import publish, sync_folder, temporary, told_as_output, write_atomic
from spec2prod.domain.question import FILE, IMPORTABLES, LISTING
from spec2prod.errors import UsageError

_ABSENT = "absent"
_DETOURS = frozenset({"", ".", ".."})
_DIGITS = 64  # of a SHA-256 in hex; words such as `absent` are shorter
_TICK_S = 0.05  # files are stamped by a coarser clock than time.time
_SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".eggs", STATE}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"}
)
_BUILT = frozenset({"build", "dist"})  # unless they are packages: `app/build/__init__.py` is code
_MARKERS = ("pyvenv.cfg", "CACHEDIR.TAG")


class FileDigests(Protocol):
    """Digests of files and listings, which may be remembered from earlier processes."""

    def of(self, paths: Iterable[str]) -> Mapping[str, str]:
        """Return the SHA-256 (hex) of each file's content, or a word for what has none."""
        ...

    def listings(self, folders: Iterable[str]) -> Mapping[str, str]:
        """Return a digest of the names in each folder."""
        ...

    def importables(self, folders: Iterable[str]) -> Mapping[str, str]:
        """Return a digest of the names in each folder that an import could mean."""
        ...


class ProjectTree:
    """A project's folder, with this run's own folder `.spec2prod/runs/<run id>/` in it."""

    def __init__(self, root: Path, run_id: str, digesting: Callable[[Path], FileDigests] | None = None) -> None:
        """Take the project's folder, and the run's ID, which names the run's folder; nothing is written yet.

        `digesting` gives what knows the digests of a folder's files; without it every file is read each time.
        """
        self._root = root.resolve() if ".." in root.parts else root.absolute()
        self._real = self._root.resolve()
        self._run_id = _safe(run_id)
        self._copied: set[Path] = set()
        self._digesting = digesting or EveryFile
        self._digests = self._digesting(self._root)

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
        above = str(self._root).rstrip(os.sep) + os.sep
        return tuple(sorted(str(path).removeprefix(above).replace(os.sep, "/") for path in self._walk(self._root) if path.is_file()))

    def digest(self, paths: Collection[str]) -> str:
        """Return the SHA-256 (hex) over names and contents of the given paths; absent ones count as absent."""
        total = hashlib.sha256()
        digests = self._digests.of(self._all_inside(paths))
        for path in sorted(digests):
            content, name = digests[path] if len(digests[path]) == _DIGITS else _ABSENT, os.fsencode(path)
            total.update(b"%d:%b=%b\n" % (len(name), name, content.encode()))
        return total.hexdigest()

    def state(self, names: Collection[str]) -> dict[str, str]:
        """Return the digest of each named input; paths outside the project are absolute, and may be asked about."""
        kinds = ((FILE, self._digests.of), (LISTING, self._digests.listings), (IMPORTABLES, self._digests.importables))
        told: dict[str, str] = {}
        for kind, ask in kinds:
            paths = [name.removeprefix(kind) for name in names if name.startswith(kind)]
            told |= {kind + path: digest for path, digest in ask(paths).items()}
        return told

    def changed_within(self, names: Collection[str], seconds: float) -> str:
        """Return one of these inputs' files that was written in the last `seconds`, empty where none was."""
        since = (time.time() - seconds - _TICK_S) * 1e9
        for path in (name.removeprefix(FILE) for name in names if name.startswith(FILE)):
            with contextlib.suppress(OSError, ValueError):  # what is not there has not been written
                told = (self._root / path).stat()
                if max(told.st_mtime_ns, told.st_ctime_ns) > since:
                    return path
        return ""

    def remember(self) -> None:
        """Remember the digests for the next process."""
        if isinstance(self._digests, _Remembering):
            self._digests.save()

    def read(self, path: str) -> str | None:
        """Return a file's text (undecodable bytes replaced), None where there is no such file."""
        file = self._inside(path)
        return file.read_bytes().decode("utf-8", errors="replace") if file.is_file() else None

    def exists(self, path: str) -> bool:
        """Whether something stands at this relative path, be it a broken link."""
        return os.path.lexists(self._inside(path))

    async def copy(self, name: str) -> ProjectTree:
        """Return an isolated copy under the run's folder, made of real copies: no file is shared with the project.

        A copy of that name that an earlier attempt at this run left is made anew in its place: a step's question names its folder.
        """
        return await asyncio.to_thread(self._copy, name)

    def write_new(self, path: str, text: str) -> None:
        """Write a file that does not exist yet: whole or not at all.

        Raises:
            OutputError: where something stands at `path`, or it cannot be written.
        """
        file = self._inside(path)
        with told_as_output(path):
            file.parent.mkdir(parents=True, exist_ok=True)
            with temporary(file, text) as whole:
                publish(whole, file, path)
            sync_folder(file.parent)

    def replace(self, path: str, text: str) -> None:
        """Write a file, replacing what stood there: whole or not at all. Its mode stays; of a link, what it leads to is written.

        Raises:
            OutputError: where it cannot be written.
        """
        file = self._inside(path).resolve()
        mode = file.stat().st_mode if file.exists() else None
        write_atomic(file, text, mode=mode)

    def remove(self, path: str) -> None:
        """Take a file away, if it is there.

        Raises:
            OutputError: where it cannot be taken away.
        """
        file = self._inside(path)
        with told_as_output(path):
            file.unlink(missing_ok=True)

    def keep(self, name: str, text: str) -> str:
        """Keep a text in the run's own folder, replacing one of the same name; return its path relative to the project."""
        folder = self.make_run_folder()
        file = self._inside((folder / name).relative_to(self._root).as_posix() if not Path(name).is_absolute() else name)
        if not Path(os.path.normpath(file)).is_relative_to(folder):
            raise UsageError(f"{name} leads outside the run's folder", next_step="Name a file without .. in it.")
        write_atomic(file, text)
        return self._relative(file)

    def _all_inside(self, paths: Iterable[str]) -> list[str]:
        """Return relative paths in their shortest form, refusing what `_inside` refuses; each folder is looked at once."""
        root, plain = str(self._root), {""} if os.path.realpath(self._root) == str(self._real) else set()
        return [path if _is_plain(root, path, plain) else self._inside(path).relative_to(self._root).as_posix() for path in paths]

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
        with told_as_output(name):
            target = self._workspace(_safe(name))
            for path in self._walk(self._root):
                place = target / path.relative_to(self._root)
                place.parent.mkdir(parents=True, exist_ok=True)
                if path.is_symlink():
                    # written anew and relative, so that it leads into the copy
                    place.symlink_to(os.path.relpath(path.resolve(), path.parent.resolve()), target_is_directory=path.is_dir())
                else:
                    shutil.copy2(path, place)
        return ProjectTree(target, self._run_id, self._digesting)

    def _workspace(self, name: str) -> Path:
        """Make the first folder of that name, or `name-2` and so on, that this attempt has not made yet."""
        parent = self.make_run_folder() / "workspaces"
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        folder = next(folder for folder in (parent / each for each in names) if folder not in self._copied)
        self._copied.add(folder)
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        return folder

    def make_run_folder(self) -> Path:
        """Make the run's folder, and mark what is above it as nobody's to keep: neither backups nor git.

        Raises:
            OutputError: where it cannot be made.
        """
        with told_as_output(STATE):
            self.run_folder.mkdir(parents=True, exist_ok=True)
            mark_state_folder(self._root / STATE)
        return self.run_folder


def _is_plain(root: str, path: str, plain: set[str]) -> bool:
    """Whether a path says where it leads: in its shortest form, without a link on its way, as the folders of `plain` are known to be."""
    if not _DETOURS.isdisjoint(path.split("/")) or path[0] == "\\" or "\0" in path:
        return False
    folder = path.rpartition("/")[0]
    if folder not in plain:
        if not folder or not _is_plain(root, folder, plain):
            return False
        plain.add(folder)
    return not os.path.islink(f"{root}/{path}")  # noqa: PTH114 - asked of every file, again and again: a Path costs twenty times as much


@runtime_checkable
class _Remembering(Protocol):
    def save(self) -> None: ...


class EveryFile:
    """Digests that are made by reading: nothing is remembered."""

    def __init__(self, root: Path) -> None:
        """Take the folder that relative paths start from."""
        self._root = root

    def of(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 (hex) of each file's content; `absent` where there is no file."""
        files = {path: self._root / path for path in paths}
        return {path: hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else _ABSENT for path, file in files.items()}

    def listings(self, folders: Iterable[str]) -> dict[str, str]:
        """Return a digest of the names in each folder."""
        places = {folder: self._root / folder for folder in folders}
        return {folder: _names_in(place) if place.is_dir() else _ABSENT for folder, place in places.items()}

    importables = listings


def _names_in(folder: Path) -> str:
    return hashlib.sha256("\0".join(sorted(each.name for each in folder.iterdir())).encode("utf-8", "surrogateescape")).hexdigest()


def _safe(name: str) -> str:
    """Return a file name that says `name` and is one on every system."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:100]
    return plain or hashlib.sha256(name.encode()).hexdigest()[:12]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what stands in a folder.

    Nothing where it may not be listed, since Python could import nothing from it either; nor where it went away while its project was
    walked through.
    """
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (PermissionError, FileNotFoundError, NotADirectoryError):
        return []


def _is_skipped(folder: Path) -> bool:
    if folder.name in _SKIPPED or folder.name.endswith(".egg-info"):
        return True
    if folder.name in _BUILT and not os.path.lexists(folder / "__init__.py"):
        return True
    return any(os.path.lexists(folder / marker) for marker in _MARKERS)  # unlike exists(), it does not mind a forbidden folder
