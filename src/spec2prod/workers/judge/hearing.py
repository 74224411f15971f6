"""What the answers of the lanes mean: what is told of each test and mutant, and what has to be run once more."""

from __future__ import annotations

from typing import Any

from .loop import Judge
from .work import Job, Key, function_of

# What a test leaves changed for whoever comes after it in the same process: it may even undo a change of the code.
LEFT_CHANGED = {
    *("component_state", "component_changed", "code_replaced", "environment", "cwd", "sys.path", "sys.modules", "signals", "threads"),
    *("pytest_changed", "assigned"),
}
REPEATS, FEWEST = 40, 4  # runs of a test that draws random numbers: one that fails one time in ten is found out with 98.5 %
REPEATS_S, SHORTEST_S = 4.0, 0.01  # all of them together take about so long
SEED = 1_000


class Hearing(Judge):
    """The judge that knows what became of its jobs. Subclasses plan them."""

    def __init__(self, *words: Any) -> None:  # noqa: ANN401 - as the judge's
        """Know nothing yet."""
        super().__init__(*words)
        self._trusted = {group["name"] for group in self.request["groups"] if group.get("trusted")}
        self._group_of: dict[str, str] = {}
        self._passed: dict[str, dict[str, Any]] = {}
        self._failing: dict[str, dict[str, Any]] = {}
        self._isolated: set[str] = set()
        self._troubled: set[str] = set()
        self._settled: set[str] = set()
        self._noticed: set[tuple[str, str]] = set()
        self._seen: set[str] = set()
        self._again: set[str] = set()

    def _enqueue(self, mutant: str, tests: list[str], *, cold: bool) -> None:
        """Plan these tests on a mutant; `cold` where it must be imported changed."""
        raise NotImplementedError

    @property
    def _stops(self) -> bool:
        """Whether one kill is enough; the matrix goes on after a failure, as pytest does."""
        return bool(self.request.get("mutate") == "score")

    def _is_witness(self, test: str) -> bool:
        return test.partition("::")[0] in self.request.get("witnesses", ())

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
        needless = {
            index for index, test in enumerate(job.tests) if job.kind == "mutant" and self._is_needless(job.named_at(index), test, settled)
        }
        for index in sorted(needless - job.done.keys() - {job.current}):
            self._skip(job.named_at(index), [job.tests[index]])
        rest = [index for index in rest if index not in needless]
        if rest and job.current < 0 and not job.done:
            self._not_begun(
                job,
                [job.tests[index] for index in rest],
                f"its process ended before it began (exit {job.exit}{', ' + job.verdict if job.verdict else ''})",
            )
        elif rest:
            self.queue.insert(0, job.again(rest))

    def _is_needless(self, mutant: str, test: str, settled: set[str]) -> bool:
        """Whether nothing new can be learnt: the mutant is done with, or another case of the function has noticed it."""
        return mutant in settled or (mutant, function_of(test)) in self._noticed

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
        elif job.kind == "again":
            self._take_again(test, answer)
        elif job.kind == "control":
            self._take_control(job, test, answer)
        elif job.kind == "repair":
            if answer["outcome"] == "passed":
                self.tell({"event": "repair", "mutant": job.named, "test": test})
            elif self._is_witness(test) and answer["message"].partition("\n")[0] not in self._failing[test]["message"]:
                self.tell({"event": "moved", "mutant": job.named, "test": test})
        else:
            self._take_kill(job.named_at(index), test, answer)

    def _take_test(self, job: Job, test: str, answer: dict[str, Any]) -> None:
        if answer["evidence"]:
            self._seen.add(test)
        if any(piece["kind"] in LEFT_CHANGED for piece in answer["evidence"]):
            self._isolated.add(test)
        evidence = [*answer["evidence"], *({"kind": "leaked_process", "detail": name} for name in job.left)]
        if job.receiver is not None and job.receiver.forged:
            evidence.append({"kind": "forged", "detail": f"{job.receiver.forged} message(s) without the test's nonce"})
        if answer["outcome"] == "passed":
            if self._is_witness(test):
                return  # what holds already says nothing of a change
            self._passed[test] = answer
            self.clean_s[test] = answer["seconds"]
            if any(piece["kind"] == "random" for piece in answer["evidence"]):
                self._repeat(job.key, test, answer["seconds"])
        elif answer["outcome"] == "failed" and answer["how"] == "assertion" and self._group_of[test] not in self._trusted:
            self._failing[test] = answer
        names = ("outcome", "how", "exception", "message", "seconds", "lines", "arcs", "properties")
        self.tell({"event": "test", "test": test, **{name: answer.get(name) for name in names}, "evidence": evidence})

    def _repeat(self, key: Key, test: str, seconds: float) -> None:
        """Run a test again and again with other random numbers, each time in a process of its own: does it pass by luck?"""
        self._again.add(test)
        for seed in range(SEED, SEED + max(FEWEST, min(REPEATS, int(REPEATS_S / max(seconds, SHORTEST_S))))):
            self.queue.append(Job(key=key, kind="again", tests=[test], seed=seed))

    def _take_again(self, test: str, answer: dict[str, Any]) -> None:
        """Tell of a test that passed by luck, as soon as that is known."""
        if test not in self._again or answer["outcome"] in {"passed", "xfailed"}:
            return
        self._again.remove(test)
        self.queue = [each for each in self.queue if each.kind != "again" or each.tests != [test]]
        self._passed.pop(test, None)
        why = answer["message"].partition("\n")[0][:120]
        detail = f"{answer['outcome']} with the numbers of another seed: {why}"
        self.tell({"event": "seen", "test": test, "kind": "unsteady", "detail": detail})

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
        if outcome == "assertion":
            self._noticed.add((mutant, function_of(test)))
        if outcome == "assertion" and self._stops:
            self._settled.add(mutant)
            others = [each for each in self.queue if each.chain is None and each.named == mutant]
            self.queue = [each for each in self.queue if each not in others]
            self._skip(mutant, [each for other in others for each in other.tests])

    def _skip(self, mutant: str, tests: list[str]) -> None:
        for test in tests:
            self.tell({"event": "kill", "mutant": mutant, "test": test, "outcome": "not_run", "message": ""})
