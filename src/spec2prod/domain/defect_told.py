"""What a suspected defect is about, at a glance: what was promised, what was expected, and what the code answered. Pure."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec2prod.domain.defect import Defect, Promised
    from spec2prod.domain.specification import Specification

_GIVEN = re.compile(r"\bexpected (?P<expected>.+?), got (?P<answered>.+)$", re.MULTILINE)
_NOT_RAISED = re.compile(r"DID NOT RAISE(?: <class '(?P<kind>[^']+)'>)?")
_ASSERTED = re.compile(r"^\s*(?P<statement>assert .+)$", re.MULTILINE)
_FOUND = re.compile(r"^E\s+(?:AssertionError: )?assert (?P<found>.+)$", re.MULTILINE)
_WHERE = re.compile(r"^E\s+\+\s+(?P<where>where .+)$", re.MULTILINE)
_ERROR = re.compile(r"^E\s+(?P<error>[A-Za-z_][\w.]*(?::.*)?)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """What a test expected and what the code answered, in words; either is empty where the failure does not tell it."""

    expected: str = ""
    answered: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """One requirement of a defect. `text` and `where` (`path:line`) are empty where its sentence was not kept.

    `since` says in words what has become of it, empty where it still stands so; then `where` is where it stands now.
    """

    id: str
    text: str = ""
    where: str = ""
    since: str = ""


def stated(defect: Defect, now: Callable[[str], Specification | str]) -> tuple[Stated, ...]:
    """Return what each of a defect's requirements says: as it stood when it was noted, and what has become of it since.

    `now` gives the specification of a path as it is by now, or says in words why it does not.
    """
    promises = {each.id: each for each in defect.promises}
    return tuple(
        _stated(promises[name], text_hash, now(promises[name].path))
        if name in promises
        else Stated(id=name, since="its sentence was not kept: look it up in the specification" if text_hash else "no specification has it")
        for name, text_hash in defect.requirements
    )


def _stated(then: Promised, text_hash: str, now: Specification | str) -> Stated:
    where = f"{then.path}:{then.line}"
    if isinstance(now, str):
        return Stated(id=then.id, text=then.text, where=where, since=f"as it was; {now}")
    found = next((each for each in (*now.requirements, *now.testing_requirements) if each.id == then.id), None)
    if found is None:
        return Stated(id=then.id, text=then.text, where=where, since="as it was; by now the specification has no requirement of that ID")
    if found.text_hash != text_hash:
        since = f"as it was; by now line {found.line} says: {found.text}"
        return Stated(id=then.id, text=then.text, where=where, since=since)
    return Stated(id=then.id, text=found.text, where=f"{now.path}:{found.line}")


def contrast(message: str) -> Contrast:
    """Read how a test failed, as pytest tells it; the first of its ways to tell counts."""
    if given := _GIVEN.search(message):  # an example of the specification
        return Contrast(expected=given["expected"], answered=given["answered"])
    if missing := _NOT_RAISED.search(message):
        return Contrast(expected=f"{(missing['kind'] or 'an exception').removeprefix('builtins.')} is raised", answered="no exception")
    expected = _asserted(message)
    if found := _FOUND.search(message):
        where = _WHERE.search(message, found.end())
        return Contrast(expected=expected, answered=found["found"] + (f", {where['where']}" if where else ""))
    error = _ERROR.search(message)
    return Contrast(expected=expected, answered=error["error"] if error else "")


def _asserted(message: str) -> str:
    """Return what the failing line asserts, without the words that it gives as a message; empty where it asserts nothing."""
    found = _ASSERTED.search(message)
    if not found:
        return ""
    statement = found["statement"]
    try:
        (parsed,) = ast.parse(statement).body
    except (SyntaxError, ValueError):  # it goes on in lines that are not shown
        return statement.removeprefix("assert ").rstrip(" (")
    return (ast.get_source_segment(statement, parsed.test) or "") if isinstance(parsed, ast.Assert) else ""
