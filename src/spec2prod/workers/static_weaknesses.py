"""Does the code invite attack? Bandit, with its own defaults: what is set aside is set aside in the code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from static_unread import leave_unread  # type: ignore[import-not-found]  # it lies beside this file

if TYPE_CHECKING:
    import argparse

    from bandit.core.issue import Issue  # type: ignore[import-untyped]

NOTHING: dict[str, Any] = {"trouble": "", "files": 0, "set_aside": 0, "found": []}
QUOTING = frozenset({"B105", "B106", "B107"})  # these tests of bandit repeat the password that they found


def answer(options: argparse.Namespace) -> dict[str, Any]:
    """Let bandit judge the modules; a module that it could not read leaves the question open."""
    trouble: list[str] = []
    parts = options.kept.parts("weaknesses", Path(options.root), options.module, lambda paths: judged(Path(options.root), paths, trouble))
    return {
        "trouble": "; ".join(trouble)[:500],
        "files": len(parts),
        "set_aside": sum(part["set_aside"] for part in parts.values()),
        "found": [{"path": path, **each} for path, part in parts.items() for each in part["found"]],
    }


def judged(root: Path, modules: list[str], trouble: list[str]) -> dict[str, Any]:
    """Return what bandit says of each module that it could read; why it could not read another is added to `trouble`."""
    leave_unread("rich.progress")  # bandit needs it for a bar that is never drawn
    from bandit.core.config import BanditConfig  # type: ignore[import-untyped]  # noqa: PLC0415 - only where something is to be judged
    from bandit.core.manager import BanditManager  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    names = {os.path.normpath(root / module): module for module in modules}
    manager = BanditManager(BanditConfig(), "file", quiet=True)
    manager.discover_files(list(names))
    manager.run_tests()
    skipped = {names[os.path.normpath(path)]: reason for path, reason in manager.get_skipped()}
    counts = {names[os.path.normpath(path)]: counts for path, counts in manager.metrics.data.items() if path != "_totals"}
    trouble += [f"{module}: {skipped.get(module, 'not read')}" for module in modules if module in skipped or module not in counts]
    read = {module: each for module, each in counts.items() if module not in skipped}
    parts = {module: {"set_aside": each["nosec"] + each["skipped_tests"], "found": []} for module, each in read.items()}
    for issue in manager.get_issue_list():
        if (module := names[os.path.normpath(issue.fname)]) in parts:
            parts[module]["found"].append(weakness(issue))
    return parts


def weakness(issue: Issue) -> dict[str, Any]:
    """Return one issue; a password that bandit quotes stays out."""
    message = issue.text.partition(":")[0] if issue.test_id in QUOTING else issue.text
    severity = {"HIGH": "high", "MEDIUM": "medium"}.get(issue.severity, "low")
    return {"line": issue.lineno, "code": issue.test_id, "message": message, "severity": severity}
