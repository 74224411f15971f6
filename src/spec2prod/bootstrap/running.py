"""A request comes in, a run goes out."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from spec2prod.adapters.clock import SystemClock
from spec2prod.application.pipeline import run_plan
from spec2prod.application.ports import Event, TestWriter
from spec2prod.bootstrap.agent import Nobody, ready_writer
from spec2prod.bootstrap.assembly import ports_of
from spec2prod.bootstrap.listening import is_listening, told_to
from spec2prod.bootstrap.planning import prepare
from spec2prod.bootstrap.questions import keep_figures
from spec2prod.bootstrap.reporting import write_page
from spec2prod.bootstrap.request import Request, new_run_id
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import Refusal, Run
from spec2prod.domain.timeline import Span
from spec2prod.errors import Spec2prodError


async def promote(request: Request, *, writer: TestWriter | None = None) -> Run | Refusal:
    """Read, plan and run. What is refused before it begins is a `Refusal`; SIGTERM interrupts as Ctrl-C does."""
    clock = SystemClock()
    run_id = new_run_id()
    started_at = clock.now()
    try:
        plan, place = prepare(request, run_id)
        place.tree.make_run_folder()
    except Spec2prodError as error:
        return Refusal(
            run_id=run_id,
            component_name=request.component,
            target=request.target,
            mode=request.mode,
            started_at=started_at,
            total_ms=clock.elapsed_ms(),
            error=error,
        )
    prelude = [Span(name=Stage.SPECIFICATION, start_ms=0.0, end_ms=clock.elapsed_ms())]
    with _terminated_as_interrupted():
        run = await run_plan(
            plan, ports_of(place, clock, writer or (ready_writer(place, plan.mode) if plan.generate else Nobody())), prelude=prelude
        )
    write_page(run)
    if trouble := keep_figures(run):
        told_to().tell(Event(kind="performance", stage=None, text=trouble, at_ms=run.total_ms))
    return run


def run_to_the_end[T](work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from plain code, also where this thread runs a loop already (then in a thread of its own)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as other:
        return other.submit(copy_context().run, asyncio.run, work).result()


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM like Ctrl-C while a run told on a console goes on; a library's caller keeps its own handlers."""
    task = asyncio.current_task()
    if not is_listening() or task is None or os.name == "nt":
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
