"""A request comes in, a run goes out."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any

from spec2prod.adapters.clock import SystemClock
from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Event, TestWriter
from spec2prod.bootstrap.agent import Nobody, ready_writer
from spec2prod.bootstrap.ahead import Ahead
from spec2prod.bootstrap.ahead_learnt import learn, with_given_up
from spec2prod.bootstrap.assembly import ports_of
from spec2prod.bootstrap.begun import inputs_of
from spec2prod.bootstrap.durable import Keeper, open_keeper, project_of
from spec2prod.bootstrap.generators import OPENHANDS, writers_of
from spec2prod.bootstrap.listening import is_listening, told_to
from spec2prod.bootstrap.memory import memory_of, refuse_unknown_names, settle
from spec2prod.bootstrap.place import OUR_PYTHON, Place, interpreter_by
from spec2prod.bootstrap.planning import prepare
from spec2prod.bootstrap.questions import keep_figures
from spec2prod.bootstrap.reporting import write_page
from spec2prod.bootstrap.request import Request, new_run_id
from spec2prod.bootstrap.scheduled import history_of, teach
from spec2prod.domain.plan import Plan, Stage
from spec2prod.domain.run import Refusal, Run
from spec2prod.domain.timeline import Span
from spec2prod.errors import ExitCode, Spec2prodError, StoreUnreachableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """How a caller has its run. `writer` stands in for the agent; `run_id` is the ID of the run, also of one to go on with.

    `deliver` is called with what came of it before the run counts as finished: what it does not get done is done again where the run
    is gone on with. `takes_signals` is off where signals are somebody else's. `ahead` is what was started before.
    """

    writer: TestWriter | None = None
    run_id: str = ""
    takes_signals: bool = True
    deliver: Callable[[Run | Refusal], None] | None = None
    ahead: Ahead | None = None

    def delivered[T: (Run, Refusal)](self, told: T) -> T:
        """Hand on what came of it."""
        if self.deliver is not None:
            self.deliver(told)
        return told


async def promote(  # noqa: PLR0913 - as a caller has it
    request: Request,
    *,
    writer: TestWriter | None = None,
    run_id: str = "",
    takes_signals: bool = True,
    deliver: Callable[[Run | Refusal], None] | None = None,
    ahead: Ahead | None = None,
) -> Run | Refusal:
    """Read, plan and run; go on with what was interrupted. What is refused before it begins is a `Refusal`.

    SIGTERM interrupts as Ctrl-C does. The other arguments are those of `Calling`.
    """
    calling = Calling(writer=writer, run_id=run_id, takes_signals=takes_signals, deliver=deliver, ahead=ahead)
    clock = SystemClock(ahead.host.began if ahead else None)
    started_at = clock.began_at
    try:
        keeper = await open_keeper(request, clock)
    except Spec2prodError as error:
        return calling.delivered(_refusal(request, run_id or new_run_id(), clock, started_at, error))
    try:
        return await _kept(request, keeper, clock, started_at, calling)
    finally:
        keeper.close()


async def _kept(request: Request, keeper: Keeper, clock: SystemClock, started_at: str, calling: Calling) -> Run | Refusal:
    """Choose the run to go on with, or begin one; run it to its end, and note how it ended."""
    run_id = calling.run_id or new_run_id()
    try:
        plan, place = prepare(request, run_id)
        refuse_unknown_names(place.settings)
        inputs = inputs_of(place.tree, plan)
        if earlier := keeper.earlier(request, plan, inputs, named=calling.run_id):
            run_id = earlier.id
            keeper.take_back(earlier, place.tree)
            plan, place = prepare(request, run_id)
            keeper.go_on(earlier, request.again_from)
        else:
            keeper.begin(request, plan, inputs, secret=calling.ahead.host.secret if calling.ahead else "")
        place.tree.make_run_folder()
    except Spec2prodError as error:
        refusal = _refusal(request, run_id, clock, started_at, error)
        keeper.end(None)
        return calling.delivered(refusal)
    told: Run | None = None
    try:
        run = await _run(plan, place, clock, calling, keeper)
        keeper.refuse_taken()
        told = calling.delivered(run)
    except StoreUnreachableError as error:
        return calling.delivered(_refusal(request, run_id, clock, started_at, error))
    finally:
        keeper.end(told)
    return told


async def _run(plan: Plan, place: Place, clock: SystemClock, calling: Calling, keeper: Keeper) -> Run:
    _tell_interpreter(place, clock)
    prelude = [Span(name=Stage.SPECIFICATION, start_ms=clock.made_ms, end_ms=clock.elapsed_ms())]
    asks_agent = plan.generate and OPENHANDS in plan.generators
    agent = calling.writer or (ready_writer(place, plan.mode, keeper.shared(place.settings)) if asks_agent else Nobody())
    history = history_of(keeper.database, plan.component.name)
    secret = keeper.run.secret if keeper.run else ""
    memory = memory_of(place, keeper.database)
    kept = keeper.defects(project_of(place.tree.root, place.settings.database_url))
    host = calling.ahead.host if calling.ahead else None
    ports = ports_of(
        place, clock, agent, journal=keeper.journal, secret=secret, history=history, plan=plan, memory=memory, defects=kept, ahead=host
    )
    ports = replace(ports, writer=writers_of(plan, place, agent, ports.host))
    with _stoppable(clock, takes_signals=calling.takes_signals) as task, keeper.listening(task):
        run = await _unwrapped(run_plan(plan, ports, prelude=prelude))
    run = keeper.as_kept(run)
    if calling.ahead:
        run = replace(with_given_up(calling.ahead, run), started_at=clock.began_at)
        learn(calling.ahead, plan, ports, run)
    teach(history, run)
    if trouble := settle(memory, place):
        told_to().tell(Event(kind="cache", stage=None, text=trouble, at_ms=run.total_ms))
    write_page(run)
    if trouble := keep_figures(run):
        told_to().tell(Event(kind="performance", stage=None, text=trouble, at_ms=run.total_ms))
    return run


def _tell_interpreter(place: Place, clock: SystemClock) -> None:
    """Tell where the tests run in our own environment: what the project needs is hardly installed there."""
    if interpreter_by(place) == OUR_PYTHON:
        text = f"tests run with {place.component.interpreter} ({OUR_PYTHON}; make one with what its tests need, or set python)"
        told_to().tell(Event(kind="interpreter", stage=None, text=text, at_ms=clock.elapsed_ms()))


async def _unwrapped(work: Coroutine[Any, Any, Run]) -> Run:
    """Raise an error that a branch met as itself: a group of one tells a reader nothing more."""
    try:
        return await work
    except BaseExceptionGroup as group:
        if known := _only(group):
            raise known from group
        raise


def _only(group: BaseExceptionGroup[BaseException]) -> Spec2prodError | None:
    """Return the first error with an address of a group, however deep."""
    for each in group.exceptions:
        found = _only(each) if isinstance(each, BaseExceptionGroup) else each
        if isinstance(found, Spec2prodError):
            return found
    return None


def _refusal(request: Request, run_id: str, clock: SystemClock, started_at: str, error: Spec2prodError) -> Refusal:
    return Refusal(
        run_id=run_id,
        component_name=request.component,
        target=request.target,
        mode=request.mode,
        started_at=started_at,
        total_ms=clock.elapsed_ms(),
        error=error,
    )


def run_to_the_end[T](work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from plain code, also where this thread runs a loop already (then in a thread of its own)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as other:
        return other.submit(copy_context().run, asyncio.run, work).result()


@contextmanager
def _stoppable(clock: SystemClock, *, takes_signals: bool) -> Iterator[asyncio.Task[Any]]:
    """Take Ctrl-C and SIGTERM while a run told on a console goes on: once stops it cleanly, twice at once.

    A library's caller keeps its own handlers.
    """
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError
    if not takes_signals or not is_listening() or os.name == "nt" or threading.current_thread() is not threading.main_thread():
        yield task
        return
    loop, stop = asyncio.get_running_loop(), _Stop(task, clock)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield task
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


class _Stop:
    """Stops a run: cleanly the first time it is called, at once the second time."""

    def __init__(self, task: asyncio.Task[Any], clock: SystemClock) -> None:
        self._task, self._clock, self._asked = task, clock, False

    def __call__(self) -> None:
        """Cancel the run; or leave at once. What was started then is ended by the host's watcher, and by the kernel."""
        if self._asked:
            told_to().tell(Event(kind="stopped", stage=None, text="stopped at once", at_ms=self._clock.elapsed_ms()))
            os._exit(ExitCode.INTERRUPTED)
        self._asked = True
        told_to().tell(Event(kind="stopping", stage=None, text="stopping; once more stops at once", at_ms=self._clock.elapsed_ms()))
        self._task.cancel()
