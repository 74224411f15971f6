"""Test files with their assertions rewritten, kept in the base: pytest does it anew for every process, and it is most of a collection.

The base reads and compiles the files; it runs nothing of them. Where another pytest has no such function, nothing is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import CodeType
from typing import Any

from _pytest.assertion import rewrite

OFTEN = 2  # a file that is collected once or twice is left to the lanes: they work side by side


class Rewritten:
    """What was rewritten here; lanes that are forked later take it from their memory."""

    def __init__(self) -> None:
        """Stand before pytest's own function, where it has one."""
        self._asked: Counter[str] = Counter()
        self._known: dict[str, tuple[Any, CodeType]] = {}
        self._original: Any = getattr(rewrite, "_rewrite_test", None)
        if self._original is not None:
            rewrite._rewrite_test = self._rewrite  # type: ignore[assignment]  # noqa: SLF001 - there is no public place

    def prepare(self, files: Iterable[str]) -> None:
        """Rewrite those of the files that a lane is about to collect once more after they were collected often enough."""
        for file in files if self._original is not None else ():
            self._asked[file] += 1
            if self._asked[file] > OFTEN and file not in self._known:
                try:
                    self._known[file] = self._original(Path(file), None)
                except Exception:  # noqa: BLE001 - what cannot be rewritten is told where it is collected
                    self._asked[file] = -1_000_000

    def _rewrite(self, file: Path, config: Any) -> tuple[Any, CodeType]:  # noqa: ANN401 - pytest's
        """Return what is known of a file; a project that wants to hear of passed assertions gets its own code."""
        known = self._known.get(str(file))
        if known is not None and not config.getini("enable_assertion_pass_hook"):
            return known
        answer: tuple[Any, CodeType] = self._original(file, config)
        return answer
