"""A worker: it takes jobs from the queue, several at once, and gives none back undone without saying so.

Whoever dies is noticed by its lock, and its jobs go on elsewhere as the same runs. A worker that was wrongly taken for dead notices that
its claim is gone, and ends what it does: a job's ending counts only from whoever holds its claim.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from spec2prod.domain.fleet import Crew, Ending, Job
from spec2prod.errors import ExitCode, Spec2prodError, StoreUnreachableError

type Perform = Callable[[Job], Awaitable[Ending]]
"""Does a job and tells how it ended; when it is cancelled, it leaves nothing running."""


class JobQueue(Protocol):
    """What a worker asks of the queue. Calls block; each is one transaction."""

    def enlist(self, worker: Crew, version: str) -> None:
        """Take the worker's lock, and tell of it."""
        ...

    def dismiss(self, worker: Crew) -> None:
        """Take the worker off the list; what it still ran goes back."""
        ...

    def claim(self, worker: Crew, most: int) -> Sequence[Job]:
        """Take up to `most` jobs, the most urgent first."""
        ...

    def finish(self, job: Job, ending: Ending, took_ms: float) -> bool:
        """End a job; False where it is no longer this claim's."""
        ...

    def give_back(self, job: Job) -> bool:
        """Let a job wait again; False where it is another's."""
        ...

    def unfinished(self, worker: Crew) -> int:
        """Return how many jobs wait or run that this worker could do, now or later."""
        ...

    def pulse(self, worker: Crew) -> tuple[Collection[tuple[str, int]], bool]:
        """Hold on to the lock; return the worker's claims (job, attempt), and whether it shall drain."""
        ...

    def silent(self, but: str) -> frozenset[str]:
        """Return the workers whose lock nobody holds."""
        ...

    def bury(self, worker: str) -> Sequence[str]:
        """Take a dead worker's jobs back; return their components."""
        ...

    def take_out_withdrawn(self) -> None:
        """Let what people removed end."""
        ...


class Bell(Protocol):
    """Rings when there may be something to do."""

    def wait(self) -> bool:
        """Wait for a moment at most."""
        ...

    def busy(self) -> None:
        """Be told that there was something to do: more may follow soon."""
        ...

    def close(self) -> None:
        """Listen no longer."""
        ...


_GIVEN_BACK = "stopped; its job waits again, and the next worker goes on with the same run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a worker looks around, and how long a lock must be seen free before its worker is taken for dead, in seconds.

    A server that restarts frees every lock; the living take theirs again at their next look, so that two looks are waited for.
    """

    look_s: float = 0.3
    patience_s: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a worker works with. `perform` does a job, `say` is told one sentence about each."""

    queue: JobQueue
    perform: Perform
    bell: Bell
    say: Callable[[str], None]
    pace: Pace = Pace()


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When a worker ends by itself: nothing is left (`empty`), `most` jobs were taken, or `done` says so."""

    empty: bool = False
    most: int | None = None
    done: Callable[[], bool] | None = None


class Worker:
    """One worker of a fleet."""

    def __init__(self, crew: Crew, tools: Tools) -> None:
        """Take what it works with; nothing begins yet."""
        self.crew, self.queue, self.bell, self.pace = crew, tools.queue, tools.bell, tools.pace
        self._perform, self._say = tools.perform, tools.say
        self._running: dict[asyncio.Task[None], Job] = {}
        self._performing: set[Job] = set()
        self._lost: set[str] = set()
        self._free_since: dict[str, float] = {}
        self._draining = False
        self._stopped = False
        self._taken = 0
        self._trouble: BaseException | None = None
        self._wake = asyncio.Event()

    def drain(self) -> None:
        """Finish what runs, and take nothing new."""
        self._draining = True
        self._wake.set()

    def stop(self) -> None:
        """End what runs at once; it goes back into the queue, and on from there as the same run."""
        self._draining = self._stopped = True
        for task in self._running:
            task.cancel()
        self._wake.set()

    async def work(self, version: str, until: Until = Until()) -> int:
        """Work until drained, or as long as `until` says; return how many jobs were taken.

        Raises:
            StoreError: where the database is gone for good.
        """
        await asyncio.to_thread(self.queue.enlist, self.crew, version)
        attending = [asyncio.create_task(self._look_around()), asyncio.create_task(self._listen())]
        try:
            await self._take_turns(attending, until)
        finally:
            self.bell.close()
            for task in attending:
                task.cancel()
            await self._end_running()
            await asyncio.gather(*attending, return_exceptions=True)
            await asyncio.to_thread(self.queue.dismiss, self.crew)
        return self._taken

    async def _take_turns(self, attending: Sequence[asyncio.Task[None]], until: Until) -> None:
        """Take jobs while there are free slots, then wait for whatever happens first."""
        while True:
            self._wake.clear()
            took = await self._take(until.most)
            if not self._running and not took and await self._is_through(until):
                return
            await self._happening(attending)

    async def _happening(self, attending: Sequence[asyncio.Task[None]]) -> None:
        """Wait until something has happened: a job ended, the bell rang, people asked for something."""
        waking = asyncio.create_task(self._wake.wait())
        await asyncio.wait([waking, *attending], return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        if self._trouble:  # a job could not be ended or given back: nobody takes it from a worker that lives on
            raise self._trouble
        for task in attending:
            if task.done():
                task.result()  # the database is gone: nothing can be claimed or ended any more

    async def _take(self, most: int | None) -> int:
        free = self.crew.slots - len(self._running)
        wanted = 0 if self._draining else free if most is None else min(free, most - self._taken)
        jobs = await asyncio.to_thread(self.queue.claim, self.crew, wanted) if wanted > 0 else ()
        if jobs:
            self.bell.busy()
        for job in jobs:
            self._taken += 1
            task = asyncio.create_task(self._do(job), name=f"job {job.id}")
            self._running[task] = job
            task.add_done_callback(self._let_go)
        return len(jobs)

    def _let_go(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            self._trouble = error
        self._wake.set()

    async def _is_through(self, until: Until) -> bool:
        if self._draining or (until.most is not None and self._taken >= until.most):
            return True
        if until.done is not None:
            return await asyncio.to_thread(until.done)
        return until.empty and not await asyncio.to_thread(self.queue.unfinished, self.crew)

    async def _do(self, job: Job) -> None:
        """Do one job, and tell the queue how it ended."""
        begun = asyncio.get_running_loop().time()
        self._say(f"{job.component}: began" + (f" again, as run {job.run_id[:8]}" if job.attempts > 1 else ""))
        try:
            ending = await self._performed(job)
        except (asyncio.CancelledError, StoreUnreachableError):  # the database may be back for who goes on with it
            ending = None
        took_ms = (asyncio.get_running_loop().time() - begun) * 1000
        told = await self._handed_in(job, ending, took_ms)
        self._say(f"{job.component}: {'another worker has it; what was done here does not count' if told is None else told}")

    async def _handed_in(self, job: Job, ending: Ending | None, took_ms: float) -> str | None:
        """End a job, or give it back; return what became of it, None where it is another's: the run may have noticed that first."""
        if job.id in self._lost:
            self._lost.discard(job.id)
            return None
        if ending is None or self._stopped:
            return _GIVEN_BACK if await asyncio.to_thread(self.queue.give_back, job) else None
        return ending.conclusion if await asyncio.to_thread(self.queue.finish, job, ending, took_ms) else None

    async def _performed(self, job: Job) -> Ending:
        self._performing.add(job)
        try:
            return await self._perform(job)
        except StoreUnreachableError:
            raise
        except Spec2prodError as error:
            step = f" (next: {error.next_step})" if error.next_step else ""  # there is no report that could tell it
            return Ending(exit_code=error.exit_code, conclusion=f"{error}{step}")
        except Exception as error:  # noqa: BLE001 - one job's bug must not end the others'
            told = f"this is a bug in spec2prod: {type(error).__name__}: {error}"
            return Ending(exit_code=ExitCode.COULD_NOT_ASK, conclusion=told)
        finally:
            self._performing.discard(job)

    async def _end_running(self) -> None:
        """End what still runs, for whatever reason the worker ends."""
        self._stopped = self._stopped or bool(self._running)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            await asyncio.to_thread(self.bell.wait)
            self._wake.set()

    async def _look_around(self) -> None:
        """Look after the own lock and claims, and after the dead."""
        while True:
            before = frozenset(self._performing)  # claimed before the queue is asked: younger claims are not in its answer
            claims, drain = await asyncio.to_thread(self.queue.pulse, self.crew)
            if drain and not self._draining:
                self._say("told to drain: nothing new is taken")
                self.drain()
            self._leave_lost({(job.id, job.attempts) for job in before & self._performing} - set(claims))
            await self._bury_the_dead()
            await asyncio.to_thread(self.queue.take_out_withdrawn)
            await asyncio.sleep(self.pace.look_s)

    def _leave_lost(self, lost: Collection[tuple[str, int]]) -> None:
        for task, job in self._running.items():
            if (job.id, job.attempts) in lost:
                self._lost.add(job.id)
                task.cancel()

    async def _bury_the_dead(self) -> None:
        silent = await asyncio.to_thread(self.queue.silent, self.crew.id)
        now = asyncio.get_running_loop().time()
        self._free_since = {name: self._free_since.get(name, now) for name in silent}
        for name in (name for name, since in self._free_since.items() if now - since >= self.pace.patience_s):
            taken = await asyncio.to_thread(self.queue.bury, name)
            self._say(f"{name} died" + (f"; its jobs go on: {', '.join(taken)}" if taken else ""))
