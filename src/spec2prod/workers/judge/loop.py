"""The judge: one thread, one loop. It hands jobs to lanes, owns every result pipe, keeps the time, and kills.

It imports nothing of the judged project, not even pytest: what judged code may bend is never in this process.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import family
from .lanes import Lane, Lanes
from .mutating import Module
from .wire import Channel
from .work import Job, Key

TICK_S = 0.1
EXTENSION = 10  # a test that sleeps on a busy machine gets that many times its time; one that computes does not
Tell = Callable[[dict[str, Any]], None]


class Judge(Lanes):
    """Runs jobs on lanes. Subclasses say what follows from what has ended."""

    def __init__(self, request: dict[str, Any], modules: dict[str, Module], tell: Tell, started: tuple[int, Channel] | None) -> None:
        """Nothing is to be done yet; `started` is the base."""
        self.tell = tell
        self.queue: list[Job] = []
        self.wanted: list[Key] = []
        self.direct: set[str] = set()
        self.clean_s: dict[str, float] = {}
        super().__init__(request, modules, started)

    def run(self) -> None:
        """Go on until nothing is left to do."""
        try:
            while True:
                self.feed()
                if self.queue or self.wanted or any(self._is_busy(lane) for lane in self.lanes):
                    self._wait()
                elif not self.advance():
                    return
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

    # --- who does what -----------------------------------------------------------------------------------------------

    def _is_busy(self, lane: Lane) -> bool:
        return lane.job is not None or not lane.collected

    def feed(self) -> None:
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
        self.spent["forks"] += 1
        lane.pipe, write = os.pipe()
        lane.child, lane.looked = 0, time.monotonic()
        lane.limit_s, lane.deadline = self.limits.test_s, time.monotonic() + self.limits.test_s
        self._selector.register(lane.pipe, selectors.EVENT_READ, lambda: self._on_pipe(lane))
        try:
            lane.channel.send(job.told(self.spent["lanes"]), write)
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
            raise self._not_ready()

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
            self.spent["runs"] += 1
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


def size_of(folder: Path) -> int:
    """Return the bytes of the files below a folder."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_size
    return total
