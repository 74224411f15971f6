"""What judged code does beside its purpose: seen by an audit hook, by watched modules, and by comparing before and after.

It tells, it does not contain: the sandbox does. Only signals to processes outside the test's own family are refused,
since they would end the judge. Native code that asks the kernel itself is not seen.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import struct
import sys
from collections.abc import Callable, Collection, Iterator
from types import FrameType, ModuleType
from typing import Any

from .leaving import MOST, Evidence, State

__all__ = ["State", "Watch", "watched_setter"]

MOST_FORKS = 200
LOCAL = ("127.", "::1", "localhost", "0.0.0.0", "::")  # noqa: S104 - recognised, not bound
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CONNECTING = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
STARTING = {"subprocess.Popen", "os.system", "os.posix_spawn", "os.spawn", "os.exec", "pty.spawn", "os.startfile"}
FORKING = {"os.fork", "os.forkpty"}
CHANGING = {
    "os.remove": 1,
    "os.rmdir": 1,
    "os.mkdir": 1,
    "os.rename": 2,
    "os.link": 2,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.chmod": 1,
    "os.chown": 1,
}
READERS = tuple(
    os.path.join(*each) for each in (("traceback.py",), ("warnings.py",), ("_code", "source.py"), ("internal", "reflection.py"))
)
SEARCHING = {"gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys._current_frames"}
TRACING = {"sys.settrace", "sys.setprofile"}
NAMING = {"tempfile.mkstemp", "tempfile.mkdtemp"}  # names that nobody else has: what they leave disturbs nobody
RESTORING = {"_pytest.monkeypatch", "unittest.mock"}  # who puts back what was there
REPLACED = {"unit_patched", "collaborator_patched"}
OURS = {"t", "cache", "hypothesis"}  # in the temporary folder: pytest's and hypothesis's, where the judge told them to be


class Watch:
    """The evidence of one process; `allowed` are the folders in which it may write."""

    def __init__(self, allowed: list[str], root: str, component: Collection[str]) -> None:
        """The hook cannot be taken out again: it looks at `active` first. `component` are the paths of its files."""
        self._root, self._component = os.path.join(os.path.realpath(root), ""), frozenset(component)
        self.root = os.path.realpath(root)
        self.active = False
        self.found: list[Evidence] = []
        self._allowed = tuple(os.path.realpath(each) + os.sep for each in allowed)
        self._kept: set[str] = set()  # what lies in those folders when a test begins, and what has a name of its own there
        self._forks = mmap.mmap(-1, 8) if hasattr(mmap, "MAP_SHARED") or os.name == "posix" else None
        self._leader = os.getpid()
        self._takers: dict[str, Callable[[str, tuple[Any, ...]], None]] = {"open": self._opened, "object.__setattr__": self._set}
        self._takers.update({"sqlite3.connect": self._database, "os.kill": self._signalled, "os.killpg": self._signalled})
        groups = ((CHANGING, self._changed), (CONNECTING, self._connected), (FORKING, self._forked), (STARTING, self._started))
        self._takers.update({event: taker for events, taker in groups for event in events})
        self._takers.update(dict.fromkeys(SEARCHING | TRACING, self._searched))
        self._takers.update(dict.fromkeys(NAMING, self._named))

    def install(self) -> None:
        """Begin to listen to the interpreter."""
        sys.addaudithook(self._hook)

    def begin(self) -> None:
        """Forget what was found: a new test begins, in a process of its own or not."""
        self.found, self.active, self._leader = [], True, os.getpid()
        self._kept = set(self._lying())
        if self._forks is not None:
            self._forks[:8] = struct.pack("q", 0)

    def end(self) -> None:
        """Stop listening, after a look at what was left in the temporary folder under a name that the next test may use too."""
        if self.active:
            self.active = False
            for path in sorted(set(self._lying()) - self._kept):
                self.tell("leftover", os.path.basename(path))
            for name, file in self._copies():
                self.tell("foreign_copy", f"{name} from {file}")

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for the time of the block."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    def tell(self, kind: str, detail: object) -> None:
        """Note something once."""
        piece = {"kind": kind, "detail": str(detail)[:200]}
        if len(self.found) < MOST and piece not in self.found:
            self.found.append(piece)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Not listen to the harness's own doings."""
        was, self.active = self.active, False
        try:
            yield
        finally:
            self.active = was

    def _copies(self) -> Iterator[tuple[str, str]]:
        """Yield modules that bear the name of one of the component's, and come from elsewhere."""
        for path in self._component:
            parts = os.path.splitext(os.path.relpath(path, self.root))[0].split(os.sep)
            for start in range(len(parts)):
                name = ".".join(each for each in parts[start:] if each != "__init__")
                file = getattr(sys.modules.get(name), "__file__", None)
                if isinstance(file, str) and file != path and file.endswith(os.sep + os.path.join(*parts[start:]) + ".py"):
                    with self.quiet():
                        if os.path.realpath(file) != path:
                            yield name, file

    def _lying(self) -> Iterator[str]:
        """Yield what lies in the temporary folders; pytest's own is not looked at."""
        for folder in self._allowed:
            with contextlib.suppress(OSError):
                yield from (os.path.join(folder, name) for name in os.listdir(folder) if name not in OURS)

    def _named(self, _: str, args: tuple[Any, ...]) -> None:
        self._kept.add(os.path.realpath(os.fsdecode(args[0])))

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        taken = self._takers.get(event)
        if taken is not None:
            taken(event, args)

    def _started(self, event: str, args: tuple[Any, ...]) -> None:
        self.tell("subprocess", f"{event} {args[0]!r}"[:120])

    def _searched(self, event: str, _: tuple[Any, ...]) -> None:
        # doctest traces and hypothesis searches for reasons of their own: what the project's own code does is told
        if sys._getframe(2).f_code.co_filename.startswith(self._root):  # noqa: SLF001 - the only way to the caller
            self.tell("introspection" if event in SEARCHING else "tracing", event)

    def _set(self, _: str, args: tuple[Any, ...]) -> None:
        if len(args) > 1 and args[1] == "__code__" and getattr(getattr(args[0], "__code__", None), "co_filename", "") in self._component:
            self.tell("code_replaced", getattr(args[0], "__qualname__", args[0]))

    def _database(self, _: str, args: tuple[Any, ...]) -> None:
        if isinstance(args[0], (str, bytes)) and args[0] not in {":memory:", b":memory:", ""} and not str(args[0]).startswith("file:"):
            self._written(args[0])

    def _opened(self, _: str, args: tuple[Any, ...]) -> None:
        path, mode, flags = args
        writes = isinstance(flags, int) and flags & WRITING
        if not writes and isinstance(path, (str, bytes)) and os.fsdecode(path).endswith(".py"):
            self._source(os.fsdecode(path))
        if isinstance(path, (str, bytes)) and (writes or (isinstance(mode, str) and set(mode) & set("wax+"))):
            self._written(path)

    def _source(self, path: str) -> None:
        """Tell that code of the project reads the component's source; imports, tracebacks and warnings read it too, for people."""
        with self.quiet():
            if os.path.realpath(path) not in self._component:
                return
        frame: FrameType | None = sys._getframe(3)  # noqa: SLF001 - the only way to the caller
        while frame is not None and not frame.f_code.co_filename.startswith(self._root):
            if frame.f_code.co_filename.startswith("<frozen importlib") or frame.f_code.co_filename.endswith(READERS):
                return
            frame = frame.f_back
        if frame is not None:
            self.tell("source_read", os.path.basename(path))

    def _changed(self, event: str, args: tuple[Any, ...]) -> None:
        for path in args[: CHANGING[event]]:
            if isinstance(path, (str, bytes)) and not (event == "os.symlink" and path is args[0]):
                self._written(path, next((each for each in args[CHANGING[event] :] if isinstance(each, int) and each > 2), None))  # noqa: PLR2004 - a descriptor

    def _written(self, path: str | bytes, folder: int | None = None) -> None:
        with self.quiet():
            stated = os.fsdecode(path)
            if folder is not None and not os.path.isabs(stated):
                with contextlib.suppress(OSError):
                    stated = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), stated)
            real = os.path.realpath(stated)
        if not (real + os.sep).startswith(self._allowed) and real not in {"/dev/null", os.devnull}:
            self.tell("write", real)

    def _connected(self, event: str, args: tuple[Any, ...]) -> None:
        address = args[1] if event in {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"} and len(args) > 1 else args[0]
        host = address[0] if isinstance(address, tuple) and address else address
        is_local = host is None or not isinstance(address, (tuple, str)) or str(host).startswith((*LOCAL, "/", "\0"))
        self.tell("loopback" if is_local else "network", f"{event} {address!r}")

    def _forked(self, *_: object) -> None:
        self.tell("fork", "os.fork")
        if self._forks is None:
            return
        count = struct.unpack("q", self._forks[:8])[0] + 1
        self._forks[:8] = struct.pack("q", count)  # shared with every process that this one forks
        if count > MOST_FORKS:
            os.killpg(os.getpgid(self._leader), signal.SIGKILL)

    def _signalled(self, event: str, args: tuple[Any, ...]) -> None:
        pid = int(args[0])
        with contextlib.suppress(OSError):
            own = pid > 0 and os.getsid(pid) == os.getsid(0)
            if own or pid == 0:
                return
        self.tell("foreign_signal", f"{event} {pid}")
        raise PermissionError(1, "the judge does not let a test signal processes that are not its own")


def watched_setter(watch: Watch, kind: Callable[[ModuleType, object], str]) -> type[ModuleType]:
    """Return a class for modules that tells who sets their attributes from outside; a module's own globals do not pass it."""

    class Watched(ModuleType):
        def __setattr__(self, name: str, value: object) -> None:
            if watch.active and not isinstance(value, ModuleType):
                told = kind(self, self.__dict__.get(name))
                if told:
                    watch.tell(told, f"{self.__name__}.{name}")
                # what stays shows in no comparison where it is the same value: on a changed component it is another one
                if told in REPLACED and sys._getframe(1).f_globals.get("__name__") not in RESTORING:  # noqa: SLF001 - there is no public way
                    watch.tell("assigned", f"{self.__name__}.{name}")
            super().__setattr__(name, value)

        def __delattr__(self, name: str) -> None:
            if watch.active:
                watch.tell("patched", f"{self.__name__}.{name}")
            super().__delattr__(name)

    return Watched
