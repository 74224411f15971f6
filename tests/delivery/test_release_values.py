"""The pure half of releasing: history, what is packed, retries, production's rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.component import Component
from spec2prod.domain.release import (
    Artifact,
    Attestation,
    Entry,
    Kind,
    ProductionRules,
    Retry,
    Standing,
    listed,
    production_gates,
    shipment,
    standing,
)
from spec2prod.domain.verdict import Verdict, worst

NOW = "2026-01-08T00:00:00.000+00:00"


def entry(kind: Kind, digest: str, current: str, at: str = "2026-01-01T00:00:00.000+00:00") -> Entry:
    return Entry(kind=kind, component="calc", digest=digest, version="1", at=at, current=current, verdict=Verdict.PASSED)


def artifact(digest: str = "b") -> Artifact:
    return Artifact(component="calc", version="1", digest=digest, path=Path("calc.whl"), modules=("calc",))


def component(source: str, *modules: str, tests: tuple[str, ...] = (), import_root: str = "src") -> Component:
    return Component(
        name="calc", root=Path("/p"), source=source, import_root=import_root, modules=modules, tests=tests, interpreter=Path("python")
    )


def test_where_an_environment_stands_is_folded_from_its_history() -> None:
    released = [entry(Kind.RELEASED, "a", "a"), entry(Kind.RELEASED, "b", "b"), entry(Kind.TAKEN_BACK, "c", "b")]
    now = standing(released)
    assert (now.current, now.previous, now.held, now.rolled_back) == ("b", "a", (), False)
    back = standing([*released, entry(Kind.ROLLED_BACK, "b", "a")])
    assert (back.current, back.previous, back.held, back.rolled_back) == ("a", "", ("b",), True)
    lifted = standing([*released, entry(Kind.ROLLED_BACK, "b", "a"), entry(Kind.HOLD_LIFTED, "b", "a")])
    assert (lifted.current, lifted.held) == ("a", ())


def test_a_release_of_the_current_digest_starts_its_time_over_and_keeps_the_way_back() -> None:
    again = standing([entry(Kind.RELEASED, "a", "a"), entry(Kind.RELEASED, "b", "b"), entry(Kind.RELEASED, "b", "b", at=NOW)])
    assert (again.current, again.previous, again.since) == ("b", "a", NOW)


@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.sampled_from("abc"), st.sampled_from(["", "a", "b", "c"]))))
def test_the_way_back_never_leads_to_the_current_release(steps: list[tuple[Kind, str, str]]) -> None:
    now = standing(entry(kind, digest, current) for kind, digest, current in steps)
    assert not now.previous or now.previous != now.current


def test_a_rollback_takes_nothing_from_what_a_release_was_and_is_told_beside_it() -> None:
    history = [
        replace(entry(Kind.RELEASED, "a", "a", "2026-01-01T08:00:00"), run_id="first"),
        replace(entry(Kind.RELEASED, "b", "b", "2026-01-02T08:00:00"), run_id="second"),
        entry(Kind.ROLLED_BACK, "b", "a", "2026-01-03T08:00:00"),
    ]
    rows = listed(history)
    assert [(row.digest, row.is_current, row.is_held, row.kind, row.run_id, row.at) for row in rows] == [
        ("a", True, False, Kind.RELEASED, "first", "2026-01-01T08:00:00"),
        ("b", False, True, Kind.RELEASED, "second", "2026-01-02T08:00:00"),
    ]
    assert [row.since for row in rows] == ["2026-01-03T08:00:00", ""]
    assert rows[1].later == (history[2],)


def test_a_digest_that_is_released_anew_is_listed_with_its_newest_release() -> None:
    history = [
        *(entry(Kind.RELEASED, "a", "a"), entry(Kind.RELEASED, "b", "b"), entry(Kind.ROLLED_BACK, "b", "a")),
        *(entry(Kind.HOLD_LIFTED, "b", "a"), replace(entry(Kind.RELEASED, "b", "b", NOW), run_id="again")),
    ]
    assert [(row.digest, row.run_id, row.later, row.is_current) for row in listed(history)] == [
        ("a", "", (), False),
        ("b", "again", (), True),
    ]
    assert [each.kind for each in listed(history[:4])[1].later] == [Kind.ROLLED_BACK, Kind.HOLD_LIFTED]


def test_what_was_found_there_keeps_the_release_that_is_known_of_it() -> None:
    rows = listed([replace(entry(Kind.RELEASED, "a", "a"), run_id="first"), entry(Kind.FOUND, "x", "x"), entry(Kind.FOUND, "a", "a")])
    assert [(row.digest, row.kind, row.run_id) for row in rows] == [("a", Kind.RELEASED, "first"), ("x", Kind.FOUND, "")]


FILES = (
    *("src/app/__init__.py", "src/app/billing/__init__.py", "src/app/billing/rates.json", "src/app/billing/sums.py", "src/app/other.py"),
    *(
        "src/app/billing/tests/test_sums.py",
        "tests/billing/test_sums.py",
        "tests/billing/data.csv",
        "tests/conftest.py",
        "conftest.py",
        "README.md",
    ),
)


def test_a_package_is_packed_whole_with_the_packages_above_it() -> None:
    tests = ("src/app/billing/tests/test_sums.py", "tests/billing/test_sums.py")
    sorted_out = shipment(component("src/app/billing", "src/app/billing/__init__.py", "src/app/billing/sums.py", tests=tests), FILES)
    assert sorted_out.files == (
        "src/app/__init__.py",
        "src/app/billing/__init__.py",
        "src/app/billing/rates.json",
        "src/app/billing/sums.py",
        "src/app/billing/tests/test_sums.py",
    )
    assert (sorted_out.inside, sorted_out.outside) == (tests[:1], tests[1:])
    assert sorted_out.luggage == ("conftest.py", "tests/billing/data.csv", "tests/billing/test_sums.py", "tests/conftest.py")


def test_of_a_single_module_goes_the_module_alone() -> None:
    found = shipment(
        component("src/a/b/ops.py", "src/a/b/ops.py", tests=("tests/test_ops.py",)),
        ["src/a/b/ops.py", "src/a/b/data.txt", "tests/test_ops.py"],
    )
    assert found.files == ("src/a/b/ops.py",)
    assert found.luggage == ("tests/test_ops.py",)


def test_tests_beside_a_packages_module_are_installed_with_it() -> None:
    files = ["pkg/__init__.py", "pkg/ops.py", "pkg/test_ops.py", "pkg/other.py"]
    found = shipment(component("pkg/ops.py", "pkg/ops.py", tests=("pkg/test_ops.py",), import_root="."), files)
    assert found.files == ("pkg/__init__.py", "pkg/ops.py", "pkg/test_ops.py")
    assert found.outside == ()


def test_modules_at_the_top_do_not_take_the_whole_project_along() -> None:
    found = shipment(
        component(".", "ops.py", import_root=".", tests=("test_ops.py",)), ["ops.py", "test_ops.py", "notes.txt", "pyproject.toml"]
    )
    assert found.files == ("ops.py",)
    assert found.luggage == ("test_ops.py",)


def test_pauses_grow_to_their_bound_and_jitter_only_shortens_them() -> None:
    retry = Retry(retries=5, base_s=2.0, factor=2.0, longest_s=30.0)
    assert [retry.delay_s(attempt, 0) for attempt in range(1, 7)] == [2, 4, 8, 16, 30, 30]
    assert retry.delay_s(1, 1) == 1


def gates(rules: ProductionRules, *said: Attestation, since: str = "2026-01-01T00:00:00.000+00:00", now: str = NOW) -> dict[str, Verdict]:
    judged = production_gates(rules, Standing(current="b", since=since), artifact(), said, now)
    return {gate.gate: gate.verdict for gate in judged}


def attestation(digest: str = "b") -> Attestation:
    return Attestation(name="monitoring", component="calc", digest=digest, by="Ada", at=NOW, message="dashboards looked at")


def test_production_waits_for_time_and_people_and_says_what_would_meet_it() -> None:
    (soak, *others) = production_gates(ProductionRules(), Standing(current="b", since="2026-01-07T12:00:00+00:00"), artifact(), (), NOW)
    assert soak.verdict is Verdict.PENDING
    assert "0.5 of 7 days" in soak.reason
    assert "2026-01-14T12:00" in soak.next_step
    assert [gate.verdict for gate in others] == [Verdict.PENDING] * 4
    assert all("spec2prod attest" in gate.next_step for gate in others)


@pytest.mark.parametrize(
    ("since", "verdict"), [("2026-01-01T00:00:00+00:00", Verdict.PASSED), ("2026-01-01T00:00:01+00:00", Verdict.PENDING)]
)
def test_seven_days_are_seven_days(since: str, verdict: Verdict) -> None:
    assert gates(ProductionRules(attestations=()), since=since) == {"staging_soak": verdict}


def test_a_clock_that_was_set_back_never_shortens_the_soak() -> None:
    assert gates(ProductionRules(attestations=()), now="2025-01-01T00:00:00+00:00") == {"staging_soak": Verdict.PENDING}


def test_no_soak_is_asked_where_the_project_asks_for_none_and_staging_serves_it() -> None:
    rules = ProductionRules(soak_days=0, attestations=())
    assert gates(rules, since=NOW) == {"staging_soak": Verdict.PASSED}
    other = production_gates(rules, Standing(current="a", since=NOW), artifact(), (), NOW)
    assert [gate.verdict for gate in other] == [Verdict.PENDING]


def test_an_attestation_for_another_digest_counts_for_nothing() -> None:
    rules = ProductionRules(soak_days=0, attestations=("monitoring",))
    assert gates(rules, attestation())["monitoring"] is Verdict.PASSED
    assert gates(rules, attestation("a"))["monitoring"] is Verdict.PENDING


def test_pending_lets_nothing_pass_and_is_worse_than_a_warning() -> None:
    assert not Verdict.PENDING.lets_pass
    assert worst([Verdict.WARNED, Verdict.PENDING, Verdict.PASSED]) is Verdict.PENDING
    assert worst([Verdict.PENDING, Verdict.ERRORED]) is Verdict.ERRORED
