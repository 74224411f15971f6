"""The labelled set of candidate tests is well-formed, and one module of it is judged without a bad test passing."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from benchmarks.acceptance import confusion
from benchmarks.acceptance.judging import Answer, judge
from benchmarks.acceptance.keeping import Kept
from benchmarks.acceptance.labels import RIGHT, Label, candidates_of, files_of, modules
from benchmarks.acceptance.subjects import OWN, PACKAGES, project_of
from spec2prod.domain.screening import screen

# ACCEPTANCE.md's filters and the evasions of issue 5: a set without one of them would flatter the judge.
BAD_KINDS = {
    *(
        "rewrites_source",
        "rewrites_config",
        "no_assertion",
        "constant_assertion",
        "self_comparison",
        "swallowed_assertion",
        "skip",
        "xfail",
    ),
    *("unit_patched", "reads_source", "failing", "hanging", "leaks_thread", "leaks_process", "network", "network_swallowed"),
    *("writes_outside", "forged_result", "forges_coverage", "patches_pytest", "pollution", "random", "order_dependent", "clock"),
    *("environment", "off_target", "weak", "enshrined_bug", "unknown_requirement", "unreached_assertion", "mock_only", "never_awaited"),
    *("hypothesis_vacuous", "too_many_cases", "crash_only", "mirror_of_constants"),
}
GOOD_KINDS = {
    *("boundary", "parametrised", "fixture", "class_based", "async", "hypothesis", "tmp_path", "monkeypatch", "caplog", "capsys"),
    *("mock_collaborator", "assertion_in_helper", "error", "grounded", "example"),
}
ALL = [each for module in modules() for each in candidates_of(module)]


def kinds(*labels: Label) -> set[str]:
    return {each.kind for each in ALL if each.label in labels}


def test_the_set_is_large_and_of_many_modules() -> None:
    assert len(ALL) >= 120
    assert len(modules()) >= 8
    assert len(set(modules()) & set(PACKAGES)) >= 3
    assert {label for label in Label if not any(each.label is label for each in ALL)} == set()


def test_every_kind_is_in_the_set() -> None:
    assert BAD_KINDS - kinds(Label.BAD) == set()
    assert GOOD_KINDS - kinds(Label.GOOD) == set()
    assert kinds(Label.REVIEW_OK) >= {"mirrors_implementation", "private_name"}


def test_a_defect_is_revealed_in_more_than_one_module() -> None:
    assert len({each.module for each in ALL if each.label is Label.REVEALS_DEFECT}) >= 2


@pytest.mark.parametrize("module", modules())
def test_each_function_has_one_label_and_each_label_a_function(module: str) -> None:
    labelled = [each.name for each in candidates_of(module)]
    written = [f"{file.name}::{name}" for file in files_of(module) for name in functions(file)]
    assert sorted(labelled) == sorted(written)


def test_each_label_says_why() -> None:
    assert [each.name for each in ALL if len(each.why) <= 15] == []


def functions(file: Path) -> list[str]:
    screened = screen(file.read_text())
    assert not isinstance(screened, str), screened
    return [each.name for each in screened]


def test_each_module_of_our_own_has_a_specification_and_each_other_a_hash() -> None:
    pinned = (OWN.parent / "subjects.txt").read_text()
    for module in modules():
        if module in PACKAGES:
            assert f"{module}==" in pinned
        else:
            assert "## Requirements" in (OWN / module / "spec.md").read_text()
            ast.parse((OWN / module / f"{module}.py").read_text())


def test_a_bad_test_may_be_held_back_in_any_way_but_not_pass() -> None:
    assert RIGHT[Label.BAD].isdisjoint(RIGHT[Label.GOOD])
    assert RIGHT[Label.REVIEW_OK].isdisjoint(RIGHT[Label.GOOD])


def test_rates_count_what_went_wrong_by_label() -> None:
    bad = next(each for each in ALL if each.label is Label.BAD)
    good = next(each for each in ALL if each.label is Label.GOOD)
    answers = {bad.name: Answer(verdict="accepted"), good.name: Answer(verdict="rejected")}
    told = confusion.judged([bad, good], answers)
    found = confusion.rates(told)
    assert (found.bad, found.all_bad, found.good, found.all_good) == (1, 1, 1, 1)
    assert confusion.wrong_ones(told) == told
    assert len(list(confusion.matrix(told))) == 3


def test_raw_results_are_kept_after_each_module_in_one_file_a_run(tmp_path: Path) -> None:
    before = tmp_path / "results" / "acceptance-before.json"
    before.parent.mkdir()
    before.write_text("{}")
    kept = Kept(benchmark=tmp_path / "acceptance.py", file=before)
    first = kept.keep({"ways": ["a"]})
    second = kept.keep({"ways": ["a", "b"]})
    assert first.parent == before.parent
    assert list(before.parent.iterdir()) == [second]
    assert json.loads(second.read_text())["figures"] == {"ways": ["a", "b"]}


@pytest.mark.slow
def test_no_bad_test_of_a_module_is_accepted_and_every_good_one_is(tmp_path: Path) -> None:
    answered = judge(project_of("intervals", tmp_path), files_of("intervals"))
    assert answered.failure == ""
    told = confusion.judged(candidates_of("intervals"), answered.answers)
    assert [each.name for each, answer in told if each.label is Label.BAD and answer.verdict == "accepted"] == []
    assert [each.name for each, answer in told if each.label is Label.GOOD and not each.is_right(answer.verdict)] == []
