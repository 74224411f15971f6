"""The page about a run: whole, escaped, and complete in itself."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from spec2prod.domain.run import Run
from spec2prod.reports.gantt import lay_out
from spec2prod.reports.html import render
from spec2prod.reports.words import duration, line_ranges
from tests.reports.golden import assert_golden
from tests.reports.runs import ATTESTED, FAILED, GENERATION_ERRORED, HIDDEN, INTERRUPTED, MODULE, PASSED, RUNS

GOLDEN = Path(__file__).parent / "golden"
EVERY_RUN = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())


class Page(HTMLParser):
    """Reads a page: its tags in order, its text, and whether they are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", RUNS)
def test_the_whole_page_is_as_expected(name: str) -> None:
    assert_golden(GOLDEN / f"{name}.html", render(RUNS[name]))


@EVERY_RUN
def test_the_page_is_well_formed_and_says_the_verdict_in_its_heading(run: Run) -> None:
    page = Page(render(run))
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert run.conclusion.replace(">=", "≥").replace("<=", "≤") in page.text


@EVERY_RUN
def test_the_page_needs_nothing_from_elsewhere(run: Run) -> None:
    page = Page(render(run))
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not [attrs for _, attrs in page.tags if "src" in attrs or not str(attrs.get("href", "#")).startswith("#")]
    assert "url(" not in render(run)
    assert "@import" not in render(run)


@EVERY_RUN
def test_headings_that_label_a_section_exist_once(run: Run) -> None:
    page = Page(render(run))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    labels = [label for _, attrs in page.tags for label in str(attrs.get("aria-labelledby", "")).split()]
    assert len(ids) == len(set(ids))
    assert set(labels) <= set(ids)


@EVERY_RUN
def test_no_secret_is_on_the_page(run: Run) -> None:
    assert HIDDEN not in render(run)


def test_what_tools_say_is_escaped() -> None:
    assert "assert 4 == 5 &lt;b&gt;&amp; more&lt;/b&gt;" in render(PASSED)
    assert "<code>os</code> imported but &lt;unused&gt;" in render(FAILED)


def test_a_scripted_model_is_called_one_and_another_is_not() -> None:
    assert "Scripted model." in render(PASSED)
    assert "cripted model" not in render(GENERATION_ERRORED)


def test_candidates_are_told_with_their_reasons() -> None:
    text = Page(render(PASSED)).text
    assert all(each.reason.replace("`", "") in text for each in PASSED.candidates)
    assert "2 accepted, 1 suspected defect, 1 errored, 1 for review, 4 rejected, 1 redundant" in text
    assert all(each.decided_by in text for each in PASSED.candidates)
    assert all(change.replace("`", "") in text for each in PASSED.candidates for change in each.only)


def test_what_was_asked_in_vain_is_told_with_the_reason() -> None:
    assert f"{MODULE}: asked, and nothing came. no key for the model" in Page(render(GENERATION_ERRORED)).text


def test_the_chart_has_a_row_for_each_stage_and_step_and_stays_inside_itself() -> None:
    chart = lay_out(PASSED)
    assert [row.name for row in chart.rows if not row.step] == [
        "specification",
        "testing",
        "refactoring",
        "openhands_test_generation",
        "test_acceptance",
    ]
    assert len(next(row for row in chart.rows if row.name == "test_acceptance").bars) == 2
    assert all(bar.x >= 0 and bar.x + bar.width <= 100.001 for row in chart.rows for bar in row.bars)
    assert max(row.top for row in chart.rows) < chart.height
    assert [tick for tick, _ in chart.ticks] == sorted(tick for tick, _ in chart.ticks)
    assert next(row for row in chart.rows if row.name.startswith("agent:")).label == "agent: operations.py"


def test_a_run_without_any_time_is_still_drawn() -> None:
    assert lay_out(replace(INTERRUPTED, spans=(), total_ms=0.0)).rows == ()
    assert "Timeline" not in render(replace(INTERRUPTED, spans=(), total_ms=0.0))


@pytest.mark.parametrize(("ms", "said"), [(0, "0 ms"), (870.4, "870 ms"), (9130, "9.1 s"), (59_990, "60.0 s"), (123_000, "2 min 03 s")])
def test_times_are_said_as_people_say_them(ms: float, said: str) -> None:
    assert duration(ms) == said


@pytest.mark.parametrize(("lines", "said"), [((), ""), ((5,), "5"), ((9, 3, 4, 5), "3-5, 9")])
def test_lines_are_written_as_ranges(lines: tuple[int, ...], said: str) -> None:
    assert line_ranges(lines) == said


def test_a_page_without_an_agent_speaks_of_none() -> None:
    requests = tuple(replace(each, generator="spec") for each in PASSED.requests)
    page = render(replace(PASSED, plan=replace(PASSED.plan, generators=("spec",)), requests=requests))
    assert "from the specification&#39;s examples" in page
    assert not [words for words in ("The agent", "the agent", "Round by round") if words in page]


def test_a_lone_backtick_begins_no_code() -> None:
    named = replace(PASSED.candidates[0], reason="a ` and <b>")
    assert "<p>a ` and &lt;b&gt;</p>" in render(replace(PASSED, candidates=(named,)))


def test_an_attestation_is_told_apart_from_the_gate_of_its_name() -> None:
    page = render(ATTESTED)
    names = re.findall(r'<th role="rowheader" scope="row"><span class="mono">(documentation[^<]*)</span>', page)
    assert names == ["documentation", "documentation attestation"]


def test_what_could_not_be_asked_has_its_next_step_beside_it() -> None:
    assert re.search(r'<li>no key for the model</li></ul><p class="next">.*set LLM_API_KEY</p>', render(GENERATION_ERRORED))
