"""A real worker in a process of its own. Its jobs note who began and ended them in a folder, and wait there for a file `go`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from spec2prod.adapters.store.bell import bell_of
from spec2prod.adapters.store.claims import Claims
from spec2prod.adapters.store.database import open_database
from spec2prod.application.working import Tools, Until
from spec2prod.bootstrap.attending import attended
from spec2prod.domain.fleet import Crew, Ending, Job


def main(place: str, folder: Path, name: str, slots: int) -> int:
    database = open_database(place)

    async def perform(job: Job) -> Ending:
        with (folder / "log").open("a") as log:
            log.write(f"began {job.component} {job.run_id} {name}\n")
        while not (folder / "go").exists():  # noqa: ASYNC110 - the test's own process says when
            await asyncio.sleep(0.02)
        with (folder / "log").open("a") as log:
            log.write(f"ended {job.component} {job.run_id} {name}\n")
        return Ending(exit_code=0, conclusion="Promoted.")

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    crew = Crew(id=name, host="here", slots=slots)
    tools = Tools(queue=Claims(database), perform=perform, bell=bell_of(database, place), say=say)
    try:
        return asyncio.run(attended(crew, tools, Until(empty=True)))
    finally:
        database.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
