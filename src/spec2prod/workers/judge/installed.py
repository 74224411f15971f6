"""What is installed, read once for all lanes: pytest looks through every distribution twice before it collects anything.

That is half of what it costs to start it, and the same in every lane. What only the judged project's own folders hold is read there.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

PLUGINS = "pytest11"
_known: list[metadata.Distribution] = []
_path: list[str] = []


class Remembered(metadata.Distribution):
    """A distribution whose entry points, and files where pytest asks for them, were read before; all else is asked of itself."""

    def __init__(self, itself: metadata.Distribution) -> None:
        """Read what pytest will ask for."""
        self._itself = itself
        self._entry_points = itself.entry_points
        self._files = itself.files if any(each.group == PLUGINS for each in self._entry_points) else None

    @property
    def _normalized_name(self) -> Any:  # noqa: ANN401 - as `files`
        return self._itself._normalized_name  # type: ignore[attr-defined]  # noqa: SLF001 - it knows it from its file's name, we would parse for it

    @property
    def entry_points(self) -> Any:  # noqa: ANN401 - its class changed between versions
        """Return them as they were read."""
        return self._entry_points

    @property
    def files(self) -> Any:  # noqa: ANN401 - as above
        """Return them as they were read, or read them now."""
        return self._files if self._files is not None else self._itself.files

    def read_text(self, filename: str) -> str | None:
        """Ask the distribution itself."""
        return self._itself.read_text(filename)

    def locate_file(self, path: Any) -> Any:  # noqa: ANN401 - as the original's
        """Ask the distribution itself."""
        return self._itself.locate_file(path)


def remember() -> list[Any]:
    """Read what lies on the path of this process; return pytest's entry points."""
    _path[:] = sys.path
    _known[:] = [Remembered(each) for each in metadata.distributions()]
    return [point for each in _known for point in each.entry_points if point.group == PLUGINS]


@contextlib.contextmanager
def remembered() -> Iterator[None]:
    """Answer `importlib.metadata.distributions()` from memory for the time of the block, but for folders that are new on the path."""
    original = metadata.distributions

    def distributions(**wanted: Any) -> Any:  # noqa: ANN401 - as the original's
        if wanted or not _known:
            return original(**wanted)
        first = [each for each in sys.path if each not in _path]
        return iter([*original(path=first), *(_known if all(each in sys.path for each in _path) else original(path=_path))])

    metadata.distributions = distributions
    try:
        yield
    finally:
        metadata.distributions = original
