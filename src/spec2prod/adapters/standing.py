"""The answer that still stands: a run of which nothing has changed is answered again from what it left, without doing anything.

Standard library only and quick to import, since it is asked before anything else is: a whole answer takes less time than importing
what a run needs. What is watched is everything that a run could have read, by the files' stat alone: the project's tree, the environments
of the project and of spec2prod itself, spec2prod's own sources, the variables that reach tools, the releases. A difference that does not
matter only costs time: then a run asks its questions one by one, and most of them from the cache.
"""

# Plain strings: a Path for each of 10,000 files costs more than its stat.
# ruff: noqa: PTH100, PTH103, PTH111, PTH112, PTH114, PTH116, PTH118, PTH120, PTH123, PTH208, PTH113

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

FOLDER = ".spec2prod/standing"
BELOW = "/**"
_FORMAT = 2
_SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".eggs", ".spec2prod"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".coverage"}
)
_MARKERS = ("pyvenv.cfg", "CACHEDIR.TAG")
# What reaches a tool (adapters/host/), chooses an interpreter, or is read by a run; a terminal's size changes no verdict.
_VARIABLES = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "SYSTEMROOT",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
)
_PREFIXES = ("SPEC2PROD_", "LLM_", "OPENHANDS_", "UV_", "PIP_")
_USERS_OWN = (".config/ruff", ".config/uv", ".config/pip", ".pip", ".config/mypy", ".mypy.ini")
_RACY_NS = 50_000_000  # a file system stamps by the kernel's tick: 10 ms at most
_COARSE_RACY_NS = 2_000_000_000


class Standing(NamedTuple):
    """What a run left; times are seconds since 1970.

    `document` is the report's text, `summary` what was told on a terminal, `page` the path of the page about it. `watched` are
    files and folders outside of the project that it could have read: a folder's entries, and all that is below them where the
    name ends with `BELOW`.
    """

    run_id: str
    made_at: float
    expires_at: float
    exit_code: int
    document: str
    summary: str
    page: str
    watched: list[str]


def key_of(words: Mapping[str, object]) -> str:
    """Return the name of a question: what the command line asked, from where."""
    return hashlib.sha256(json.dumps(words, sort_keys=True, default=str).encode()).hexdigest()[:32]


def find(look: Look, now: float) -> Standing | None:
    """Return the answer to a question, if nothing has changed since; None where it has, or where there is none that can be read."""
    try:
        with open(_place(look.root, look.key), encoding="utf-8") as file:
            kept = json.load(file)
        standing = Standing(*kept["standing"])
        if kept["format"] != _FORMAT or not standing.made_at <= now < standing.expires_at:
            return None  # also where the clock was set back: nobody knows how old it is
        if not os.path.isfile(standing.page) or kept["own"] != look.digest():
            return None
        return standing if kept["seen"] == look.digest(standing.watched) else None
    except (OSError, ValueError, KeyError, TypeError, UnsettledError):
        return None


def keep(look: Look, standing: Standing, *, taken_at_ns: int) -> None:
    """Keep an answer with what it was found on; a disk that takes no file only costs time.

    Raises:
        UnsettledError: where a file changed after `taken_at_ns`, or a moment before.
    """
    seen = look.digest(standing.watched, taken_at_ns=taken_at_ns)
    with suppress(OSError):
        _write(_place(look.root, look.key), {"format": _FORMAT, "own": look.digest(), "seen": seen, "standing": standing})


class Start(NamedTuple):
    """A command that a run has asked about files: the next run with that question asks it again, where they are others.

    `argv` holds `SECRET` where a run's own secret stood; `reads` are the project's files (relative) that decide whether it is asked,
    `answered` digests of states of them (`contents`) to which the answer is known, and `wall_ms` is how long it took (milliseconds).
    """

    tool: str
    argv: list[str]
    cwd: str
    env: dict[str, str]
    answer: str
    timeout_s: float
    reads: list[str]
    answered: list[str]
    wall_ms: float


SECRET = "{secret}"  # noqa: S105 - a word that stands for one


class Starts(NamedTuple):
    """What a run asked, in its order: `watched` as in `Standing`, `at_once` how many processes it may have at a time."""

    watched: list[str]
    at_once: int
    starts: list[Start]


def take_starts(root: str, key: str) -> Starts | None:
    """Return what the last run with a question asked, and forget it: a run that does not come to its end leaves nothing to go by."""
    place = _place(root, key, "starts")
    try:
        with open(place, encoding="utf-8") as file:
            kept = json.load(file)
        os.unlink(place)  # noqa: PTH108
        watched, at_once, starts = kept["starts"] if kept["format"] == _FORMAT else ([], 0, [])
        return Starts(watched, int(at_once), [Start(*each) for each in starts])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_starts(root: str, key: str, starts: Starts) -> None:
    """Keep what a run asked; a disk that takes no file only costs time."""
    with suppress(OSError):
        _write(_place(root, key, "starts"), {"format": _FORMAT, "starts": starts})


def contents(root: str, paths: Collection[str]) -> str:
    """Return a digest of what files hold, by their names relative to the project; one that cannot be read holds nothing."""
    total = hashlib.sha256()
    for path in sorted(paths):
        held = b""
        with suppress(OSError), open(os.path.join(root, path), "rb") as file:
            held = hashlib.sha256(file.read()).digest()
        total.update(b"%d:%b=%b\n" % (len(path), os.fsencode(path), held))
    return total.hexdigest()


class UnsettledError(Exception):
    """What is here cannot be watched: a file changed a moment ago (it may again, within the same tick), or a link leads elsewhere."""


class Look:
    """The stat of everything in a project that a run could read, at one moment; what lies elsewhere is looked at when it is named."""

    def __init__(self, root: str, key: str, outputs: Collection[str]) -> None:
        """Look; `key` names the question, and `outputs` (absolute) are the files that answering writes.

        Raises:
            UnsettledError: where a link leads out of the project.
        """
        self.root, self.key = root, key
        self._ignored = {os.path.abspath(path) for path in outputs}
        variables = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name in _VARIABLES or name.startswith(_PREFIXES)]
        self._machine = [f"{_FORMAT}\n{key}\n{sys.version}\n{sys.executable}\n{root}\n", "\0".join(variables)]
        home = os.path.expanduser("~")
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self._lines = [line for place in (root, package) for line in _tree(place, self._ignored)]
        self._lines += [line for name in _USERS_OWN for line in _shallow(os.path.join(home, name), 1)]
        self._environments = list(_shallow(os.path.join(root, ".spec2prod", "environments"), 3))  # a run may have changed them itself

    def digest(self, watched: Collection[str] = (), *, taken_at_ns: int | None = None) -> str:
        """Return a digest of what was seen, and of what `watched` names, as it is now.

        Raises:
            UnsettledError: where a link leads elsewhere, or `taken_at_ns` is given and a file changed after it, or so shortly before
                that a further change would not be seen.
        """
        lines = [*self._lines]
        for place in sorted(watched):
            lines.extend(_tree(place.removesuffix(BELOW), self._ignored) if place.endswith(BELOW) else _shallow(place, 1))
        if taken_at_ns is not None:
            _refuse_unsettled(lines, taken_at_ns)
        return hashlib.sha256("\n".join([*self._machine, *lines, *self._environments]).encode("utf-8", "surrogateescape")).hexdigest()


def _refuse_unsettled(lines: list[str], taken_at_ns: int) -> None:
    newest = max((int(line.rsplit(" ", 2)[-2]) for line in lines), default=0)
    coarse = newest % 1_000_000_000 == 0  # a file system that stamps by seconds
    if newest > taken_at_ns - (_COARSE_RACY_NS if coarse else _RACY_NS):
        raise UnsettledError


def _tree(folder: str, ignored: Collection[str]) -> Iterator[str]:
    """Yield a line for each file below a folder, without caches, environments and what version control keeps."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        yield f"{folder} unlistable 0 0"
        return
    for entry in entries:
        if entry.name in _SKIPPED or entry.name.endswith((".pyc", ".egg-info", ".tmp", ".part")) or entry.path in ignored:
            continue
        if entry.is_symlink() and os.path.isdir(entry.path) and not os.path.realpath(entry.path).startswith(os.path.realpath(folder)):
            raise UnsettledError  # what it shows lies elsewhere, and is not watched
        if entry.is_dir(follow_symlinks=False):
            if not any(os.path.lexists(os.path.join(entry.path, marker)) for marker in _MARKERS):
                yield from _tree(entry.path, ignored)
        else:
            yield _line(entry.path)


def _shallow(place: str, depth: int) -> Iterator[str]:
    """Yield a line for a file; for a folder one for itself and for each entry, down to a depth."""
    yield _line(place)
    if depth and os.path.isdir(place) and not os.path.islink(place):
        try:
            names = sorted(os.listdir(place))
        except OSError:
            return
        for name in names:
            if not name.endswith((".pyc", ".lock", "lock")) and name != "__pycache__":
                yield from _shallow(os.path.join(place, name), depth - 1)


def _line(path: str) -> str:
    """Return what a file is: its own stat, and for a link that of what it leads to. The last two fields are times."""
    try:
        own = os.lstat(path)
        led = os.stat(path) if stat.S_ISLNK(own.st_mode) else own
    except OSError:
        return f"{path} absent 0 0"
    size = led.st_size if stat.S_ISREG(led.st_mode) else 0
    return f"{path} {own.st_mode} {own.st_ino} {led.st_ino} {size} {max(own.st_mtime_ns, led.st_mtime_ns)} {led.st_ctime_ns}"


def _place(root: str, key: str, what: str = "") -> str:
    return os.path.join(root, FOLDER, f"{key}.{what}.json" if what else f"{key}.json")


def _write(place: str, document: object) -> None:
    """Write a file whole or not at all."""
    beside = f"{place}.{uuid.uuid4().hex}.part"
    os.makedirs(os.path.dirname(place), exist_ok=True)
    try:
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(document, file)
        os.replace(beside, place)  # noqa: PTH105
    finally:
        with suppress(FileNotFoundError):
            os.unlink(beside)  # noqa: PTH108
