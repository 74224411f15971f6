"""The lanes as processes: how they are started, what they are told, how they end. What they are given to do is the loop's affair."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import base, family
from .mutating import Module
from .wire import Channel
from .work import Job, Key, Limits

LONGEST_WORDS = 2000


class JudgeError(Exception):
    """The judge itself cannot go on: never a verdict on a test."""


@dataclass
class Lane:
    """One lane, as the judge sees it."""

    key: Key
    channel: Channel
    scratch: str
    deadline: float
    pid: int = 0
    collected: bool = False
    job: Job | None = None
    pipe: int = -1
    child: int = 0
    limit_s: float = 0.0
    direct: bool = False
    looked: float = 0.0


class Lanes:
    """Starts and ends lanes, and knows those that live. Subclasses listen to them."""

    def __init__(self, request: dict[str, Any], modules: dict[str, Module], started: tuple[int, Channel] | None) -> None:
        """`started` is the base, with its number; None where nothing can be forked from it."""
        self.request, self.modules = request, modules
        self.limits = Limits.of(request.get("limits", {}))
        self.root, self.scratch = os.path.realpath(request["root"]), os.path.realpath(request["scratch"])
        self.files: dict[str, list[str]] = {group["name"]: list(group["files"]) for group in request["groups"]}
        self.lanes: list[Lane] = []
        self.spent = {"lanes": 0, "forks": 0, "runs": 0}
        self._selector = selectors.DefaultSelector()
        self._processes: list[subprocess.Popen[bytes]] = []
        family.adopt_orphans()
        self.forks = started is not None
        self._base_pid = started[0] if started else 0
        self._base = started[1] if started else None
        if self._base is not None:
            self._selector.register(self._base.end, selectors.EVENT_READ, self._on_base)

    def _on_base(self) -> None:
        """Take what the base says."""
        raise NotImplementedError

    def _on_lane(self, lane: Lane) -> None:
        """Take what a lane says."""
        raise NotImplementedError

    def _on_pipe(self, lane: Lane) -> None:
        """Take what a lane's job says."""
        raise NotImplementedError

    def _start_lane(self, key: Key, job: Job | None = None) -> None:
        ours, theirs = socket.socketpair()
        self.spent["lanes"] += 1
        scratch = os.path.join(self.scratch, f"lane-{self.spent['lanes']}")
        lane = Lane(key=key, channel=Channel(ours), scratch=scratch, deadline=time.monotonic() + self.limits.collect_s)
        setting = self._setting(key, scratch)
        if job is None:
            self._spawn(setting, theirs.fileno())
        else:
            lane.direct, lane.job, setting["job"] = True, job, job.told(self.spent["lanes"])
            lane.pipe, write = os.pipe()
            self._selector.register(lane.pipe, selectors.EVENT_READ, lambda: self._on_pipe(lane))
            self._spawn(setting, theirs.fileno(), write)
            os.close(write)
        theirs.close()
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._on_lane(lane))
        self.lanes.append(lane)

    def _spawn(self, setting: dict[str, Any], *descriptors: int) -> None:
        """Have the base fork the lane; where nothing forks, start an interpreter of its own for it."""
        if self._base is not None:
            try:
                self._base.send(setting, *descriptors)
            except OSError:  # it ended before it was asked for anything
                raise self._not_ready() from None
            return
        argv = [sys.executable, str(Path(__file__).resolve().parent), "--lane", *map(str, descriptors)]
        started = subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=descriptors, start_new_session=True)
        if started.stdin is not None:
            with started.stdin, contextlib.suppress(BrokenPipeError):
                started.stdin.write(json.dumps({**setting, "modules": {path: each.file for path, each in self.modules.items()}}).encode())
        self._processes.append(started)

    def _setting(self, key: Key, scratch: str) -> dict[str, Any]:
        limits = self.limits
        return {
            "root": self.root,
            "import_root": self.request["import_root"],
            "scratch": scratch,
            "files": self.files[key[0]],
            "mutant": key[1],
            "environment": self.request.get("environment", {}),
            "clock_s": self.request.get("clock_s"),
            "memory_mb": limits.memory_mb,
            "file_mb": limits.file_mb,
            "cpu_s": int(limits.test_s * 50) + 60,
            "most_cases": limits.most_cases,
            "alone": not self.forks,
        }

    def _end_lane(self, lane: Lane) -> list[str]:
        """Kill a lane and all below it; return the names of what outlived it."""
        for pid in (lane.child, lane.pid):
            if pid:
                for each in family.descendants(pid):
                    family.kill(each)
                family.kill_group(pid)
        self._forget(lane)
        for process in self._processes:
            process.poll()
        return family.end_orphans(frozenset({self._base_pid, *(each.pid for each in self._processes if each.returncode is None)}))

    def _forget(self, lane: Lane) -> None:
        if lane in self.lanes:
            self.lanes.remove(lane)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(lane.channel.end)
            lane.channel.close()

    def _close_pipe(self, lane: Lane) -> None:
        if lane.pipe >= 0:
            self._selector.unregister(lane.pipe)
            os.close(lane.pipe)
            lane.pipe = -1

    def _close(self) -> None:
        for lane in list(self.lanes):
            self._end_lane(lane)
        if self._base is not None:
            self._base.close()
            family.kill_group(self._base_pid)
        family.end_orphans()
        self._selector.close()

    def _not_ready(self) -> JudgeError:
        return JudgeError("pytest could not be made ready: " + self._words(base.errors_of(self.request)))

    def _words(self, path: str) -> str:
        """Return the end of what a process of ours wrote before it died."""
        try:
            return Path(path).read_bytes()[-LONGEST_WORDS:].decode("utf-8", errors="replace").strip() or "it said nothing"
        except OSError:
            return "it said nothing"
