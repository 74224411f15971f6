"""Are there secrets in the component's files? detect-secrets, offline: nothing is verified, no baseline is read or written.

A file is read in pieces of about one megabyte, so that no file fills the memory. detect-secrets takes some seconds for each of them:
a text that is larger than the limit is named and leaves the question open, since nothing that was not looked through is clean.
"""

from __future__ import annotations

import logging
import os
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import argparse

NOTHING: dict[str, Any] = {"trouble": "", "files": 0, "set_aside": 0, "found": []}
LARGEST_OTHER_BYTES = 16 * 1024 * 1024  # of a text that is not Python: about two minutes
PIECE_BYTES = 1024 * 1024
OVERLAP_BYTES = 4096  # of the pieces of a line that is longer than a piece: no secret that a detector knows is longer
ALLOWLIST = "detect_secrets.filters.allowlist.is_line_allowlisted"
MARK = re.compile(rb"(?:allow|white)list", re.IGNORECASE)  # without it no line is set aside


def answer(options: argparse.Namespace) -> dict[str, Any]:
    """Scan modules, tests and the folder's other text files."""
    named = [*options.module, *options.test]
    root = Path(options.root)
    texts = dict.fromkeys([*named, *(path for path in others(options) if path not in set(named) and is_text(root / path))])
    large = [path for path in texts if path not in set(named) and (root / path).stat().st_size > LARGEST_OTHER_BYTES]
    parts = options.kept.parts("secrets", root, (path for path in texts if path not in large), lambda paths: looked_through(options, paths))
    return {
        "trouble": not_scanned(large),
        "files": len(parts),
        "set_aside": sum(part["set_aside"] for part in parts.values()),
        "found": [{"path": path, **each} for path, part in parts.items() for each in part["found"]],
    }


def looked_through(options: argparse.Namespace, paths: list[str]) -> dict[str, Any]:
    """Return of each file its secrets, and how many lines with one are set aside by a comment."""
    import detect_secrets.core.log  # noqa: PLC0415 - only where something is to be looked through
    from detect_secrets.settings import default_settings, get_filters  # noqa: PLC0415 - as above

    detect_secrets.core.log.log.setLevel(logging.CRITICAL + 1)
    with default_settings() as settings:
        marked = {path: secrets_in(options, path) for path in paths if has(MARK, Path(options.root, path))}
        settings.disable_filters(ALLOWLIST)  # elsewhere it sets nothing aside, and asks a dozen patterns about each line
        get_filters.cache_clear()
        everything = {path: secrets_in(options, path) for path in paths}
    return {path: part(lines, marked.get(path, lines)) for path, lines in everything.items()}


def part(everything: dict[int, str], counted: dict[int, str]) -> dict[str, Any]:
    """Return what is told of one file: its lines with secrets, and how many more are set aside."""
    found = [{"line": line, "kind": kinds} for line, kinds in sorted(counted.items())]
    return {"set_aside": len(everything.keys() - counted.keys()), "found": found}


def not_scanned(large: list[str]) -> str:
    """Name the files that are too large to be looked through."""
    if not large:
        return ""
    named = ", ".join(large[:3]) + (f" and {len(large) - 3} more" if len(large) > 3 else "")  # noqa: PLR2004 - what fits a line
    limit = f"{LARGEST_OTHER_BYTES // 2**20} MiB, the most that is looked through"
    return f"{named}: larger than {limit}; move such data out of the component's folder"


def others(options: argparse.Namespace) -> Iterator[str]:
    """Return the folder's files, relative to the root; links are not followed out of it."""
    if not options.folder:
        return
    root = Path(options.root)
    for folder, folders, files in os.walk(root / options.folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            path = Path(folder, name)
            if path.suffix not in {".pyc", ".pyo"} and path.is_file() and not path.is_symlink():
                yield path.relative_to(root).as_posix()


def is_text(file: Path) -> bool:
    """Whether a file may hold text: a byte that is zero stands in none."""
    return not has(re.compile(rb"\0"), file)


def has(pattern: re.Pattern[bytes], file: Path) -> bool:
    """Whether a pattern stands anywhere in a file."""
    with file.open("rb") as stream:
        return any(pattern.search(piece) for _, piece in pieces(stream))


def pieces(stream: BinaryIO, size: int = PIECE_BYTES, overlap: int = OVERLAP_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yield a file in pieces, each with the number of lines before it; a piece ends with a line, or overlaps the next one."""
    before, rest = 0, b""
    while block := stream.read(size):
        piece = rest + block
        end = piece.rfind(b"\n") + 1
        yield before, piece[:end] if end else piece
        before += piece.count(b"\n")
        rest = piece[end:] if end else piece[-overlap:]
    if rest:
        yield before, rest


def declared(file: Path) -> str:
    """Return the encoding that a Python file declares; latin-1 decodes anything else."""
    try:
        with file.open("rb") as stream:
            encoding = tokenize.detect_encoding(stream.readline)[0]
    except SyntaxError:
        return "latin-1"
    return encoding if encoding != "utf-8" else "latin-1"


def secrets_in(options: argparse.Namespace, path: str) -> dict[int, str]:
    """Return the kinds of secrets by line: several detectors may see the same one."""
    kinds: dict[int, set[str]] = {}
    file = Path(options.root, path)
    with file.open("rb") as stream:
        for before, piece in pieces(stream):
            for line, kind in scanned(options, path, text_of(piece, file)):
                kinds.setdefault(before + line, set()).add(kind)
    return {line: ", ".join(sorted(each)) for line, each in kinds.items()}


def text_of(piece: bytes, file: Path) -> str:
    """Return a piece's text; detect-secrets silently skips what it cannot decode as UTF-8."""
    try:
        return piece.decode("utf-8")
    except UnicodeDecodeError:
        return piece.decode(declared(file), errors="replace")


def scanned(options: argparse.Namespace, path: str, text: str) -> list[tuple[int, str]]:
    """Let detect-secrets look through a copy: it reads files alone, and goes by their names too."""
    from detect_secrets.core.scan import scan_file  # noqa: PLC0415 - a question of its own

    copy = Path(options.answer).parent / "piece" / path
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text, encoding="utf-8", newline="")
    return [(secret.line_number, secret.type) for secret in scan_file(str(copy))]
