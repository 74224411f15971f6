"""The judge of a run: the warm judge at work in the copy that the run has made, with the run's own record of processes.

Most runs propose nothing: what judges is imported when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from spec2prod.application.ports import Host, ToJudge, Tree
from spec2prod.bootstrap.place import Place
from spec2prod.domain.component import Component
from spec2prod.domain.judged import Judged
from spec2prod.domain.question import Question, digest_of

PHASES = {"measured": "measuring the tests", "tried": "trying the mutants"}  # by the first word of a count


class RunJudge:
    """Judges the proposed files of one run."""

    def __init__(self, place: Place, host: Host) -> None:
        """Take the place of the run, and what starts its processes."""
        self._place, self._host = place, host

    def question(self, asked: ToJudge) -> Question:
        """Return exactly what the judgement depends on."""
        from spec2prod.bootstrap.judging_question import question_of

        component = replace(asked.component, tests=tuple(sorted({*asked.component.tests, *asked.files})))
        candidates = {path: [path, asked.tree.read(path) or ""] for path in asked.files}
        return question_of(component, asked.tree, candidates, digest_of(repr(asked.specification)), self._place.tree)

    def kills_question(self, component: Component, tree: Tree, test_file: str) -> Question:
        """Return exactly what it depends on which changes of the code the tests of one file notice."""
        from spec2prod.bootstrap.kills import kills_question

        return kills_question(component, tree, test_file, self._place.tree)

    async def judge(self, asked: ToJudge, tell: Callable[[str], None]) -> Judged:
        """Judge the files where they lie; the canaries are taken away again. Each phase is told as it begins.

        Raises:
            JudgeError: where the judge could not do its work, or the copy changed meanwhile.
        """
        from spec2prod.bootstrap.judging_place import workplace_in
        from spec2prod.bootstrap.judging_verdicts import verdicts_in

        work = workplace_in(asked.tree, asked.component, asked.files, self._place.settings.test_timeout_seconds)
        try:
            return await verdicts_in(work, asked.specification, first_of_each(tell), self._host.run)
        finally:
            asked.tree.remove(work.canaries)


def first_of_each(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Tell progress only where its first word is another, and the phase instead of its first count, which would read like its last."""
    last = ""

    def take(words: str) -> None:
        nonlocal last
        if (phase := words.partition(" ")[0]) != last:
            last = phase
            tell(PHASES.get(phase, words))

    return take
