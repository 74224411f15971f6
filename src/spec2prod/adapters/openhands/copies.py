"""What an agent changed in its copy of the project."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

# Left behind by running tests; nobody wrote them on purpose.
_CACHES = frozenset({"__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache", ".git", ".tox", ".nox", "htmlcov"})
# No test file that a person would read is longer.
_MOST_BYTES = 1_000_000


def snapshot(root: Path) -> dict[str, str]:
    """Return relative POSIX path → SHA-256 (hex) of every file under `root`, without caches. Links count by where they lead."""
    return {path.relative_to(root).as_posix(): _fingerprint(path) for path in _files(root)}


def strayed(before: Mapping[str, str], after: Mapping[str, str], agreed: str) -> tuple[str, ...]:
    """Return the files, sorted, that were made, changed or removed beside the agreed one."""
    names = before.keys() | after.keys()
    return tuple(sorted(name for name in names if name != agreed and before.get(name) != after.get(name)))


def read_agreed(root: Path, agreed: str) -> str | None:
    """Return the agreed file's text, None where it is absent, empty, too long, or not a plain file of the copy.

    A link is not followed: the agent could point it at any file that we may read and it may not.
    """
    path = root / agreed
    if path.resolve() != root.resolve() / agreed or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    return text if text.strip() else None


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in root.walk():
        folders[:] = [name for name in folders if name not in _CACHES]
        yield from (folder / name for name in names if not _is_leftover(name))


def _is_leftover(name: str) -> bool:
    return name.endswith((".pyc", ".pyo")) or name == ".coverage" or name.startswith(".coverage.")


def _fingerprint(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if not path.is_file():
        return "special file"
    return hashlib.sha256(path.read_bytes()).hexdigest()
