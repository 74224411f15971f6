"""The course of a run, from step to step, and the moments on it at which one is killed: spread over all of it."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_KEEP = 7  # so many of the last times of a part tell how long it takes now: machines are busy, or not
_EVENLY = 0.5  # this share of the moments is spread evenly over the steps, the rest over the time
_AT_THE_END = 3  # the end (report, database, locks) counts as so many steps
_AT_ONCE = 0.2  # this share of the moments follows a commit at once
_AT_ONCE_S = 0.03
_STARTING = 0.12  # this share of the kills comes before an attempt is noted, or just after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When to kill: so many seconds after so many steps are recorded, or after the start where `steps` is 0."""

    steps: int
    delay_s: float


@dataclass(slots=True)
class Course:
    """How long the parts of a run take. Part n follows n recorded steps; the last part goes from the last step to the process's end."""

    steps: int
    start_s: float
    parts: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, seen: Sequence[tuple[int, float]], lasts_s: float) -> Course:
        """Take how long after its start an undisturbed run was seen to have so many steps, and how long it lasted."""
        course = cls(max(count for count, _ in seen), seen[0][1])
        course.learn([*seen, (seen[-1][0] + 1, lasts_s)])
        return course

    def learn(self, seen: Sequence[tuple[int, float]]) -> None:
        """Note how long parts have taken that were seen from begin to end. Where several steps were seen at once, they share the time."""
        for (before, begun), (after, ended) in pairwise(seen):
            for part in range(before, after):
                self.parts[part] = [*self.parts[part], (ended - begun) / (after - before)][-_KEEP:]

    def length_s(self, part: int) -> float:
        """Return how long a part takes, in seconds: the median of what was seen last."""
        return statistics.median(self.parts[part]) if self.parts[part] else 0.0

    def from_to_s(self, done: int, moment: Moment) -> float:
        """Return how long it takes from the start of an attempt, with so many steps done already, until a moment."""
        if not moment.steps:
            return moment.delay_s
        return self.start_s + sum(self.length_s(part) for part in range(done, moment.steps)) + moment.delay_s

    def places(self, dice: random.Random, count: int) -> list[float]:
        """Return places on the course in their order: 3.25 is after a quarter of part 3."""
        return sorted(self._place(dice) for _ in range(count))

    def moment(self, dice: random.Random, place: float, done: int) -> Moment:
        """Return the moment of a place for an attempt that begins with so many steps done; what is passed is made up for."""
        if dice.random() < _STARTING:
            return Moment(steps=0, delay_s=dice.uniform(0.0, 1.2 * self.start_s))
        part, share = (int(place), place % 1) if place >= done else (done, dice.random())
        if part == done:
            return Moment(steps=0, delay_s=share * (self.start_s + self.length_s(part)))
        at_once = dice.random() < _AT_ONCE
        return Moment(steps=part, delay_s=dice.uniform(0.0, _AT_ONCE_S) if at_once else share * self.length_s(part))

    def _place(self, dice: random.Random) -> float:
        if dice.random() < _EVENLY:
            return min(float(self.steps), dice.uniform(0.0, self.steps + _AT_THE_END) // 1) + dice.random()
        lengths = [self.length_s(part) for part in range(self.steps + 1)]
        (part,) = dice.choices(range(self.steps + 1), lengths)
        return part + dice.random()
