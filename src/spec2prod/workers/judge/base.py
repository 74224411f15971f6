"""The base: a process that has imported pytest and its plugins, and of the judged project nothing. Lanes are forked from it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import os
import signal
import socket
import sys

from . import drawing, family, lane
from .mutating import Module
from .wire import Channel

NOT_LOADED = ("randomly", "rerunfailures", "sugar")


def main(end: socket.socket, modules: dict[str, Module], root: str, errors: str, *, parent: int, named: set[str]) -> None:  # noqa: PLR0913 - what a process starts with
    """Import what every lane needs, then fork lanes on demand until the channel closes. Never returns.

    `named` are words that the judged files contain: heavy plugins are loaded only for those who use them.
    """
    family.die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lane.redirect(errors)
    channel = Channel(end)
    me = os.getpid()
    warm_up(root)
    from . import rewriting  # noqa: PLC0415 - it imports pytest

    if "hypothesis" in named and importlib.util.find_spec("_hypothesis_pytestplugin") is not None:
        drawing.learn(root, os.path.dirname(errors))
    # a lane looks for the project's objects among its own: what lives by now is none of them, and its pages stay shared
    gc.collect()
    gc.freeze()
    rewritten = rewriting.Rewritten()
    channel.send({"kind": "ready", "pid": me})
    while True:
        asked = channel.take_with_descriptor(2)
        if asked is None:
            os._exit(0)
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


def warm_up(root: str) -> None:
    """Import pytest and its installed plugins; those of the project itself are left to the lanes."""
    importlib.import_module("pytest")
    defaults = getattr(importlib.import_module("_pytest.config"), "default_plugins", ())
    for name in (
        *("_pytest." + each for each in defaults),
        "unittest.mock",
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
