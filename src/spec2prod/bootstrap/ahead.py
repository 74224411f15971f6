"""A run's head start: the slowest tools that it will surely ask are started before what a run needs is even imported.

What they are is told by the last run with the same question: the commands, and the files whose change makes them be asked again. Where
such a file is another, and its new state was never answered, the command is started; the run takes the process over where it asks for the
very same, and nothing that it could read has changed meanwhile. Quick to import, as all that comes before.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spec2prod.adapters import standing
from spec2prod.adapters.host.ahead import HeadStart
from spec2prod.adapters.standing import SECRET, Look, Start, Starts
from spec2prod.bootstrap.standing import Asked
from spec2prod.domain.command import Command

WORTH_MS = 500.0  # what is quicker than our own imports gains nothing by it


class Ahead:
    """A question's head start: what runs already, and what is known from earlier runs."""

    def __init__(self, question: Asked, known: Starts | None) -> None:
        """Take the question, and what the last run with it has asked."""
        self.question = question
        self.known = known
        self.host = HeadStart(lambda: self._seen() == self._before)
        self._before = ""

    def begin(self, *, at_once: bool) -> None:
        """Start what will be asked again: as many as may run at once, or the first one alone."""
        chosen = changed(self.question.root, self.known) if self.known else []
        if not chosen or not self._is_settled():
            return
        first = sorted(chosen, key=lambda each: -each.wall_ms)[: self.known.at_once if self.known else 0] if at_once else chosen[:1]
        for each in first:
            if each.wall_ms >= WORTH_MS:
                self.host.start(_command(each, self.host.secret))

    def _is_settled(self) -> bool:
        """Note how everything was when it was asked; not where a file was written a moment before: it may be written again."""
        with suppress(standing.UnsettledError):
            self._before = self.question.look.digest(self._watched, taken_at_ns=self.question.begun_ns)
        return bool(self._before)

    @property
    def _watched(self) -> Collection[str]:
        return self.known.watched if self.known else ()

    def _seen(self) -> str:
        """Return the digest of all that a run could read now, empty where it has none."""
        with suppress(standing.UnsettledError):
            return Look(self.question.root, self.question.key, self.question.outputs).digest(self._watched)
        return ""


@contextmanager
def head_start(question: Asked | None, *, at_once: bool) -> Iterator[Ahead | None]:
    """Give a question its head start; whatever happens, nothing of it is left running. None where nobody keeps what a run asks."""
    if question is None or sys.platform == "win32":
        yield None
        return
    ahead = Ahead(question, standing.take_starts(question.root, question.key))
    try:
        ahead.begin(at_once=at_once)
        yield ahead
    finally:
        ahead.host.end()


def changed(root: str, known: Starts) -> list[Start]:
    """Return, in their order, the commands whose files are in a state that nobody has answered yet."""
    states: dict[tuple[str, ...], str] = {}
    for each in known.starts:
        states.setdefault(tuple(each.reads), "")
    states = {reads: standing.contents(root, reads) for reads in states}
    return [each for each in known.starts if states[tuple(each.reads)] not in each.answered]


def _command(start: Start, secret: str) -> Command:
    return Command(
        tool=start.tool,
        argv=tuple(word.replace(SECRET, secret) for word in start.argv),
        cwd=Path(start.cwd),
        env=start.env,
        answer=start.answer,
        timeout_s=start.timeout_s,
    )
