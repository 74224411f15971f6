"""The writer, with a host that does what Pynguin does as far as a folder shows it. The real Pynguin is asked by the slow tests."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from spec2prod.adapters.pynguin.asking import PynguinOptions, crashes_in, written_in
from spec2prod.adapters.pynguin.environment import Environment, ask
from spec2prod.adapters.pynguin.writer import PynguinWriter, Workplace
from spec2prod.adapters.sandbox import Sandbox
from spec2prod.domain.candidate import TaskOutcome, TaskStatus, TestRequest
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.feedback import Feedback
from spec2prod.errors import AgentUnavailableError

TEST = "import pytest\nimport sys\nimport m\n\nm_ = sys.modules['m']\n\n\ndef test_0():\n    assert m_.f() == 1\n"
XFAIL = "import pytest\n\n\n@pytest.mark.xfail(strict=True)\ndef test_1():\n    m_.f(None)\n"
BOX = Sandbox(available=True, bwrap=Path("/usr/bin/bwrap"))
PYTHON = Path(sys.executable)


@dataclass
class Host:
    """Starts nothing: `does` stands for Pynguin's process in the task's folder. An interpreter tells what ours is."""

    does: Callable[[Path], Completed | None]
    commands: list[Command] = field(default_factory=list)
    says: str = ""

    @property
    def processes(self) -> list[Completed]:
        return []

    async def run(self, command: Command) -> Completed:
        self.commands.append(command)
        if command.tool == "python":
            return Completed(command=command, exit_code=0, stdout=self.says or told(ask(PYTHON)))
        await asyncio.sleep(0)
        return self.does(command.cwd) or Completed(command=command, exit_code=0)


def told(python: object) -> str:
    return json.dumps(
        {name: getattr(python, name) for name in ("kind", "version", "implementation", "homes", "path")}, default=list_or_text
    )


def list_or_text(value: object) -> object:
    return list(value) if isinstance(value, tuple) else str(value)


def writes(text: str) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        (folder / "written").mkdir()
        (folder / "written/test_m.py").write_text(text)

    return do


def ends(*, exit_code: int | None = 1, stderr: str = "", timed_out: bool = False) -> Callable[[Path], Completed]:
    def do(folder: Path) -> Completed:
        command = Command(tool="pynguin", argv=("pynguin",), cwd=folder, timeout_s=60.0)
        return Completed(command=command, exit_code=exit_code, stderr=stderr, timed_out=timed_out)

    return do


def request(module: str = "src/m.py") -> TestRequest:
    name = Path(module).stem
    return TestRequest(module=module, dotted=name, test_file=f"tests/test_{name}.py", specification="- f gives 1", generator="pynguin")


def writer(tmp_path: Path, host: Host, options: PynguinOptions | None = None, *, box: Sandbox = BOX, found: bool = True) -> PynguinWriter:
    component = Component(name="m", root=tmp_path, source="src", import_root="src", modules=("src/m.py",), interpreter=PYTHON)

    def find(kind: str) -> Environment | None:
        folder = tmp_path / "environment"
        return Environment(python=folder / "bin/python", version="0.48.0", kind=kind, folder=folder) if found else None

    place = Workplace(component=component, run_folder=tmp_path / "run", host=host, box=box, find=find)
    return PynguinWriter(options or PynguinOptions(), place)


def asked[T](work: Awaitable[T]) -> T:
    async def wait() -> T:
        return await work

    return asyncio.run(wait())


async def outcome_of(writing: PynguinWriter, asking: TestRequest) -> TaskOutcome:
    await writing.start()
    tasks = await writing.submit([asking])
    told = await writing.outcome(tasks[asking.module])
    await writing.stop()
    return told


def test_what_it_wrote_becomes_the_agreed_file_labelled(tmp_path: Path) -> None:
    told = asked(outcome_of(writer(tmp_path, Host(writes(TEST + "\n\n" + XFAIL))), request()))
    assert (told.status, told.test_file, told.task_id) == (TaskStatus.DELIVERED, "tests/test_m.py", "pynguin:tests/test_m.py")
    assert (told.text or "").startswith("# characterisation: shows what the code does, not what it should do\n")
    assert told.reason == "characterisation written by pynguin 0.48.0, seed 1; left out what ends in an unexpected error: 1"
    assert (told.llm_calls, told.cost_usd, told.model) == (0, 0.0, "")


def test_it_runs_without_network_reads_the_project_and_writes_in_its_own_folder_alone(tmp_path: Path) -> None:
    host = Host(writes(TEST))
    asked(outcome_of(writer(tmp_path, host), request()))
    command = host.commands[-1]
    assert command.argv[:2] == ("/usr/bin/bwrap", "--unshare-net")
    writable = [command.argv[at + 1] for at, word in enumerate(command.argv) if word == "--bind"]
    assert writable == [str(command.cwd)]
    assert command.cwd.is_relative_to(tmp_path / "run")
    assert not command.cwd.exists()
    assert command.env["PYNGUIN_DANGER_AWARE"] == "1"
    assert {command.env["HOME"], command.env["TMPDIR"]} == {str(command.cwd / "tmp")}


def test_seed_and_time_are_those_of_the_settings_and_the_rest_of_the_run_bounds_them(tmp_path: Path) -> None:
    host = Host(writes(TEST))
    asked(outcome_of(writer(tmp_path, host, PynguinOptions(seconds_per_module=80.0, seed=7)), request()))
    words = host.commands[-1].argv
    given = {word: words[at + 1] for at, word in enumerate(words[:-1]) if word.startswith("--")}
    assert (given["--seed"], given["--maximum-search-time"], given["--maximum-mutation-time"]) == ("7", "40", "20")
    assert host.commands[-1].timeout_s == 160.0
    assert host.commands[-1].env["PYTHONHASHSEED"] == "0"
    told = asked(outcome_of(writer(tmp_path, host, PynguinOptions(time_left_s=9.0)), request()))
    assert (told.status, told.text) == (TaskStatus.LIMIT, None)
    assert len([each for each in host.commands if each.tool == "pynguin"]) == 1


@pytest.mark.parametrize(
    ("does", "status", "reason"),
    [
        (ends(), TaskStatus.ERRORED, "ended with exit 1"),
        (ends(exit_code=0), TaskStatus.ERRORED, "ended with exit 0"),
        (ends(stderr="…: SUT contains nothing we can test."), TaskStatus.NO_FILE, "nothing in it that can be called"),
        (
            ends(stderr="x\nModuleNotFoundError: No module named 'n'\n"),
            TaskStatus.ERRORED,
            "cannot be imported beside pynguin: ModuleNotFoundError",
        ),
        (ends(exit_code=None, timed_out=True), TaskStatus.LIMIT, "stopped at its time limit"),
        (writes("def (:"), TaskStatus.ERRORED, "does not parse"),
        (writes(XFAIL), TaskStatus.NO_FILE, "found no test that passes; left out what ends in an unexpected error: 1"),
    ],
)
def test_no_file_is_no_success_whatever_the_process_says(
    tmp_path: Path, does: Callable[[Path], Completed | None], status: TaskStatus, reason: str
) -> None:
    told = asked(outcome_of(writer(tmp_path, Host(does)), request()))
    assert (told.status, told.text) == (status, None)
    assert reason in told.reason


def test_a_python_without_an_environment_is_refused_with_the_command_that_builds_it(tmp_path: Path) -> None:
    with pytest.raises(AgentUnavailableError, match=r"not installed for the component's Python 3\.") as caught:
        asked(writer(tmp_path, Host(writes(TEST)), found=False).submit([request()]))
    assert caught.value.next_step == "spec2prod pynguin install"


def test_a_python_that_it_does_not_run_on_is_refused_by_name(tmp_path: Path) -> None:
    says = '{"kind": "pypy311", "version": "3.11.9", "implementation": "pypy", "homes": [], "path": []}'
    with pytest.raises(AgentUnavailableError, match=r"is pypy 3\.11\.9"):
        asked(writer(tmp_path, Host(writes(TEST), says=says)).submit([request()]))


def test_a_python_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AgentUnavailableError, match="no working Python"):
        asked(writer(tmp_path, Host(writes(TEST), says="Segmentation fault")).submit([request()]))


def test_random_input_is_not_tried_without_a_sandbox_unless_somebody_allows_it(tmp_path: Path) -> None:
    none, host = Sandbox(available=False, reason="bubblewrap is not installed"), Host(writes(TEST))
    with pytest.raises(AgentUnavailableError, match="no sandbox here: bubblewrap is not installed"):
        asked(writer(tmp_path, host, box=none).submit([request()]))
    assert [each.tool for each in host.commands] == ["python"]
    told = asked(outcome_of(writer(tmp_path, host, PynguinOptions(allow_without_sandbox=True), box=none), request()))
    assert told.status is TaskStatus.DELIVERED


def test_a_task_that_is_handed_over_twice_is_done_once(tmp_path: Path) -> None:
    host = Host(writes(TEST))

    async def twice() -> None:
        writing = writer(tmp_path, host)
        assert await writing.submit([request()]) == await writing.submit([request()])
        await writing.outcome("pynguin:tests/test_m.py")
        await writing.stop()

    asyncio.run(twice())
    assert [each.tool for each in host.commands] == ["python", "pynguin"]


def test_it_takes_no_advice_and_knows_no_strangers(tmp_path: Path) -> None:
    async def advise() -> TaskOutcome:
        writing = writer(tmp_path, Host(writes(TEST)))
        with pytest.raises(AgentUnavailableError):
            await writing.outcome("somebody's")
        with pytest.raises(AgentUnavailableError):
            await writing.follow_up("somebody's", Feedback(text="better"), 2)
        tasks = await writing.submit([request()])
        told = await writing.follow_up(tasks["src/m.py"], Feedback(text="better"), 2)
        await writing.stop()
        return told

    told = asyncio.run(advise())
    assert (told.status, told.text) == (TaskStatus.NO_FILE, None)
    assert "takes no advice" in told.reason


def test_a_stopped_task_is_told_as_cancelled_and_leaves_no_folder(tmp_path: Path) -> None:
    begun = asyncio.Event()

    class Slow(Host):
        async def run(self, command: Command) -> Completed:
            if command.tool == "pynguin":
                begun.set()
                await asyncio.Event().wait()
            return await super().run(command)

    async def stop() -> TaskOutcome:
        writing = writer(tmp_path, Slow(writes(TEST)))
        tasks = await writing.submit([request()])
        await begun.wait()
        await writing.stop()
        await writing.stop()
        return await writing.outcome(tasks["src/m.py"])

    assert asyncio.run(stop()).status is TaskStatus.CANCELLED
    assert list((tmp_path / "run/pynguin").iterdir()) == []


def test_only_so_many_modules_are_asked_at_a_time(tmp_path: Path) -> None:
    at_once: list[int] = []

    class InPairs(Host):
        running, pair = 0, asyncio.Barrier(2)

        async def run(self, command: Command) -> Completed:
            if command.tool == "pynguin":
                self.running += 1
                at_once.append(self.running)
                await self.pair.wait()
                self.running -= 1
            return await super().run(command)

    async def several() -> None:
        writing = writer(tmp_path, InPairs(writes(TEST)), PynguinOptions(max_concurrent=2))
        tasks = await writing.submit([request(f"src/m{number}.py") for number in range(4)])
        assert {(await writing.outcome(task)).status for task in tasks.values()} == {TaskStatus.DELIVERED}
        await writing.stop()

    asyncio.run(several())
    assert max(at_once) == 2


@pytest.mark.parametrize("trick", ["file", "folder", "pipe", "large", "two"])
def test_a_file_that_is_no_plain_file_of_a_bearable_size_is_not_read(tmp_path: Path, trick: str) -> None:
    secret, place = tmp_path / "test_secret.py", tmp_path / "task/written"
    secret.write_text("KEY = 1\n")
    place.parent.mkdir()
    if trick == "folder":
        place.symlink_to(tmp_path)
    else:
        place.mkdir()
        file = place / "test_m.py"
        match trick:
            case "file":
                file.symlink_to(secret)
            case "pipe":
                os.mkfifo(file)
            case "large":
                file.write_text("#" * 2_000_001)
            case _:
                file.write_text(TEST)
                (place / "test_n.py").write_text(TEST)
    assert written_in(place.parent) is None


def test_inputs_that_crashed_the_interpreter_are_counted(tmp_path: Path) -> None:
    def crash(folder: Path) -> None:
        writes(TEST)(folder)
        (folder / "crashes").mkdir()
        (folder / "crashes/crash_1.py").touch()

    assert asked(outcome_of(writer(tmp_path, Host(crash)), request())).reason.endswith("inputs that crashed the interpreter: 1")
    assert crashes_in(tmp_path) == 0
