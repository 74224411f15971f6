"""Which changes of the code each test notices: as this run's judge has measured it, else as an earlier judgement of the same files did.

What was measured of a test counts for the modules, the test's own file and what that imports, as they were then (law 1): a test that no
judge has measured as it is now is missing here, and counts as not judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache, partial

from spec2prod.application.ports import Ports
from spec2prod.application.recall import Recall
from spec2prod.domain.component import Component
from spec2prod.domain.plan import Stage
from spec2prod.domain.question import Kept
from spec2prod.domain.suite import CaseResult
from spec2prod.domain.trace import Noticed

KILLS = "kills"
"""Under this name they lie in the cache."""


def kept_kills(run_id: str, at: str, kills: Mapping[str, tuple[str, ...]]) -> Kept:
    """Return what is kept of one test file: by the node ID of each measured function, the changes that it notices."""
    return Kept(run_id=run_id, measured_at=at, tool="judge", texts={KILLS: json.dumps(kills)})


class Kills:
    """One run's knowledge. `note` takes what was judged, `keep` leaves it to later runs, `of` tells what is known."""

    def __init__(self, run_id: str, ports: Ports, recall: Recall) -> None:
        self._run_id, self._ports, self._recall = run_id, ports, recall
        self._own: dict[str, tuple[str, ...]] = {}
        self._modules = ""
        self._at = ""
        self._earlier: dict[str, dict[str, Noticed]] = {}

    def note(self, kills: Mapping[str, tuple[str, ...]], modules: str) -> None:
        """Note what each test function notices (by node ID, in words), as judged on modules of that digest."""
        self._own = {**(self._own if modules == self._modules else {}), **kills}
        self._modules, self._at = modules, self._ports.clock.now()

    def of(self, component: Component, cases: Iterable[CaseResult]) -> dict[str, Noticed]:
        """Return what is known of each case; those of one function share it."""
        own, told = self._fresh(component), dict[str, Noticed]()
        before = cache(partial(self._before, component))  # once a file, not once a case
        for case in cases:
            function = _function(case)
            if function in own:
                told[case.node_id] = Noticed(kills=own[function], run_id=self._run_id, at=self._at)
            elif case.requirements and (earlier := before(_file(case)).get(function)):
                told[case.node_id] = earlier
        return told

    def keep(self, component: Component, cases: Iterable[CaseResult]) -> None:
        """Keep for later runs what this one has measured of the test files that name a requirement."""
        own, judge = self._fresh(component), self._ports.judge
        if not own or judge is None or self._ports.memory is None:
            return
        for file in sorted({_file(case) for case in cases if case.requirements}):
            kills = {name: killed for name, killed in own.items() if name.partition("::")[0] == file}
            if kills:
                question = judge.kills_question(component, self._ports.tree, file)
                self._recall.keep(question, kept_kills(self._run_id, self._at, kills), self._ports.tree)

    def _fresh(self, component: Component) -> Mapping[str, tuple[str, ...]]:
        """Return what this run has measured, if the modules are what they were."""
        return self._own if self._modules and self._modules == self._ports.tree.digest(component.modules) else {}

    def _before(self, component: Component, file: str) -> dict[str, Noticed]:
        """Return what an earlier judgement has measured of one test file; it is looked up once for each state of the files."""
        tree, judge = self._ports.tree, self._ports.judge
        if judge is None or self._ports.memory is None:
            return {}
        state = tree.digest([*component.modules, *component.data, file]) + file
        if state not in self._earlier:
            find = partial(self._recall.find, judge.kills_question(component, tree, file), tree)
            self._earlier[state] = _read(find(str(Stage.ACCEPTANCE)))
        return self._earlier[state]


def _read(kept: Kept | None) -> dict[str, Noticed]:
    if kept is None or kept.texts is None:
        return {}
    told: dict[str, list[str]] = json.loads(kept.texts[KILLS])
    return {name: Noticed(kills=tuple(kills), run_id=kept.run_id, at=kept.measured_at) for name, kills in told.items()}


def _file(case: CaseResult) -> str:
    return case.node_id.partition("::")[0]


def _function(case: CaseResult) -> str:
    return case.node_id.partition("[")[0]
