"""The base: a process that has imported pytest and its plugins, and of the judged project nothing. Lanes are forked from it.

It is started before the judge imports what it needs itself: pytest takes longer than all that comes before the first lane.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Collection
from typing import Any, NoReturn

from .wire import Channel

NOT_LOADED = ("randomly", "rerunfailures", "sugar")
HEAVY = ("hypothesis", "mock")  # what is loaded only for those who use it: a sixth of the time that pytest takes, each


def start(request: dict[str, Any]) -> tuple[int, Channel]:
    """Fork the base; return its number, and the channel on which it takes settings for lanes."""
    ours, theirs = socket.socketpair()
    me = os.getpid()
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, Channel(ours)
    try:
        kept = theirs.fileno()
        os.closerange(3, kept)
        os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else 1024)
        os.setsid()
        main(Channel(theirs), request, me)
    except BaseException:  # noqa: BLE001 - the judge sees the channel close, and reads the last words
        importlib.import_module("traceback").print_exc()
        sys.stderr.flush()
    os._exit(70)


def errors_of(request: dict[str, Any]) -> str:
    """Return the path of the file that holds the base's last words."""
    return os.path.join(os.path.realpath(request["scratch"]), "base-errors")


def main(channel: Channel, request: dict[str, Any], parent: int) -> NoReturn:
    """Import what every lane needs, then fork lanes on demand until the channel closes."""
    from . import family, lane  # noqa: PLC0415 - while the judge imports them, too

    family.die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # little of what is imported can be thrown away
    errors, root, me = errors_of(request), os.path.realpath(request["root"]), os.getpid()
    lane.redirect(errors)
    words = named(request, root)
    warm_up(root, words)
    from . import drawing, reading, rewriting  # noqa: PLC0415 - they import pytest, and what pytest imports

    if "hypothesis" in words and importlib.util.find_spec("_hypothesis_pytestplugin") is not None:
        drawing.learn(root, os.path.dirname(errors))
    rewritten = rewriting.Rewritten()
    asked = channel.take_with_descriptor(2)
    modules = reading.taken(request)
    # a lane looks for the project's objects among its own: what lives by now is none of them, and its pages stay shared
    gc.freeze()
    gc.enable()
    while asked is not None:
        setting, *descriptors = asked
        rewritten.prepare(os.path.join(root, each) for each in setting["files"])
        if not os.fork():
            channel.close()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            lane.begin(socket.socket(fileno=descriptors[0]), setting, modules, descriptors[1] if len(descriptors) > 1 else None, me)
        for each in descriptors:
            os.close(each)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        asked = channel.take_with_descriptor(2)
    os._exit(0)


def named(request: dict[str, Any], root: str) -> set[str]:
    """Return which heavy modules the judged files name, the `conftest.py` files above them included."""
    files = {os.path.join(root, file) for group in request["groups"] for file in group["files"]}
    folders = {os.path.dirname(file) for file in files}
    while above := {os.path.dirname(each) for each in folders if len(each) > len(root)} - folders:
        folders |= above
    texts = [text(file) for file in (*files, *(os.path.join(each, "conftest.py") for each in folders))]
    return {word for word in HEAVY if any(word in text for text in texts)}


def text(file: str) -> str:
    """Return a file's text, empty where it cannot be read: whoever collects it says why."""
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:
            return opened.read()
    except OSError:
        return ""


def warm_up(root: str, words: Collection[str]) -> None:
    """Import pytest and its installed plugins; those of the project itself, and what no test names, are left to the lanes."""
    importlib.import_module("pytest")
    defaults = getattr(importlib.import_module("_pytest.config"), "default_plugins", ())
    for name in (
        *("_pytest." + each for each in defaults),
        *(["unittest.mock"] if "mock" in words else []),
        "doctest",
        "difflib",
        "_pytest._io.pprint",
        "_pytest._argcomplete",
    ):
        with contextlib.suppress(ImportError):  # another version's module
            importlib.import_module(name)
    from . import collecting, installed, running  # noqa: F401, PLC0415 - they import pytest

    for entry in installed.remember():
        spec = importlib.util.find_spec(entry.value.partition(":")[0].partition(".")[0])
        is_projects_own = spec is not None and spec.origin is not None and os.path.realpath(spec.origin).startswith(os.path.join(root, ""))
        if spec is not None and not is_projects_own and not any(each in entry.name for each in NOT_LOADED):
            with contextlib.suppress(Exception):  # pytest will say so itself, when a lane loads it
                importlib.import_module(entry.value.partition(":")[0])
    running.imported({})
    sys.stderr.flush()
