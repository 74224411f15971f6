"""The run as one page that needs nothing else: no script, no font, no picture, no address outside it."""

from __future__ import annotations

from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from spec2prod.domain.candidate import by_urgency, counted
from spec2prod.domain.defect_told import contrast, stated
from spec2prod.domain.run import Run
from spec2prod.domain.specification import Specification
from spec2prod.reports import gantt, trace, words
from spec2prod.reports.json_report import generation, stage_timings

_PAGE = "report.html.jinja"
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
    "unfinished": "…",
    "verified": "✓",
    "covered": "✓",
    "failing": "✗",
    "suspected_defect": "✗",
    "stale": "?",
    "uncovered": "✗",
    "measured": "·",
}


def render(run: Run, compiled: Path | None = None) -> str:
    """Return the page as HTML text with a final newline; `compiled` is a folder that keeps the compiled template."""
    page = _environment(compiled).get_template(_PAGE)
    return (
        page.render(
            run=run,
            plan=run.plan,
            chart=gantt.lay_out(run),
            generation=generation(run),
            requirements=trace.requirements(run),
            timings=stage_timings(run),
            schedule=run.schedule,
            defects=[(each, stated(each, partial(_read, run.plan.specification)), contrast(each.message)) for each in run.defects],
            gates=[(result.stage, gate, _before(result.first_gates, gate.gate)) for result in run.stages for gate in result.gates],
        ).rstrip()
        + "\n"
    )


def make_ready(compiled: Path | None = None) -> None:
    """Compile the page, which takes longer than to write one, or take it from the folder that keeps it."""
    _environment(compiled).get_template(_PAGE)


class Compiled(FileSystemBytecodeCache):
    """Compiled templates in a folder, known by their text; a folder that takes none only costs time."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep one."""
        with suppress(OSError):
            super().dump_bytecode(bucket)


def _read(specification: Specification, path: str) -> Specification | str:
    """Return the specification that the run has read, or say that it has read another one than that of this path."""
    return specification if path == specification.path else f"this run has read {specification.path}"


def _before(first_gates: tuple[object, ...], name: str) -> object | None:
    """Return what a gate said before the tree changed, None where it said the same."""
    return next((gate for gate in first_gates if getattr(gate, "gate", "") == name), None)


def _code(text: str) -> Markup:
    """Return a sentence with what stands between backticks as code, as the reader's own markdown would show it."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one backtick is without its other
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts))


@cache
def _environment(compiled: Path | None) -> Environment:
    environment = Environment(
        loader=PackageLoader("spec2prod.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=Compiled(str(compiled)) if compiled else None,
    )
    environment.filters |= {
        "duration": words.duration,
        "label": gantt.label,
        "ranges": words.line_ranges,
        "limits": words.limits,
        "code": _code,
        "counted": counted,
        "by_urgency": by_urgency,
        "sign": lambda verdict: SIGNS.get(str(verdict), "·"),
    }
    return environment
