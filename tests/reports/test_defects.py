"""Open defects in every way of telling: first, whole, and with what to do next."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from spec2prod.adapters.markdown import parse_spec
from spec2prod.adapters.terminal import summary
from spec2prod.domain.defect import Defect, Promised, answer, suspect
from spec2prod.domain.plan import Stage
from spec2prod.domain.run import Run, StageResult
from spec2prod.domain.verdict import Comparison, Evidence, Limit, Rule, Verdict, judge
from spec2prod.reports import html, json_report
from tests.reports.runs import PASSED

DEFECT: Defect = suspect(
    component="calc",
    module="src/calc.py",
    test_file="tests/test_calc.py",
    test="test_sub",
    source="def test_sub():\n    assert sub(3, 1) < 2  # <b>\n",
    requirements=[("REQ-1", "1f0c.9a2b.3d4e"), ("REQ-2", "")],
    sentence="the code may be wrong: REQ-1 says <2, it returns 4",
    message="E   assert 4 < 2",
    run_id="r0",
    seen_at="2026-01-01T02:03:04.000+00:00",
)
RULE = Rule(gate="suspected_defects", limits=(Limit(value="open", comparison=Comparison.AT_MOST, threshold=0),))


def run() -> Run:
    gate = judge(RULE, Evidence(answer=answer([DEFECT]), digest="d", measured_at="now", tool="record"))
    testing = StageResult(stage=Stage.TESTING, verdict=Verdict.FAILED, gates=(gate,))
    stages = (*(each for each in PASSED.stages if each.stage is not Stage.TESTING), testing)
    return replace(PASSED, stages=stages, defects=(DEFECT,))


def told(width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, force_terminal=False)
    summary(run(), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_json_report_holds_all_that_is_needed_to_look_at_it() -> None:
    kept = replace(DEFECT, promises=(Promised(id="REQ-1", text="It subtracts", path="s.md", line=2),))
    (first,) = json_report.as_document(replace(run(), defects=(kept,)))["run"]["defects"]
    assert (first["id"], first["test"], first["source"]) == (DEFECT.id, "test_sub", DEFECT.source)
    assert first["requirements"] == [["REQ-1", "1f0c.9a2b.3d4e"], ["REQ-2", ""]]
    assert first["promises"] == [{"id": "REQ-1", "text": "It subtracts", "path": "s.md", "line": 2}]
    assert first["next_step"] == f"spec2prod defects show {DEFECT.id}"
    assert json_report.as_document(PASSED)["run"]["defects"] == []


def test_the_page_shows_it_before_the_gates_with_every_value_escaped() -> None:
    page = html.render(run())
    assert page.index('id="defects"') < page.index('id="gates"')
    assert "REQ-1 says &lt;2, it returns 4" in page
    assert f"spec2prod defects show {DEFECT.id}" in page
    assert "# <b>" not in page
    assert 'id="defects"' not in html.render(PASSED)


def test_the_page_tells_the_sentences_that_it_contradicts_and_what_has_become_of_them() -> None:
    specification = parse_spec("## Requirements\n- REQ-1: `sub(3, 1)` is <2\n- REQ-2: Other by now\n", "s.md")
    first, second = specification.requirements
    kept = (Promised(id="REQ-1", text=first.text, path="s.md", line=1), Promised(id="REQ-2", text="Once", path="s.md", line=3))
    defect = replace(DEFECT, requirements=(("REQ-1", first.text_hash), ("REQ-2", "an.other.hash")), promises=kept)
    page = html.render(replace(run(), plan=replace(PASSED.plan, specification=specification), defects=(defect,)))
    assert "<li>requirement: REQ-1 (s.md:2): <code>sub(3, 1)</code> is &lt;2</li>" in page  # where it stands now
    assert f"REQ-2 (s.md:3): Once<small>as it was; by now line {second.line} says: Other by now</small>" in page
    elsewhere = html.render(replace(run(), defects=(defect,)))
    assert f"as it was; this run has read {PASSED.plan.specification.path}" in elsewhere
    bare = html.render(run())
    assert "<li>requirement: REQ-1<small>its sentence was not kept" in bare
    assert "<li>requirement: REQ-2<small>no specification has it" in bare


def test_the_page_tells_what_was_expected_and_what_the_code_answered() -> None:
    defect = replace(DEFECT, message="    assert sub(3, 1) < 2\nE   assert 4 < 2\nE    +  where 4 = sub(3, 1)\n")
    page = html.render(replace(run(), defects=(defect,)))
    assert "<li>expected: <code>sub(3, 1) &lt; 2</code></li>" in page
    assert "<li>the code answered: <code>4 &lt; 2, where 4 = sub(3, 1)</code></li>" in page
    assert "expected:" not in html.render(run())


def test_the_terminal_tells_it_first_and_names_the_next_step_at_the_end() -> None:
    lines = told().strip().splitlines()
    assert lines[0].startswith("Suspected defects")
    assert lines[1].split() == ["✗", DEFECT.id, "src/calc.py", "(REQ-1,", "REQ-2):", *DEFECT.sentence.split()]
    assert lines[2].strip() == f"spec2prod defects show {DEFECT.id}"
    step = next(line for line in lines if line.startswith("  suspected_defects: "))
    assert step.endswith(f"spec2prod defects show {DEFECT.id}")
    assert "suspected_defects failed (open is 1, needed ≤ 0)" in lines[-1]


@pytest.mark.parametrize("width", [1, 20, 72])
def test_nothing_of_it_is_lost_on_a_narrow_terminal(width: int) -> None:
    letters = "".join(told(width).split())
    for part in (DEFECT.id, DEFECT.sentence, DEFECT.next_step):
        assert part.replace(" ", "") in letters


def test_the_next_step_of_the_gate_is_each_defects_own_and_repeats_nothing() -> None:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    summary(run(), console)
    assert isinstance(console.file, io.StringIO)
    assert f"  suspected_defects: {DEFECT.next_step}\n" in console.file.getvalue()
    assert console.file.getvalue().count(DEFECT.sentence) == 1
