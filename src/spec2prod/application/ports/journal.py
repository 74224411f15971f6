"""Each costly call is a step that is done once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spec2prod.domain.run import Replayed


class Journal(Protocol):
    """Runs each step once: a durable engine answers a finished step from its record.

    A name must say what the step depends on: it is the key of the record. Values are recorded, also a gate's "no"; exceptions, and
    values that say that something could not be asked, are not: the step is done again by the next attempt.
    """

    async def step[**P, T](self, name: str, call: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `call` as the step `name`, or return what it returned before.

        Raises:
            StepClashError: where the name was used for another question.
            TakenOverError: where another process has taken up this run.
        """
        ...

    def ended_at(self, name: str) -> float | None:
        """Return when an earlier attempt ended the step (seconds since 1970), None where none has."""
        ...

    async def intend(self, path: str, original: str | None, text: str) -> None:
        """Note, before a file of the project is written, what stands there and what will: the next attempt takes it back first."""
        ...

    @property
    def attempt(self) -> int:
        """Return which attempt at this run this is, from 1."""
        ...

    @property
    def resumed_from(self) -> str:
        """Return when the first attempt began, ISO 8601 in UTC; empty where this is the first."""
        ...

    @property
    def replayed(self) -> Sequence[Replayed]:
        """Return the steps that were answered from an earlier attempt's record, in the order in which they were asked."""
        ...
