"""A judgement put into words: one row per test function, in the order of the files and lines."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from spec2prod.bootstrap.judging_place import Workplace
from spec2prod.domain.judged import JudgedTest
from spec2prod.domain.judging import Filter, JudgedVerdict, Judgement, Measured
from spec2prod.domain.mutation import Fate, position
from spec2prod.domain.screening import Screened

type ScreenedFiles = Mapping[str, tuple[Screened, ...] | str]

NOTHING = Measured()
_LONGEST_MESSAGE = 4_000  # characters: the end of it holds the error


def rows(
    work: Workplace,
    screened: ScreenedFiles,
    judgements: Iterable[Judgement],
    measured: Measured = NOTHING,
    requirements: Mapping[str, Collection[str]] | None = None,
) -> tuple[JudgedTest, ...]:
    """Tell verdicts in the order of the files and lines; of a file without a test function, why it has none.

    `requirements` are the stated IDs that each test function is tied to.
    """
    lines = {f"{path}::{each.name}": each.line for path, found in screened.items() if not isinstance(found, str) for each in found}
    mutants = _in_words(measured)
    by_file: dict[str, list[Judgement]] = {path: [] for path in work.files}
    for each in judgements:
        by_file[each.test.partition("::")[0]].append(each)
    told: list[JudgedTest] = []
    seen = _lines_run(measured, (case.function for case in measured.cases if case.function.partition("::")[0] in work.suite))
    for path, found in by_file.items():
        reason = screened[path]
        ordered = sorted(found, key=lambda each: (lines.get(each.test, sys.maxsize), each.test))
        for each in ordered:
            adds = _added(seen, _lines_run(measured, [each.test])) if each.verdict is JudgedVerdict.ACCEPTED else {}
            row = _row(work, path, each, lines, mutants)
            ids = tuple(sorted((requirements or {}).get(each.test, ())))
            told.append(replace(row, requirements=ids, message=_message(work, measured, each.test), adds=adds))
        told += [_row(work, path, _empty(path, reason), {}, {})] if isinstance(reason, str) and not found else []
    return tuple(told)


def suite_kills(measured: Measured, existing: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return in words which changes the assertions of each test function of the suite notice, also where that is none."""
    matrix, words = measured.by_function, _in_words(measured)
    killed = {name: matrix.killed_by([name]) for name in sorted(existing)}
    return {name: tuple(words[each.id] for each in matrix.mutants if each.id in killed[name]) for name in killed}


def survivors(measured: Measured, kept: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return by module the changes that none of these test functions notices in any way, those of lines that they run first."""
    matrix = measured.by_function
    fates = {each.id: matrix.fate(each.id, kept) for each in matrix.mutants}
    told: dict[str, tuple[str, ...]] = {}
    for fate in (Fate.SURVIVED, Fate.NOT_COVERED):
        for each in sorted((each for each in matrix.mutants if fates[each.id] is fate), key=position):
            told[each.module] = (*told.get(each.module, ()), each.condition)
    return told


def uncovered(work: Workplace, measured: Measured, kept: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return by module the lines inside functions that none of these test functions runs: what runs at import needs no test."""
    run = _lines_run(measured, kept)
    found = {
        module: tuple(sorted(statements & _inside_functions(work.tree.read(module) or "") - run.get(module, set())))
        for module, statements in measured.statements.items()
    }
    return {module: lines for module, lines in found.items() if lines}


def _in_words(measured: Measured) -> dict[str, str]:
    return {each.id: f"{each.module}: {each.condition}" for each in measured.matrix.mutants}


def _lines_run(measured: Measured, functions: Iterable[str]) -> dict[str, set[int]]:
    wanted, run = frozenset(functions), dict[str, set[int]]()
    for case in measured.cases:
        for module, lines in case.lines.items() if case.function in wanted else ():
            run.setdefault(module, set()).update(lines)
    return run


def _added(seen: dict[str, set[int]], run: Mapping[str, set[int]]) -> dict[str, tuple[int, ...]]:
    """Return what is run for the first time, and count it as seen from now on."""
    new = {module: tuple(sorted(lines - seen.get(module, set()))) for module, lines in run.items()}
    for module, lines in run.items():
        seen.setdefault(module, set()).update(lines)
    return {module: lines for module, lines in sorted(new.items()) if lines}


def _inside_functions(text: str) -> set[int]:
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):  # then nothing of it was run
        return set()
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {line for node in functions for line in range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)}


def _message(work: Workplace, measured: Measured, test: str) -> str:
    """Return how a test failed, as pytest says it; empty where it did not."""
    found = next((case.message for case in measured.of(test) if case.outcome != "passed"), "")
    return found.replace(f"{work.component.root}/", "")[-_LONGEST_MESSAGE:]


def _empty(path: str, reason: str) -> Judgement:
    return Judgement(test=f"{path}::", verdict=JudgedVerdict.REJECTED, filter=Filter.SCREEN, sentence=reason)


def _row(work: Workplace, path: str, each: Judgement, lines: Mapping[str, int], mutants: Mapping[str, str]) -> JudgedTest:
    copy = f"{work.component.root}/"  # is gone when this is read
    return JudgedTest(
        file=work.files[path].shown,
        name=each.test.partition("::")[2],
        line=lines.get(each.test, 0),
        verdict=each.verdict.value,
        filter=each.filter.name.lower(),
        filter_number=each.filter.value,
        sentence=each.sentence.replace(copy, ""),
        evidence=tuple(f"{piece.kind}: {piece.detail}".removesuffix(": ").replace(copy, "") for piece in each.evidence),
        kills=tuple(mutants[name] for name in each.kills),
        stops=tuple(mutants[name] for name in each.stops),
        gained=tuple(mutants[name] for name in each.gained),
    )
