"""A worker with somebody at the keyboard: signals drain it, then stop it."""

from __future__ import annotations

import asyncio
import signal

from spec2prod import __version__
from spec2prod.application.working import Tools, Until, Worker
from spec2prod.domain.fleet import Crew
from spec2prod.errors import ExitCode


async def attended(crew: Crew, tools: Tools, until: Until) -> int:
    """Work, and take signals: the first drains, the second stops. Return 0, or 130 where it was stopped."""
    worker, asked = Worker(crew, tools), list[int]()

    def told(number: int) -> None:
        asked.append(number)
        if len(asked) == 1:
            tools.say("finishing what runs, and taking nothing new; once more stops at once")
            worker.drain()
        else:
            worker.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told, number)
    try:
        await worker.work(__version__, until)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return ExitCode.INTERRUPTED if len(asked) > 1 else ExitCode.PROMOTED
