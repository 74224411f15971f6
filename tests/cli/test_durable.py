"""Which run is gone on with, and which is refused by name: the same question, and the same files but for what the run itself wrote."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.store.runs import Runs, State
from spec2prod.bootstrap.begun import Begun, begun, identity_of, request_as_json, request_from
from spec2prod.bootstrap.durable import Keeper
from spec2prod.bootstrap.planning import prepare
from spec2prod.bootstrap.request import Request
from spec2prod.domain.plan import Mode, Plan, Stage
from spec2prod.errors import ComponentBusyError, RunChangedError, TakenOverError
from tests.application.test_pipeline import a_plan
from tests.fakes import FakeClock
from tests.reports.runs import PASSED

REQUEST = Request(spec=Path("spec.md"), component="calc", target="development", async_mode=True, overrides={"a": 1, "b": None})
INPUTS = {"src/calc.py": "d1"}


@asynccontextmanager
async def keeper_of(root: Path, component: str = "calc") -> AsyncIterator[Keeper]:
    keeper = Keeper(root, component, FakeClock())
    await keeper.open(None, wait=False)
    yield keeper
    keeper.close()


async def interrupted(root: Path, run_id: str = "r1") -> None:
    async with keeper_of(root) as keeper:
        keeper.begin(REQUEST, a_plan(run_id=run_id), INPUTS)
        await keeper.journal.intend("tests/test_new.py", None, "text")


@pytest.mark.asyncio
async def test_a_dead_run_of_the_same_question_is_gone_on_with(tmp_path: Path) -> None:
    await interrupted(tmp_path)
    async with keeper_of(tmp_path) as keeper:
        earlier = keeper.earlier(REQUEST, a_plan(run_id="r2"), INPUTS)
        assert earlier is not None
        keeper.go_on(earlier)
        assert keeper.run is not None
        assert (keeper.run.id, keeper.run.attempt) == ("r1", 2)


@pytest.mark.asyncio
async def test_what_the_run_wrote_itself_is_no_change(tmp_path: Path) -> None:
    await interrupted(tmp_path)
    own = INPUTS | {"tests/test_new.py": hashlib.sha256(b"text").hexdigest()}
    async with keeper_of(tmp_path) as keeper:
        assert keeper.earlier(REQUEST, a_plan(tests=("tests/test_new.py",)), own) is not None
        assert keeper.earlier(REQUEST, a_plan(), own | {"tests/test_new.py": "somebody's"}) is None


@pytest.mark.asyncio
async def test_another_question_begins_a_new_run_and_a_named_one_is_refused_by_name(tmp_path: Path) -> None:
    await interrupted(tmp_path)
    others: tuple[tuple[Plan, dict[str, str], str], ...] = (
        (a_plan(), {"src/calc.py": "d2"}, "src/calc.py changed since"),
        (a_plan(), INPUTS | {"src/new.py": "d"}, "src/new.py changed since"),
        (a_plan(), {}, "src/calc.py changed since"),
        (a_plan(mode=Mode.SYNC), INPUTS, "a setting"),
        (a_plan(coverage_goal=99.0), INPUTS, "a setting"),
    )
    async with keeper_of(tmp_path) as keeper:
        assert keeper.earlier(replace(REQUEST, new=True), a_plan(), INPUTS) is None
        for plan, inputs, told in others:
            assert keeper.earlier(REQUEST, plan, inputs) is None
            with pytest.raises(RunChangedError, match=f"run r1 cannot be gone on with: .*{told}"):
                keeper.earlier(replace(REQUEST, resume="r1"), plan, inputs)
            with pytest.raises(RunChangedError, match="run r1"):
                keeper.earlier(REQUEST, plan, inputs, named="r1")
        assert keeper.earlier(REQUEST, a_plan(), INPUTS, named="unknown") is None, "it begins under that ID"


@pytest.mark.asyncio
async def test_another_version_of_spec2prod_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await interrupted(tmp_path)
    monkeypatch.setattr("spec2prod.bootstrap.durable.__version__", "99.0")
    async with keeper_of(tmp_path) as keeper:
        assert keeper.earlier(REQUEST, a_plan(), INPUTS) is None
        with pytest.raises(RunChangedError, match=r"was begun by spec2prod .*, this is 99\.0"):
            keeper.earlier(replace(REQUEST, resume="r1"), a_plan(), INPUTS)


@pytest.mark.asyncio
async def test_a_component_has_one_run_at_a_time_and_another_component_its_own(tmp_path: Path) -> None:
    async with keeper_of(tmp_path) as first:
        first.begin(REQUEST, a_plan(), INPUTS)
        with pytest.raises(ComponentBusyError, match=r"run r1 \(process \d+ on .*\) of the same component is going on"):
            await Keeper(tmp_path, "calc", FakeClock()).open(None, wait=False)
        async with keeper_of(tmp_path, "another"):
            pass


@pytest.mark.asyncio
@pytest.mark.parametrize("anew", [False, True], ids=["gone on with", "begun anew"])
async def test_a_run_that_somebody_else_has_by_now_is_stopped_and_tells_nothing(tmp_path: Path, *, anew: bool) -> None:
    """Its lock was lost with its session, and whoever got it works in the same folder: the report there is theirs."""
    async with keeper_of(tmp_path) as keeper:
        keeper.begin(REQUEST, a_plan(run_id="r1"), INPUTS)
        keeper.refuse_taken()
        assert keeper.database is not None
        assert keeper.run is not None
        runs = Runs(keeper.database)
        if anew:
            runs.begin(replace(keeper.run, id="r2"))
        else:
            runs.take_up(keeper.run)
        working = asyncio.create_task(asyncio.sleep(60))
        with keeper.listening(working), pytest.raises(asyncio.CancelledError):
            await working
        with pytest.raises(TakenOverError, match="r1"):
            keeper.refuse_taken()


@pytest.mark.asyncio
async def test_a_request_comes_back_as_it_went(tmp_path: Path) -> None:
    async with keeper_of(tmp_path) as keeper:
        keeper.begin(REQUEST, a_plan(), INPUTS)
        assert keeper.run is not None
        back = request_from(keeper.run)
    assert back == replace(REQUEST, overrides={"a": 1}, resume="r1")
    assert request_as_json(back)["overrides"] == {"a": 1}


@pytest.mark.asyncio
async def test_a_workers_request_comes_back_for_wherever_its_checkout_lies_and_without_the_database_it_was_kept_in(tmp_path: Path) -> None:
    checkout, elsewhere = tmp_path / "checkout", tmp_path / "elsewhere"
    checkout.mkdir()
    asked = {"a": 1, "database_url": "postgresql://worker:word@db.example.org/x"}
    request = replace(REQUEST, spec=checkout / "specs" / "calc.md", component_path=checkout / "calc.py", overrides=asked, root=checkout)
    async with keeper_of(tmp_path) as keeper:
        keeper.begin(request, a_plan(), INPUTS)
        assert keeper.run is not None
        taken_up = replace(keeper.run, root=str(elsewhere))
    assert "word" not in json.dumps(taken_up.request)
    back = request_from(taken_up)
    assert (back.spec, back.component_path, back.root) == (elsewhere / "specs" / "calc.md", elsewhere / "calc.py", elsewhere)
    assert (back.overrides, back.resume) == ({"a": 1}, taken_up.id)
    assert begun(taken_up) == Begun(folder=elsewhere, root=elsewhere, is_checkout=True), "wherever the worker was started"


@pytest.mark.asyncio
async def test_a_run_forgets_its_steps_from_a_stage_on_only_when_it_is_taken_up(tmp_path: Path) -> None:
    async def answer() -> int:
        return 1

    async with keeper_of(tmp_path) as keeper:
        keeper.begin(REQUEST, a_plan(run_id="r1"), INPUTS)
        for name in ("testing:tests", "refactoring:linting", "refactoring:security"):
            await keeper.journal.step(name, answer)
    retried = replace(REQUEST, resume="r1", again_from=Stage.REFACTORING)
    async with keeper_of(tmp_path) as keeper:
        assert keeper.database is not None
        with pytest.raises(RunChangedError):
            keeper.earlier(retried, a_plan(), {"src/calc.py": "d2"})
        earlier = keeper.earlier(retried, a_plan(), INPUTS)
        assert earlier is not None
        assert Runs(keeper.database).steps(earlier) == 3
        keeper.go_on(earlier, retried.again_from)
        assert Runs(keeper.database).steps(earlier) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("interrupted", "asked", "state", "told"),
    [
        (True, True, State.CANCELLED, "Not promoted to development: the run was cancelled (spec2prod cancel)."),
        (True, False, State.INTERRUPTED, "Not promoted to development: the run was interrupted."),
        (False, True, State.FINISHED, "Promoted to development."),
    ],
)
async def test_a_run_says_who_ended_it_and_takes_as_long_as_its_report_says(
    tmp_path: Path, *, interrupted: bool, asked: bool, state: State, told: str
) -> None:
    async with keeper_of(tmp_path) as keeper:
        keeper.begin(REQUEST, a_plan(run_id="r1"), INPUTS)
        assert keeper.database is not None
        assert keeper.run is not None
        runs = Runs(keeper.database)
        if asked:
            runs.ask_to_end(keeper.run)
        ended = keeper.as_kept(replace(PASSED, interrupted=interrupted, total_ms=4321.0))
        assert (ended.conclusion, bool(ended.way_on)) == (told, interrupted)
        keeper.end(ended)
        stored = runs.find("r1")
        assert (stored.state, stored.conclusion, runs.total_ms(stored)) == (state, told, 4321.0)


def test_tests_that_a_run_has_adopted_are_no_other_question_though_they_name_requirements(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'shop'\nversion = '1'\n")
    (tmp_path / "calc.py").write_text('"""Sums."""\n\n\ndef add(a: int, b: int) -> int:\n    """Add."""\n    return a + b\n')
    (tmp_path / "calc.md").write_text("# Component: calc\n\n## Requirements\n- add returns the sum of two numbers.\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text("")
    request = Request(spec=tmp_path / "calc.md", component="calc", target="staging", async_mode=True, root=tmp_path)
    before, _ = prepare(request, "r1")
    name = before.specification.requirements[0].id
    test = (
        f"import pytest\n\nimport calc\n\n\n@pytest.mark.requirement('{name}')\ndef test_add() -> None:\n    assert calc.add(1, 2) == 3\n"
    )
    (tmp_path / "tests" / "test_calc.py").write_text(test)
    after, _ = prepare(request, "r2")
    assert (before.traces_requirements, after.traces_requirements) == (False, True)
    assert (before.component.data, after.component.data) == ((), ("tests/conftest.py",))
    assert identity_of(before) == identity_of(after)
