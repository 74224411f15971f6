"""Whether an earlier run's answer still stands, and which answers may: asked before anything heavy is imported."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from spec2prod.adapters import standing
from spec2prod.adapters.standing import Look, Standing
from spec2prod.bootstrap.project import project_root

if TYPE_CHECKING:
    from spec2prod.domain.run import Run

_DAY_S = 86_400.0  # what a service says of vulnerabilities is believed for a day


OWN = str(Path(__file__).parents[2])  # is watched anyway


class Asked(NamedTuple):
    """A question as the command line put it, and what there was then: `outputs` are the files that answering writes."""

    root: str
    key: str
    outputs: tuple[str, ...]
    begun_ns: int
    look: Look


def asked(words: Mapping[str, object], component_path: Path | None, output: Path) -> Asked | None:
    """Note a question, and what there is before it is answered; None where that cannot be told."""
    root = str(project_root(component_path))
    key = standing.key_of({**words, "cwd": os.getcwd(), "output": str(output)})  # noqa: PTH109
    begun_ns = time.time_ns()
    outputs = (str(output),)
    try:
        return Asked(root=root, key=key, outputs=outputs, begun_ns=begun_ns, look=Look(root, key, outputs))
    except standing.UnsettledError:
        return None


def find(question: Asked) -> Standing | None:
    """Return the answer that still stands, None where something changed or nobody knows."""
    return standing.find(question.look, time.time())


def keep(question: Asked, run: Run, document: str, summary: str) -> None:
    """Keep a run's answer, if it may be given again and nothing has changed since it was asked."""
    stamps = _defects(run)
    if not may_stand(run) or stamps is None:
        return
    watched = [*watched_by(run), *stamps]
    answer = Standing(
        run_id=run.plan.run_id,
        made_at=question.begun_ns / 1e9,
        expires_at=question.begun_ns / 1e9 + _DAY_S,
        exit_code=int(run.exit_code),
        document=document,
        summary=summary,
        page=str(run.plan.component.root / ".spec2prod" / "runs" / run.plan.run_id / "report.html"),
        watched=watched,
    )
    with suppress(standing.UnsettledError):
        now = Look(question.root, question.key, question.outputs)
        if now.digest() == question.look.digest() or _released(run):
            standing.keep(now, answer, taken_at_ns=question.begun_ns)


def may_stand(run: Run) -> bool:
    """Whether asking again would find the same: every question was answered, nothing was changed, no day or person decides.

    Production asks for time and people. A waiver has a day on which it ends. What an agent is asked may be answered otherwise. And
    each answer must be one that the exact cache takes: a flaky suite, one that asks the network, a gate that is not to be kept
    never is. Benchmarks are compared with the last promoted run's, which may be this one. A suspected defect that is noted or disposed
    of asks again (`_defects`).
    """
    from spec2prod.domain.plan import Target
    from spec2prod.errors import ExitCode

    judged = [gate for result in run.stages for gate in result.gates]
    return (
        run.exit_code in {ExitCode.PROMOTED, ExitCode.GATE_FAILED}
        and run.plan.target is not Target.PRODUCTION
        and not (run.requests or run.candidates or run.diffs or run.adopted or run.plan.waivers)
        and all(gate.answered and gate.gate != "performance" for gate in judged)
        and run.cache_hits + run.cache_misses > 0
        and run.cache_kept >= run.cache_misses
    )


def _defects(run: Run) -> list[str] | None:
    """Name what changes whenever a suspected defect does; None where nobody here would see it: on a database of several machines."""
    from spec2prod.adapters.store.defects import stamp_of
    from spec2prod.bootstrap.durable import NOWHERE, place_of_database
    from spec2prod.config.settings import read_settings

    root = run.plan.component.root
    place = place_of_database(root, read_settings(root, environ=os.environ).database_url)
    if "://" in place:
        return None
    return [] if place == NOWHERE else [str(stamp_of(place))]


def _released(run: Run) -> bool:
    """Whether the run itself changed what an environment serves."""
    return any("environment" in result.outputs for result in run.stages)


def watched_by(run: Run) -> list[str]:
    """Name what a run could read outside of the project: the specification, both environments, and what they take from elsewhere."""
    interpreter, ours = run.plan.component.interpreter, Path(sys.executable)
    environments = [
        folder
        for each in {interpreter.parent.parent, ours.parent.parent}
        for folder in (each / "bin", each / "pyvenv.cfg", *each.glob("lib/python3*/site-packages"))
    ]
    elsewhere = [place for folder in environments for place in _editable(folder)]
    return sorted({*map(str, environments), *elsewhere, str(run.plan.component.root / run.plan.specification.path)})


def _editable(site_packages: Path) -> list[str]:
    """Return the folders outside of an environment that its `.pth` files put on Python's path, each with all that is below it."""
    lines = (
        line.strip() for file in site_packages.glob("*.pth") for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
    )
    return [f"{line}{standing.BELOW}" for line in lines if line.startswith(os.sep) and line != OWN and os.path.isdir(line)]  # noqa: PTH112
