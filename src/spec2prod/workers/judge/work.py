"""What is to be done: jobs, what became of them, and which of them a mutant needs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from .frames import Receiver

Key = tuple[str, str]  # the group, and the mutant whose changed source the lane imported (empty for none)


@dataclass
class Job:
    """Tests to be run in one process, in order. `mutant` is swapped in; `kind` is test, again, control, repair or mutant.

    `seed` is where its random numbers begin, unless the lanes decide.

    A chain has a mutant for each test (empty for none): the process goes on to the next one as long as nothing is left of the last.
    After an assertion on a mutant no other test runs on it where the job says `stop`, no other case of its function where it says `once`.
    """

    key: Key
    kind: str
    tests: list[str]
    mutant: str | None = None
    chain: list[str] | None = None
    cover: bool = False
    watch: bool = False
    stop: bool = False
    once: bool = False
    seed: int | None = None
    nonces: list[str] = field(default_factory=list)
    receiver: Receiver | None = None
    current: int = -1
    done: dict[int, dict[str, Any]] = field(default_factory=dict)
    verdict: str = ""
    unswappable: dict[str, str] = field(default_factory=dict)
    doubtful: str = ""
    exit: int | None = None
    left: list[str] = field(default_factory=list)

    @property
    def named(self) -> str:
        """Return the mutant it is about now, swapped or imported; empty for none and for the control."""
        return self.named_at(max(self.current, 0))

    def named_at(self, index: int) -> str:
        """Return the mutant that the test of that index is run on."""
        if self.chain is not None:
            return self.chain[index]
        return self.key[1] or (self.mutant or "" if self.mutant != "control" else "")

    def told(self, seed: int) -> dict[str, Any]:
        """Draw the nonces, and return what the lane is told."""
        self.nonces = [os.urandom(16).hex() for _ in self.tests]
        self.receiver = Receiver(self.nonces)
        told = {name: getattr(self, name) for name in ("tests", "mutant", "chain", "cover", "watch", "stop", "once")}
        return {**told, "nonces": list(self.nonces), "seed": seed if self.seed is None else self.seed}

    def rest(self) -> list[int]:
        """Return the indexes of the tests that have not been begun."""
        return list(range(max(self.current, max(self.done, default=-1)) + 1, len(self.tests)))

    def again(self, indexes: list[int]) -> Job:
        """Return the same job for some of its tests."""
        chain = [self.chain[each] for each in indexes] if self.chain is not None else None
        tests = [self.tests[each] for each in indexes]
        same = {name: getattr(self, name) for name in ("key", "kind", "mutant", "cover", "watch", "stop", "once", "seed")}
        return Job(tests=tests, chain=chain, **same)


@dataclass
class Limits:
    """Seconds, MiB and counts; each comes from the client."""

    lanes: int = 2
    collect_s: float = 60.0
    test_s: float = 10.0
    mutant_s: float = 0.5
    memory_mb: int = 1024
    file_mb: int = 64
    disk_mb: int = 256
    processes: int = 64
    most_cases: int = 200
    mutants_until_s: float = 720.0

    @classmethod
    def of(cls, stated: dict[str, Any]) -> Limits:
        """Read what the client stated; the rest is as it stands here."""
        return cls(**{name: value for name, value in stated.items() if name in cls.__dataclass_fields__})

    def for_mutant(self, clean_s: float) -> float:
        """Return how long a test may take on a mutant, in seconds, when it took `clean_s` on the component as it is."""
        return max(self.mutant_s, 10 * clean_s + 0.2)


def function_of(node: str) -> str:
    """Return the test function of a case: the node ID without its parameters."""
    return node.partition("[")[0]
