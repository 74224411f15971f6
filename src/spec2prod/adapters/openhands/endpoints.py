"""The models that a task may go on with, in order: which one is asked now, and why others were given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from spec2prod.adapters.openhands.endings import Ending, of_failure
from spec2prod.adapters.openhands.failure import Failure, open_circuit
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.application.ports import Breaker
from spec2prod.domain.circuit import Circuit
from spec2prod.errors import StoreError

type Enter = Callable[[OpenHandsOptions], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """A model that was given up after so many tries (0: it was not even asked)."""

    model: str
    failure: Failure
    tries: int = 0

    @property
    def told(self) -> str:
        """Return it in one sentence."""
        return f"{self.model}: {of_failure(self.failure, self.tries).reason}"


class Endpoints:
    """One task's endpoints. Each is gone to once; one that was refused before, or whose circuit is open, is passed over."""

    def __init__(  # noqa: PLR0913 - what a task has is handed on
        self,
        options: OpenHandsOptions,
        breaker_of: Callable[[str], Breaker],
        refused: Mapping[int, Failure],
        *,
        caller: str,
        enter: Enter,
        first: int = 0,
    ) -> None:
        """`refused` are those that the look beforehand ruled out; `first` is where an interrupted task was.

        `enter` waits for the task's turn at an endpoint, and returns whether it had to.
        """
        self._enter = enter
        self.at = first
        self._chain = options.chain
        self._breakers = [breaker_of(each.circuit) for each in self._chain]
        self._refused = refused
        self._caller = caller
        self._ahead = [*range(first, len(self._chain)), *range(min(first, len(self._chain)))]
        self._given_up: list[GivenUp] = []

    @property
    def options(self) -> OpenHandsOptions:
        """Return how the present one is asked."""
        return self._chain[self.at]

    @property
    def tried(self) -> tuple[str, ...]:
        """Return what was given up, and why."""
        return tuple(each.told for each in self._given_up)

    async def advance(self) -> bool:
        """Go to the next one that may be asked; False where none is left."""
        while self._ahead:
            at = self._ahead.pop(0)
            failure = self._refused.get(at) or await self._left_alone(at)
            if failure is None and await self._entered(at):
                failure = await self._left_alone(at)  # it may have failed meanwhile
            if failure is None:
                self.at = at
                return True
            self._given_up.append(GivenUp(model=self._chain[at].model, failure=failure))
        return False

    async def give_up(self, failure: Failure, tries: int) -> None:
        """Leave the present one."""
        self._given_up.append(GivenUp(model=self.options.model, failure=failure, tries=tries))
        await self.part()

    def ending(self) -> Ending:
        """Return the ending where none is left."""
        first = of_failure(self._given_up[0].failure, self._given_up[0].tries)
        return first if len(self._given_up) == 1 else of_failures(self._given_up)

    async def allows(self) -> bool:
        """Whether the present one may be asked once more."""
        return await _asked(self._breakers[self.at].allows, self._caller)

    async def succeeded(self) -> None:
        """Note an answer of the present one."""
        await told(self._breakers[self.at].succeeded)

    async def failed(self) -> None:
        """Note a failure of the present one."""
        await told(self._breakers[self.at].failed)

    async def part(self) -> None:
        """Leave the present one without a word on it: its trial, where it is ours, is free again."""
        if self.at < len(self._breakers):
            await told(self._breakers[self.at].abandoned, self._caller)

    async def _entered(self, at: int) -> bool:
        """Wait for the turn at one, and return whether that was necessary; where it does not come, its trial is free again."""
        try:
            return await self._enter(self._chain[at])
        except BaseException:
            await told(self._breakers[at].abandoned, self._caller)
            raise

    async def _left_alone(self, at: int) -> Failure | None:
        breaker = self._breakers[at]
        if await _asked(breaker.allows, self._caller):
            return None
        return open_circuit(self._chain[at].endpoint, await asyncio.to_thread(lambda: breaker.rest_left_s))


async def _asked(question: Callable[[str], bool], caller: str) -> bool:
    """Ask a breaker. One whose database is gone forbids nothing: it is a courtesy to the endpoint, and no condition of the work."""
    try:
        return await asyncio.to_thread(question, caller)
    except StoreError:
        return True


async def told(word: Callable[..., None], *caller: str) -> None:
    """Tell a breaker, if its database is there to hear it."""
    with suppress(StoreError):
        await asyncio.to_thread(word, *caller)


def of_failures(given_up: Sequence[GivenUp]) -> Ending:
    """Return the ending of a task whose every model failed."""
    first = of_failure(given_up[0].failure)
    return Ending(status=first.status, reason="; ".join(each.told for each in given_up), next_step=first.next_step)


def ruled_out(options: OpenHandsOptions, breaker_of: Callable[[str], Breaker], refused: Mapping[int, Failure]) -> Failure | None:
    """Return why no endpoint at all may be asked, None where one may; nobody is asked for it."""
    failures = [refused.get(at) or _open(each, breaker_of(each.circuit)) for at, each in enumerate(options.chain)]
    if None in failures:
        return None
    given_up = [GivenUp(model=each.model, failure=failure) for each, failure in zip(options.chain, failures, strict=True) if failure]
    if len(given_up) == 1:
        return given_up[0].failure
    ending = of_failures(given_up)
    return Failure(kind="all", reason=ending.reason, next_step=ending.next_step)


def _open(options: OpenHandsOptions, breaker: Breaker) -> Failure | None:
    try:
        return open_circuit(options.endpoint, breaker.rest_left_s) if breaker.circuit is Circuit.OPEN else None
    except StoreError:
        return None
