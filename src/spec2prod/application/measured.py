"""Some files, held still in thought while a tool looks at them: an answer counts for the state in which they were, or for none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from spec2prod.application.ports import Tree
from spec2prod.domain.command import Command, Completed


class ChangedMeanwhileError(Exception):
    """The files changed while a tool looked at them. `completed` is its answer all the same."""

    def __init__(self, completed: Completed) -> None:
        super().__init__("the files changed while they were being measured")
        self.completed = completed


class SupersededError(Exception):
    """The run itself changed what a tool was looking at: it was stopped, since nobody waits for an answer about files that are gone."""


class Measured:
    """Some files as they are when a question begins: `digest` is the name of that state."""

    def __init__(self, tree: Tree, paths: Collection[str]) -> None:
        self._tree, self.paths = tree, tuple(paths)
        self.digest = tree.digest(self.paths)

    def guarding(self, run: Callable[[Command], Awaitable[Completed]]) -> Callable[[Command], Awaitable[Completed]]:
        """Return a call that raises `ChangedMeanwhileError` where the files are others at its end."""

        async def guarded(command: Command) -> Completed:
            completed = await run(command)
            if self._tree.digest(self.paths) != self.digest:
                raise ChangedMeanwhileError(completed)
            return completed

        return guarded
