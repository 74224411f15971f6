"""A test that shows only what the code does is labelled so wherever it is told."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from spec2prod.adapters import terminal
from spec2prod.domain.run import Run
from spec2prod.reports import html
from spec2prod.reports.json_report import as_document
from tests.reports.runs import CANDIDATES, NEW_TEST, PASSED, REQUEST


def written_by(generator: str) -> Run:
    return replace(PASSED, requests=(replace(REQUEST, generator=generator),), adopted=(NEW_TEST,))


@pytest.mark.parametrize(("generator", "is_one"), [("pynguin", True), ("openhands", False), ("spec", False)])
def test_every_task_and_candidate_tells_who_wrote_it(generator: str, *, is_one: bool) -> None:
    told: dict[str, Any] = as_document(written_by(generator))["run"]
    labels = [(each["generator"], each["characterisation"]) for each in (*told["candidates"], *told["generation"]["tasks"])]
    assert len(labels) == len(CANDIDATES) + 1
    assert set(labels) == {(generator, is_one)}


def test_a_file_that_nobody_was_asked_for_is_nobodys() -> None:
    assert PASSED.generator_of("tests/test_by_hand.py") == ""
    assert not PASSED.is_characterisation("tests/test_by_hand.py")


@pytest.mark.parametrize(("generator", "is_one"), [("pynguin", True), ("openhands", False)])
def test_terminal_and_page_say_it_in_words(generator: str, *, is_one: bool) -> None:
    paper = Console(file=StringIO(), width=200)
    terminal.summary(written_by(generator), paper)
    told = paper.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO of the line above
    assert ("characterisation: what the code does, not what it should do" in told) is is_one
    assert ("characterisation: what the code does, not what it should do" in html.render(written_by(generator))) is is_one
