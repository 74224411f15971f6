"""What a run takes of a proposed file: the real judge, the real tools, in the sandbox that this machine offers.

Whoever proposes is played here, so that each kind of test can be put to the judge; all else is the run that the command line starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from spec2prod.bootstrap.request import Request
from spec2prod.bootstrap.running import promote
from spec2prod.domain.candidate import Candidate, TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.run import Run
from spec2prod.reports.json_report import as_document
from tests.fakes import FakeWriter

CODE = '''\
"""Prices."""


def discount(amount: int) -> int:
    """Return the discount in percent: 10 from 100 on."""
    if amount >= 100:
        return 10
    return 0


def total(amount: int, shipping: int) -> int:
    """Return what is to be paid."""
    return amount - shipping


def label(amount: int) -> str:
    """Return what stands on the tag: this is what has no test yet."""
    if amount == 0:
        return "free"
    if amount < 10:
        return "cheap"
    if amount < 1000:
        return "fair"
    return "dear"
'''
SPEC = """\
# Shop

## Requirements

- REQ-1 (P0): From an amount of 100 on the discount is 10 percent
- REQ-2 (P0): The total is the amount and the shipping together
"""
SUITE = '''\
"""Tests that run every line of the discount, and leave its boundary open."""

import pytest

from shop import discount, total


@pytest.mark.requirement("REQ-1")
def test_discount() -> None:
    assert discount(500) == 10
    assert discount(5) == 0


def test_total() -> None:
    assert total(0, 0) == 0
'''
PROPOSED = '''\
"""Proposed."""

from pathlib import Path

import pytest
import shop
from shop import discount, total


@pytest.mark.requirement("REQ-1")
def test_the_boundary() -> None:
    assert discount(100) == 10


@pytest.mark.requirement("REQ-2")
def test_shipping_is_added() -> None:
    assert total(10, 5) == 15


def test_once_more() -> None:
    assert discount(600) == 10


def test_weak() -> None:
    assert discount(100) >= 0


def test_runs() -> None:
    total(1, 2)


def test_rewrites_the_source() -> None:
    Path(shop.__file__).write_text("discount = lambda amount: 10")
    assert discount(100) == 10
'''
FILES = {"shop.py": CODE, "specs/shop.md": SPEC, "tests/test_shop.py": SUITE, "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n'}


class Proposing(FakeWriter):
    """Proposes one file, and mends nothing."""

    async def follow_up(self, task_id: str, feedback: Feedback, number: int) -> TaskOutcome:
        self.told.append((task_id, feedback, number))
        return self._outcome(self.requests[task_id], None)

    @staticmethod
    def _outcome(request: TestRequest, text: str | None) -> TaskOutcome:
        status = TaskStatus.NO_FILE if text is None else TaskStatus.DELIVERED
        return TaskOutcome(
            task_id=f"task-{request.module}", module=request.module, test_file=request.test_file, status=status, text=text, llm_calls=1
        )


def project(root: Path) -> Path:
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def run_with(root: Path, text: str, **overrides: Any) -> tuple[Run, Proposing]:
    """Run as the command line does, with somebody who proposes this text for the component's one module."""
    writer = Proposing(lambda request: Proposing._outcome(request, text))
    asked = Request(
        spec=root / "specs/shop.md",
        component="shop",
        target="development",
        async_mode=False,
        root=root,
        overrides={"enable_openhands_test_generation": True, **overrides},
    )
    run = asyncio.run(promote(asked, writer=writer, takes_signals=False))
    assert isinstance(run, Run), run
    return run, writer


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run, Proposing]:
    root = project(tmp_path_factory.mktemp("shop"))
    run, writer = run_with(root, PROPOSED)
    return root, run, writer


def by_name(run: Run) -> Mapping[str, Candidate]:
    return {each.name: each for each in run.candidates}


def verdicts(candidates: Sequence[Candidate]) -> dict[str, str]:
    return {each.name: str(each.verdict) for each in candidates}


def test_each_test_gets_the_verdict_that_it_deserves_and_one_file_is_written(ran: tuple[Path, Run, Proposing]) -> None:
    root, run, _ = ran
    assert verdicts(run.candidates) == {
        "test_the_boundary": "accepted",
        "test_shipping_is_added": "suspected_defect",
        "test_once_more": "redundant",
        "test_weak": "rejected",
        "test_runs": "rejected",
        "test_rewrites_the_source": "rejected",
    }
    (adopted,) = run.adopted
    text = (root / adopted).read_text()
    assert "def test_the_boundary" in text
    assert [name for name in verdicts(run.candidates) if f"def {name}(" in text] == ["test_the_boundary"]
    assert {path: (root / path).read_text() for path in FILES} == FILES, "what stood there is as it was"


def test_a_boundary_test_that_runs_no_new_line_is_accepted_for_what_only_it_notices(ran: tuple[Path, Run, Proposing]) -> None:
    boundary = by_name(ran[1])["test_the_boundary"]
    assert boundary.reason.startswith("fails if line 6 `>=` becomes `>`")
    assert "shop.py: line 6 `>=` becomes `>`" in boundary.only
    assert boundary.gained == ()
    assert (boundary.decided_by, boundary.requirements) == ("filter 5, mutation", ("REQ-1",))


def test_everything_else_says_who_decided_and_why(ran: tuple[Path, Run, Proposing]) -> None:
    told = by_name(ran[1])
    decided = {name: each.decided_by for name, each in told.items()}
    assert decided["test_weak"] == "filter 5, mutation"
    assert decided["test_runs"] == "filter 1, screen"
    assert decided["test_rewrites_the_source"] == "filter 2, isolation"
    assert decided["test_shipping_is_added"] == "filter 7, triage"
    assert "it asserts nothing" in told["test_runs"].reason
    assert told["test_rewrites_the_source"].reason == "it writes outside its own temporary folder (shop.py)"
    assert "REQ-2" in told["test_shipping_is_added"].reason


def test_the_suspected_defect_is_kept_and_the_requirements_say_what_is_shown(ran: tuple[Path, Run, Proposing]) -> None:
    _, run, _ = ran
    (defect,) = run.defects
    assert (defect.module, defect.test) == ("shop.py", "test_shipping_is_added")
    told = as_document(run)["run"]["requirements"]["matrix"]
    assert {row["id"]: row["status"] for row in told["rows"]} == {"REQ-1": "verified", "REQ-2": "suspected_defect"}
    assert told["is_judged"] is True
    shown = {test["node_id"]: test["kills"] for row in told["rows"] for test in row["tests"]}
    assert all(shown[f"{file}"] for file in ("tests/test_shop.py::test_discount", f"{run.adopted[0]}::test_the_boundary"))


def test_the_agent_is_told_of_what_was_rejected_and_never_to_make_peace_with_the_defect(ran: tuple[Path, Run, Proposing]) -> None:
    _, _, writer = ran
    ((_, feedback, number),) = writer.told
    assert number == 2
    assert "- `test_weak`: its assertions notice none of the changes" in feedback.text
    assert "- `test_shipping_is_added`" not in feedback.text
    (kept,) = (line for line in feedback.text.splitlines() if line.startswith("Keep these tests exactly"))
    assert "`test_the_boundary`, `test_shipping_is_added`" in kept


def test_an_unchanged_proposal_in_an_unchanged_project_is_judged_without_a_process(ran: tuple[Path, Run, Proposing]) -> None:
    root, first, _ = ran
    (root / first.adopted[0]).unlink()
    again, _ = run_with(root, PROPOSED)
    assert again.candidates == first.candidates
    acceptance = next(each for each in again.stages if each.stage == "test_acceptance")
    assert acceptance.outputs["from_cache"] == list(first.adopted)
    assert not any(span.name.startswith("judge:") for span in again.spans)
