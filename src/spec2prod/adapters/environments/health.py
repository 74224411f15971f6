"""Looks at a release: does it import, do its tests pass, with the source tree out of sight?

pytest is no part of a release, and an environment may be without an index. So pytest and what else the tests themselves use are
shown to the release from the environment that measured them, through a folder of links at the end of its path: exactly these
packages, and what the release brings itself goes first. The imports are looked at before that, with nothing added at all, so that
a dependency which the wheel does not name is missed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spec2prod.adapters.environments import commands
from spec2prod.adapters.environments.record import Record
from spec2prod.application.ports import Host
from spec2prod.domain.command import Belongings, Command, Completed
from spec2prod.domain.release import HealthCheck
from spec2prod.domain.verdict import Verdict

_RAN_TO_THE_END = {0, 1}  # pytest's exit status: all passed, some failed
_SHOWN = 3


class Looking:
    """Looks at releases through processes."""

    def __init__(self, host: Host, ours: Callable[[], Belongings]) -> None:
        """Take what starts processes, and by what is known what is to be cleared up should the run be gone."""
        self._host = host
        self._ours = ours

    async def at_all_of(self, folder: Path, record: Record) -> tuple[HealthCheck, ...]:
        """Import it, then run its tests; what does not import is not tested."""
        imported = await self.at_imports(folder, record)
        if imported.verdict is not Verdict.PASSED:
            return (imported,)
        return (imported, await self._at_tests(folder, record))

    async def at_imports(self, folder: Path, record: Record, name: str = "imports") -> HealthCheck:
        """Import every module."""
        completed, answer = await self._ask(lambda nonce: commands.imports(folder, record.modules, nonce, folder))
        verdict, detail = _imports(completed, answer, len(record.modules))
        return HealthCheck(name=name, verdict=verdict, detail=detail, wall_ms=completed.wall_ms)

    async def _at_tests(self, folder: Path, record: Record) -> HealthCheck:
        with _trial(folder, self._ours().folder) as trial:
            inside = _installed(folder, record.inside)
            files = [*(str(trial / "tests" / path) for path in record.tests), *inside]
            if not files:
                return HealthCheck(name="tests", verdict=Verdict.ERRORED, detail="there is no test to run: nothing was verified")
            used, tools = await self._ask(
                lambda nonce: commands.tools(Path(record.interpreter), _sources(trial, inside), record.tops, nonce, trial)
            )
            if tools is None:
                return HealthCheck(
                    name="tests", verdict=Verdict.ERRORED, detail=f"pytest was not found: {used.ending()}", wall_ms=used.wall_ms
                )
            _show(trial / "tools", tools["files"])
            completed, answer = await self._ask(lambda nonce: commands.tests(folder, trial, record, files, nonce))
            verdict, detail = _tests(completed, answer)
            return HealthCheck(name="tests", verdict=verdict, detail=detail, wall_ms=used.wall_ms + completed.wall_ms)

    async def _ask(self, command: Callable[[str], Command]) -> tuple[Completed, Mapping[str, Any] | None]:
        """Ask the worker; an answer without this question's own number is none."""
        nonce = uuid.uuid4().hex
        completed = await self._host.run(command(nonce))
        return completed, _answer(completed, nonce)


def _answer(completed: Completed, nonce: str) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(completed.answer or "")
    except ValueError:
        return None
    return answer if completed.exit_code == 0 and isinstance(answer, dict) and answer.get("nonce") == nonce else None


def _imports(completed: Completed, answer: Mapping[str, Any] | None, expected: int) -> tuple[Verdict, str]:
    if answer is None:
        return Verdict.ERRORED, f"the import ended before it answered: {completed.ending()}"
    if trouble := answer["trouble"]:
        told = "; ".join(f"{name}: {said}" for name, said in list(trouble.items())[:_SHOWN])
        return Verdict.FAILED, f"{len(trouble)} of {expected} modules cannot be imported from the wheel: {told}"
    if strange := _strange(answer):
        return Verdict.ERRORED, strange
    if not answer["imported"]:
        return Verdict.ERRORED, "there is no module to import: nothing was verified"
    return Verdict.PASSED, f"{answer['imported']} {'module' if answer['imported'] == 1 else 'modules'} imported"


def _tests(completed: Completed, answer: Mapping[str, Any] | None) -> tuple[Verdict, str]:
    if answer is None:
        return Verdict.ERRORED, f"the tests ended before they answered: {completed.ending()}"
    bad = [case for case in answer["cases"] if case["outcome"] in {"failed", "error"}]
    passed = sum(case["outcome"] == "passed" for case in answer["cases"])
    kind = f"{answer['selected']} tests"
    if bad:
        told = "; ".join(f"{case['id']}: {_line(case['message'])}" for case in bad[:_SHOWN])
        return Verdict.FAILED, f"{len(bad)} of {passed + len(bad)} {kind} fail on the installed wheel: {told}"
    if answer["status"] not in _RAN_TO_THE_END:
        said = answer["trouble"] or completed.ending()
        return Verdict.ERRORED, f"pytest stopped early (exit status {answer['status']}): {said}"
    if strange := _strange(answer):
        return Verdict.ERRORED, strange
    if not passed:
        return Verdict.ERRORED, "no test ran on the installed wheel: nothing was verified"
    return Verdict.PASSED, f"{passed} {kind} passed on the installed wheel"


def _strange(answer: Mapping[str, Any]) -> str:
    """Say which modules came from elsewhere than the release; empty where none did."""
    told = ", ".join(f"{name} from {file}" for name, file in sorted(answer["strangers"].items())[:_SHOWN])
    return f"what was imported is not what was installed: {told}" if told else ""


def _line(message: str) -> str:
    return (message.strip().splitlines() or ["no message"])[0][:200]


@contextmanager
def _trial(folder: Path, within: Path | None) -> Iterator[Path]:
    """Give a temporary folder with a copy of the release's tests: they may write beside themselves, a release stays as it is."""
    with tempfile.TemporaryDirectory(prefix="trial-", dir=within, ignore_cleanup_errors=True) as name:
        trial = Path(name).resolve()
        shutil.copytree(folder / "release" / "tests", trial / "tests")
        (trial / "tools").mkdir()
        yield trial


def _show(tools: Path, files: Sequence[str]) -> None:
    """Link to these packages and no others."""
    for file in map(Path, files):
        if file.exists() and not (tools / file.name).is_symlink():
            (tools / file.name).symlink_to(file, target_is_directory=file.is_dir())


def _installed(folder: Path, inside: Sequence[str]) -> list[str]:
    """Return where the tests lie that are installed with the release."""
    places = sorted(folder.glob("lib/python3*/site-packages"))
    return [str(place / path) for place in places[:1] for path in inside]


def _sources(trial: Path, inside: Sequence[str]) -> list[str]:
    """Return every Python file among the tests: their helpers import too."""
    return [*(str(path) for path in sorted((trial / "tests").rglob("*.py"))), *inside]
