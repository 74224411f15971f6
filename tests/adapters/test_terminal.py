"""The terminal: a summary for people of every width, and progress that reads well in a log."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from spec2prod.adapters.terminal import Progress, summary
from spec2prod.application.ports import Event, Listener
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import Refusal, Run, StageResult
from spec2prod.domain.verdict import Verdict
from tests.reports.golden import assert_golden
from tests.reports.runs import ATTESTED, FAILED, GENERATION_ERRORED, INTERRUPTED, PASSED, REFUSED, RUNS

GOLDEN = Path(__file__).parents[1] / "reports" / "golden"
EVENTS = (
    Event(kind="stage_started", stage=Stage.TESTING, text="testing started", at_ms=20.0),
    Event(
        kind="gate", stage=Stage.TESTING, text="test_coverage: 62 % (percent is 62, [needed] >= 80)", at_ms=1200.0, verdict=Verdict.FAILED
    ),
    Event(kind="agent", stage=None, text="the agent server is up", at_ms=9000.0),
    Event(kind="agent", stage=Stage.ACCEPTANCE, text="accepted test_a: fails if line 6 `>=` becomes `>`", at_ms=9500.0),
    Event(kind="gate", stage=Stage.TESTING, text="test_pass_rate: 3 of 3 tests passed", at_ms=9600.0, verdict=Verdict.PASSED),
    Event(kind="stage_ended", stage=Stage.TESTING, text="testing: failed", at_ms=61_000.0, verdict=Verdict.FAILED),
)


def told(run: Run | Refusal, width: int = 100, report: str = "") -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, force_terminal=False)
    summary(run, console, report=report)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def listened(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), width=30, highlight=False, force_terminal=terminal, no_color=True, _environ={"TERM": "xterm"})
    with Progress(console) as listener:
        as_port: Listener = listener
        for event in EVENTS:
            as_port.tell(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("name", RUNS)
def test_the_whole_summary_is_as_expected(name: str) -> None:
    assert_golden(GOLDEN / f"{name}.txt", told(RUNS[name], report="workflow_report_calculator_operations.json"))


@pytest.mark.parametrize(
    ("run", "last"),
    [
        (INTERRUPTED, "the run was interrupted. Go on with it: spec2prod resume 20260101"),
        (replace(INTERRUPTED, cancelled=True), "the run was cancelled (spec2prod cancel). Go on with it: spec2prod resume 20260101"),
        (replace(INTERRUPTED, can_go_on=False), "the run was interrupted."),
        (replace(PASSED, can_go_on=True), "Promoted to development."),
    ],
)
def test_the_last_line_says_how_to_go_on_where_that_can_be_done(run: Run, last: str) -> None:
    assert told(run, 200).splitlines()[-1].removeprefix("Not promoted to development: ") == last


@pytest.mark.parametrize("width", [1, 20, 40, 72, 200])
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_every_gate_and_the_verdict_are_told_at_every_width(run: Run, width: int) -> None:
    letters = "".join(told(run, width).split())
    assert run.conclusion.replace(">=", "≥").replace("<=", "≤").replace(" ", "") in letters
    gates = {gate.gate for result in run.stages for gate in result.gates}
    assert all(gate in letters for gate in gates)


def test_a_refused_run_is_told_with_its_address_and_the_next_step() -> None:
    assert told(REFUSED, report="r.json").splitlines() == [
        "",
        "Next: add a Requirements section",
        "Report: r.json",
        "Not promoted to staging: specs/empty.md:1: the specification promises nothing",
    ]


def test_an_attestation_is_told_apart_from_the_gate_of_its_name() -> None:
    text = told(ATTESTED, 200)
    assert re.search(r"^refactoring +documentation \(optional\) +! warned", text, re.MULTILINE)
    assert re.search(r"^production_deployment +documentation attestation +… pending", text, re.MULTILINE)
    assert "  documentation: write docstrings" in text
    assert "  documentation attestation: spec2prod attest documentation" in text
    assert text.splitlines()[-1] == "Not promoted to development: documentation attestation pending (nobody attested it)."


def test_what_could_not_be_asked_has_its_next_step_among_the_next_ones() -> None:
    _, _, steps = told(GENERATION_ERRORED).partition("Next:\n")
    assert "openhands_test_generation: set LLM_API_KEY" in steps
    assert "Next: " not in told(GENERATION_ERRORED)


def test_the_page_is_told_where_there_is_one() -> None:
    console = Console(file=io.StringIO(), width=80)
    summary(PASSED, console, page="runs/1/report.html")
    assert isinstance(console.file, io.StringIO)
    assert "Page: runs/1/report.html\n" in console.file.getvalue()


def test_on_a_narrow_terminal_every_line_is_folded() -> None:
    console = Console(file=io.StringIO(), width=20, force_terminal=True, no_color=True, _environ={"TERM": "xterm"})
    summary(PASSED, console)
    assert isinstance(console.file, io.StringIO)
    assert max(len(line) for line in re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", console.file.getvalue()).splitlines()) <= 20


def test_the_verdict_stands_last() -> None:
    assert told(FAILED).splitlines()[-1].startswith("Not promoted to staging: test_coverage failed (percent is 62, needed ≥ 80)")


def test_every_proposed_test_is_told_with_its_reason() -> None:
    text = told(PASSED, 200)
    assert "Proposed tests: 2 accepted, 1 suspected defect, 1 errored, 1 for review, 4 rejected, 1 redundant" in text
    assert all(each.reason in text for each in PASSED.candidates)


def test_what_somebody_must_look_at_is_told_before_what_was_taken_and_who_decided_with_it() -> None:
    lines = [line.strip() for line in told(PASSED, 200).splitlines()]
    begins = ["✗ suspected defect test_subtract (filter 7, triage)", "? errored test_alone", "! for review test_of_nothing", "✓ accepted"]
    found = [next(number for number, line in enumerate(lines) if line.startswith(begin)) for begin in begins]
    assert found == sorted(found)
    assert any(line.startswith("✗ rejected test_unformatted (gates)") for line in lines)
    assert any("/proposed" in line for line in lines), "where somebody finds what is for review"


def test_a_scripted_model_is_called_one_and_another_is_not() -> None:
    assert "scripted: it answers from a script" in told(PASSED)
    assert "script" not in told(GENERATION_ERRORED)


def test_a_log_gets_one_plain_line_an_event_and_code_as_it_is_written() -> None:
    assert listened(terminal=False).splitlines() == [
        "    0.0 s  testing  started",
        "    1.2 s  testing  test_coverage: 62 % (percent is 62, [needed] ≥ 80)  [failed]",
        "    9.0 s  the agent server is up",
        "    9.5 s  test_acceptance  accepted test_a: fails if line 6 `>=` becomes `>`",
        "    9.6 s  testing  test_pass_rate: 3 of 3 tests passed  [passed]",
        "   61.0 s  testing  failed",
    ]


def test_a_terminal_also_shows_what_runs_now_and_is_left_clean() -> None:
    written = listened(terminal=True)
    plain = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", written)
    assert "✗ test_coverage: 62 % (percent is 62, [needed] ≥ 80)" in plain
    assert "⠋ testing" in plain
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l"), "the cursor is shown again"


def test_a_reader_who_went_away_is_the_consoles_affair() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text)

    with pytest.raises(SystemExit):  # rich's own way; the command line's console stays silent instead
        summary(PASSED, Console(file=Gone(), width=80))


@pytest.mark.parametrize("known", [False, True])
def test_a_marker_that_the_projects_own_pytest_would_refuse_is_told(known: bool) -> None:  # noqa: FBT001 - a case
    run = RUNS["passed"]
    assert isinstance(run, Run)
    stages = tuple(
        replace(each, outputs={**each.outputs, "marker_known": known}) if each.stage is Stage.GENERATION else each for each in run.stages
    )
    marked = tuple(replace(each, requirements=("REQ-1",)) for each in run.candidates)
    text = " ".join(told(replace(run, stages=stages, candidates=marked)).split())
    assert ("which your own pytest does not know" in text) is not known
    assert "your own pytest does not know" not in told(replace(run, stages=stages, candidates=marked, adopted=()))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("old", "old", "rolled back: staging goes on with what it served before"),
        (None, None, "rolled back: staging serves nothing, since there was no release before"),
        ("gone", None, "rolled back: staging serves nothing, since the release before is not there any more"),
    ],
)
def test_a_release_that_is_taken_back_is_told_with_what_is_served_then(before: str | None, after: str | None, said: str) -> None:
    outputs: dict[str, object] = {"environment": "staging", "switched": {"from": before, "to": after}}
    result = StageResult(stage=Stage.STAGING_DEPLOYMENT, verdict=Verdict.FAILED, rolled_back=True, outputs=outputs)
    assert f"  {said}\n" in told(replace(PASSED, stages=(*PASSED.stages, result)))


@pytest.mark.parametrize("generators", [("spec",), ("spec", "openhands")])
def test_a_model_is_spoken_of_only_where_an_agent_was_asked(generators: tuple[str, ...]) -> None:
    text = told(replace(PASSED, plan=replace(PASSED.plan, generators=generators, model=""), outcomes=()))
    assert ("Model: none" in text) is ("openhands" in generators)
