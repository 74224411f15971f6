"""Does the code invite attack? Bandit, with its own defaults: what is set aside is set aside in the code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from bandit.core.issue import Issue  # type: ignore[import-untyped]

NOTHING: dict[str, Any] = {"trouble": "", "files": 0, "set_aside": 0, "found": []}
UNREAD = ("rich.progress",)  # bandit needs it for a bar that is never drawn
QUOTING = frozenset({"B105", "B106", "B107"})  # these tests of bandit repeat the password that they found


def answer(options: argparse.Namespace) -> dict[str, Any]:
    """Let bandit judge the modules; a module that it could not read leaves the question open."""
    from bandit.core.config import BanditConfig  # type: ignore[import-untyped]  # noqa: PLC0415 - a question of its own
    from bandit.core.manager import BanditManager  # type: ignore[import-untyped]  # noqa: PLC0415 - a question of its own

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
