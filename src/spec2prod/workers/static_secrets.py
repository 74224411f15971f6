"""Are there secrets in the component's files? detect-secrets, offline: nothing is verified, no baseline is read or written."""

from __future__ import annotations

import logging
import os
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

NOTHING: dict[str, Any] = {"trouble": "", "files": 0, "set_aside": 0, "found": []}
LARGEST_OTHER_BYTES = 5 * 1024 * 1024  # of a file that is not Python: data, not text that people write secrets into
ALLOWLIST = "detect_secrets.filters.allowlist.is_line_allowlisted"


def answer(options: argparse.Namespace) -> dict[str, Any]:
    """Scan modules, tests and the folder's other text files."""
    import detect_secrets.core.log  # noqa: PLC0415 - a question of its own
    from detect_secrets.settings import default_settings, get_filters  # noqa: PLC0415 - as above

    detect_secrets.core.log.log.setLevel(logging.CRITICAL + 1)
    files = [*options.module, *options.test]
    files += [path for path in others(options) if path not in set(files)]
    with default_settings() as settings:
        texts = {path: text for path in files if (text := readable(options, path))}
        found = {path: secrets_in(text) for path, text in texts.items()}
        settings.disable_filters(ALLOWLIST)
        get_filters.cache_clear()
        everything = {path: secrets_in(text) for path, text in texts.items()}
    aside = sum(len(everything[path].keys() - found[path].keys()) for path in found)
    told = [{"path": path, "line": line, "kind": kinds} for path, lines in found.items() for line, kinds in sorted(lines.items())]
    return {"files": len(texts), "set_aside": aside, "found": told}


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


def readable(options: argparse.Namespace, path: str) -> str:
    """Return where a file can be scanned as UTF-8, empty where it is no text.

    detect-secrets silently skips what it cannot decode; such a text is scanned in a copy.
    """
    file = Path(options.root, path)
    is_code = path in {*options.module, *options.test}
    if not is_code and file.stat().st_size > LARGEST_OTHER_BYTES:
        return ""
    content = file.read_bytes()
    if b"\0" in content and not is_code:
        return ""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        copy = Path(options.answer).parent / "decoded" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(content.decode(declared(file), errors="replace"), encoding="utf-8")
        return str(copy)
    return str(file)


def declared(file: Path) -> str:
    """Return the encoding that a Python file declares; latin-1 decodes anything else."""
    try:
        with file.open("rb") as stream:
            encoding = tokenize.detect_encoding(stream.readline)[0]
    except SyntaxError:
        return "latin-1"
    return encoding if encoding != "utf-8" else "latin-1"


def secrets_in(file: str) -> dict[int, str]:
    """Return the kinds of secrets by line: several detectors may see the same one."""
    from detect_secrets.core.scan import scan_file  # noqa: PLC0415 - a question of its own

    kinds: dict[int, set[str]] = {}
    for secret in scan_file(file):
        kinds.setdefault(secret.line_number, set()).add(secret.type)
    return {line: ", ".join(sorted(each)) for line, each in kinds.items()}
