"""The cache on both databases: an answer counts exactly where its question and what it read are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.digests import Digests
from spec2prod.adapters.store.cache import AnswerStore
from spec2prod.adapters.store.database import Database
from spec2prod.adapters.tree import ProjectTree
from spec2prod.domain.candidate import TaskOutcome, TaskStatus
from spec2prod.domain.flaky import Standing
from spec2prod.domain.question import Found, Kept, Question
from spec2prod.domain.suite import CaseResult, SuiteReport
from spec2prod.domain.verdict import Finding, Measurement, Severity

_SUITE = SuiteReport(
    cases=(CaseResult(node_id="t.py::a", name="a", file="t.py", line=3, outcome="failed", message="no", covered={"a.py": frozenset({1})}),),
    statements={"a.py": frozenset({1, 2})},
    executed={"a.py": frozenset({1})},
)
_FINDING = Finding(path="a.py", line=2, code="E1", message="bad \udcff", severity=Severity.LOW)
_ANSWER = Measurement(gate="linting", values={"issues": 1.0}, checked=2, findings=(_FINDING,), summary="1 issue")
_OUTCOME = TaskOutcome(task_id="t", module="a.py", test_file="test_a.py", status=TaskStatus.DELIVERED, text="x = 1", cost_usd=0.5)
_KEPT = Kept(
    run_id="run-1",
    measured_at="2026-01-01T00:00:00+00:00",
    tool="linting",
    answers=(_ANSWER,),
    suite=_SUITE,
    standings={"t.py::a": Standing.FAILING},
    outcome=_OUTCOME,
    texts={"a.py": "y = 2\n"},
)


@pytest.fixture
def tree(tmp_path: Path) -> ProjectTree:
    """Give a project with two files and a folder."""
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "a.py").write_text("a = 1\nb = 2\nc = 3\n")
    (root / "data/n.json").write_text("[1]\n")
    return ProjectTree(root, "run", Digests)


def _question(tree: ProjectTree, **changes: str) -> Question:
    inputs = {**tree.state(["file:a.py"]), "tool:ruff": "1", **changes}
    return Question(name="linting", component="api", inputs=inputs)


def _trace(tree: ProjectTree) -> Mapping[str, str]:
    return tree.state(["file:data/n.json", "file:data/absent.json", "listing:data", "importables:."])


def test_an_answer_comes_back_as_it_was_kept(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), {}, _KEPT, tree)
    assert store.find(_question(tree), tree) == _KEPT


def test_another_question_has_no_answer(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), {}, _KEPT, tree)
    assert store.find(_question(tree, **{"tool:ruff": "2"}), tree) is None
    assert store.find(replace(_question(tree), component="other"), tree) is None


@pytest.mark.parametrize(
    "change",
    [("data/n.json", "[2]\n"), ("data/n.json", None), ("data/absent.json", "[]"), ("data/other.txt", ""), ("b.py", "")],
    ids=["changed", "gone", "appeared", "listed", "importable"],
)
def test_what_was_read_must_be_the_same(database: Database, tree: ProjectTree, change: tuple[str, str | None]) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), _trace(tree), _KEPT, tree)
    assert store.find(_question(tree), tree) == _KEPT
    path, text = change
    if text is None:
        (tree.root / path).unlink()
    else:
        (tree.root / path).write_text(text)
    assert store.find(_question(tree), tree) is None


def test_what_was_not_read_may_change(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), _trace(tree), _KEPT, tree)
    (tree.root / "README.md").write_text("more")
    assert store.find(_question(tree), tree) == _KEPT


def test_each_state_that_was_read_keeps_its_own_answer(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    other = replace(_KEPT, run_id="run-2")
    store.keep(_question(tree), _trace(tree), _KEPT, tree)
    (tree.root / "data/n.json").write_text("[2]\n")
    store.keep(_question(tree), _trace(tree), other, tree)
    assert store.find(_question(tree), tree) == other
    (tree.root / "data/n.json").write_text("[1]\n")
    assert store.find(_question(tree), tree) == _KEPT


def test_a_flaky_answer_is_never_used_even_if_it_was_green_the_next_time(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), {}, replace(_KEPT, flaky=True), tree)
    assert store.find(_question(tree), tree) is None
    assert store.explain(_question(tree), tree).found is Found.FLAKY
    store.keep(_question(tree), {}, _KEPT, tree)
    assert store.find(_question(tree), tree) is None
    assert store.stats().flaky == 1


def test_an_answer_that_may_never_be_used_tells_why(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), {}, replace(_KEPT, never="the tests ask example.org over the network"), tree)
    assert store.find(_question(tree), tree) is None
    told = store.explain(_question(tree), tree)
    assert told.found is Found.NEVER
    assert told.kept is not None
    assert "network" in told.kept.never


def test_an_answer_that_is_too_old_is_asked_again(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), {}, _KEPT, tree)
    database.rows("UPDATE answers SET made_at = made_at - 7200")
    assert store.find(replace(_question(tree), max_age_s=10_000), tree) == _KEPT
    assert store.find(replace(_question(tree), max_age_s=3600), tree) is None
    assert store.explain(replace(_question(tree), max_age_s=3600), tree).found is Found.TOO_OLD


def test_a_content_that_is_not_ours_is_asked_again(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), {}, _KEPT, tree)
    database.rows("UPDATE contents SET body = ? WHERE digest = (SELECT content FROM answers)", '{"!": "os.system", "v": "echo"}')
    assert store.find(_question(tree), tree) is None


def test_the_input_that_changed_is_named_with_its_lines(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), _trace(tree), _KEPT, tree)
    (tree.root / "a.py").write_text("a = 1\nb = 22\nc = 33\n")
    told = store.explain(_question(tree), tree)
    assert (told.found, told.kept) == (Found.CHANGED, _KEPT)
    assert [change.name for change in told.changes] == ["file:a.py"]
    assert told.lines == {"file:a.py": "a.py:2-3"}


def test_a_file_that_was_read_and_changed_is_named_too(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), _trace(tree), _KEPT, tree)
    (tree.root / "data/n.json").write_text("[3]\n")
    told = store.explain(_question(tree), tree)
    assert [change.name for change in told.changes] == ["file:data/n.json"]
    assert told.lines == {"file:data/n.json": "data/n.json:1"}


def test_nothing_is_known_of_what_was_never_asked(database: Database, tree: ProjectTree) -> None:
    assert AnswerStore(database).explain(_question(tree), tree).found is Found.UNKNOWN


def test_the_least_recently_used_go_first(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    questions = [_question(tree, **{"tool:ruff": f"{number}"}) for number in range(4)]
    for number, question in enumerate(questions):
        store.keep(question, {}, replace(_KEPT, run_id=f"{number}" * 2000), tree)
        database.rows("UPDATE answers SET used_at = ? WHERE key = ?", float(number), question.key)
    assert store.find(questions[0], tree) is not None
    store.settle(store.stats().size - 1)
    left = [number for number, question in enumerate(questions) if AnswerStore(database).find(question, tree)]
    assert 0 in left
    assert 1 not in left
    assert store.stats().size < 4 * 3000


def test_what_nobody_used_for_long_goes_and_its_contents_with_it(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), _trace(tree), _KEPT, tree)
    assert store.prune(unused_since=database.now() - 60) == 0
    assert store.prune(unused_since=database.now() + 60) == 1
    assert (store.stats().answers, store.stats().size) == (0, 0)


def test_clearing_leaves_nothing(database: Database, tree: ProjectTree) -> None:
    store = AnswerStore(database)
    store.keep(_question(tree), _trace(tree), _KEPT, tree)
    assert store.clear() == 1
    assert store.find(_question(tree), tree) is None
    assert store.stats().size == 0
