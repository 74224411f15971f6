from __future__ import annotations

from dataclasses import replace

from spec2prod.domain.judging import Beforehand, Evidence, JudgedCase, JudgedVerdict, Measured, judged
from spec2prod.domain.judging_comparing import Repeats, confirmed, grounded, harmless, has_own_times, ordered, swaying, unstable
from spec2prod.domain.specification import Requirement, Specification
from spec2prod.domain.suite import CaseResult

REQUIREMENT = Requirement(id="REQ-1", text="adds", line=5)
SPECIFICATION = Specification(path="specs/x.md", title="X", requirements=(REQUIREMENT,))


def case(name: str, outcome: str = "passed", *, evidence: tuple[Evidence, ...] = ()) -> JudgedCase:
    return JudgedCase(id=f"test_x.py::{name}", function=f"test_x.py::{name.partition('[')[0]}", outcome=outcome, evidence=evidence)


def plain(name: str, outcome: str = "passed", **requirements: str) -> CaseResult:
    named = {each.replace("_", "-"): text for each, text in requirements.items()}
    return CaseResult(node_id=f"test_x.py::{name}", name=name, file="test_x.py", line=1, outcome=outcome, requirements=named)


def test_only_what_ended_by_itself_and_was_seen_doing_nothing_is_run_by_pytest_too() -> None:
    measured = Measured(
        cases=(
            *(case("test_good"), case("test_red", "failed"), case("test_hangs", "timeout")),
            case("test_calls_home", evidence=(Evidence(kind="network"),)),
            case("test_forks", evidence=(Evidence(kind="fork"),)),
        )
    )
    names = {each.function for each in measured.cases} | {"test_x.py::test_absent"}
    assert harmless(measured, names) == ("test_x.py::test_forks", "test_x.py::test_good", "test_x.py::test_red")
    left_at_import = replace(measured, at_import={"test_x.py": (Evidence(kind="write"),)})
    assert harmless(left_at_import, names) == ()


def test_another_outcome_elsewhere_is_told_with_both() -> None:
    measured = Measured(cases=(case("test_a"), case("test_b")))
    elsewhere = Measured(cases=(case("test_a", "failed"), case("test_b")))
    assert unstable(measured, elsewhere, "abroad") == {
        "test_x.py::test_a": "its outcome depends on its surroundings: passed at first, failed abroad"
    }


def test_a_repetition_that_met_trouble_of_its_own_says_nothing() -> None:
    measured = Measured(cases=(case("test_a"),))
    assert unstable(measured, Measured(refused={"test_x.py": "no"}), "abroad") == {}
    assert unstable(measured, Measured(cases=(case("test_a", "failed"),), troubles={"test_x.py::test_a": "x"}), "abroad") == {}


def test_where_pytest_itself_sees_it_otherwise_the_test_is_errored_and_never_judged() -> None:
    measured = Measured(cases=(case("test_a"), case("test_b"), case("test_c")))
    sure = confirmed(measured, [plain("test_a", "failed"), plain("test_c")], {"test_x.py::test_a", "test_x.py::test_b"}, "plainly")
    assert dict(sure.troubles) == {
        "test_x.py::test_a": "passed alone, failed plainly",
        "test_x.py::test_b": "passed alone, not run plainly",
    }
    (judgement,) = judged(sure, ["test_x.py::test_a"])
    assert judgement.verdict is JudgedVerdict.ERRORED
    assert judgement.sentence == "the judge disagrees with itself: passed alone, failed plainly"


def test_a_test_is_tied_to_requirements_that_exist_and_whose_text_is_the_same() -> None:
    cases = [
        plain("test_a", REQ_1=REQUIREMENT.text_hash),
        plain("test_b", REQ_1="another"),
        plain("test_c", REQ_9=""),
        plain("test_d", REQ_1=""),
    ]
    known = grounded(cases, SPECIFICATION, {"test_x.py::test_d"})
    assert known.requirements["test_x.py::test_a"] == {"REQ-1"}
    assert known.requirements["test_x.py::test_b"] == set()
    assert known.doubts == {
        "test_x.py::test_b": "it was written for REQ-1 as it read before: specs/x.md states it otherwise now",
        "test_x.py::test_c": "it names REQ-9, which specs/x.md does not state",
    }
    assert known.met == {"REQ-1"}


def test_without_a_specification_nothing_is_tied() -> None:
    known = grounded([plain("test_a", REQ_1="")], None, ["test_x.py::test_b"])
    assert known == Beforehand(existing=frozenset({"test_x.py::test_b"}))


WAYS = ("abroad", "later")
USUAL = Measured(cases=tuple(case(name) for name in ("test_a", "test_b", "test_c", "test_d", "test_e")))


def but(*names: str) -> Measured:
    return replace(USUAL, cases=tuple(replace(each, outcome="failed") if each.id[11:] in names else each for each in USUAL.cases))


def test_what_made_a_test_end_otherwise_is_told_and_a_replaced_clock_alone_is_no_fault() -> None:
    repeats = Repeats(surroundings=but("test_a"), date=but("test_b", "test_c"), clock=but("test_c"), ways=WAYS)
    assert swaying(USUAL, but("test_a", "test_b", "test_c", "test_d"), repeats, ()) == {
        "test_x.py::test_a": "its outcome depends on its surroundings: passed at first, failed abroad",
        "test_x.py::test_b": "its outcome depends on its surroundings: passed at first, failed later",
        "test_x.py::test_d": "its outcome depends on its surroundings: passed at first, failed abroad later",
    }
    assert swaying(USUAL, USUAL, None, ()) == {}


def test_of_a_file_with_times_of_its_own_the_date_says_nothing() -> None:
    repeats = Repeats(surroundings=but("test_a"), date=but("test_b"), clock=USUAL, ways=WAYS)
    assert set(swaying(USUAL, but("test_a", "test_b"), repeats, {"test_x.py"})) == {"test_x.py::test_a"}
    assert has_own_times("assert path.stat().st_mtime > 1")
    assert not has_own_times("assert time.time() > 1")


def test_two_orders_that_disagree_are_told_and_only_of_the_tests_that_are_asked_about() -> None:
    first = [plain("test_a[1]"), plain("test_a[2]"), plain("test_b"), plain("test_c")]
    second = [plain("test_a[1]"), plain("test_a[2]", "failed"), plain("test_b"), plain("test_c", "failed")]
    assert ordered(first, second, {"test_x.py::test_a", "test_x.py::test_b"}, ("after", "before")) == {
        "test_x.py::test_a": "its outcome depends on the order: passed after, failed before"
    }
