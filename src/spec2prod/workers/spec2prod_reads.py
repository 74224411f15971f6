"""Notes what this process reads of the project while it runs tests: what it opens, lists and searches for modules.

It hears Python's own audit events (PEP 578), so that nothing of the component is changed for it. It must run on Python 3.9, with the
standard library alone. What cannot be heard is told as such: another process may read everything; a file that is read first and
written later is no input that could be told afterwards; an answer that came over the network is not the tree's.
"""

# It must not import more than it has to: what it imports before it listens is not heard.
# ruff: noqa: PTH100, PTH110, PTH112, PTH115, PTH118, PTH119, PTH120

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

# What pytest reads of these is the project's configuration of pytest, which is told section by section elsewhere.
CONFIGURATION = frozenset({"pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini", ".pytest.ini"})
OWN = frozenset(
    {
        "_pytest",
        "pytest",
        "pluggy",
        "iniconfig",
        "coverage",
        "spec2prod_pytest",
        "spec2prod_recorder",
        "spec2prod_folders",
        "spec2prod_contexts",
    }
)
# What starts programs only to note the machine and the commit beside its own figures.
CURIOUS = frozenset({"pytest_benchmark"})
STARTS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.spawn", "os.system", "os.exec", "os.fork", "os.forkpty", "pty.spawn"})
CALLS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"})
# Modules whose processes start without an event.
STARTING = ("multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver")
HEARD = {"open", "os.listdir", "os.scandir", "os.rename", "sqlite3.connect"} | STARTS | CALLS
FROZEN_FINDER = "<frozen importlib._bootstrap_external>"
LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
NOWHERE = ("/proc", "/dev", "/sys")


class Reads:
    """What was heard so far. `root` is the project's folder, `scratch` the folder of this process."""

    def __init__(self, root: str, scratch: str) -> None:
        """Take the places; nothing is heard yet."""
        self._roots = [os.path.abspath(root) + os.sep, os.path.realpath(root) + os.sep]
        prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.path.abspath(__file__)))
        ours = [scratch, os.path.realpath(scratch), *prefixes, *(os.path.realpath(each) for each in prefixes), *NOWHERE]
        folders = {each.rstrip(os.sep) + os.sep for each in ours}
        self._inside = tuple(each for each in folders if each.startswith(tuple(self._roots)))  # an environment in the project
        self._elsewhere = tuple(folders)
        self._first = tuple(self._roots)
        self._runner = os.getpid()
        self._is_deaf = False
        self._files: dict[str, None] = {}  # sets that keep the order
        self._folders: dict[str, None] = {}
        self._importables: dict[str, None] = {}
        self._written: dict[str, None] = {}
        self._appended: dict[str, None] = {}
        self._everything = False
        self._never = ""

    def begin(self) -> None:
        """Listen from here on; there is no way to stop."""
        sys.addaudithook(self._heard)

    def answer(self) -> dict[str, Any]:
        """Return what was heard, and hear no more."""
        self._is_deaf = True
        return {
            "files": sorted(self._files),
            "folders": sorted(self._folders),
            "importables": sorted(self._importables),
            "everything": self._everything or any(name in sys.modules for name in STARTING),
            "never": self._never,
        }

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in HEARD or self._is_deaf:
            return
        if os.getpid() != self._runner:
            return  # a forked child: its start was told already
        if event == "open":
            self._opened(args)
        elif event in STARTS:
            self._everything = self._everything or self._asks()[0] not in CURIOUS
        elif event in CALLS:
            self._called(event, args)
        elif event in ("os.listdir", "os.scandir"):
            self._listed(args[0])
        elif event == "os.rename":
            self._wrote(self._placed(args[1]))
        else:
            self._connected(args[0])

    def _opened(self, args: tuple[Any, ...]) -> None:
        path, flags = self._placed(args[0]), args[2]
        if not path or isinstance(args[0], int) or (os.path.basename(path) in CONFIGURATION and self._asks()[0] in OWN):
            return
        way = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
        is_new = bool(flags & os.O_TRUNC or (flags & os.O_CREAT and flags & os.O_EXCL))
        if way == os.O_RDONLY:
            if not os.path.isdir(path) and not (args[1] is None and is_clearing()):
                self._read(path)
        elif flags & os.O_APPEND:
            self._append(path)
        else:
            if way == os.O_RDWR and not is_new:
                self._read(path)
            self._wrote(path)

    def _read(self, path: str) -> None:
        name = self._named(source_of(path))
        if name in self._appended:
            self._refuse(name)
        if name not in self._written:
            self._files[name] = None

    def _wrote(self, path: str) -> None:
        name = self._named(path) if path else ""
        if name and name in self._files:
            self._refuse(name)
        elif name:
            self._written[name] = None

    def _append(self, path: str) -> None:
        name = self._named(path)
        if name in self._files:
            self._refuse(name)
        elif name not in self._written:
            self._appended[name] = None

    def _refuse(self, name: str) -> None:
        self._never = self._never or "the tests change " + name + ", which they read"

    def _listed(self, where: Any) -> None:  # noqa: ANN401 - whatever was listed: a path, a descriptor, None
        path = self._placed("." if where is None else where)
        if not path:
            return
        who, by_import = self._asks()
        if by_import:
            self._importables[self._named(path)] = None
        elif who not in OWN:
            self._folders[self._named(path)] = None

    def _connected(self, database: Any) -> None:  # noqa: ANN401 - a path, a URI, or what a test hands in
        text = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else ":memory:"
        if text in ("", ":memory:") or ":memory:" in text or "mode=memory" in text:
            return
        path = self._placed(text[len("file:") :].partition("?")[0] if text.startswith("file:") else text)
        if not path:
            return
        if os.path.exists(path) and self._named(path) not in self._written:
            self._never = self._never or "the tests use the database " + self._named(path)
        else:
            self._written[self._named(path)] = None

    def _called(self, event: str, args: tuple[Any, ...]) -> None:
        address = args[0] if event.startswith("socket.get") else args[1]
        host = address[0] if isinstance(address, tuple) and address else address
        if host is None or is_here(host) or (event != "socket.getaddrinfo" and self._is_own_socket(host)):
            return
        told = os.fsdecode(host) if isinstance(host, (str, bytes)) else type(host).__name__
        self._never = self._never or "the tests ask " + told + " over the network"

    def _is_own_socket(self, host: Any) -> bool:  # noqa: ANN401 - an address of any family
        return isinstance(host, (str, bytes)) and os.fsdecode(host).startswith(os.sep) and not self._placed(host)

    def _placed(self, where: Any) -> str:  # noqa: ANN401 - as the event tells it
        """Return an absolute path; empty for what is nobody's input: our scratch, the environment, devices."""
        if isinstance(where, str) and where.startswith(self._elsewhere) and ".." not in where and not where.startswith(self._first):
            return ""  # nearly all there is: modules of the environment
        if isinstance(where, int):
            try:
                where = os.readlink("/proc/self/fd/" + str(where))
            except OSError:
                return ""
        if isinstance(where, str) and where.startswith(("pipe:", "socket:", "anon_inode:")):
            return ""
        try:
            path = os.path.abspath(os.fsdecode(where))
        except (TypeError, ValueError, OSError):  # no path, or the current folder is gone
            return ""
        below = path + os.sep
        is_ours = below.startswith(tuple(self._roots)) and not below.startswith(self._inside)
        return path if is_ours or not below.startswith(self._elsewhere) else ""

    def _named(self, path: str) -> str:
        """Return a path relative to the project, where it lies there."""
        for root in self._roots:
            if (path + os.sep).startswith(root):
                return path[len(root) :].replace(os.sep, "/") or "."
        return path

    def _asks(self) -> tuple[str, bool]:
        """Return the package of the code that asks, the standard library left out, and whether the import system asks for it."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - documented, and there is no other way
        by_import = False
        while frame is not None:
            file = frame.f_code.co_filename
            by_import = by_import or file == FROZEN_FINDER or file.startswith(LIBRARY + "importlib")
            is_ours = file == __file__ or file.startswith("<frozen")
            if not is_ours and not (file.startswith(LIBRARY) and "-packages" not in file):
                return str(frame.f_globals.get("__name__", "")).partition(".")[0], by_import
            frame = frame.f_back
        return "", by_import


def source_of(path: str) -> str:
    """Return whose bytecode a file is; another file is its own source."""
    folder, name = os.path.split(path)
    if not name.endswith(".pyc") or os.path.basename(folder) != "__pycache__":
        return path  # bytecode without a source beside it is read as it is
    return os.path.join(os.path.dirname(folder), name.partition(".")[0] + ".py")


def is_clearing() -> bool:
    """Whether `shutil.rmtree` opens a folder to empty it: its names are relative to another folder than the current one."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - documented, and there is no other way
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename == LIBRARY + "shutil.py"


def is_here(host: Any) -> bool:  # noqa: ANN401 - whatever a test calls a host
    """Whether an address is this machine's own loopback."""
    text = os.fsdecode(host) if isinstance(host, (str, bytes)) else ""
    return text in ("localhost", "::1", "") or text.startswith("127.")
