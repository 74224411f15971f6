"""How the answers of a project's own gates are read: JUnit, SARIF, JSON, or the exit code alone. Pure; garbage is never an answer.

Each reader returns figures, what was checked, findings and a summary, or a text that says why there is no answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from xml.etree import ElementTree as ET

from pydantic import BaseModel, Field, ValidationError

from spec2prod.domain.command import Completed
from spec2prod.domain.figures import figure as shown
from spec2prod.domain.verdict import Finding, Severity, in_order
from spec2prod.gates.reading import plural

type Format = Literal["junit", "sarif", "json", "exit-code"]
FIGURES: Mapping[Format, str] = {"junit": "failures", "sarif": "issues", "json": "", "exit-code": "failures"}
_COULD_NOT_RUN = frozenset({126, 127})  # the shells' words for "could not be run" and "not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an answer tells: its one figure, how many things were checked, what was found, a sentence."""

    figure: float
    checked: int
    findings: tuple[Finding, ...] = ()
    summary: str = ""


def read(kind: Format, text: str, path: str, checked: str) -> Told | str:
    """Read an answer; `path` and `checked` are places in a JSON document."""
    readers: Mapping[Format, Callable[[], Told | str]] = {
        "junit": lambda: junit(text),
        "sarif": lambda: sarif(text),
        "json": lambda: figure(text, path, checked),
    }
    return readers[kind]()


def exit_code(completed: Completed) -> Told | str:
    """Read a command's end: 0 is yes, any other exit code no; a command that could not run or was killed said nothing."""
    code = completed.exit_code
    if code is None or code < 0 or code in _COULD_NOT_RUN:
        return completed.ending()
    if code == 0:
        return Told(figure=0.0, checked=1, summary="it ended with exit 0")
    last = next((line.strip() for line in reversed((completed.stderr or completed.stdout).splitlines()) if line.strip()), "")
    found = Finding(path=completed.command.argv[0], code=f"exit {code}", message=last[:300] or completed.ending())
    return Told(figure=1.0, checked=1, findings=(found,), summary=f"it ended with exit {code}")


def junit(text: str) -> Told | str:
    """Read JUnit XML: failures and errors of its test cases. Skipped ones were not checked."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return "its JUnit answer declares a document type, which is not read"
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities are refused above
    except (ET.ParseError, ValueError):
        return "its answer is no JUnit XML"
    if root.tag not in {"testsuites", "testsuite"}:
        return f"its answer is no JUnit XML: it begins with <{root.tag[:40]}>"
    cases = list(root.iter("testcase"))
    ran = [case for case in cases if case.find("skipped") is None]
    found = [(case, bad) for case in ran if (bad := _bad(case)) is not None]
    if contradiction := _contradiction(root):
        return contradiction
    if not ran:
        return (
            f"nothing was checked: {plural(len(cases), 'test case')}, all of them skipped" if cases else "nothing was checked: no test case"
        )
    return Told(
        figure=float(len(found)),
        checked=len(ran),
        findings=in_order(_case(case, bad) for case, bad in found),
        summary=f"{len(ran) - len(found)} of {plural(len(ran), 'test case')} passed",
    )


def _bad(case: ET.Element) -> ET.Element | None:
    return next((child for child in case if child.tag in {"failure", "error"}), None)


def _case(case: ET.Element, bad: ET.Element) -> Finding:
    said = bad.get("message") or (bad.text or "").strip() or bad.tag
    line = case.get("line", "")
    return Finding(
        path=case.get("file") or case.get("classname") or "",
        line=int(line) if line.isascii() and line.isdigit() and len(line) < 9 else 0,  # noqa: PLR2004 - no file is longer
        code=bad.tag,
        message=f"{case.get('name', '')}: {said}"[:2000],
    )


def _contradiction(root: ET.Element) -> str:
    """Say where a suite counts failures or errors that none of its cases has, such as a crash while it was set up."""
    for suite in (each for each in root.iter("testsuite") if each.find("testsuite") is None):
        counted = sum(_count(suite.get(name, "")) for name in ("failures", "errors"))
        listed = sum(_bad(case) is not None for case in suite.iter("testcase"))
        if counted > listed:
            return f"its answer contradicts itself: {counted} failures and errors counted, {listed} listed"
    return ""


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0  # noqa: PLR2004 - a count, not a bomb


class _Region(BaseModel):
    startLine: Annotated[int, Field(ge=0)] = 0  # noqa: N815 - SARIF's own name


class _Artifact(BaseModel):
    uri: str = ""


class _Physical(BaseModel):
    artifactLocation: _Artifact = _Artifact()  # noqa: N815 - SARIF's own name
    region: _Region = _Region()


class _Location(BaseModel):
    physicalLocation: _Physical = _Physical()  # noqa: N815 - SARIF's own name


class _Message(BaseModel):
    text: str = ""


class _Suppression(BaseModel):
    status: str = "accepted"


class _Result(BaseModel):
    ruleId: str = ""  # noqa: N815 - SARIF's own name
    level: Literal["none", "note", "warning", "error"] = "warning"
    kind: str = "fail"
    message: _Message
    locations: list[_Location] = []
    suppressions: list[_Suppression] | None = None

    @property
    def counts(self) -> bool:
        """Whether this result is a complaint that nobody has set aside."""
        aside = bool(self.suppressions) and all(each.status == "accepted" for each in self.suppressions or ())
        return self.kind == "fail" and self.level != "none" and not aside


class _Invocation(BaseModel):
    executionSuccessful: bool  # noqa: N815 - SARIF's own name


class _SarifRun(BaseModel):
    results: list[_Result] | None = None
    invocations: list[_Invocation] = []


class _Sarif(BaseModel):
    version: str
    runs: list[_SarifRun]


_SEVERITIES = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW}


def sarif(text: str) -> Told | str:
    """Read SARIF: the results of all its runs. A run without `results` did not scan."""
    try:
        log = _Sarif.model_validate_json(text)
    except ValidationError:
        return "its answer is no SARIF"
    if not log.runs:
        return "nothing was checked: its SARIF answer has no run"
    if any(run.results is None for run in log.runs):
        return "nothing was checked: a run in its SARIF answer has no results"
    if any(not each.executionSuccessful for run in log.runs for each in run.invocations):
        return "its SARIF answer says that it did not run to its end"
    results = [result for run in log.runs for result in run.results or ()]
    found = [result for result in results if result.counts]
    aside = f", {len(results) - len(found)} set aside" if len(results) > len(found) else ""
    return Told(
        figure=float(len(found)),
        checked=len(log.runs),
        findings=in_order(_complaint(each) for each in found),
        summary=f"{plural(len(found), 'issue')}{aside}",
    )


def _complaint(result: _Result) -> Finding:
    place = result.locations[0].physicalLocation if result.locations else _Physical()
    return Finding(
        path=place.artifactLocation.uri,
        line=place.region.startLine,
        code=result.ruleId,
        message=result.message.text[:2000],
        severity=_SEVERITIES[result.level],
    )


def figure(text: str, path: str, checked: str) -> Told | str:
    """Read one number from JSON; a list counts its entries. `checked` names the count of what was looked at, where there is one."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return "its answer is no JSON"
    found = _number(document, path)
    if isinstance(found, str):
        return found
    looked_at = _number(document, checked) if checked else 1.0
    if isinstance(looked_at, str):
        return looked_at
    if looked_at < 1:
        return f"nothing was checked: {checked} is {looked_at:g}"
    return Told(figure=found, checked=int(looked_at), summary=f"{path} is {shown(found)}")


def _number(document: object, path: str) -> float | str:
    found: Any = document
    for part in _parts(path):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return f"its answer has nothing at {path}"
    if isinstance(found, list):
        return float(len(found))
    if isinstance(found, bool) or not isinstance(found, int | float):
        return f"its answer has no number at {path}"
    try:
        number = float(found)
    except OverflowError:
        return f"its answer has no finite number at {path}"
    return number if math.isfinite(number) else f"its answer has no finite number at {path}"


def _parts(path: str) -> Sequence[str]:
    """Return the steps of `totals.percent`, or of a JSON Pointer, `/totals/percent`, whose steps may hold dots."""
    if path.startswith("/"):
        return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
    return path.split(".")
