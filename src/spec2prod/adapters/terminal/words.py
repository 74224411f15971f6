"""How the terminal words things: verdicts with their signs and colours, durations, limits."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from spec2prod.domain.candidate import CandidateVerdict
from spec2prod.domain.verdict import Verdict

STYLES = {
    "passed": "green",
    "warned": "yellow",
    "failed": "bold red",
    "errored": "bold magenta",
    "waived": "blue",
    "pending": "bold yellow",
    "accepted": "green",
    "rejected": "red",
    "redundant": "dim",
    "review": "yellow",
    "suspected_defect": "bold red",
}

SIGNS = {
    "passed": "✓",
    "warned": "!",
    "failed": "✗",
    "errored": "?",
    "waived": "~",
    "pending": "…",
    "accepted": "✓",
    "rejected": "✗",
    "redundant": "=",
    "review": "!",
    "suspected_defect": "✗",
}

SECOND, _MINUTE = 1000.0, 60_000.0


def say(console: Console, text: Text) -> None:
    """Write a line: folded between words on a terminal, whole in a log."""
    console.print(text, soft_wrap=not console.is_terminal)


def sign(verdict: Verdict | CandidateVerdict | None) -> tuple[str, str]:
    """Return the sign of a verdict, and its style."""
    return (SIGNS[verdict], STYLES[verdict]) if verdict is not None else ("·", "dim")


def worded(verdict: Verdict | CandidateVerdict) -> tuple[str, str]:
    """Return sign and word of a verdict, and its style."""
    word = verdict.told if isinstance(verdict, CandidateVerdict) else str(verdict)
    return f"{SIGNS[verdict]} {word}", STYLES[verdict]


def limits(text: str) -> str:
    """Write comparisons as people do, except between backticks: there stands what a file says."""
    parts = text.split("`")
    parts[::2] = [part.replace(">=", "≥").replace("<=", "≤") for part in parts[::2]]
    return "`".join(parts)


def first_line(text: str) -> str:
    """Return the first line of a text."""
    return next(iter(text.splitlines()), "")  # the whole is in the report


def duration(ms: float) -> str:
    """Return milliseconds as people read them."""
    if ms < SECOND:
        return f"{ms:.0f} ms"
    if ms < _MINUTE:
        return f"{ms / SECOND:.1f} s"
    minutes, seconds = divmod(round(ms / SECOND), 60)
    return f"{minutes} min {seconds:02d} s"
