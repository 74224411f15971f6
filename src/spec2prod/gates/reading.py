"""What every reader shares: telling a usual end from a broken one, and whose file a finding is about. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import PurePath

from spec2prod.domain.command import Completed
from spec2prod.domain.verdict import Unanswered

WORKERS = PurePath(__file__).parent.parent / "workers"
LONGEST_MESSAGE = 2000


def broken(completed: Completed, usual: Collection[int]) -> str:
    """Say how the tool broke off, in words; empty where it ended with one of its usual exit codes."""
    return "" if completed.exit_code in usual and not completed.timed_out and not completed.not_found else completed.ending()


def unanswered(gate: str, completed: Completed, reason: str, *, next_step: str = "") -> Unanswered:
    """Return the one way to say that a tool gave no answer; its next step depends on how the tool ended."""
    command = completed.command
    if completed.not_found:
        next_step = next_step or f"install {command.tool}, or correct the setting that names it ({command.argv[0]})"
    elif completed.timed_out:
        next_step = next_step or f"run it by hand to see where it hangs, or give it more than {command.timeout_s:g} s"
    elif "syntax" in reason.lower():
        next_step = next_step or "mend what Python cannot parse, then run again"
    step = next_step or f"run it by hand: {by_hand(completed)}"
    return Unanswered(gate=gate, reason=reason, next_step=step, timed_out=completed.timed_out)


def by_hand(completed: Completed) -> str:
    """Return the command as a person types it, without what only serves the machine; long file lists are cut."""
    argv = (word.replace("{scratch}", "/tmp") for word in completed.command.argv if not word.startswith("--nonce="))  # noqa: S108 - typed by a person
    words = [_quoted(word) for word in argv]
    shown = words if len(words) <= 20 else [*words[:19], "…"]  # noqa: PLR2004 - what fits two lines
    return f"cd {_quoted(str(completed.command.cwd))} && " + " ".join(shown)


def own(path: str, files: Iterable[str]) -> str:
    """Return which of the component's files a tool's path means, empty where it is none of them.

    Tools tell absolute, relative and resolved paths; the component's own relative path is always its end.
    """
    told = "/" + path.replace("\\", "/").removeprefix("./").lstrip("/")
    return max((file for file in files if told.endswith("/" + file)), key=len, default="")


def within(path: str, root: PurePath) -> str:
    """Return a path relative to the project, in POSIX form; a path elsewhere stays as it is."""
    pure = PurePath(path)
    return pure.relative_to(root).as_posix() if pure.is_absolute() and pure.is_relative_to(root) else pure.as_posix()


def plural(count: int, noun: str) -> str:
    """Return `1 test`, `2 tests`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _quoted(word: str) -> str:
    safe = word and all(letter.isalnum() or letter in "/._-=:,+@%" for letter in word)
    return word if safe else "'" + word.replace("'", "'\"'\"'") + "'"
