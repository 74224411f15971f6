"""One measurement: each test alone, then a control, then every mutant against the tests that cover it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from .declared import declared
from .hearing import Hearing
from .mutation import Mutant
from .work import Job, Key, function_of

TOGETHER = "(together)"
OUT_OF_TIME = "the time for changes was over"
SHORTEST = 8  # links of a chain
LONGEST = 400  # of them, or four for each of its tests: they are all run once more at its end


class Measurement(Hearing):
    """The judge with a plan. Phases: collect and run each test alone; collect the clean files together; control; mutants."""

    def __init__(self, *words: Any) -> None:  # noqa: ANN401 - as the judge's
        """Want a lane for every group."""
        super().__init__(*words)
        self.wanted = self._lanes_for([(name, "") for name in self.files])
        self._phase = "tests"
        self._until = time.monotonic() + self.limits.mutants_until_s
        self._known: dict[Key, set[str]] = {}
        self._clean: set[str] = set(self.files)
        self._import_lines: dict[str, dict[str, set[int]]] = {}
        self._preloaded: set[str] = set()
        self._cold: dict[str, str] = {}
        self._shared: dict[str, set[str]] = {}
        self._linked: dict[Key, list[tuple[str, str]]] = {}
        self._declared: dict[str, Mutant] = {}
        self._announced: set[str] = set()
        self._tell, self.tell = self.tell, self._told

    def _told(self, message: dict[str, Any]) -> None:
        """Tell what was found; of a changed declaration nothing, unless an assertion notices it, or it was not tried for want of time."""
        mutant = self._declared.get(message.get("mutant", ""))
        if mutant is None or message.get("outcome") == "assertion" or message.get("reason") == OUT_OF_TIME:
            if mutant is not None and mutant.id not in self._announced:
                self._announced.add(mutant.id)
                self._tell({"event": "mutant", **mutant.told()})
            self._tell(message)

    def advance(self) -> bool:
        """Go to the next phase."""
        if self.request.get("mutate", "matrix") == "none" or not self._passed:
            return False
        following = {"tests": self._join, "together": self._control, "control": self._mutants, "mutants": self._declarations}.get(
            self._phase
        )
        if following is None:
            return False
        following()
        return True

    def feed(self) -> None:
        """Hand out jobs; once the time is over, say of every mutant that is left that it was not tried."""
        late: list[Job] = []
        if time.monotonic() > self._until:
            late = [job for job in self.queue if job.kind in {"mutant", "repair"}]
            self.queue = [job for job in self.queue if job.kind not in {"mutant", "repair"}]
        for mutant in dict.fromkeys(name for job in late for index in range(len(job.tests)) if (name := job.named_at(index))):
            self.tell({"event": "unjudged", "mutant": mutant, "reason": OUT_OF_TIME})
        super().feed()

    def _lanes_for(self, keys: list[Key]) -> list[Key]:
        """Return what is to be collected: one group is collected by all lanes at once, where mutants will keep all of them busy."""
        is_mutating = self.request.get("mutate", "matrix") != "none"
        return keys * self.limits.lanes if len(keys) == 1 and is_mutating and self.forks else keys

    # --- phases ----------------------------------------------------------------------------------------------------

    def _join(self) -> None:
        """Collect all files that left no trace while they were imported together: one lane serves them all."""
        self._phase = "together"
        groups = [name for name in self.files if name in self._clean and name not in self.direct and (name, "") in self._known]
        if len(groups) > 1:
            self.files[TOGETHER] = [file for name in groups for file in self.files[name]]
            self.wanted += self._lanes_for([(TOGETHER, "")])

    def _control(self) -> None:
        """Run what passed alone once more, one after the other and with all code compiled anew: it must pass still."""
        self._phase = "control"
        joined = self._known.get((TOGETHER, ""), set())
        for test in [*self._passed, *self._failing]:
            if test in joined:
                self._group_of[test] = TOGETHER
        for group, tests in self._by_group(self._in_order(self._passed)).items():
            self.queue.append(Job(key=(group, ""), kind="control", tests=tests, mutant="control"))

    def _mutants(self) -> None:
        self._phase = "planning"
        for module in self.modules.values():
            for mutant in module.mutants:
                tests, is_cold = self._covering(module.file, mutant)
                reason = self._out_of_reach(module.file) if is_cold else ""
                if reason:
                    self.tell({"event": "unjudged", "mutant": mutant.id, "reason": reason})
                    continue
                self._enqueue(mutant.id, tests, cold=is_cold)
                self._try_failing(module.file, mutant, cold=is_cold)
        for key, links in self._linked.items():
            self._put_chains(Job(key=key, kind="mutant", tests=[], stop=self._stops, once=True), links)
        self._linked.clear()
        self._phase = "mutants"

    def _declarations(self) -> None:
        """Try changed declarations on the candidates that have noticed nothing so far."""
        self._phase = "declarations"
        trusted = {file for group in self._trusted for file in self.files[group]}
        noticing = {function for _, function in self._noticed}
        idle = {test for test in self._passed if function_of(test) not in noticing and test.partition("::")[0] not in trusted}
        planted = self.request.get("planted", ())
        if self._stops or self.request.get("mutable") is not None or all(test.partition("::")[0] in planted for test in idle):
            return
        for module in self.modules.values():
            for mutant in [] if self._out_of_reach(module.file) else declared(module):
                tests = [test for test in self._covering(module.file, mutant)[0] if test in idle]
                self._declared[mutant.id] = mutant
                self._enqueue(mutant.id, tests, cold=True)

    def _try_failing(self, file: str, mutant: Any, *, cold: bool) -> None:  # noqa: ANN401 - a Mutant
        """Run what fails by an assertion on a change: would it pass? Where a module has to be imported for it, examples alone."""
        for test, told in self._failing.items():
            if self._is_witness(test) if cold else mutant.statement in told["lines"].get(file, ()):
                key = (self._group_of[test], mutant.id if cold else "")
                self.queue.append(Job(key=key, kind="repair", tests=[test], mutant=None if cold else mutant.id))

    def _out_of_reach(self, file: str) -> str:
        """Say why a changed module cannot be imported; empty where it can."""
        if not self.request.get("module_level", True):
            return "mutants that act while a module is imported were not asked for"
        return "pytest itself imports the module: it cannot be imported changed" if file in self._preloaded else ""

    def _covering(self, file: str, mutant: Any) -> tuple[list[str], bool]:  # noqa: ANN401 - a Mutant
        """Return the tests that can meet the mutant, and whether it must be there when the module is imported."""
        groups = {name for name, lines in self._import_lines.items() if mutant.statement in lines.get(file, ())}
        if not mutant.owner or groups:
            users = {name for name, lines in self._import_lines.items() if file in lines}
            return [test for test in self._passed if self._group_of[test] in users or mutant.statement in self._lines(test, file)], True
        return [test for test in self._passed if mutant.statement in self._lines(test, file)], False

    def _lines(self, test: str, file: str) -> list[int]:
        lines: list[int] = self._passed[test]["lines"].get(file, [])
        return lines

    def _enqueue(self, mutant: str, tests: list[str], *, cold: bool) -> None:
        usable = self._in_order(test for test in tests if test not in self._troubled)
        if cold:
            self._cold[mutant] = mutant
        for group, members in self._by_group(usable).items():
            key = (group, mutant if cold else "")
            shared = self._shared.get(group, set()) - self._isolated - self._seen if not cold and self._phase == "planning" else set()
            self._linked.setdefault(key, []).extend((test, mutant) for test in members if test in shared)
            joint = [test for test in members if test not in self._isolated and test not in shared]
            batches = [joint] if joint else []
            for batch in [*batches, *([test] for test in members if test in self._isolated)]:
                self.queue.append(Job(key=key, kind="mutant", tests=batch, mutant=None if cold else mutant, stop=self._stops, once=True))

    def _in_order(self, tests: Iterable[str]) -> list[str]:
        """Return the quick ones first; the control keeps to it too, so that it meets whoever spoils things for the next.

        Times count by powers of two from 10 ms on: the same tests come in the same order on a busy machine.
        """
        return sorted(tests, key=lambda test: (int(self.clean_s[test] * 100).bit_length(), test))

    def _put_chains(self, job: Job, links: list[tuple[str, str]]) -> None:
        """Divide tests and their mutants among the lanes; a mutant's tests stay together."""
        longest = max(LONGEST, 4 * len({test for test, _ in links}))
        turns = -(-len(links) // (longest * self.limits.lanes)) or 1
        size = max(SHORTEST, -(-len(links) // (turns * self.limits.lanes)))
        start = 0
        while start < len(links):
            end = min(start + size, len(links))
            while end < len(links) and links[end][1] and links[end][1] == links[end - 1][1]:
                end += 1
            fresh = job.again([])
            fresh.tests, fresh.chain = [test for test, _ in links[start:end]], [mutant for _, mutant in links[start:end]]
            self.queue.append(fresh)
            start = end

    def _by_group(self, tests: list[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for test in tests:
            found.setdefault(self._group_of[test], []).append(test)
        return found

    # --- what was collected ----------------------------------------------------------------------------------------

    def on_collected(self, key: Key, told: dict[str, Any]) -> None:
        """Tell what was found; plan a run alone for each test."""
        group, mutant = key
        known = {test["id"] for test in told["tests"]}
        if told["threads"]:
            self.direct.add(group)
            for lane in [each for each in self.lanes if each.key == key and each.job is None]:
                self._end_lane(lane)
        if mutant or key in self._known:
            return
        self._shared[group] = set(told["shared"])
        self._known[key] = known
        self._preloaded.update(told["preloaded"])
        self._import_lines[group] = {file: set(lines) for file, lines in told["import_lines"].items()}
        if group == TOGETHER:
            return
        if told["evidence"] or told["errors"]:
            self._clean.discard(group)
        names = ("tests", "shared", "errors", "evidence", "too_many", "threads", "import_lines", "seconds")
        self.tell({"event": "collected", "group": group, **{name: told[name] for name in names}})
        shared = self._shared[group] if group in self._trusted else set()
        self._group_of.update(dict.fromkeys(known, group))
        links = [(test["id"], "") for test in told["tests"] if test["id"] in shared]
        self._put_chains(Job(key=key, kind="test", tests=[], cover=True), links)
        for test in [each for each in told["tests"] if each["id"] not in shared]:
            self.queue.append(Job(key=key, kind="test", tests=[test["id"]], cover=True, watch=group not in self._trusted))

    def on_refused(self, key: Key, reason: str) -> None:
        """Nothing of this key can be run: an answer about its tests where a mutant caused it, an error where none did."""
        group, mutant = key
        pending = [job for job in self.queue if job.key == key]
        self.queue = [job for job in self.queue if job.key != key]
        if mutant:
            outcome = "timeout" if "longer than" in reason else "crash"
            for test in [test for job in pending if job.kind != "repair" for test in job.tests]:
                self.tell({"event": "kill", "mutant": mutant, "test": test, "outcome": outcome, "message": reason[-500:]})
        elif group != TOGETHER and key not in self._known and group in self._clean:
            self._clean.discard(group)
            self.tell({"event": "refused", "group": group, "reason": reason})
        for job in [] if mutant else pending:
            self._not_begun(job, job.tests, reason)
