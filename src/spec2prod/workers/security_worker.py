"""Looks for secrets (detect-secrets) and for risky code (bandit), in spec2prod's own interpreter; answers with one JSON file.

    python -I security_worker.py --answer FILE --root DIR [--folder DIR] [--module FILE]… [--test FILE]…

Nothing is verified over the network, no baseline is read or written, and no answer contains a secret. Each half says
for itself why it could not be asked. Bandit runs with its own defaults: what is set aside is set aside in the code.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bandit.core.issue import Issue  # type: ignore[import-untyped]

FORMAT = 1
LARGEST_OTHER_BYTES = 5 * 1024 * 1024  # of a file that is not Python: data, not text that people write secrets into
ALLOWLIST = "detect_secrets.filters.allowlist.is_line_allowlisted"
QUOTING = frozenset({"B105", "B106", "B107"})  # these tests of bandit repeat the password that they found


def main(arguments: list[str]) -> int:
    """Ask both halves and write the answer; the exit code says only that an answer was written."""
    logging.disable(logging.CRITICAL)
    options = parse(arguments)
    answer = {
        "format": FORMAT,
        "secrets": asked(lambda: look_for_secrets(options)),
        "weaknesses": asked(lambda: look_for_weaknesses(options)),
    }
    path = Path(options.answer)
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(answer), encoding="utf-8")
    beside.replace(path)
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--answer", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--folder", default="")
    parser.add_argument("--module", action="append", default=[])
    parser.add_argument("--test", action="append", default=[])
    return parser.parse_args(arguments)


def asked(half: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Ask one half; whatever breaks it is its answer, and leaves the other half its own."""
    try:
        return {"trouble": "", **half()}
    except Exception as error:  # noqa: BLE001 - a library that crashes is told, never hidden
        return {"trouble": f"{type(error).__name__}: {error}"[:500], "files": 0, "set_aside": 0, "found": []}


def look_for_secrets(options: argparse.Namespace) -> dict[str, Any]:
    """Scan modules, tests and the folder's other text files."""
    from detect_secrets.settings import default_settings, get_filters  # noqa: PLC0415 - a half of its own

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
    from detect_secrets.core.scan import scan_file  # noqa: PLC0415 - a half of its own

    kinds: dict[int, set[str]] = {}
    for secret in scan_file(file):
        kinds.setdefault(secret.line_number, set()).add(secret.type)
    return {line: ", ".join(sorted(each)) for line, each in kinds.items()}


def look_for_weaknesses(options: argparse.Namespace) -> dict[str, Any]:
    """Let bandit judge the modules; a module that it could not read leaves the question open."""
    from bandit.core.config import BanditConfig  # type: ignore[import-untyped]  # noqa: PLC0415 - a half of its own
    from bandit.core.manager import BanditManager  # type: ignore[import-untyped]  # noqa: PLC0415 - a half of its own

    names = {os.path.normpath(Path(options.root, module)): module for module in options.module}
    manager = BanditManager(BanditConfig(), "file", quiet=True)
    manager.discover_files(list(names))
    manager.run_tests()
    skipped = [f"{names[os.path.normpath(path)]}: {reason}" for path, reason in manager.get_skipped()]
    left_out = sorted(
        set(names.values()) - {names[os.path.normpath(path)] for path in manager.files_list} - {each.partition(": ")[0] for each in skipped}
    )
    totals = manager.metrics.data["_totals"]
    return {
        "trouble": "; ".join([*skipped, *(f"{module}: not read" for module in left_out)])[:500],
        "files": len(manager.files_list),
        "set_aside": totals["nosec"] + totals["skipped_tests"],
        "found": [weakness(issue, names[os.path.normpath(issue.fname)]) for issue in manager.get_issue_list()],
    }


def weakness(issue: Issue, path: str) -> dict[str, Any]:
    """Return one issue; a password that bandit quotes stays out."""
    message = issue.text.partition(":")[0] if issue.test_id in QUOTING else issue.text
    severity = {"HIGH": "high", "MEDIUM": "medium"}.get(issue.severity, "low")
    return {"path": path, "line": issue.lineno, "code": issue.test_id, "message": message, "severity": severity}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
