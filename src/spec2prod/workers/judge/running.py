"""Runs collected items in this process, one after the other, and sends what each told. Nothing is decided here."""

from __future__ import annotations

import functools
import os
import random
import sys
import threading
from collections.abc import Iterator
from itertools import chain
from types import CodeType, FunctionType, ModuleType
from typing import Any

from . import patching
from .collecting import Collected, reseed
from .declared import declared
from .frames import Send
from .lines import Lines
from .mutating import Module
from .mutation import Mutant
from .plainly import Plainly
from .stillness import Stillness
from .swapping import caches, living, swap
from .watching import State, Watch
from .work import function_of

COUNTED_PYTEST = ("runner", "python", "outcomes", "reports", "raises", "python_api", "nodes")


class Unswappable(Exception):  # noqa: N818 - an answer, not an error
    """The mutant does not fit the functions that live here; changed source will."""


FAILED = {"failed", "error"}
UNSWAPPABLE = (Unswappable, ValueError, SyntaxError, TypeError)


class Runner:
    """What a lane knows: the collected items, the component's modules, and the watch over both."""

    def __init__(self, collected: Collected, modules: dict[str, Module], watch: Watch, *, bare: bool) -> None:
        """`modules` are by the path of their file. A bare runner swaps and watches nothing: its mutant was imported."""
        self.collected, self.modules, self.watch = collected, modules, watch
        self.component = imported(modules)
        self.judging = [module for name, module in sorted(sys.modules.items()) if is_counted(name)]
        # looked for here and not after a fork: to look at every object copies every page
        self._functions = {} if bare else living(modules)
        self._caches = [] if bare else caches(modules)
        if not bare:
            patching.notice(watch, modules, self.component, self.judging)
        self._state = None if bare else State(self.component, self.judging)
        self._still = None if bare or hypothesis_lives() else Stillness(watch.root, self._caches)
        self._plainly = Plainly(collected.harness)
        self._swapped: list[tuple[FunctionType, CodeType]] = []

    def shared(self) -> list[str]:
        """Return the items that may follow one another in one process, as long as nothing is left behind."""
        return [node for node, item in self.collected.items.items() if self._still is not None and self._still.shares(item)]

    def run(self, job: dict[str, Any], send: Send) -> None:
        """Run the job's tests."""
        if job.get("chain") is not None:
            self._chain(job, send)
            return
        try:
            self.put(job["mutant"])
        except UNSWAPPABLE as error:
            send(0, "unswappable", {"reason": str(error)})
            return
        self._each(job, list(range(len(job["tests"]))), send)

    def _chain(self, job: dict[str, Any], send: Send) -> None:
        """Run tests on one mutant after the other, each put back before the next; end where anything is left behind."""
        for indexes in links(job["chain"]):
            reseed(job["seed"])
            try:
                self.put(job["chain"][indexes[0]])
            except UNSWAPPABLE as error:
                send(indexes[0], "unswappable", {"reason": str(error)})
                continue
            self._each(job, indexes, send, plainly=all(map(self._can_call, (job["tests"][each] for each in indexes))))
            self._put_back()
            if self._still is None or not self._still.holds():
                return
        if not job["cover"]:
            self._look_back(job["tests"], send)

    def _can_call(self, node: str) -> bool:
        return self._plainly.can(self.collected.items.get(node))

    def _each(self, job: dict[str, Any], indexes: list[int], send: Send, *, plainly: bool = False) -> None:
        """Run these tests of the job, one after the other; what an assertion has made needless is left out."""
        tests, left = job["tests"], indexes
        while left:
            index, *left = left
            send(index, "begun", {})
            answer = self._called(tests[index]) if plainly and not job["cover"] and not job["watch"] else None
            if answer is None:
                answer = self._one(tests[index], tests[left[0]] if left else None, cover=job["cover"], watch=job["watch"])
            send(index, "result", answer)
            if answer["how"] == "assertion" and answer["outcome"] in FAILED and (job["stop"] or job["once"]):
                function = function_of(tests[index])
                rest = [] if job["stop"] else [each for each in left if function_of(tests[each]) != function]
                if rest[:1] != left[:1] and not plainly:
                    self._tear_down(tests[rest[0]] if rest else "")
                left = rest

    def _look_back(self, tests: list[str], send: Send) -> None:
        """Run the chain's tests once more on the component as it is: where one fails, what came before it proves nothing."""
        for node in dict.fromkeys(tests):
            answer = (self._called(node) if self._can_call(node) else None) or self._one(node, None, cover=False, watch=False)
            if answer["outcome"] != "passed":
                send(
                    len(tests) - 1,
                    "doubtful",
                    {"reason": f"{node} {answer['outcome']} after the mutants were put back: {answer['message']}"},
                )
                return

    def _called(self, node: str) -> dict[str, Any] | None:
        """Call one test's function, where that is all there is to it; None where pytest itself has to run it."""
        me = os.getpid()
        answer = self._plainly.run(self.collected.items[node])
        if os.getpid() != me:
            os._exit(1)  # as in `_one`
        return answer and {**answer, "evidence": []}

    def _tear_down(self, following: str) -> None:
        """End the fixtures that a test would have used that is left out; those of the one that follows instead may stay."""
        self.collected.session._setupstate.teardown_exact(self.collected.items.get(following))  # noqa: SLF001 - there is no public way

    def _put_back(self) -> None:
        """Give the functions their own code again."""
        for function, code in self._swapped:
            function.__code__ = code
        self._swapped.clear()
        for each in self._caches:
            each.cache_clear()

    def put(self, name: str | None) -> None:
        """Put a mutant into the living functions; `control` puts in what is there already, compiled anew."""
        if name == "control":
            for module in self.modules.values():
                for top in range(len(module.tree.body)):
                    swap(module, None, self._functions.get(module.path, []), (top,), anew=True)
        elif name:
            module, mutant = found(self.modules, name)
            self._swapped = swap(module, mutant, self._functions.get(module.path, []), mutant.unit)
            if not self._swapped:
                raise Unswappable("no function of it lives")
            for each in self._caches:
                each.cache_clear()

    def _one(self, node: str, following: str | None, *, cover: bool, watch: bool) -> dict[str, Any]:
        item = self.collected.items.get(node)
        if item is None:
            return {"outcome": "error", "how": "crash", "exception": "", "message": "it is not collected", "seconds": 0.0, "evidence": []}
        harness, lines = self.collected.harness, self._lines() if cover else None
        me = os.getpid()
        if not watch:
            harness.shorten(item)
        harness.begin()
        self.watch.begin()
        self.watch.active = watch
        drawn = random.getstate() if watch else None
        ended = self._protocol(item, self.collected.items.get(following or ""), lines)
        if os.getpid() != me:
            os._exit(1)  # a process that the test forked, and that came all the way here: it has nothing to say
        self.watch.end()
        if drawn is not None and random.getstate() != drawn and not is_property(item):
            self.watch.tell("random", "it draws random numbers")
        answer = harness.answer()
        if ended:
            answer.update(outcome="failed", how="crash", exception=ended, message=f"it ended the run with {ended}")
        evidence = [*self.watch.found, *(self._state.differences() if watch and self._state is not None else [])]
        return {**answer, "evidence": evidence, **(lines.answer() if lines else {})}

    def _protocol(self, item: Any, following: Any, lines: Lines | None) -> str:  # noqa: ANN401 - pytest's items
        """Run one item's whole protocol; return what ended the run, empty where it only ended itself."""
        try:
            if lines:
                lines.start()
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException as error:  # noqa: BLE001 - also SystemExit and pytest.exit: told as the item's outcome
            return type(error).__name__
        finally:
            if lines:
                lines.stop()
        return ""

    def _lines(self) -> Lines:
        return lines_of(self.modules)


def is_property(item: Any) -> bool:  # noqa: ANN401 - pytest's items
    """Whether hypothesis chooses what a test gets: it repeats it by itself, and begins at the same numbers each time."""
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))


def hypothesis_lives() -> bool:
    """Whether hypothesis was imported: what it learns from one test it uses in the next."""
    return "hypothesis" in sys.modules


def links(chain: list[str]) -> list[list[int]]:
    """Return the indexes of a chain by mutant; a test without one stands for itself."""
    found: list[list[int]] = []
    for index, mutant in enumerate(chain):
        if mutant and index and chain[index - 1] == mutant:
            found[-1].append(index)
        else:
            found.append([index])
    return found


def lines_of(modules: dict[str, Module]) -> Lines:
    """Return a fresh collector of these modules' lines."""
    return Lines({path: module.file for path, module in modules.items()}, {path: module.first_lines for path, module in modules.items()})


def imported(modules: dict[str, Module]) -> list[ModuleType]:
    """Return the component's modules that live in this process."""
    present: list[tuple[Any, Any]] = [(module, getattr(module, "__file__", None)) for module in list(sys.modules.values())]
    named = [(module, file) for module, file in present if isinstance(module, ModuleType) and isinstance(file, str)]
    return [module for module, file in named if (real(file) if os.path.isabs(file) else os.path.realpath(file)) in modules]


@functools.cache
def real(file: str) -> str:
    """Return a module's true path; the base asks for all that it has imported, so that no lane must."""
    return os.path.realpath(file)


def is_counted(name: str) -> bool:
    """Whether a module is one that decides what a test's outcome is."""
    return name in {"pytest", "pluggy", "pluggy._callers", "pluggy._hooks", "builtins"} or any(
        name == f"_pytest.{each}" for each in COUNTED_PYTEST
    )


def found(modules: dict[str, Module], name: str) -> tuple[Module, Mutant]:
    """Return a mutant by its ID, with its module; the changes of declarations are looked for last."""
    usual = ((module, each) for module in modules.values() for each in module.mutants)
    return next((module, each) for module, each in chain(usual, _declarations(modules)) if each.id == name)


def _declarations(modules: dict[str, Module]) -> Iterator[tuple[Module, Mutant]]:
    return ((module, each) for module in modules.values() for each in declared(module))


def is_threaded() -> bool:
    """Whether threads run here: a fork would copy their locks without them."""
    if threading.active_count() > 1:
        return True
    try:
        return len(os.listdir("/proc/self/task")) > 1
    except OSError:
        return False
