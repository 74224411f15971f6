"""What a file's content is, without reading it again: its digest is remembered with the file's stat, in one small file of the machine.

Standard library only, quick to import: a run that changes nothing is answered by this alone. An entry counts while device, inode,
size, mtime and ctime are the same. Git's rule for racy entries holds: a file that changed less than two seconds before it was
digested may change again within the same tick of a clock, so that its entry is not kept, and it is read anew the next time.
"""

# Plain strings: a Path for each of 10,000 files costs more than its stat.
# ruff: noqa: PTH105, PTH108, PTH112, PTH116, PTH118, PTH123, PTH208

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress

ABSENT, FOLDER, OTHER, UNREADABLE = "absent", "folder", "other", "unreadable"
KEPT_IN = ".spec2prod/digests.json"
_FORMAT = 1
_RACY_NS = 2_000_000_000
_CHUNK = 1024 * 1024
# Names that come and go without anybody's doing: what Python, git and the tools leave behind, and what editors hold open.
UNTOLD = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".spec2prod", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".coverage"}
)

type _Stat = tuple[int, int, int, int, int]


class Digests:
    """The digests of one project's files, relative to `root` (POSIX); absolute paths may be asked about too.

    `read` counts the files whose content had to be read.
    """

    def __init__(self, root: str | os.PathLike[str], now_ns: Callable[[], int] = time.time_ns) -> None:
        """Take the project's folder; nothing is read yet. `now_ns` is the time that files are stamped by."""
        self._root = os.fspath(root)
        self._now_ns = now_ns
        self._known: dict[str, tuple[_Stat, str]] | None = None
        self._is_new = False
        self.read = 0

    def of(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 (hex) of each file's content.

        What has none is `absent`, `folder`, `other` (a pipe, a device) or `unreadable`.
        """
        return {path: self._of(path) for path in paths}

    def listings(self, folders: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 over the names in each folder, without caches and version control; `absent` where there is no folder."""
        return {folder: self._listing(folder, is_told) for folder in folders}

    def importables(self, folders: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 over the names in each folder that an import could mean: folders, modules, extensions."""
        return {folder: self._listing(folder, is_importable) for folder in folders}

    def save(self) -> None:
        """Remember what was learnt, for the next process; `.spec2prod` is not made for it."""
        if not self._is_new or self._known is None or not os.path.isdir(os.path.join(self._root, ".spec2prod")):
            return
        alive = {path: entry for path, entry in self._known.items() if os.path.lexists(os.path.join(self._root, path))}
        text = json.dumps({"format": _FORMAT, "files": {path: [*told, digest] for path, (told, digest) in alive.items()}})
        place = os.path.join(self._root, KEPT_IN)
        beside = f"{place}.{uuid.uuid4().hex}.part"
        with suppress(OSError):  # a full or read-only disk: nothing is lost but time
            try:
                with open(beside, "w", encoding="utf-8") as file:
                    file.write(text)
                os.replace(beside, place)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(beside)
        self._is_new = False

    def _of(self, path: str) -> str:
        place = os.path.join(self._root, path)
        try:
            told = os.stat(place)
        except (OSError, ValueError):  # ValueError: a name with a null in it
            return ABSENT
        if not stat.S_ISREG(told.st_mode):
            return FOLDER if stat.S_ISDIR(told.st_mode) else OTHER
        known = self._entries().get(path)
        if known is not None and known[0] == _signature(told):
            return known[1]
        return self._learn(path, place)

    def _learn(self, path: str, place: str) -> str:
        """Read a file; keep what was read where nothing can have changed unseen."""
        begun = self._now_ns()
        try:
            with open(place, "rb") as file:
                before = os.fstat(file.fileno())
                total = hashlib.sha256()
                while chunk := file.read(_CHUNK):
                    total.update(chunk)
                after = os.fstat(file.fileno())
        except OSError:
            return UNREADABLE
        self.read += 1
        digest = total.hexdigest()
        is_settled = max(after.st_mtime_ns, after.st_ctime_ns) < begun - _RACY_NS
        if is_settled and _signature(before) == _signature(after):
            self._entries()[path] = (_signature(after), digest)
            self._is_new = True
        else:
            self._entries().pop(path, None)
        return digest

    def _listing(self, folder: str, counts: Callable[[str], bool]) -> str:
        try:
            names = os.listdir(os.path.join(self._root, folder))
        except (FileNotFoundError, NotADirectoryError):
            return ABSENT
        except OSError:
            return UNREADABLE
        return hashlib.sha256(b"\0".join(sorted(os.fsencode(name) for name in names if counts(name)))).hexdigest()

    def _entries(self) -> dict[str, tuple[_Stat, str]]:
        if self._known is None:
            self._known = _remembered(os.path.join(self._root, KEPT_IN))
        return self._known


def is_told(name: str) -> bool:
    """Whether somebody put a name into a folder, and no tool's cache, no editor and no report of ours."""
    return name not in UNTOLD and not name.endswith((".pyc", ".egg-info", ".part", ".tmp", "~", ".swp")) and not is_report(name)


def is_importable(name: str) -> bool:
    """Whether an import could mean a name."""
    return is_told(name) and ("." not in name or name.endswith((".py", ".pyi", ".so", ".pyd")))


def is_report(name: str) -> bool:
    """Whether a name is that of a run's report: it changes with every run, and no question is about it."""
    return name.startswith("workflow_report_") and name.endswith(".json")


def _signature(told: os.stat_result) -> _Stat:
    return (told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns)


def _remembered(place: str) -> dict[str, tuple[_Stat, str]]:
    """Return what an earlier process kept; a file that is none of ours, or broken, counts as nothing."""
    try:
        with open(place, encoding="utf-8") as file:
            kept = json.load(file)
        if kept["format"] != _FORMAT:
            return {}
        return {path: ((dev, ino, size, mtime, ctime), digest) for path, (dev, ino, size, mtime, ctime, digest) in kept["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
