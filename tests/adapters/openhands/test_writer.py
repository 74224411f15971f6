"""The writer with the real agent server and a scripted model: everything between is real."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from spec2prod.adapters.openhands.breaker import CircuitBreaker
from spec2prod.adapters.openhands.child import ServerPlan
from spec2prod.adapters.openhands.environment import Environment
from spec2prod.adapters.openhands.options import Endpoint, OpenHandsOptions
from spec2prod.adapters.openhands.server import AgentServer
from spec2prod.adapters.openhands.target import interpreter_folders
from spec2prod.adapters.openhands.workplace import Workplace
from spec2prod.adapters.openhands.writer import OpenHandsWriter
from spec2prod.adapters.sandbox import find_sandbox
from spec2prod.adapters.store.database import open_database
from spec2prod.adapters.store.quotas import SharedQuota
from spec2prod.application.ports import Breaker
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.quota import QuotaRules
from spec2prod.testing.endpoint import ScriptedModel
from spec2prod.testing.script import Behaviour, Script, parse_script

pytestmark = [pytest.mark.openhands, pytest.mark.slow]

_TEST = ["from shop.prices import total", "", "", "def test_total() -> None:", "    assert total([1, 2]) == 3"]
_WRITE = {"write": "{workspace}/{test_file}", "text": _TEST}
_RUN = {"run": "PYTHONPATH=src python -m pytest -q -p no:cacheprovider {test_file}"}
_FINISH = {"finish": "The tests are written."}


def _made_up(*words: str) -> str:
    """Return something that stands for a key; whole, a scanner would take it for one."""
    return "-".join(words)


def _script(*turns: Mapping[str, object]) -> Script:
    return parse_script(json.dumps({"format": 1, "name": "prices", "tasks": [{"turns": turns}]}))


@pytest.fixture(scope="module")
def shared(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentServer]:
    """Run one agent server for the tests that need none of their own: for them it is a configured one."""
    base = tmp_path_factory.getbasetemp()
    plan = ServerPlan(
        environment=environment,
        folder=base / "shared-server",
        workspaces=base,
        box=find_sandbox(),
        path=(Path(sys.executable).parent,),
        readable=interpreter_folders(Path(sys.executable)),
        max_concurrent=8,
    )
    server = AgentServer(plan)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@dataclass(frozen=True)
class Bench:
    """A shared server and a run's folders."""

    server: AgentServer
    place: Workplace

    @asynccontextmanager
    async def writer(
        self, model: ScriptedModel, breakers: Callable[[str], Breaker] | None = None, /, **options: object
    ) -> AsyncIterator[OpenHandsWriter]:
        """Give a writer for this model, and stop it."""
        given = {"api_key": "not-a-real-one", "base_url": model.base_url, "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
        settings = OpenHandsOptions(
            **{"model": model.model, "server_url": self.server.url, "server_key": self.server.key, "llm_retry_wait_s": 0.2}
            | given
            | options  # type: ignore[arg-type]
        )
        writer = OpenHandsWriter(settings, self.place, breakers=breakers)
        try:
            yield writer
        finally:
            await writer.stop()

    async def ask(self, model: ScriptedModel, request: TestRequest, **options: object) -> TaskOutcome:
        """Put one task to it."""
        async with self.writer(model, None, **options) as writer:
            ids = await writer.submit([request])
            return await writer.outcome(ids[request.module])


@pytest.fixture
def bench(shared: AgentServer, workplace: Workplace) -> Bench:
    """Return a bench."""
    return Bench(shared, workplace)


def _descendants() -> list[psutil.Process]:
    return [each for each in psutil.Process().children(recursive=True) if each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.asyncio
async def test_the_agent_writes_a_test_runs_it_and_nothing_is_left_of_it(
    environment: Environment, workplace: Workplace, request_for_prices: TestRequest
) -> None:
    """The whole way with a server of our own, in the sandbox where there is one."""
    before, key = set(_descendants()), _made_up("made", "up", "for", "this", "test")
    spy = {"run": "touch ../../../../src/shop/spoiled.py; touch ~/mine && echo home works; tty; echo key=$OH_SESSION_API_KEYS_0."}
    with ScriptedModel(_script(spy, _WRITE, _RUN, _FINISH), key=key) as model:
        options = OpenHandsOptions(model=model.model, base_url=model.base_url, api_key=key, input_cost_per_token=1e-6)
        writer = OpenHandsWriter(options, replace(workplace, environment=environment))
        try:
            await writer.start()
            ids = await writer.submit([request_for_prices])
            outcome = await writer.outcome(ids[request_for_prices.module])
        finally:
            await writer.stop()
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert outcome.text == "\n".join((*_TEST, ""))
        assert outcome.strayed == ()
        assert outcome.llm_calls == model.answered == model.calls == 4
        assert outcome.input_tokens > 0
        assert outcome.cost_usd == pytest.approx(outcome.input_tokens * 1e-6)
    assert set(_descendants()) <= before
    said = (workplace.folder / "conversations" / f"{outcome.task_id}.jsonl").read_text()
    assert "1 passed" in said
    assert "home works" in said
    assert "/dev/pts" in said
    assert "key=." in said
    assert not (workplace.tree.root / request_for_prices.test_file).exists()
    if find_sandbox().available:
        assert not (workplace.tree.root / "src/shop/spoiled.py").exists()
    kept = [file for file in workplace.run_folder.rglob("*") if file.is_file()]
    assert kept
    assert not [file for file in kept if key.encode() in file.read_bytes()]


@pytest.mark.asyncio
async def test_several_modules_are_written_at_once(bench: Bench, request_for_prices: TestRequest) -> None:
    requests = [
        replace(request_for_prices, module=f"src/shop/m{n}.py", dotted=f"shop.m{n}", test_file=f"tests/test_m{n}.py") for n in range(4)
    ]
    for request in requests:
        (bench.place.tree.root / request.module).write_text("VALUE = 1\n")
    with ScriptedModel(_script(_WRITE, _FINISH)) as model:
        async with bench.writer(model) as writer:
            ids = await writer.submit(requests)
            outcomes = await asyncio.gather(*(writer.outcome(name) for name in ids.values()))
    assert {outcome.test_file for outcome in outcomes} == {request.test_file for request in requests}
    assert all(outcome.status is TaskStatus.DELIVERED and outcome.strayed == () for outcome in outcomes), outcomes


@pytest.mark.asyncio
async def test_words_without_a_file_are_no_success(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_FINISH), behaviour=Behaviour(text_only=True)) as model:
        outcome = await bench.ask(model, request_for_prices)
    assert outcome.status is TaskStatus.NO_FILE
    assert outcome.text is None
    assert outcome.reason.startswith(f"the agent ended without writing {request_for_prices.test_file}; it said: ")


@pytest.mark.asyncio
async def test_files_elsewhere_are_listed_and_not_taken(bench: Bench, request_for_prices: TestRequest) -> None:
    elsewhere = {"write": "{workspace}/tests/test_other.py", "text": _TEST}
    spoil = {"run": "echo '# spoiled' >> src/shop/prices.py; mkdir __pycache__; touch .coverage __pycache__/x.pyc"}
    with ScriptedModel(_script(elsewhere, spoil, _FINISH)) as model:
        outcome = await bench.ask(model, request_for_prices)
    assert outcome.status is TaskStatus.NO_FILE
    assert outcome.strayed == ("src/shop/prices.py", "tests/test_other.py")
    assert "tests/test_other.py" in outcome.reason
    assert "spoiled" not in (bench.place.tree.root / request_for_prices.module).read_text()


@pytest.mark.parametrize("garbled", ["body", "arguments"])
@pytest.mark.asyncio
async def test_a_model_that_talks_rubbish_brings_no_file_and_says_so(bench: Bench, request_for_prices: TestRequest, garbled: str) -> None:
    with ScriptedModel(_script(_WRITE, _FINISH), behaviour=Behaviour(garbled=garbled)) as model:
        outcome = await bench.ask(model, request_for_prices, llm_retries=1, max_iterations=6, timeout_s=60.0)
    assert outcome.status in {TaskStatus.ERRORED, TaskStatus.NO_FILE, TaskStatus.LIMIT}
    assert outcome.text is None
    assert outcome.reason


@pytest.mark.parametrize("behaviour", [Behaviour(rate_limited=1, retry_after=1), Behaviour(server_errors=2)], ids=["429", "500"])
@pytest.mark.asyncio
async def test_a_failure_that_passes_is_waited_out(bench: Bench, request_for_prices: TestRequest, behaviour: Behaviour) -> None:
    failures = behaviour.rate_limited + behaviour.server_errors
    with ScriptedModel(_script(_WRITE, _FINISH), behaviour=behaviour) as model:
        outcome = await bench.ask(model, request_for_prices)
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert outcome.attempts == 1 + failures
        assert outcome.llm_calls == model.answered == 2
        assert model.calls == 2 + failures


@pytest.mark.asyncio
async def test_a_failure_that_stays_is_given_up(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_WRITE), behaviour=Behaviour(server_errors=100)) as model:
        outcome = await bench.ask(model, request_for_prices, llm_retries=1)
        assert outcome.status is TaskStatus.ERRORED
        assert outcome.attempts == model.calls == 2
        assert "(2 tries)" in outcome.reason


@pytest.mark.asyncio
async def test_a_wrong_key_is_not_tried_again(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_WRITE), key=_made_up("the", "right", "one")) as model:
        outcome = await bench.ask(model, request_for_prices)
        assert outcome.status is TaskStatus.ERRORED
        assert outcome.reason == f"the model at {model.base_url} refused the key (401)"
        assert outcome.attempts == 1
        assert outcome.next_step == "check LLM_API_KEY"


class Dying(ScriptedModel):
    """A model that fails for good after its first answer."""

    def count_answer(self) -> None:
        super().count_answer()
        self.behaviour = Behaviour(server_errors=1_000_000)


@dataclass(frozen=True)
class Second:
    """A model to go on with."""

    model: ScriptedModel
    name: str = "openai/scripted-second"

    @property
    def options(self) -> dict[str, object]:
        return {"fallbacks": (Endpoint(model=self.name, api_key="not-a-real-one", base_url=self.model.base_url),), "llm_retries": 1}


@pytest.mark.asyncio
async def test_where_a_model_fails_for_good_the_same_conversation_goes_on_with_the_next(
    bench: Bench, request_for_prices: TestRequest
) -> None:
    """The first model writes the file and then dies; the second finds its work in the conversation, and does the rest."""
    script = _script(_WRITE, _RUN, _FINISH)
    with Dying(script) as first, ScriptedModel(script) as second:
        outcome = await bench.ask(first, request_for_prices, **Second(second).options)
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert (first.answered, second.answered, second.calls) == (1, 2, 2)
        assert first.calls == 3
    assert outcome.llm_calls == 3
    assert outcome.model == "openai/scripted-second"
    assert len(outcome.tried) == 1
    assert outcome.tried[0].startswith(f"{first.model}: the model at ")
    assert "(2 tries)" in outcome.tried[0]


@pytest.mark.asyncio
async def test_a_refused_key_is_gone_round_at_once(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_WRITE), key=_made_up("the", "right", "one")) as first, ScriptedModel(_script(_WRITE, _FINISH)) as second:
        outcome = await bench.ask(first, request_for_prices, **Second(second).options)
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert (first.answered, second.answered) == (0, 2)
        assert outcome.tried == (f"{first.model}: the model at {first.base_url} refused the key (401)",)
    assert outcome.model == "openai/scripted-second"


@pytest.mark.asyncio
async def test_a_model_that_is_left_alone_is_not_asked_and_the_next_one_is(bench: Bench, request_for_prices: TestRequest) -> None:
    script = _script(_WRITE, _FINISH)
    with ScriptedModel(script) as first, ScriptedModel(script) as second:
        broken = CircuitBreaker(clock=lambda: 0.0)
        for _ in range(5):
            broken.failed()
        whole = CircuitBreaker(clock=lambda: 0.0)
        async with bench.writer(
            first, lambda endpoint: broken if first.base_url in endpoint else whole, **Second(second).options
        ) as writer:
            ids = await writer.submit([request_for_prices])
            outcome = await writer.outcome(ids[request_for_prices.module])
        assert outcome.status is TaskStatus.DELIVERED, outcome.reason
        assert (first.calls, second.calls) == (0, 2)
    assert "left alone for 60 s" in outcome.tried[0]


@pytest.mark.asyncio
async def test_nothing_is_begun_that_the_run_has_no_time_for(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_WRITE)) as model:
        outcome = await bench.ask(model, request_for_prices, time_left_s=1.5)
        assert model.calls == 0
    assert outcome.status is TaskStatus.LIMIT
    assert outcome.resumable
    assert outcome.reason.startswith("not begun: the run has only ")


@pytest.mark.asyncio
async def test_no_retry_is_waited_for_beyond_the_runs_time(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_WRITE), behaviour=Behaviour(server_errors=100)) as model:
        outcome = await bench.ask(model, request_for_prices, time_left_s=20.0, llm_retry_wait_s=59.0)
        assert model.calls == 1
    assert outcome.status is TaskStatus.ERRORED
    assert "not tried again: the wait of " in outcome.reason


@pytest.mark.asyncio
async def test_at_the_end_of_the_runs_time_a_task_is_paused(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_WRITE, {"run": "sleep 120"}, _FINISH)) as model:
        outcome = await bench.ask(model, request_for_prices, time_left_s=5.0)
    assert outcome.status is TaskStatus.LIMIT
    assert outcome.reason == "stopped at the end of the run's time"
    assert outcome.resumable


@pytest.mark.asyncio
async def test_where_every_model_fails_each_is_named(bench: Bench, request_for_prices: TestRequest) -> None:
    script = _script(_WRITE)
    with ScriptedModel(script, behaviour=Behaviour(server_errors=100)) as first, ScriptedModel(script, key=_made_up("k")) as second:
        outcome = await bench.ask(first, request_for_prices, **Second(second).options)
        assert (first.calls, first.answered, second.answered) == (2, 0, 0)
    assert outcome.status is TaskStatus.ERRORED
    assert first.model in outcome.reason
    assert "openai/scripted-second" in outcome.reason
    assert len(outcome.tried) == 2
    assert outcome.model == ""


@pytest.mark.asyncio
async def test_an_endpoint_without_a_model_is_told_by_its_address(bench: Bench, request_for_prices: TestRequest) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    with ScriptedModel(_script(_WRITE)) as model:
        outcome = await bench.ask(model, request_for_prices, base_url=url, llm_retries=1)
    assert outcome.status is TaskStatus.ERRORED
    assert outcome.reason == f"no model answers at {url} (2 tries)"
    assert outcome.llm_calls == 0


@pytest.mark.asyncio
async def test_at_the_time_limit_it_is_interrupted_and_what_is_there_is_taken(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_WRITE, {"run": "sleep 120"}, _FINISH)) as model:
        outcome = await bench.ask(model, request_for_prices, timeout_s=6.0)
    assert outcome.status is TaskStatus.LIMIT
    assert outcome.reason == "stopped at the time limit of 6 s"
    assert outcome.text is not None
    assert outcome.llm_calls == 2


@pytest.mark.asyncio
async def test_a_silent_model_ends_at_the_time_limit(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_WRITE), behaviour=Behaviour(silent=True)) as model:
        outcome = await bench.ask(model, request_for_prices, timeout_s=3.0)
    assert outcome.status is TaskStatus.LIMIT
    assert outcome.text is None


@pytest.mark.parametrize(
    ("limit", "word"), [({"max_iterations": 2}, "iterations"), ({"max_tokens": 9000}, "tokens"), ({"max_cost_usd": 1e-6}, "money")]
)
@pytest.mark.asyncio
async def test_each_limit_stops_it_by_name(bench: Bench, request_for_prices: TestRequest, limit: dict[str, object], word: str) -> None:
    looks = tuple({"run": f"sleep 0.5; echo {number}"} for number in range(40))
    with ScriptedModel(_script(*looks)) as model:
        outcome = await bench.ask(model, request_for_prices, **limit)
    assert outcome.status is TaskStatus.LIMIT
    assert word in outcome.reason


@pytest.mark.asyncio
async def test_stopping_ends_a_running_conversation(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script({"run": "touch begun; sleep 120; touch ended"}, _FINISH)) as model:
        async with bench.writer(model) as writer:
            ids = await writer.submit([request_for_prices])
            workspaces = bench.place.run_folder / "workspaces"
            async with asyncio.timeout(60):
                while not list(workspaces.glob("*/begun")):  # noqa: ASYNC110 - a file is the only sign
                    await asyncio.sleep(0.05)
            await writer.stop()
            outcome = await writer.outcome(ids[request_for_prices.module])
    assert outcome.status is TaskStatus.CANCELLED
    assert outcome.llm_calls == 1
    assert not [each for each in _descendants() if "sleep 120" in " ".join(each.cmdline())]


@pytest.mark.asyncio
async def test_a_finished_conversation_is_not_paid_twice(bench: Bench, request_for_prices: TestRequest) -> None:
    """A crash after the work and before its record: the same task finds its conversation and its copy again."""
    with ScriptedModel(_script(_WRITE, _FINISH)) as model:
        first = await bench.ask(model, request_for_prices)
        second = await bench.ask(model, request_for_prices)
        assert model.calls == 2
    assert second.status is first.status is TaskStatus.DELIVERED
    assert second.text == first.text
    assert second.task_id == first.task_id


@pytest.mark.asyncio
async def test_a_server_that_does_not_know_our_key_is_told(bench: Bench, request_for_prices: TestRequest) -> None:
    with ScriptedModel(_script(_WRITE)) as model:
        refused = await bench.ask(model, request_for_prices, server_key=_made_up("some", "other"))
    assert refused.status is TaskStatus.ERRORED
    assert "refused us (401)" in refused.reason


@pytest.mark.skipif(not find_sandbox().available, reason="every folder of this machine is in reach without a sandbox")
@pytest.mark.asyncio
async def test_a_server_that_does_not_see_our_files_is_told(
    bench: Bench, request_for_prices: TestRequest, place_in: Callable[[Path, str], Workplace]
) -> None:
    """The shared server sees nothing of /tmp but the tests' own folder: a run elsewhere in /tmp is on another disk for it."""
    with TemporaryDirectory() as elsewhere, ScriptedModel(_script(_WRITE)) as model:
        project = Path(elsewhere) / "project"
        shutil.copytree(bench.place.tree.root, project, ignore=shutil.ignore_patterns(".spec2prod"))
        outcome = await Bench(bench.server, place_in(project, bench.place.run_id)).ask(model, request_for_prices)
        assert model.calls == 0
    assert outcome.status is TaskStatus.ERRORED
    assert "does not see" in outcome.reason


def _priced(model: ScriptedModel, server: AgentServer, **changes: object) -> OpenHandsOptions:
    plain = OpenHandsOptions(
        model=model.model,
        api_key="not-a-real-one",
        base_url=model.base_url,
        input_cost_per_token=1e-6,
        output_cost_per_token=1e-6,
        server_url=server.url,
        server_key=server.key,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.asyncio
async def test_two_runs_on_one_database_take_turns_at_an_endpoint_and_what_they_cost_is_noted(
    shared: AgentServer, project: Path, tmp_path: Path, place_in: Callable[[Path, str], Workplace], request_for_prices: TestRequest
) -> None:
    database, heard = open_database(tmp_path / "shared.sqlite"), list[str]()
    with ScriptedModel(_script({"run": "sleep 1"}, _WRITE, _FINISH)) as model:
        options = _priced(model, shared, endpoint_slots=1)
        writers = [
            OpenHandsWriter(
                options,
                place_in(project, f"{tmp_path.name}-{number}"),
                quota=SharedQuota(database, options.quota, f"run {number}"),
                tell=heard.append,
            )
            for number in range(2)
        ]
        try:
            ids = [await writer.submit([request_for_prices]) for writer in writers]
            each = zip(writers, ids, strict=True)
            outcomes = await asyncio.gather(*(writer.outcome(names[request_for_prices.module]) for writer, names in each))
        finally:
            for writer in writers:
                await writer.stop()
    assert [outcome.status for outcome in outcomes] == [TaskStatus.DELIVERED] * 2, [outcome.reason for outcome in outcomes]
    assert heard == [f"src/shop/prices.py waits for its turn: 1 of 1 agent slots at {options.base_url} are taken"]
    assert database.rows("SELECT task FROM agent_turns") == []
    noted = database.rows("SELECT task, max(total_usd) FROM agent_spending GROUP BY task")
    assert {str(task): total for task, total in noted} == {outcome.task_id: pytest.approx(outcome.cost_usd) for outcome in outcomes}
    database.close()


@pytest.mark.asyncio
async def test_what_would_begin_beyond_the_money_of_an_hour_ends_with_the_reason_and_begins_when_there_is_some(
    shared: AgentServer, workplace: Workplace, tmp_path: Path, request_for_prices: TestRequest
) -> None:
    database = open_database(tmp_path / "shared.sqlite")
    spender = SharedQuota(database, QuotaRules(), "another run")
    spender.spent("another task", 0.5)
    with ScriptedModel(_script(_WRITE, _FINISH)) as model:
        outcomes = []
        for limit in (0.5, 2.0):
            options = _priced(model, shared, max_usd_per_hour=limit, time_left_s=600.0)
            writer = OpenHandsWriter(options, workplace, quota=SharedQuota(database, options.quota, "this run"))
            try:
                ids = await writer.submit([request_for_prices])
                outcomes.append(await writer.outcome(ids[request_for_prices.module]))
            finally:
                await writer.stop()
    refused, done = outcomes
    assert (refused.status, refused.llm_calls, refused.resumable) == (TaskStatus.LIMIT, 0, True)
    assert refused.reason == "not begun: $0.50 of the $0.5 for an hour are spent"
    assert done.status is TaskStatus.DELIVERED, done.reason
    assert done.task_id == refused.task_id
    database.close()
