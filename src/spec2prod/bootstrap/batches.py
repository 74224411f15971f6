"""Several components at once: what is put into the queue, and how it is followed to its end."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spec2prod.adapters.checkout import Source, describe
from spec2prod.adapters.tree import write_atomic
from spec2prod.application.working import Perform, Until
from spec2prod.bootstrap import starting
from spec2prod.bootstrap.fleet import Fleet, Say, new_crew, performer, work
from spec2prod.bootstrap.request import target_of
from spec2prod.bootstrap.starting import Start
from spec2prod.domain.discovery import Proposal
from spec2prod.domain.fleet import GUESSED_MS, Ending, Job, JobState, labels_of, remaining_paths, turn_of, with_needed
from spec2prod.domain.schedule import Priority
from spec2prod.errors import ExitCode, UsageError

_LOOK_EVERY_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a caller asks for. No `components` means all; `labels` are added to each component's own.

    `commit` and `repository` ask for checkouts; without both, a project's own database runs the project as it lies.
    """

    components: tuple[str, ...]
    target: str
    async_mode: bool
    overrides: Mapping[str, object] = field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    labels: frozenset[str] = frozenset()
    commit: str = ""
    repository: str = ""
    committed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Jobs that were put in together, by their IDs, in the order in which they may run; `added` are needed and were not asked for."""

    jobs: tuple[str, ...]
    added: tuple[str, ...]


def submit(opened: Fleet, order: Order) -> Batch:
    """Put an order into the queue.

    Raises:
        Spec2prodError: where a component, its specification, a need or the commit is not there; then nothing is put in.
    """
    target = target_of(order.target)
    start = starting.look()
    proposals = {each.name: each for each in start.proposals}
    asked = _asked(order.components, proposals)
    needs = {name: _needs(start, name) for name in proposals}
    ordered = with_needed(asked, needs)
    _refuse_missing([start.specification_of(proposals[name]) for name in ordered], start)
    source = _source(opened, order, start.root)
    times = opened.queue.expectations()
    own_ms = {name: times.get(f"job:{name}:{target}", GUESSED_MS) for name in ordered}
    paths = remaining_paths(ordered, needs, own_ms)
    ids = {name: uuid.uuid4().hex[:12] for name in ordered}
    batch, now = uuid.uuid4().hex[:12], opened.database.now()
    jobs = [
        Job(
            id=ids[name],
            batch=batch,
            component=name,
            target=target.value,
            request=_request(start, proposals[name], order),
            source=source.as_text(),
            priority=order.priority,
            turn=turn_of(order.priority, now),
            expected_ms=paths[name],
            position=float(position),
            labels=order.labels | _labels(start, name),
            waits_for=len(needs[name]),
            submitted_at=now,
            changed_at=now,
        )
        for position, name in enumerate(ordered)
    ]
    if opened.works_alone:
        _reopen(opened, jobs)
    put = opened.queue.submit(jobs, {ids[name]: [ids[each] for each in needs[name]] for name in ordered})
    return Batch(jobs=put, added=tuple(name for name in ordered if name not in asked))


def _reopen(opened: Fleet, jobs: Sequence[Job]) -> None:
    """Go on with a batch that was stopped in the midst of it: what was through is not begun anew, and what needs it waits for it.

    What somebody cancelled, and what was not run, does begin anew.
    """
    asked, known = {_likeness(job) for job in jobs}, opened.queue.jobs()
    still_open = [job for job in known if not job.is_over and _likeness(job) in asked]
    batches, left = {job.batch for job in still_open}, asked - {_likeness(job) for job in still_open}
    through = (job for job in known if job.state is JobState.ENDED and job.exit_code != ExitCode.INTERRUPTED)
    if again := [job.id for job in through if job.batch in batches and _likeness(job) in left]:
        opened.claims.reopen(again)


def _likeness(job: Job) -> tuple[str, ...]:
    return (job.component, job.target, job.source, job.request)


def work_off(opened: Fleet, batch: Batch, *, slots: int | None, say: Say, folder: Path) -> int:
    """Work here until a batch is done, and keep each report in a folder; return 0, or 130 where it was stopped."""
    labels = frozenset(label for job in opened.queue.jobs(batch.jobs) for label in job.labels)
    perform = performer(opened, say)

    async def kept(job: Job) -> Ending:
        ending = await perform(job)
        if ending.exit_code != ExitCode.INTERRUPTED:
            await asyncio.to_thread(keep, folder, job.component, ending.report, ending.changes)
        return ending

    crew = new_crew(slots, labels)
    return work(opened, crew, say=say, until=Until(done=lambda: _is_over(opened, batch.jobs)), perform=_only(kept, perform, batch))


def follow(opened: Fleet, batch: Batch, *, say: Say, folder: Path) -> None:
    """Tell what workers do with a batch until it is done, and keep each report in a folder."""
    told: dict[str, str] = {}
    while True:
        states = opened.queue.states(batch.jobs)
        for job in opened.queue.jobs([each for each in states if told.get(each) != states[each]]):
            told[job.id] = job.state
            say(f"{job.component}: {job.conclusion if job.is_over else job.state}")
            if job.is_over:
                keep(folder, job.component, *opened.queue.outcome(job.id))
        if all(state in {"ended", "not_run"} for state in told.values()) and len(told) == len(set(batch.jobs)):
            return
        time.sleep(_LOOK_EVERY_S)


def report_of(folder: Path, component: str) -> Path:
    """Return where a component's report goes."""
    return folder / f"workflow_report_{_plain(component)}.json"


def changes_of(folder: Path, component: str) -> Path:
    """Return where the patch of what a component's run changed goes."""
    return folder / f"workflow_changes_{_plain(component)}.patch"


def keep(folder: Path, component: str, report: str, changes: str) -> None:
    """Write a component's report, and what its run changed; nothing where there is none."""
    if report:
        write_atomic(report_of(folder, component), report)
    if changes:
        write_atomic(changes_of(folder, component), changes)


def _only(kept: Perform, perform: Perform, batch: Batch) -> Perform:
    """Return what keeps the reports of this batch alone: older jobs of the same queue belong to others."""

    async def chosen(job: Job) -> Ending:
        return await (kept if job.id in batch.jobs else perform)(job)

    return chosen


def _is_over(opened: Fleet, ids: Collection[str]) -> bool:
    return all(state in {"ended", "not_run"} for state in opened.queue.states(ids).values())


def _asked(names: Sequence[str], proposals: Mapping[str, Proposal]) -> tuple[str, ...]:
    if unknown := [name for name in names if name not in proposals]:
        known = ", ".join(sorted(proposals)) or "none: spec2prod init tells what it finds"
        raise UsageError(f"there is no component {', '.join(unknown)}", next_step=f"there are: {known}")
    if not proposals:
        raise UsageError("no component was found here", next_step="start it in the project's folder, or state components in pyproject.toml")
    return tuple(dict.fromkeys(names or sorted(proposals)))


def _refuse_missing(specs: Sequence[str], start: Start) -> None:
    if missing := [path for path in specs if not start.tree.exists(path)]:
        step = "spec2prod init drafts what is missing; or name it: specification in [tool.spec2prod.components.<name>]"
        raise UsageError(f"there is no specification {', '.join(missing)}", where=str(start.root), next_step=step)


def _source(opened: Fleet, order: Order, root: Path) -> Source:
    if not (opened.database.shared or order.commit or order.repository or order.committed):
        return Source(repository=str(root))
    return asyncio.run(describe(root, commit=order.commit or "HEAD", repository=order.repository, committed=order.committed))


def _needs(start: Start, name: str) -> tuple[str, ...]:
    table = start.settings.components.get(name)
    return tuple(dict.fromkeys(table.needs)) if table else ()


def _labels(start: Start, name: str) -> frozenset[str]:
    table = start.settings.components.get(name)
    return labels_of(",".join(table.labels), f"pyproject.toml: tool.spec2prod.components.{name}.labels") if table else frozenset()


def _request(start: Start, proposal: Proposal, order: Order) -> str:
    path = proposal.source if proposal.stated and proposal.name not in start.settings.components else None
    asked = {"spec": start.specification_of(proposal), "path": path, "async": order.async_mode, "overrides": dict(order.overrides)}
    return json.dumps(asked, sort_keys=True)


def _plain(component: str) -> str:
    return component.replace("/", "_")
