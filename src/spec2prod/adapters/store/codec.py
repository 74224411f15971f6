"""Values of steps as portable JSON, and back: primitives, containers, paths, and the domain's own values by their names.

Never a pickle: a row tells a type by a name of `KNOWN`, and any other name is refused, so that who may write to a shared database
cannot run code by it (pitfall 5 of ENGINE.md). Hand-written: reading and writing a tool's answer takes some 0.1 ms, where pydantic's
adapters for the same types take 40 ms to be made once a process.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.command import Command, Completed, Mended
from spec2prod.domain.component import Component
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.flaky import Standing
from spec2prod.domain.judged import Judged, JudgedTest
from spec2prod.domain.plan import Target
from spec2prod.domain.question import Kept
from spec2prod.domain.release import Artifact, Deployment, HealthCheck
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.verdict import Finding, Measurement, Severity, Verdict
from spec2prod.errors import StoreError

_TAG = "!"
_KNOWN: Mapping[str, type[Any]] = {
    each.__name__: each
    for each in (
        *(Artifact, Command, Completed, Component, Deployment, Feedback, HealthCheck, Mended, TaskOutcome, TestRequest),
        *(Judged, JudgedTest, Target, TaskStatus, Verdict),
        *(CaseResult, Finding, Kept, Measurement, Severity, Standing, SuiteReport),
    )
}
_CONTAINERS: Mapping[str, Callable[[Any], Any]] = {"tuple": tuple, "frozenset": frozenset, "path": Path, "dict": dict}


def encode(value: object) -> str:
    """Return a value as JSON text, in ASCII: PostgreSQL's text holds no zero byte, and no half of a surrogate pair.

    Raises:
        StoreError: where it is of a type that no row can tell.
    """
    return json.dumps(_plain(value), separators=(",", ":"))


def decode(text: str) -> object:
    """Return the value of a JSON text.

    Raises:
        StoreError: where the text is none of ours.
    """
    try:
        return _value(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        message = f"a recorded value is not ours, and is not read ({type(error).__name__}: {error})"
        step = "find out who wrote it; spec2prod run --new starts afresh"
        raise StoreError(message, next_step=step) from error


def asked(args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    """Return what a call asks, as JSON text. Of a command count its words and its place alone.

    Its environment may hold a proxy's password, which may change from one attempt to the next.
    """
    values = [(each.tool, each.argv, each.cwd) if isinstance(each, Command) else each for each in args]
    return encode([values, dict(kwargs)])


def digest(text: str) -> str:
    """Return the SHA-256 (hex, 16 characters) of what was asked."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:  # noqa: PLR0911 - one line a kind
    match value:
        case Enum() if _KNOWN.get(type(value).__name__) is type(value):
            return _tagged(type(value).__name__, value.value)
        case None | bool() | int() | float() | str() if not isinstance(value, Enum):  # what could not be read again is not written
            return value
        case list():
            return [_plain(each) for each in value]
        case tuple():
            return _tagged("tuple", [_plain(each) for each in value])
        case frozenset():
            return _tagged("frozenset", sorted(map(_plain, value), key=str))
        case Path():
            return _tagged("path", str(value))
        case Mapping():
            return _tagged("dict", [[_plain(key), _plain(each)] for key, each in value.items()])
        case _ if type(value).__name__ in _KNOWN and dataclasses.is_dataclass(value):
            fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
            return _tagged(type(value).__name__, fields)
    message = f"no step can record a value of the type {type(value).__name__}"
    raise StoreError(message, next_step="please report this")


def _tagged(name: str, value: object) -> dict[str, object]:
    return {_TAG: name, "v": value}


def _value(plain: object) -> object:
    if isinstance(plain, list):
        return [_value(each) for each in plain]
    if not isinstance(plain, dict):
        return plain
    name, inner = plain[_TAG], plain["v"]
    if name == "path":
        return Path(inner)
    if name in _CONTAINERS:
        return _CONTAINERS[name](_value(inner))
    known = _KNOWN[name]
    if isinstance(inner, dict):
        return known(**{field: _value(each) for field, each in inner.items()})
    return known(inner)
