"""Started in the peers' environment: the same steps on DBOS, as the design page proposes it. Prints one JSON line."""

from __future__ import annotations

import asyncio
import json
import sys
import time

START = time.perf_counter()
START_CPU = time.process_time()

import pysqlite3  # noqa: E402 - what is measured begins before the imports
from dbos import DBOS  # noqa: E402

IMPORTED = time.perf_counter() - START

steps, database = int(sys.argv[1]), sys.argv[2]
DBOS(
    config={
        "name": "spec2prod-peer",
        "system_database_url": f"sqlite:///{database}",
        "executor_id": "one",
        "application_version": "1",
        "db_engine_kwargs": {"module": pysqlite3},
        "log_level": "ERROR",
        "notification_listener_polling_interval_sec": 0.05,
    }
)


async def nothing(number: int) -> dict[str, int]:
    """Do nothing."""
    return {"number": number}


@DBOS.workflow()
async def workflow() -> float:
    """Do the steps; return seconds a step."""
    begun = time.perf_counter()
    for number in range(steps):
        await DBOS.run_step_async({"name": f"step {number}"}, nothing, number)
    return (time.perf_counter() - begun) / steps


async def main() -> None:
    """Launch, run, stop."""
    DBOS.launch()
    a_step = await (await DBOS.start_workflow_async(workflow)).get_result()
    DBOS.destroy()
    told = {"import_s": IMPORTED, "step_s": a_step, "whole_s": time.perf_counter() - START, "cpu_s": time.process_time() - START_CPU}
    print(json.dumps(told))


asyncio.run(main())
