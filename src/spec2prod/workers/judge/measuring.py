"""One measurement: each test alone, then a control, then every mutant against the tests that cover it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .loop import Judge
from .work import Job, Key

TOGETHER = "(together)"
CHAINS = 2  # a lane: more would balance better, and fork more often
SHORTEST = 8  # links of a chain


class Measurement(Judge):
    """The judge with a plan. Phases: collect and run each test alone; collect the clean files together; control; mutants."""

    def __init__(self, *words: Any) -> None:  # noqa: ANN401 - as the judge's
        """Want a lane for every group."""
        super().__init__(*words)
        self.wanted = [(name, "") for name in self.files]
        self._phase = "tests"
        self._trusted = {group["name"] for group in self.request["groups"] if group.get("trusted")}
        self._known: dict[Key, set[str]] = {}
        self._group_of: dict[str, str] = {}
        self._clean: set[str] = set(self.files)
        self._passed: dict[str, dict[str, Any]] = {}
        self._failing: dict[str, dict[str, Any]] = {}
        self._import_lines: dict[str, dict[str, set[int]]] = {}
        self._preloaded: set[str] = set()
        self._isolated: set[str] = set()
        self._troubled: set[str] = set()
        self._settled: set[str] = set()
        self._cold: dict[str, str] = {}
        self._shared: dict[str, set[str]] = {}
        self._linked: dict[Key, list[tuple[str, str]]] = {}
        self._seen: set[str] = set()

    def advance(self) -> bool:
        """Go to the next phase."""
        if self.request.get("mutate", "matrix") == "none" or not self._passed:
            return False
        following = {"tests": self._join, "together": self._control, "control": self._mutants}.get(self._phase)
        if following is None:
            return False
        following()
        return True

    # --- phases ----------------------------------------------------------------------------------------------------

    def _join(self) -> None:
        """Collect all files that left no trace while they were imported together: one lane serves them all."""
        self._phase = "together"
        groups = [name for name in self.files if name in self._clean and name not in self.direct and (name, "") in self._known]
        if len(groups) > 1:
            self.files[TOGETHER] = [file for name in groups for file in self.files[name]]
            self.wanted.append((TOGETHER, ""))

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
                for test in (
                    []
                    if is_cold
                    else [each for each, told in self._failing.items() if mutant.statement in told["lines"].get(module.file, ())]
                ):
                    self.queue.append(Job(key=(self._group_of[test], ""), kind="repair", tests=[test], mutant=mutant.id))
        for key, links in self._linked.items():
            self._put_chains(Job(key=key, kind="mutant", tests=[], stop=self._stops), links)
        self._linked.clear()
        self._phase = "mutants"

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
                self.queue.append(Job(key=key, kind="mutant", tests=batch, mutant=None if cold else mutant, stop=self._stops))

    def _in_order(self, tests: Iterable[str]) -> list[str]:
        """Return the quick ones first; the control keeps to it too, so that it meets whoever spoils things for the next."""
        return sorted(tests, key=lambda test: (self.clean_s[test], test))

    def _put_chains(self, job: Job, links: list[tuple[str, str]]) -> None:
        """Divide tests and their mutants among the lanes; a mutant's tests stay together."""
        size = max(SHORTEST, -(-len(links) // (CHAINS * self.limits.lanes)))
        start = 0
        while start < len(links):
            end = min(start + size, len(links))
            while end < len(links) and links[end][1] and links[end][1] == links[end - 1][1]:
                end += 1
            fresh = job.again([])
            fresh.tests, fresh.chain = [test for test, _ in links[start:end]], [mutant for _, mutant in links[start:end]]
            self.queue.append(fresh)
            start = end

    @property
    def _stops(self) -> bool:
        """Whether one kill is enough; the matrix goes on after a failure, as pytest does."""
        return bool(self.request.get("mutate") == "score")

    def _by_group(self, tests: list[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for test in tests:
            found.setdefault(self._group_of[test], []).append(test)
        return found

    # --- what comes in ---------------------------------------------------------------------------------------------

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
            for test in [test for job in pending for test in job.tests]:
                self.tell({"event": "kill", "mutant": mutant, "test": test, "outcome": outcome, "message": reason[-500:]})
        elif group != TOGETHER and key not in self._known:
            self._clean.discard(group)
            self.tell({"event": "refused", "group": group, "reason": reason})
        for job in [] if mutant else pending:
            self._not_begun(job, job.tests, reason)

    def on_ended(self, job: Job) -> None:
        """Tell what each test did, and plan again what was not reached."""
        for mutant in job.unswappable if job.kind != "repair" else ():
            tests = [test for index, test in enumerate(job.tests) if job.named_at(index) == mutant]
            self._enqueue(mutant, tests, cold=True)
        if job.doubtful:
            self._apart(job)
            return
        for index, test in enumerate(job.tests):
            if index in job.done or (index == job.current and job.named_at(index) not in job.unswappable):
                self._take(job, index, test, job.done.get(index) or self._unfinished(job))
        rest = [index for index in job.rest() if job.named_at(index) not in job.unswappable]
        self._go_on(job, rest)

    def _apart(self, job: Job) -> None:
        """Run each mutant of a chain in a process of its own: something was left behind that was not seen."""
        for mutant in dict.fromkeys(job.chain or ()):
            if mutant not in job.unswappable:
                self._enqueue(mutant, [test for index, test in enumerate(job.tests) if job.named_at(index) == mutant], cold=False)

    def _go_on(self, job: Job, rest: list[int]) -> None:
        """Plan what was not begun; what a settled mutant left is skipped."""
        settled = self._settled | ({job.named} if job.verdict == "timeout" else set()) - {""}
        for index in range(len(job.tests)):
            mutant = job.named_at(index)
            if mutant in settled and index not in job.done and index != job.current:
                self._skip(mutant, [job.tests[index]])
        rest = [index for index in rest if job.named_at(index) not in settled]
        if rest and job.current < 0 and not job.done:
            self._not_begun(
                job,
                [job.tests[index] for index in rest],
                f"its process ended before it began (exit {job.exit}{', ' + job.verdict if job.verdict else ''})",
            )
        elif rest:
            self.queue.insert(0, job.again(rest))

    def _not_begun(self, job: Job, rest: list[str], reason: str) -> None:
        for test in rest:
            self.tell({"event": "trouble", "test": test, "mutant": job.named, "reason": reason})
            if not job.named:
                self._troubled.add(test)

    def _unfinished(self, job: Job) -> dict[str, Any]:
        outcome = {"timeout": "timeout", "": "vanished"}.get(job.verdict, "killed")
        ending = f" ({f'signal {-job.exit}' if job.exit < 0 else f'exit code {job.exit}'})" if job.exit is not None else ""
        words = {
            "timeout": "it did not end in time",
            "": f"its process ended{ending} before the test did",
            "flooded": "it flooded the judge's pipe",
            "disk": f"it wrote more than {self.limits.disk_mb} MiB",
            "processes": f"it started more than {self.limits.processes} processes",
        }
        return {
            "outcome": outcome,
            "how": "crash",
            "exception": "",
            "message": words[job.verdict],
            "seconds": 0.0,
            "evidence": [],
            "lines": {},
            "arcs": {},
        }

    def _take(self, job: Job, index: int, test: str, answer: dict[str, Any]) -> None:
        if job.kind == "test":
            self._take_test(job, test, answer)
        elif job.kind == "control":
            self._take_control(job, test, answer)
        elif job.kind == "repair":
            if answer["outcome"] == "passed":
                self.tell({"event": "repair", "mutant": job.named, "test": test})
        else:
            self._take_kill(job.named_at(index), test, answer)

    def _take_test(self, job: Job, test: str, answer: dict[str, Any]) -> None:
        if answer["evidence"]:
            self._seen.add(test)
        evidence = [*answer["evidence"], *({"kind": "leaked_process", "detail": name} for name in job.left)]
        if job.receiver is not None and job.receiver.forged:
            evidence.append({"kind": "forged", "detail": f"{job.receiver.forged} message(s) without the test's nonce"})
        if answer["outcome"] == "passed":
            self._passed[test] = answer
            self.clean_s[test] = answer["seconds"]
        elif answer["outcome"] == "failed" and answer["how"] == "assertion" and self._group_of[test] not in self._trusted:
            self._failing[test] = answer
        names = ("outcome", "how", "exception", "message", "seconds", "lines", "arcs", "properties")
        self.tell({"event": "test", "test": test, **{name: answer.get(name) for name in names}, "evidence": evidence})

    def _take_control(self, job: Job, test: str, answer: dict[str, Any]) -> None:
        """A test that passed alone and fails here: order-dependent in company, a disagreement of the judge with itself alone."""
        if answer["outcome"] == "passed":
            return
        if len(job.tests) > 1:
            self._isolated.add(test)
            self.queue.append(job.again([job.tests.index(test)]))
            return
        self._troubled.add(test)
        reason = f"it passed at first, and {answer['outcome']} when it was run again with nothing changed: {answer['message'][-300:]}"
        self.tell({"event": "trouble", "test": test, "mutant": "", "reason": reason})

    def _take_kill(self, mutant: str, test: str, answer: dict[str, Any]) -> None:
        outcome = "survived"
        if answer["outcome"] == "timeout":
            outcome = "timeout"
        elif answer["outcome"] not in {"passed", "skipped", "xfailed"}:
            outcome = "assertion" if answer["how"] == "assertion" else "crash"
        told = {"outcome": outcome, "exception": answer["exception"], "message": answer["message"][-500:]}
        self.tell({"event": "kill", "mutant": mutant, "test": test, **told})
        if outcome == "assertion" and self.request.get("mutate") == "score":
            self._settled.add(mutant)
            others = [each for each in self.queue if each.chain is None and each.named == mutant]
            self.queue = [each for each in self.queue if each not in others]
            self._skip(mutant, [each for other in others for each in other.tests])

    def _skip(self, mutant: str, tests: list[str]) -> None:
        for test in tests:
            self.tell({"event": "kill", "mutant": mutant, "test": test, "outcome": "not_run", "message": ""})
