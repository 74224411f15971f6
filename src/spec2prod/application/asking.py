"""What each generator is asked for: one task a module, each with a test file of its own."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from spec2prod.domain.candidate import TestRequest
from spec2prod.domain.locate import new_test_file
from spec2prod.domain.specification import numbered, render_spec

if TYPE_CHECKING:
    from spec2prod.application.session import Session
    from spec2prod.domain.plan import Plan

SPEC = "spec"
"""The generator that makes tests of the specification's examples."""


def requests_for(session: Session) -> tuple[TestRequest, ...]:
    """Ask each generator for what it can write; every task has a test file of its own."""
    files, asked = set(session.ports.tree.list_files()), session.plan.generators
    examples = _of_examples(session, files) if SPEC in asked else []
    others = [each for generator in asked if generator != SPEC for each in _below_the_goal(session, generator, files)]
    return (*examples, *others)


def nothing_to_ask(plan: Plan) -> str:
    """Say why no generator was asked: that nothing was needed is no answer of theirs, and no "passed"."""
    others = [each for each in plan.generators if each != SPEC]
    clauses = ["the specification gives no example that no test calls"] if SPEC in plan.generators else []
    clauses += [f"no module that has something to test is below {plan.coverage_goal:g} % coverage"] if others else []
    nobody = f"{' and '.join(others)} {'was' if len(others) == 1 else 'were'} not asked" if others else "nobody was asked"
    return f"no module needed tests: {'; '.join(clauses)}; {nobody}"


def _of_examples(session: Session, files: set[str]) -> list[TestRequest]:
    """Ask for a test of each module of which the specification gives examples that no test uses, whatever is covered."""
    component = session.component
    unused = {each.module for each in session.examples.unused}
    return [_request(session, module, SPEC, files) for module in component.modules if component.dotted(module) in unused]


def _below_the_goal(session: Session, generator: str, files: set[str]) -> list[TestRequest]:
    """Ask for tests of each module below the goal; with no tests at all, of each module that has something to test."""
    component, suite, tree = session.component, session.suite, session.ports.tree
    requests: list[TestRequest] = []
    for module in component.modules:
        measured = module in suite.statements
        wanted = suite.percent(module) < session.plan.coverage_goal if measured else _has_code(tree.read(module) or "")
        if not wanted:
            continue
        requests.append(_request(session, module, generator, files))
    return requests


def _request(session: Session, module: str, generator: str, files: set[str]) -> TestRequest:
    """Return a module's task; its test file's name is taken from then on."""
    component, suite = session.component, session.suite
    test_file = new_test_file(component, module, files)
    files.add(test_file)
    return TestRequest(
        module=module,
        dotted=component.dotted(module),
        test_file=test_file,
        specification=render_spec(numbered(session.plan.specification)),
        uncovered=suite.missing(module),
        existing_tests=component.tests,
        coverage_goal=session.plan.coverage_goal,
        generator=generator,
        requirements=tuple(each.id for each in session.plan.specification.testable),
    )


def _has_code(text: str) -> bool:
    try:
        return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return False
