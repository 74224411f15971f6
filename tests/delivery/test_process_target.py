"""A virtual environment per release: installed, looked at, switched to, gone back from."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from spec2prod.adapters.environments.layout import Layout, write
from spec2prod.adapters.host import ProcessHost
from spec2prod.domain.command import Command, Completed
from spec2prod.domain.release import Artifact, Entry, Kind, standing
from spec2prod.domain.verdict import Verdict
from spec2prod.errors import DeliveryError
from tests.delivery.conftest import GOOD, Shop

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.slow]
BAD = "from pathlib import Path\n\nVALUE = len((Path(__file__).parent / 'table.txt').read_text())\n"
SMOKE = """\
import pytest


@pytest.mark.smoke
def test_smoke() -> None:
    assert True


def test_costly() -> None:
    raise AssertionError
"""
WITH_HELPERS = """\
from pathlib import Path

from hypothesis import given, strategies
from tests.helpers import LEAST

from ns.calc.ops import VALUE


@given(strategies.none())
def test_between(_: None) -> None:
    assert LEAST <= VALUE <= int((Path(__file__).parent / "data/most.txt").read_text())
"""


async def test_a_good_release_is_served_and_stands_on_its_own(shop: Shop) -> None:
    shop.write("tests/test_ops.py", GOOD + f"\n\ndef test_where() -> None:\n    assert __file__.startswith({str(shop.temporary)!r})\n")
    told = await shop.release()
    assert told.verdict is Verdict.PASSED, told.errors
    assert [check.name for check in told.checks] == ["imports", "tests", "imports after the switch"]
    shutil.rmtree(shop.root / "src")
    assert shop.served() == "VALUE = 1\n"
    assert (shop.layout.folder / "releases" / told.digest / "pyvenv.cfg").is_file()
    assert not list(shop.layout.release(told.digest).glob("lib/python3*/site-packages/pytest"))
    assert shop.leftovers() == []


async def test_the_same_digest_is_not_released_again_but_said_so(shop: Shop) -> None:
    await shop.release()
    before = len(shop.host.processes)
    told = await shop.release()
    assert (told.verdict, told.already_current) == (Verdict.PASSED, True)
    assert [done.command.tool for done in shop.host.processes[before:]] == ["release import"]


async def test_a_current_release_that_is_broken_meanwhile_is_made_anew(shop: Shop) -> None:
    first = await shop.release()
    for module in shop.layout.release(first.digest).glob("lib/python3*/site-packages/ns/calc/ops.py"):
        module.unlink()
    told = await shop.release()
    assert (told.verdict, told.already_current) == (Verdict.PASSED, False)
    assert shop.served() == "VALUE = 1\n"


async def test_a_release_that_needs_a_file_beside_its_source_is_taken_back(shop: Shop) -> None:
    await shop.version(1)
    good = await shop.version(2)
    shop.write("src/ns/calc/table.txt", "1234")
    shop.write("src/ns/calc/ops.py", BAD)
    told = await shop.release()
    assert (told.verdict, told.rolled_back) == (Verdict.FAILED, True)
    assert (told.came_from, told.current) == (good.digest, good.digest)
    assert "cannot be imported from the wheel" in told.errors[0]
    assert shop.served() == "VALUE = 2\n"
    assert shop.leftovers() == []
    assert not shop.layout.release(told.digest).exists()


async def test_a_first_release_that_is_bad_leaves_nothing_served(shop: Shop) -> None:
    shop.write("src/ns/calc/ops.py", BAD)
    told = await shop.release()
    assert (told.rolled_back, told.current) == (True, "")
    assert not shop.layout.link("ops").is_symlink()


async def test_what_cannot_be_verified_is_taken_back_too(shop: Shop) -> None:
    await shop.version(1)
    shop.write("src/ns/calc/ops.py", "import os\n\nos._exit(0)\n")
    told = await shop.release()
    assert (told.verdict, told.rolled_back) == (Verdict.ERRORED, True)
    assert "before it answered" in told.errors[0]
    assert shop.served() == "VALUE = 1\n"


async def test_a_test_that_fails_only_on_the_installed_wheel_is_seen(shop: Shop) -> None:
    await shop.version(1)
    shop.write(
        "tests/test_ops.py", GOOD + "\n\ndef test_place() -> None:\n    import ns.calc.ops\n\n    assert '/src/' in ns.calc.ops.__file__\n"
    )
    told = await shop.version(2)
    assert (told.verdict, told.rolled_back) == (Verdict.FAILED, True)
    assert "test_place" in told.errors[0]
    assert shop.served() == "VALUE = 1\n"


async def test_smoke_tests_are_the_ones_that_run_where_there_are_some(shop: Shop) -> None:
    shop.write("tests/test_ops.py", SMOKE)
    told = await shop.release()
    assert told.verdict is Verdict.PASSED, told.errors
    assert told.checks[1].detail == "1 smoke tests passed on the installed wheel"


async def test_no_test_that_runs_is_no_verification(shop: Shop) -> None:
    shop.write("tests/test_ops.py", "import pytest\n\n\n@pytest.mark.skip\ndef test_value() -> None:\n    pass\n")
    told = await shop.release()
    assert (told.verdict, told.rolled_back) == (Verdict.ERRORED, True)
    assert "nothing was verified" in told.errors[0]


async def test_a_dependency_that_the_project_does_not_name_is_missed_though_the_tests_have_it(shop: Shop) -> None:
    shop.write("src/ns/calc/ops.py", "import pytest\n\nVALUE = 1 if pytest else 0\n")
    told = await shop.release()
    assert told.verdict is Verdict.FAILED
    assert "No module named 'pytest'" in told.errors[0]


async def test_a_package_with_data_and_tests_of_its_own_runs_where_it_is_installed(shop: Shop) -> None:
    shop.write(
        "src/app/__init__.py", "from importlib.resources import files\n\nRATES = files(__name__).joinpath('rates.json').read_text()\n"
    )
    shop.write("src/app/rates.json", "{}")
    shop.write("src/app/tests/__init__.py", "")
    shop.write("src/app/tests/test_app.py", "from .. import RATES\n\n\ndef test_rates() -> None:\n    assert RATES == '{}'\n")
    told = await shop.release(shop.component("src/app", "src/app/__init__.py", tests=("src/app/tests/test_app.py",), name="app"))
    assert told.verdict is Verdict.PASSED, told.errors


async def test_tests_find_their_helpers_and_data_and_hypothesis(shop: Shop) -> None:
    shop.write("tests/helpers.py", "LEAST = 1\n")
    shop.write("tests/data/most.txt", "9")
    shop.write("tests/test_ops.py", WITH_HELPERS)
    told = await shop.release()
    assert told.verdict is Verdict.PASSED, told.errors


async def test_two_components_of_one_project_do_not_mix(shop: Shop) -> None:
    await shop.version(1)
    shop.write("src/ns/tax/vat.py", "VAT = 1\n")
    shop.write("tests/test_vat.py", "from ns.tax.vat import VAT\n\n\ndef test_vat() -> None:\n    assert VAT\n")
    other = await shop.release(shop.component("src/ns/tax/vat.py", tests=("tests/test_vat.py",), name="vat"))
    await shop.version(2)
    assert other.verdict is Verdict.PASSED, other.errors
    assert shop.layout.current("vat") == other.digest
    assert shop.served() == "VALUE = 2\n"
    assert shop.layout.components() == ("ops", "vat")


async def test_a_rollback_looks_at_the_release_before_and_holds_the_one_it_left(shop: Shop) -> None:
    first, second = await shop.version(1), await shop.version(2)
    shop.write("tests/test_ops.py", "raise RuntimeError\n")  # a rollback runs the tests that the release was released with
    told = await shop.staging.roll_back("ops")
    assert told.verdict is Verdict.PASSED, told.errors
    assert shop.served() == "VALUE = 1\n"
    now = standing(shop.staging.history("ops"))
    assert (now.current, now.held) == (first.digest, (second.digest,))
    with pytest.raises(DeliveryError, match="a rollback is not rolled back"):
        await shop.staging.roll_back("ops")
    assert await shop.staging.lift_hold("ops") == (second.digest,)
    assert standing(shop.staging.history("ops")).held == ()


async def test_a_rollback_to_a_release_that_is_not_healthy_changes_nothing(shop: Shop) -> None:
    first, second = await shop.version(1), await shop.version(2)
    for module in shop.layout.release(first.digest).glob("lib/python3*/site-packages/ns/calc/ops.py"):
        module.write_text("raise RuntimeError('rotten')\n")
    told = await shop.staging.roll_back("ops")
    assert (told.verdict, told.current) == (Verdict.FAILED, second.digest)
    assert shop.served() == "VALUE = 2\n"
    assert standing(shop.staging.history("ops")).held == ()


async def test_without_a_release_before_there_is_no_way_back(shop: Shop) -> None:
    with pytest.raises(DeliveryError, match="is not released"):
        await shop.staging.roll_back("ops")
    await shop.version(1)
    with pytest.raises(DeliveryError, match="no release of ops before"):
        await shop.staging.roll_back("ops")


class Ending:
    """A host that is cancelled, or sees a failure, at the nth import."""

    def __init__(self, at: int, *, cancels: bool) -> None:
        self.real = ProcessHost()
        self.imports = 0
        self.at, self.cancels = at, cancels

    @property
    def processes(self) -> Sequence[Completed]:
        return self.real.processes

    async def run(self, command: Command) -> Completed:
        if command.tool == "release import":
            self.imports += 1
            if self.imports == self.at:
                if self.cancels:
                    raise asyncio.CancelledError
                return Completed(command=command, exit_code=-9)
        return await self.real.run(command)


@pytest.mark.parametrize("cancels", [True, False])
async def test_what_ends_after_the_switch_goes_back(shop: Shop, *, cancels: bool) -> None:
    good = await shop.version(1)
    shop.host = Ending(2, cancels=cancels)
    if cancels:
        with pytest.raises(asyncio.CancelledError):
            await shop.version(2)
    else:
        assert (await shop.version(2)).rolled_back
    assert shop.layout.current("ops") == good.digest
    assert shop.served() == "VALUE = 1\n"
    assert shop.leftovers() == []


async def test_leftovers_of_a_crash_are_cleared_up_and_a_switch_that_nobody_noted_is_found(shop: Shop) -> None:
    first = await shop.version(1)
    second = await shop.version(2)
    shop.layout.part("a" * 64).mkdir()
    history = shop.layout.folder / "history" / "ops.jsonl"
    write(history, history.read_text().splitlines(keepends=True)[0])  # as if it had crashed before it noted the second
    told = await shop.release()
    assert (told.already_current, told.current) == (True, second.digest)
    entries = shop.staging.history("ops")
    assert [entry.kind for entry in entries] == [Kind.RELEASED, Kind.FOUND]
    assert standing(entries).previous == first.digest
    assert shop.leftovers() == []


async def test_a_release_that_died_between_its_switch_and_its_note_is_taken_back_and_made_again(shop: Shop) -> None:
    first = await shop.version(1)
    second = await shop.version(2)
    history = shop.layout.folder / "history" / "ops.jsonl"
    lines = history.read_text().splitlines(keepends=True)
    write(history, lines[0])
    shop.layout.begin("ops", second.digest, first.digest)
    told = await shop.release()
    assert (told.already_current, told.came_from, told.current) == (False, first.digest, second.digest)
    assert [entry.kind for entry in shop.staging.history("ops")] == [Kind.RELEASED, Kind.RELEASED]
    assert shop.leftovers() == []
    write(history, "".join(lines))
    shop.layout.begin("ops", second.digest, first.digest)  # it died after its note
    assert (await shop.release()).already_current
    assert not list(shop.layout.folder.glob("begun/*"))


async def test_two_deployments_at_once_wait_for_one_another(shop: Shop) -> None:
    async with shop.layout.locked():
        with pytest.raises(DeliveryError, match="another run has been changing staging"):
            await shop.release()
    assert (await shop.release()).verdict is Verdict.PASSED


async def test_a_history_that_cannot_be_read_is_not_guessed(shop: Shop) -> None:
    await shop.version(1)
    history = shop.layout.folder / "history" / "ops.jsonl"
    history.write_text(history.read_text() + "{}\n")
    with pytest.raises(DeliveryError) as caught:
        await shop.version(2)
    assert caught.value.where.endswith("ops.jsonl:2")


async def test_a_wheel_that_was_changed_after_its_release_is_refused(shop: Shop) -> None:
    told = await shop.version(1)
    artifact = Artifact(component="ops", version=told.version, digest=told.digest, path=Path(told.wheel), modules=("ns.calc.ops",))
    assert shop.staging.stored(artifact).path == Path(told.wheel)
    Path(told.wheel).write_bytes(b"other")  # noqa: ASYNC240 - a test
    with pytest.raises(DeliveryError, match="not what it was"):
        shop.staging.stored(artifact)


@pytest.mark.parametrize(
    ("setting", "verdict", "transient"),
    [("no-index = true", Verdict.FAILED, False), ('index-url = "http://127.0.0.1:9/simple"', Verdict.ERRORED, True)],
    ids=["the index says no", "the index cannot be reached"],
)
async def test_a_dependency_that_cannot_be_installed(shop: Shop, setting: str, verdict: Verdict, *, transient: bool) -> None:
    good = await shop.version(1)
    shop.write(
        "pyproject.toml", '[project]\nname = "shop"\nversion = "1.0"\ndependencies = ["spec2prod-no-such-package"]\n[tool.uv]\n' + setting
    )
    shop.env = {**shop.env, "UV_HTTP_RETRIES": "0"}
    told = await shop.version(2)
    assert (told.verdict, told.transient, told.rolled_back) == (verdict, transient, False), told.errors
    assert "could not be installed" in told.errors[0]
    assert told.current == good.digest
    assert shop.leftovers() == []


async def test_an_interpreter_that_does_not_start_is_told(shop: Shop, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    told = await shop.release(dataclasses.replace(shop.component(), interpreter=broken))
    assert (told.verdict, told.rolled_back) == (Verdict.ERRORED, False)


async def test_five_old_releases_are_kept_beside_the_current_one(shop: Shop) -> None:
    layout = Layout(shop.root, "staging")
    for number in range(1, 9):
        digest = f"{number}" * 64
        layout.release(digest).mkdir(parents=True)
        layout.note(
            Entry(kind=Kind.RELEASED, component="old", digest=digest, version="1", at="2026-01-01", current=digest, verdict=Verdict.PASSED)
        )
    layout.switch("old", "8" * 64)
    await shop.version(1)
    kept = sorted(folder.name[0] for folder in layout.releases.iterdir() if len(set(folder.name)) == 1)
    assert kept == ["3", "4", "5", "6", "7", "8"]


async def test_a_place_that_takes_no_file_is_told_with_what_helps(shop: Shop) -> None:
    shop.write(".spec2prod/environments", "a file where a folder should be")
    with pytest.raises(DeliveryError, match="could not be written") as caught:
        await shop.release()
    assert "free space" in caught.value.next_step
