"""What a run leaves for the next one's head start: the commands that it asked, and the files that decide whether they are asked again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from spec2prod.adapters import standing
from spec2prod.adapters.standing import SECRET, Start, Starts
from spec2prod.application.ports import Event, Gate, Ports, Subject, command_of, in_one_process
from spec2prod.application.session import Session
from spec2prod.bootstrap.ahead import Ahead
from spec2prod.bootstrap.listening import told_to
from spec2prod.bootstrap.standing import watched_by
from spec2prod.domain.command import Command
from spec2prod.domain.plan import Plan, Stage
from spec2prod.domain.question import FILE
from spec2prod.domain.run import Run
from spec2prod.domain.verdict import Measurement

_REMEMBERED = 32  # states of the files: going back to one of them finds its answer in the cache


def with_given_up(ahead: Ahead, run: Run) -> Run:
    """Return the run with the processes of its head start that nobody asked for: they are ended, and told as the starts that they were."""
    given_up = ahead.host.end()
    for each in given_up:
        spent = f"{each.cpu_ms / 1000:.1f} s of CPU time"
        text = f"{each.command.tool} was started ahead, in case it would be asked, and was not needed: it was stopped ({spent})"
        told_to().tell(Event(kind="ahead", stage=None, text=text, at_ms=run.total_ms))
    return replace(run, processes=(*run.processes, *given_up)) if given_up else run


def learn(ahead: Ahead, plan: Plan, ports: Ports, run: Run) -> None:
    """Keep what the run asked for the next one with the same question; nothing where the order of questions is another each time."""
    if ports.memory is None or plan.generate or plan.fail_fast or run.interrupted:
        return
    useless = {_words(each.command, ahead.host.secret) for each in ahead.host.given_up}
    session = Session(plan, ports)
    starts = [
        start
        for stage in (Stage.TESTING, Stage.REFACTORING)
        for group in in_one_process(session.asked(session.names(stage)))
        if (start := _start(ahead, session, group, run)) is not None and tuple(start.argv) not in useless
    ]
    known = Starts(watched=watched_by(run), at_once=run.cpu_slots, starts=starts)
    standing.keep_starts(ahead.question.root, ahead.question.key, known)


def _start(ahead: Ahead, session: Session, group: Sequence[Gate], run: Run) -> Start | None:
    """Return what one group of questions asks; None where it never took a process, or no file of the component decides about it."""
    command, secret = command_of(group, session.component), _secret(session.ports)
    words = list(_words(command, secret))
    earlier = next((each for each in (ahead.known.starts if ahead.known else []) if each.argv == words), None)
    # the last one that started came to its end: one before it may have been stopped, when the linter mended its files
    ends = (each.wall_ms for each in reversed(run.processes) if each.command == command and each.exit_code is not None)
    took = next(ends, earlier.wall_ms if earlier else None)
    # the same command names the same files: a question's inputs cost some 20 ms
    reads = earlier.reads if earlier else sorted({path for gate in group for path in _reads(session, gate)})
    if took is None or not reads:
        return None
    answered = [*(earlier.answered if earlier else [])]
    if _is_answered(group, run):
        now = standing.contents(ahead.question.root, reads)
        answered = [*(each for each in answered if each != now), now][-_REMEMBERED:]
    return Start(
        tool=command.tool,
        argv=words,
        cwd=str(command.cwd),
        env=dict(command.env),
        answer=command.answer,
        timeout_s=command.timeout_s,
        reads=reads,
        answered=answered,
        wall_ms=took,
    )


def _reads(session: Session, gate: Gate) -> Iterator[str]:
    """Yield the component's files that a question depends on, whatever it is seen to read beside them."""
    ports, component = session.ports, session.component
    asked = Subject(gate=gate, component=component, tree=ports.tree, command=gate.command(component), name=gate.name)
    question = ports.memory.fingerprints.question(asked) if ports.memory else None
    inputs = question.inputs if question else {}
    yield from (path for path in component.files if FILE + path in inputs)


def _is_answered(group: Sequence[Gate], run: Run) -> bool:
    """Whether the run has answers to all of a group's questions: what could not be asked is asked again."""
    found = {gate.gate: gate.evidence for result in run.stages for gate in result.gates}
    told = [found[name] for gate in group for name in gate.measures if name in found]
    return all(each is not None and isinstance(each.answer, Measurement) for each in told)


def _secret(ports: Ports) -> str:
    return getattr(ports.suite, "nonce", "")


def _words(command: Command, secret: str) -> tuple[str, ...]:
    return tuple(word.replace(secret, SECRET) if secret else word for word in command.argv)
