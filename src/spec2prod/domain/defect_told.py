"""What a suspected defect is about, at a glance: what was expected, and what the code answered, read from how its test failed. Pure."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

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
