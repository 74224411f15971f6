"""Finished runs, made by hand: one of each ending. Everything in them is fixed, so that what is told of them can be compared whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from spec2prod.domain.candidate import Candidate, CandidateVerdict, TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.feedback import Feedback
from spec2prod.domain.plan import Mode, Plan, Stage, Target
from spec2prod.domain.rounds import round_of
from spec2prod.domain.run import Refusal, Run, StageResult
from spec2prod.domain.specification import Requirement, Specification
from spec2prod.domain.timeline import Span
from spec2prod.domain.verdict import (
    Answer,
    Comparison,
    Evidence,
    Finding,
    Judgement,
    Limit,
    Measurement,
    Rule,
    Severity,
    Unanswered,
    Verdict,
    judge,
    stage_verdict,
)
from spec2prod.errors import SpecificationError

HIDDEN = "never-to-be-told"
"""A value in the environment of a process; no report may hold it."""

MODULE = "src/test_components/calculator/operations.py"
NEW_TEST = "tests/test_components/calculator/test_operations_generated.py"
DIGEST = "4f" * 32


def _named_documentation(verdict: Verdict, step: str, *, attested: bool = False) -> Judgement:
    return Judgement(
        gate="documentation",
        verdict=verdict,
        reason="nobody attested it" if attested else "percent is 0",
        measured="nothing" if attested else "0 %",
        needed="",
        required=attested,
        next_step=step,
        attested=attested,
    )


def _rule(gate: str, value: str, limit: str, *, origin: str = "default", required: bool = True) -> Rule:
    comparison, _, threshold = limit.partition(" ")
    wanted = Limit(value=value, comparison=Comparison(comparison), threshold=float(threshold), origin=origin)
    return Rule(gate=gate, limits=(wanted,), required=required)


RULES = (
    _rule("test_pass_rate", "percent", ">= 100"),
    _rule("test_coverage", "percent", ">= 80", origin="specs/calculator_operations.md:15"),
    _rule("linting", "issues", "<= 0"),
    _rule("type_checking", "errors", "<= 0"),
    _rule("security", "high", "<= 0"),
    _rule("vulnerabilities", "critical", "<= 0", required=False),
)

PLAN = Plan(
    run_id="20260101-000000-calculator",
    component=Component(
        name="calculator_operations",
        root=Path("/project"),
        source=MODULE,
        import_root="src",
        modules=(MODULE,),
        tests=(),
        tests_folder="tests/test_components/calculator",
        interpreter=Path("/project/.venv/bin/python"),
    ),
    specification=Specification(
        path="specs/calculator_operations.md",
        title="Calculator Operations Component",
        overview="Simple calculator operations for testing async workflow.",
        requirements=(
            Requirement(id="R-1a2b", text="Addition operation", line=7),
            Requirement(id="REQ-2", text="Division operation with zero check", line=10, id_given=True),
        ),
        testing_requirements=(Requirement(id="T-9f00", text="Achieve 80% coverage", line=15),),
        coverage_target=80.0,
        coverage_target_line=15,
    ),
    target=Target.DEVELOPMENT,
    mode=Mode.ASYNC,
    stages=(Stage.SPECIFICATION, Stage.TESTING, Stage.GENERATION, Stage.REFACTORING, Stage.ACCEPTANCE),
    rules=RULES,
    generate=True,
    generation_required=False,
    auto_fix=True,
    coverage_goal=80.0,
    model="openai/scripted-calculator",
    scripted_model=True,
)


def measured(gate: str, summary: str = "", checked: int = 5, findings: tuple[Finding, ...] = (), **values: float) -> Measurement:
    return Measurement(gate=gate, values=values, checked=checked, findings=findings, summary=summary)


def judged(*answers: Answer) -> tuple[Judgement, ...]:
    rules = {rule.gate: rule for rule in RULES}
    at = "2026-01-01T00:00:03.000+00:00"
    return tuple(judge(rules[each.gate], Evidence(answer=each, digest=DIGEST, measured_at=at, tool=each.gate)) for each in answers)


NO_TESTS = judged(
    Unanswered(
        gate="test_pass_rate", reason="the component has no tests", next_step="write tests, or run with --enable-openhands", no_tests=True
    ),
    Unanswered(
        gate="test_coverage", reason="the component has no tests", next_step="write tests, or run with --enable-openhands", no_tests=True
    ),
)
TESTED = judged(
    measured("test_pass_rate", "5 of 5 tests passed", percent=100), measured("test_coverage", "100 % of 9 lines", checked=9, percent=100)
)
CHECKED = judged(
    measured("linting", "no issues in 2 files", checked=2, issues=0),
    measured("type_checking", "no errors in 2 files", checked=2, errors=0),
    measured("security", "no findings in 2 files", checked=2, critical=0, high=0, medium=0, low=0),
    Unanswered(
        gate="vulnerabilities",
        reason="pip-audit could not be asked: its service is unreachable",
        next_step="run again where the vulnerability service can be reached",
    ),
)
SPECIFIED = StageResult(
    stage=Stage.SPECIFICATION,
    verdict=stage_verdict(TESTED),
    outputs={"title": "Calculator Operations Component", "requirements": 2, "testing_requirements": 1, "coverage_target": 80.0},
)


def _stage(stage: Stage, gates: tuple[Judgement, ...], first: tuple[Judgement, ...] = ()) -> StageResult:
    return StageResult(stage=stage, verdict=stage_verdict(gates), gates=gates, first_gates=first)


GENERATED = StageResult(
    stage=Stage.GENERATION,
    verdict=stage_verdict(TESTED),
    outputs={"asked": [MODULE], "delivered": [NEW_TEST], "llm_calls": 4, "cost_usd": 0.0},
)
REQUEST = TestRequest(module=MODULE, dotted="test_components.calculator.operations", test_file=NEW_TEST, specification="")
OUTCOME = TaskOutcome(
    task_id="task-1",
    module=MODULE,
    test_file=NEW_TEST,
    status=TaskStatus.DELIVERED,
    text="def test_add_returns_the_sum() -> None:\n    assert add(2, 3) == 5\n",
    strayed=("notes.txt",),
    llm_calls=4,
    input_tokens=28419,
    output_tokens=543,
    wall_ms=9100.0,
)


def _candidate(  # noqa: PLR0913 - what a candidate is made of
    name: str, verdict: CandidateVerdict, number: int | None, decided_by: str, reason: str, *gained: int, only: tuple[str, ...] = ()
) -> Candidate:
    return Candidate(
        module=MODULE,
        test_file=NEW_TEST,
        name=name,
        line=3,
        verdict=verdict,
        filter=decided_by,
        filter_number=number,
        reason=reason,
        kills=(*only, f"{MODULE}: line 5 `+` becomes `-`") if only else (),
        only=only,
        gained=gained,
    )


_NOTICED = (f"{MODULE}: line 5 `return a + b` becomes `return None`", f"{MODULE}: line 17 `==` becomes `!=`")
CANDIDATES = (
    _candidate(
        "test_add_returns_the_sum",
        CandidateVerdict.ACCEPTED,
        5,
        "mutation",
        "fails if line 5 `return a + b` becomes `return None`; is the first evidence for REQ-1",
        5,
        only=_NOTICED[:1],
    ),
    _candidate(
        "test_divide_by_zero_is_refused",
        CandidateVerdict.ACCEPTED,
        5,
        "mutation",
        "fails if line 17 `==` becomes `!=`",
        18,
        only=_NOTICED[1:],
    ),
    _candidate("test_multiply_runs", CandidateVerdict.REJECTED, 1, "screen", "it asserts nothing"),
    _candidate("test_add_of_two_and_two", CandidateVerdict.REJECTED, 2, "isolation", "it fails: assert 4 == 5 <b>& more</b>"),
    _candidate("", CandidateVerdict.REJECTED, 1, "screen", "it does not parse: line 3: invalid syntax"),
    _candidate("test_add_again", CandidateVerdict.REDUNDANT, 5, "mutation", "others notice all that it would notice"),
    _candidate(
        "test_of_nothing", CandidateVerdict.REVIEW, 6, "grounding", "it names REQ-9, which specs/calculator_operations.md does not state"
    ),
    _candidate("test_subtract", CandidateVerdict.SUSPECTED_DEFECT, 7, "triage", "the code may be wrong (REQ-2): assert 1 == 2"),
    _candidate(
        "test_alone", CandidateVerdict.ERRORED, 8, "confirmation", "the judge disagrees with itself: passed alone, failed with the suite"
    ),
    _candidate("test_unformatted", CandidateVerdict.REJECTED, None, "gates", "it would break linting: line 3: F401 unused"),
)

_ROUND_ONE = replace(OUTCOME, llm_calls=3, input_tokens=20119, output_tokens=400, cost_usd=0.02, wall_ms=7000.0)
_ROUND_TWO = replace(OUTCOME, text="def test_multiply_runs() -> None: ...\n", cost_usd=0.03, wall_ms=2100.0)
ROUNDS = (round_of(_ROUND_ONE), round_of(_ROUND_TWO, 2, _ROUND_ONE, Feedback(text="", rejected=3, uncovered=1, survivors=2)))


def process(tool: str, exit_code: int | None = 0, wall_ms: float = 900.0, *, not_found: bool = False, timed_out: bool = False) -> Completed:
    command = Command(tool=tool, argv=(tool, "--check", MODULE), cwd=Path("/project"), env={"LLM_API_KEY": HIDDEN}, timeout_s=300.0)
    return Completed(
        command=command,
        exit_code=exit_code,
        stdout=HIDDEN,
        stderr=HIDDEN,
        wall_ms=wall_ms,
        cpu_ms=wall_ms / 2,
        peak_memory_mb=48.25,
        not_found=not_found,
        timed_out=timed_out,
    )


def span(name: str, start_ms: float, end_ms: float, stage: str = "") -> Span:
    return Span(name=name, start_ms=start_ms, end_ms=end_ms, stage=stage)


SPANS = (
    span(Stage.SPECIFICATION, 0, 12.3456),
    span(Stage.TESTING, 20, 1220),
    span("tests", 25, 1200, Stage.TESTING),
    span(Stage.GENERATION, 1230, 11230),
    span("openhands_submission", 1230, 2100, Stage.GENERATION),
    span(f"agent:{MODULE}", 2100, 11230, Stage.GENERATION),
    span(Stage.REFACTORING, 1230, 4900),
    span("linting", 1231, 1400, Stage.REFACTORING),
    span("type_checking", 1232, 4800, Stage.REFACTORING),
    span("security", 1233, 3100, Stage.REFACTORING),
    span("vulnerabilities", 1234, 4900, Stage.REFACTORING),
    span(Stage.ACCEPTANCE, 11230, 13000),
    span(f"judge:{NEW_TEST}", 11240, 12100, Stage.ACCEPTANCE),
    span(Stage.ACCEPTANCE, 13100, 14200),
    span("tests", 13110, 14100, Stage.ACCEPTANCE),
)

PASSED = Run(
    plan=PLAN,
    started_at="2026-01-01T00:00:00.000+00:00",
    stages=(
        SPECIFIED,
        _stage(Stage.TESTING, TESTED, NO_TESTS),
        GENERATED,
        _stage(Stage.REFACTORING, CHECKED),
        StageResult(
            stage=Stage.ACCEPTANCE,
            verdict=stage_verdict(TESTED),
            outputs={"accepted": 2, "rejected": 4, "adopted": [NEW_TEST], "mutants": {NEW_TEST: 12}},
        ),
    ),
    not_run={},
    spans=SPANS,
    total_ms=14321.98765,
    submission_ms=870.0,
    collection_ms=9130.0,
    requests=(REQUEST,),
    outcomes=(OUTCOME,),
    rounds=ROUNDS,
    rounds_judged={(NEW_TEST, 1): CANDIDATES[:5], (NEW_TEST, 2): CANDIDATES[2:4]},
    candidates=CANDIDATES,
    adopted=(NEW_TEST,),
    diffs={MODULE: f"--- a/{MODULE}\n+++ b/{MODULE}\n@@ -1,2 +1,1 @@\n-import os\n def add(a: int, b: int) -> int:\n"},
    processes=(process("pytest", 5, 1175.0), process("ruff"), process("basedpyright", wall_ms=3568.0), process("pip-audit", 1, 3666.0)),
    digest=DIGEST,
)

FAILED = replace(
    PASSED,
    plan=replace(
        PLAN,
        target=Target.STAGING,
        mode=Mode.SYNC,
        generate=False,
        model="",
        scripted_model=False,
        stages=(Stage.SPECIFICATION, Stage.TESTING, Stage.REFACTORING, Stage.STAGING_DEPLOYMENT),
    ),
    stages=(
        SPECIFIED,
        _stage(
            Stage.TESTING,
            judged(
                measured("test_pass_rate", "5 of 5 tests passed", percent=100), measured("test_coverage", "62 % of 50 lines", percent=62)
            ),
        ),
        _stage(
            Stage.REFACTORING,
            judged(
                measured(
                    "linting",
                    "1 issue in 2 files",
                    findings=(Finding(path=MODULE, line=3, code="F401", message="`os` imported but <unused>", severity=Severity.LOW),),
                    issues=1,
                ),
                *(each.evidence.answer for each in CHECKED[1:] if each.evidence),
            ),
        ),
    ),
    not_run={Stage.STAGING_DEPLOYMENT: "required gates did not pass: test_coverage, linting"},
    spans=(*SPANS[:3], span(Stage.REFACTORING, 1230, 4900), span("linting", 1231, 1400, Stage.REFACTORING)),
    total_ms=4910.0,
    requests=(),
    submission_ms=0.0,
    collection_ms=0.0,
    outcomes=(),
    rounds=(),
    rounds_judged={},
    candidates=(),
    adopted=(),
    diffs={},
)

ERRORED = replace(
    FAILED,
    stages=(
        SPECIFIED,
        _stage(Stage.TESTING, TESTED),
        _stage(
            Stage.REFACTORING,
            judged(
                Unanswered(gate="linting", reason="ruff is not installed (ruff not found)", next_step="install ruff"),
                *(each.evidence.answer for each in CHECKED[1:] if each.evidence),
            ),
        ),
    ),
    not_run={Stage.STAGING_DEPLOYMENT: "required gates did not pass: linting"},
    processes=(process("ruff", None, 0.0, not_found=True), process("basedpyright", None, 300000.0, timed_out=True)),
)

CUT_OFF = tuple(Unanswered(gate=rule.gate, reason="no answer: the run was interrupted", next_step="") for rule in RULES[:2])
INTERRUPTED = replace(
    PASSED,
    stages=(SPECIFIED, StageResult(stage=Stage.TESTING, verdict=stage_verdict(()), gates=judged(*CUT_OFF))),
    not_run=dict.fromkeys((Stage.GENERATION, Stage.REFACTORING, Stage.ACCEPTANCE), "the run was interrupted"),
    spans=SPANS[:2],
    total_ms=1221.0,
    submission_ms=0.0,
    collection_ms=0.0,
    outcomes=(),
    rounds=(),
    rounds_judged={},
    candidates=(),
    adopted=(),
    diffs={},
    processes=(process("pytest", -2, 1175.0),),
    interrupted=True,
    can_go_on=True,
)

GENERATION_ERRORED = replace(
    PASSED,
    plan=replace(PLAN, model="some/model", scripted_model=False),
    stages=(
        SPECIFIED,
        _stage(Stage.TESTING, TESTED),
        StageResult(
            stage=Stage.GENERATION,
            verdict=stage_verdict(()),
            errors=("no key for the model",),
            next_steps=("set LLM_API_KEY",),
            outputs={"asked": [MODULE], "delivered": [], "llm_calls": 0, "cost_usd": 0.0},
        ),
        _stage(Stage.REFACTORING, CHECKED),
    ),
    not_run={Stage.ACCEPTANCE: "no test was proposed"},
    spans=(*SPANS[:3], span(Stage.GENERATION, 1230, 1250), *SPANS[6:11]),
    total_ms=4912.0,
    submission_ms=20.0,
    collection_ms=0.0,
    outcomes=(),
    rounds=(),
    rounds_judged={},
    candidates=(),
    adopted=(),
    diffs={},
)

ATTESTED = replace(
    PASSED,
    stages=(
        StageResult(stage=Stage.REFACTORING, verdict=Verdict.WARNED, gates=(_named_documentation(Verdict.WARNED, "write docstrings"),)),
        StageResult(
            stage=Stage.PRODUCTION_DEPLOYMENT,
            verdict=Verdict.PENDING,
            gates=(_named_documentation(Verdict.PENDING, "spec2prod attest documentation", attested=True),),
        ),
    ),
)
"""Two gates of one name: one measures, the other asks for somebody's word."""

RUNS = {"passed": PASSED, "failed": FAILED, "errored": ERRORED, "interrupted": INTERRUPTED, "generation_errored": GENERATION_ERRORED}

REFUSED = Refusal(
    run_id="20260101-000000-refused",
    component_name="empty",
    target="staging",
    mode=Mode.SYNC,
    started_at="2026-01-01T00:00:00.000+00:00",
    total_ms=31.25,
    error=SpecificationError("the specification promises nothing", where="specs/empty.md:1", next_step="add a Requirements section"),
)
