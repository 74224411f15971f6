"""The judge: one thread, one loop. It starts lanes, hands them jobs, owns every result pipe, keeps the time, and kills.

It imports nothing of the judged project, not even pytest: what judged code may bend is never in this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import base, family
from .mutating import Module
from .wire import Channel
from .work import Job, Key, Limits

TICK_S = 0.1
EXTENSION = 10  # a test that sleeps on a busy machine gets that many times its time; one that computes does not
LONGEST_WORDS = 2000
Tell = Callable[[dict[str, Any]], None]


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


class Judge:
    """Runs jobs on lanes. Subclasses say what follows from what has ended."""

    def __init__(self, request: dict[str, Any], modules: dict[str, Module], tell: Tell) -> None:
        """Start the base; it imports pytest while we go on."""
        self.request, self.modules, self.tell = request, modules, tell
        self.limits = Limits.of(request.get("limits", {}))
        self.root, self.scratch = os.path.realpath(request["root"]), os.path.realpath(request["scratch"])
        self.files: dict[str, list[str]] = {group["name"]: list(group["files"]) for group in request["groups"]}
        self.queue: list[Job] = []
        self.wanted: list[Key] = []
        self.direct: set[str] = set()
        self.lanes: list[Lane] = []
        self.clean_s: dict[str, float] = {}
        self._selector = selectors.DefaultSelector()
        self._started = 0
        self._processes: list[subprocess.Popen[bytes]] = []
        family.adopt_orphans()
        self.forks = hasattr(os, "fork") and request.get("fork", True)
        self._base_pid, self._base = self._start_base() if self.forks else (0, None)

    def run(self) -> None:
        """Go on until nothing is left to do."""
        try:
            while True:
                self._feed()
                if not any(self._is_busy(lane) for lane in self.lanes) and not self.queue and not self.wanted and not self.advance():
                    return
                self._wait()
        finally:
            self._close()

    def advance(self) -> bool:
        """Plan what comes next; False where nothing does."""
        raise NotImplementedError

    def on_collected(self, key: Key, told: dict[str, Any]) -> None:
        """Take what a lane found the first time it collected this key."""
        raise NotImplementedError

    def on_refused(self, key: Key, reason: str) -> None:
        """Take that a lane could not collect this key: nothing of it will be run."""
        raise NotImplementedError

    def on_ended(self, job: Job) -> None:
        """Take a job's end."""
        raise NotImplementedError

    # --- lanes -----------------------------------------------------------------------------------------------------

    def _start_base(self) -> tuple[int, Channel | None]:
        ours, theirs = socket.socketpair()
        errors = os.path.join(self.scratch, "base-errors")
        me = os.getpid()
        pid = os.fork()
        if not pid:
            kept = theirs.fileno()
            os.closerange(3, kept)
            os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else 1024)
            os.setsid()
            base.main(theirs, self.modules, self.root, errors, parent=me, named=self._named())
        theirs.close()
        channel = Channel(ours)
        self._selector.register(ours, selectors.EVENT_READ, self._on_base)
        return pid, channel

    def _named(self) -> set[str]:
        """Return which heavy plugins the judged files name, the `conftest.py` files above them included."""
        files = {Path(self.root, file) for files in self.files.values() for file in files}
        files |= {parent / "conftest.py" for file in set(files) for parent in file.parents if parent.is_relative_to(self.root)}
        texts = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
        return {word for word in ("hypothesis",) if any(word in text for text in texts)}

    def _start_lane(self, key: Key, job: Job | None = None) -> None:
        ours, theirs = socket.socketpair()
        self._started += 1
        scratch = os.path.join(self.scratch, f"lane-{self._started}")
        lane = Lane(key=key, channel=Channel(ours), scratch=scratch, deadline=time.monotonic() + self.limits.collect_s)
        setting = self._setting(key, scratch)
        if job is None:
            self._spawn(setting, theirs.fileno())
        else:
            lane.direct, lane.job, setting["job"] = True, job, job.told(self._started)
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
            self._base.send(setting, *descriptors)
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

    def _is_busy(self, lane: Lane) -> bool:
        return lane.job is not None or not lane.collected

    def _feed(self) -> None:
        """Give every idle lane a job of its own key; open lanes for what is left, as long as there is room."""
        for lane in [each for each in self.lanes if not self._is_busy(each)]:
            job = next((each for each in self.queue if each.key == lane.key), None)
            if job is not None:
                self.queue.remove(job)
                self._assign(lane, job)
        while self._has_room() and self._open_one():
            pass

    def _has_room(self) -> bool:
        return sum(self._is_busy(lane) for lane in self.lanes) < self.limits.lanes

    def _open_one(self) -> bool:
        """Open one more lane where that pays; idle ones of other keys are closed when there are too many."""
        if self.wanted:
            self._start_lane(self.wanted.pop(0))
            return True
        pending: dict[Key, int] = {}
        for job in self.queue:
            pending[job.key] = pending.get(job.key, 0) + 1
        for key, count in pending.items():
            if key[0] in self.direct:
                job = next(each for each in self.queue if each.key == key)
                self.queue.remove(job)
                self._start_lane(key, job)
                return True
            have = sum(lane.key == key for lane in self.lanes)
            if not have or (count >= 4 * have and have < self.limits.lanes and not key[1]):
                self._make_room()
                self._start_lane(key)
                return True
        return False

    def _make_room(self) -> None:
        idle = [lane for lane in self.lanes if not self._is_busy(lane) and not any(job.key == lane.key for job in self.queue)]
        for lane in idle if len(self.lanes) >= self.limits.lanes else []:
            self._end_lane(lane)

    def _assign(self, lane: Lane, job: Job) -> None:
        lane.job = job
        lane.pipe, write = os.pipe()
        lane.child, lane.looked = 0, time.monotonic()
        lane.limit_s, lane.deadline = self.limits.test_s, time.monotonic() + self.limits.test_s
        self._selector.register(lane.pipe, selectors.EVENT_READ, lambda: self._on_pipe(lane))
        try:
            lane.channel.send(job.told(self._started), write)
        except OSError:
            self._lane_died(lane)
        finally:
            os.close(write)

    # --- what comes in ---------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        for key, _ in self._selector.select(TICK_S):
            with contextlib.suppress(KeyError):  # an answer before it has closed this one
                if self._selector.get_key(key.fileobj) is key:
                    key.data()
        for lane in list(self.lanes):
            self._keep_time(lane)

    def _on_base(self) -> None:
        if self._base is not None and self._base.arrived()[1]:
            raise JudgeError("pytest could not be made ready: " + self._words(os.path.join(self.scratch, "base-errors")))

    def _on_lane(self, lane: Lane) -> None:
        messages, gone = lane.channel.arrived()
        for message in messages:
            self._on_message(lane, message)
        if gone and lane in self.lanes:
            self._lane_died(lane)

    def _on_message(self, lane: Lane, message: dict[str, Any]) -> None:
        kind = message["kind"]
        if kind == "begun":
            lane.pid = message["pid"]
        elif kind == "collected":
            lane.collected = True
            self._on_pipe_time(lane)
            self.on_collected(lane.key, message)
        elif kind == "refused":
            self._end_lane(lane)
            self._lost(lane, message["reason"])
        elif kind == "started":
            lane.child = message["pid"]
            if lane.job is not None and lane.job.verdict:
                family.kill_group(lane.child)
        elif kind == "ended" and lane.job is not None:
            lane.job.exit, lane.job.left = message["exit"], message["left"]
            self._finish(lane)

    def _on_pipe_time(self, lane: Lane) -> None:
        if lane.direct:
            lane.limit_s, lane.deadline = self.limits.test_s, time.monotonic() + self.limits.test_s

    def _on_pipe(self, lane: Lane) -> None:
        data = os.read(lane.pipe, 65536) if lane.pipe >= 0 else b""
        if not data:
            self._close_pipe(lane)
            return
        job = lane.job
        if job is None or job.receiver is None:
            return
        for frame in job.receiver.take(data):
            self._on_frame(lane, job, frame)
        if job.receiver.flooded:
            self._end_child(lane, "flooded")

    def _on_frame(self, lane: Lane, job: Job, frame: dict[str, Any]) -> None:
        index = frame["test"]
        if frame["kind"] == "begun":
            job.current = max(job.current, index)
            lane.limit_s = self.limits.for_mutant(self.clean_s.get(job.tests[index], 0.0)) if job.named_at(index) else self.limits.test_s
            lane.deadline = time.monotonic() + lane.limit_s
        elif frame["kind"] == "unswappable":
            job.unswappable[job.named_at(index)] = frame["reason"]
        elif frame["kind"] == "doubtful":
            job.doubtful = frame["reason"]
        elif index not in job.done:
            job.done[index] = frame

    # --- limits and ends -------------------------------------------------------------------------------------------

    def _keep_time(self, lane: Lane) -> None:
        if not self._is_busy(lane) or lane not in self.lanes:
            return
        late = time.monotonic() - lane.deadline
        if not lane.collected:
            if late > 0:
                self._end_lane(lane)
                self._lost(lane, f"collecting took longer than {self.limits.collect_s:g} s")
            return
        if late > 0 and not self._is_waiting(lane, late):
            self._end_child(lane, "timeout")
        elif lane.job is not None and not lane.job.verdict and time.monotonic() > lane.looked + TICK_S:
            lane.looked = time.monotonic()
            self._keep_bounds(lane)

    def _is_waiting(self, lane: Lane, late: float) -> bool:
        """Whether a late test only waits for the processor: the machine is busy. On a mutant it may also sleep."""
        pid = lane.child or lane.pid
        if late < min(family.waited_seconds(pid), lane.limit_s * EXTENSION):
            return True
        return bool(lane.job and lane.job.named) and late < lane.limit_s * EXTENSION and family.cpu_seconds(pid) < lane.limit_s / 2

    def _keep_bounds(self, lane: Lane) -> None:
        pid = lane.child or (lane.pid if lane.direct else 0)
        if pid and len(family.descendants(pid)) > self.limits.processes:
            self._end_child(lane, "processes")
        elif size_of(Path(lane.scratch)) > self.limits.disk_mb * family.MIB:
            self._end_child(lane, "disk")

    def _end_child(self, lane: Lane, why: str) -> None:
        """Kill what runs the job; the lane tells us when all of it is gone, else it goes too."""
        job = lane.job
        if job is None:
            return
        if job.verdict:
            if time.monotonic() > lane.deadline:
                self._lane_died(lane)
            return
        job.verdict = why
        lane.deadline = time.monotonic() + 5.0
        if lane.direct:
            self._lane_died(lane)
        elif lane.child:
            for each in family.descendants(lane.child):
                family.kill(each)
            family.kill_group(lane.child)

    def _finish(self, lane: Lane) -> None:
        """Take what is still in the pipe, and hand the job over."""
        while lane.pipe >= 0:
            os.set_blocking(lane.pipe, False)
            try:
                data = os.read(lane.pipe, 65536)
            except BlockingIOError:
                break
            if not data:
                break
            if lane.job is not None and lane.job.receiver is not None:
                for frame in lane.job.receiver.take(data):
                    self._on_frame(lane, lane.job, frame)
        self._close_pipe(lane)
        job, lane.job = lane.job, None
        if job is not None:
            if job.receiver is not None:
                job.receiver.end()
            self.on_ended(job)

    def _lane_died(self, lane: Lane) -> None:
        """Take the end of a lane; a job that it had ends with it."""
        left = self._end_lane(lane)
        if lane.job is not None and lane.collected:
            lane.job.left = left if lane.direct else lane.job.left
            self._finish(lane)
        elif not lane.collected:
            self._lost(lane, "the process ended while it collected: " + self._words(os.path.join(lane.scratch, "errors")))

    def _lost(self, lane: Lane, reason: str) -> None:
        """Tell that a lane never collected; a job that it was started for goes back to the others of its key."""
        if lane.job is not None:
            self.queue.append(lane.job)
            lane.job = None
        self._close_pipe(lane)
        self.on_refused(lane.key, reason)

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

    def _words(self, path: str) -> str:
        """Return the end of what a process of ours wrote before it died."""
        try:
            return Path(path).read_bytes()[-LONGEST_WORDS:].decode("utf-8", errors="replace").strip() or "it said nothing"
        except OSError:
            return "it said nothing"


def size_of(folder: Path) -> int:
    """Return the bytes of the files below a folder."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_size
    return total
