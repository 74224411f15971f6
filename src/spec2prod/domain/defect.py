"""A suspected defect: a test that a requirement asks for, and that the code fails. The code may be wrong.

Source: ACCEPTANCE.md, "The verdicts". It is kept, shown first, and blocks promotion until a person says what it is: the code was wrong
and is fixed now, the test is wrong, or the requirement is. Nobody but a person can know.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from spec2prod.domain.verdict import Finding, Measurement, Severity, Unanswered

SUSPECTED_DEFECTS = "suspected_defects"
"""The gate that the open ones answer."""

_ID_CHARACTERS = 10
_MOST_SEEN = 20  # runs that are kept by name
_SPEC_LINE = re.compile(r"(\.(?:md|markdown)):\d+")


class DispositionKind(StrEnum):
    """What a suspected defect turned out to be."""

    FIXED = "fixed"
    WRONG_TEST = "wrong-test"
    WRONG_REQUIREMENT = "wrong-requirement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """What a person said about a suspected defect. `by` is who, `at` is when (ISO 8601 in UTC); `reason` is theirs, and is kept."""

    kind: DispositionKind
    reason: str
    by: str
    at: str

    def __str__(self) -> str:
        """Return it as one sentence."""
        return f"{self.kind}, says {self.by} on {self.at[: len('2026-01-01')]}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """A requirement as the specification stated it when a defect was noted. `path` is the specification's, `line` is 1-based."""

    id: str
    text: str
    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One suspected defect. Make it with `suspect`, which gives it its ID.

    `module` and `test_file` are relative POSIX paths; `test_file` is where the test was proposed. `test` is its name
    (`TestAdd::test_zero`), `source` a complete file with this test and no other. `requirements` are pairs of ID and text hash; the
    hash is empty where the specification does not have the ID. `sentence` says in words what contradicts what, `message` is how the
    test failed. `seen_at` (ISO 8601 in UTC) and `run_id` tell who saw it last. While `disposition` is None it is open.

    `promises` are the requirements as they were stated then; those that the specification did not have are missing. `seen` are the
    newest of the runs that saw it fail, the newest last, as pairs of run ID and time; `times` counts all of them.
    """

    id: str
    component: str
    module: str
    test_file: str
    test: str
    source: str
    requirements: tuple[tuple[str, str], ...]
    sentence: str
    message: str
    run_id: str
    seen_at: str
    disposition: Disposition | None = None
    promises: tuple[Promised, ...] = ()
    seen: tuple[tuple[str, str], ...] = ()
    times: int = 1

    @property
    def is_open(self) -> bool:
        """Whether nobody has disposed of it."""
        return self.disposition is None

    @property
    def next_step(self) -> str:
        """Return the command that tells all about it."""
        return f"spec2prod defects show {self.id}"

    @property
    def named(self) -> str:
        """Return the IDs of its requirements as one text."""
        return ", ".join(name for name, _ in self.requirements)


def suspect(  # noqa: PLR0913 - what a defect is
    *,
    component: str,
    module: str,
    test_file: str,
    test: str,
    source: str,
    requirements: Iterable[tuple[str, str]],
    sentence: str,
    message: str,
    run_id: str,
    seen_at: str,
    promises: Iterable[Promised] = (),
) -> Defect:
    """Return an open defect with its ID, seen once."""
    named = tuple(sorted(set(requirements)))
    return Defect(
        id=defect_id(component, source, named),
        component=component,
        module=module,
        test_file=test_file,
        test=test,
        source=source,
        requirements=named,
        sentence=sentence,
        message=message,
        run_id=run_id,
        seen_at=seen_at,
        promises=tuple(promises),
        seen=((run_id, seen_at),),
    )


def seen_again(known: Defect, now: Defect) -> Defect:
    """Return what was seen now, with the runs that had seen it before; a run that sees it twice has seen it once."""
    if any(run_id == now.run_id for run_id, _ in known.seen):
        return replace(now, seen=known.seen, times=known.times)
    return replace(now, seen=(*known.seen, *now.seen)[-_MOST_SEEN:], times=known.times + 1)


def defect_id(component: str, source: str, requirements: Iterable[tuple[str, str]]) -> str:
    """Return the short name of a defect: the same test of the same promises has the same, wherever it is proposed.

    Layout, comments, docstrings, imports and helpers that it does not use and the specification's line numbers don't count; the text of
    each requirement does (its hash).
    """
    told = [component, normalised(source), *(part for pair in sorted(set(requirements)) for part in pair)]
    return hashlib.sha256("\0".join(told).encode(errors="surrogatepass")).hexdigest()[:_ID_CHARACTERS]


def normalised(source: str) -> str:
    """Return a test file's text without what does not change its meaning, or no test in it uses; the text itself where it is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = _SPEC_LINE.sub(r"\1", node.value)
    tree.body = _used(tree.body)
    return ast.dump(tree)


def _used(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return the statements without imports and definitions that nothing else needs: a file's other tests may have needed them."""
    kept = [each for each in statements if not _binds(each)]
    waiting = [each for each in statements if _binds(each)]
    names = {name for each in kept for name in _mentions(each)}
    while found := [each for each in waiting if names & _binds(each)]:
        waiting = [each for each in waiting if each not in found]
        names |= {name for each in found if not isinstance(each, ast.Import | ast.ImportFrom) for name in _mentions(each)}
    return [_narrowed(each, names) for each in statements if each not in waiting]


def _binds(statement: ast.stmt) -> set[str]:
    """Return the names that a statement is there for; nothing of a test, and of what may have another effect."""
    match statement:
        case ast.Import() | ast.ImportFrom() if statement.names[0].name != "*" and not _is_future(statement):
            return {_bound(alias) for alias in statement.names}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return set() if name.lower().startswith("test") or "autouse" in ast.dump(statement) else {name}
        case ast.Assign(targets=[ast.Name(id=name)]) if not name.startswith("pytest"):
            return {name}
        case _:
            return set()


def _is_future(statement: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _mentions(statement: ast.stmt) -> set[str]:
    """Return the names that a statement may need; fixtures are asked for by arguments, or as text."""
    told: set[str] = set()
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Constant(value=str(name)):
                told.add(name)
            case _:
                pass
    return told


def _narrowed(statement: ast.stmt, names: Collection[str]) -> ast.stmt:
    """Return an import of what is needed alone; any other statement as it is."""
    if isinstance(statement, ast.Import | ast.ImportFrom) and _binds(statement):
        statement.names = sorted((alias for alias in statement.names if _bound(alias) in names), key=_bound)
    return statement


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]


def answer(defects: Sequence[Defect], *, is_kept: bool = True) -> Measurement:
    """Return the gate's answer about a component's open defects. Figure: `open`, how many there are.

    What is checked is the record of suspected defects, which `is_kept` from run to run or lasts for this one. That none is open is no
    proof that there are none: somebody must have proposed a test that shows it, and the words say no more than that.
    """
    found = [each for each in defects if each.is_open]
    return Measurement(
        gate=SUSPECTED_DEFECTS,
        values={"open": float(len(found))},
        checked=1,
        findings=tuple(map(_finding, found)),
        summary=_summary(len(found)) + ("" if is_kept else " of this run (without a database, none is kept)"),
    )


def unknown(reason: str, next_step: str) -> Unanswered:
    """Return the answer where the record cannot be read."""
    return Unanswered(gate=SUSPECTED_DEFECTS, reason=reason, next_step=next_step)


def _summary(count: int) -> str:
    return f"{count or 'no'} suspected defect{'s are' if count > 1 else ' is'} open"


def _finding(defect: Defect) -> Finding:
    message = f"{defect.sentence}; {defect.next_step}"
    return Finding(path=defect.module, code="suspected_defect", message=message, severity=Severity.HIGH)
