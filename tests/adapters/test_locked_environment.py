"""Building a neighbour's locked environment, whichever neighbour: what is special to one is tested beside its adapter."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.locked_environment import MARKER, Locked, write_marker
from spec2prod.adapters.openhands.environment import LOCKED as OPENHANDS
from spec2prod.adapters.pynguin.environment import LOCKED as PYNGUIN
from spec2prod.errors import ToolMissingError
from tests.adapters.locked import fake_uv, quietly

PYTHON = Path(sys.executable)
NEIGHBOURS = pytest.mark.parametrize("locked", [OPENHANDS, PYNGUIN], ids=lambda locked: locked.distribution)


def build(locked: Locked, uv: Path, folder: Path, *, program: str = "python", say: Callable[[str], None] = quietly) -> Path:
    """Build in a folder, once; return the marker."""

    def fill() -> Path:
        locked.fill(folder, uv=uv, python=PYTHON, program=program, say=say)
        return write_marker(folder, {"version": locked.version()})

    marker = folder / MARKER
    return locked.once(folder, standing=lambda: marker if marker.is_file() else None, build=fill, say=say)


@NEIGHBOURS
def test_the_shipped_lock_pins_one_version_with_hashes_and_no_addresses(locked: Locked) -> None:
    lock = locked.lock_text()
    pins = [line for line in lock.splitlines() if line and line[0] not in " #"]
    assert [line for line in pins if line.startswith(f"{locked.distribution}=={locked.version()} ")]
    assert lock.count("--hash=sha256:") >= len(pins) > 30
    assert "://" not in lock


def test_a_lock_that_does_not_name_what_it_is_for_is_told() -> None:
    with pytest.raises(ToolMissingError, match="names no somebody-else"):
        replace(PYNGUIN, distribution="somebody-else").version()


def test_a_half_built_one_is_removed_and_built_again(tmp_path: Path) -> None:
    uv, folder, said = fake_uv(tmp_path), tmp_path / "cache" / "one", list[str]()
    build(PYNGUIN, uv, folder).unlink()
    (folder / "rubbish").touch()
    build(PYNGUIN, uv, folder, say=said.append)
    assert not (folder / "rubbish").exists()
    assert any("half-built" in line for line in said)
    assert said[-1] == f"pynguin {PYNGUIN.version()} is installed"


def test_two_installations_at_once_build_it_once(tmp_path: Path) -> None:
    uv, folder = fake_uv(tmp_path, slow=True), tmp_path / "cache" / "one"
    threads = [threading.Thread(target=build, args=(PYNGUIN, uv, folder)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "runs").read_text() == "run\n"
    assert (folder / MARKER).is_file()


def test_a_failing_uv_is_told_in_its_own_words_and_leaves_nothing_that_counts(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="no such host") as caught:
        build(PYNGUIN, fake_uv(tmp_path, fails=True), tmp_path / "cache" / "one")
    assert "spec2prod pynguin install" in caught.value.next_step
    assert not (tmp_path / "cache" / "one" / MARKER).exists()


def test_a_uv_that_is_not_there_or_too_slow_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="could not be started"):
        build(PYNGUIN, tmp_path / "uv", tmp_path / "cache" / "one")
    with pytest.raises(ToolMissingError, match=r"was stopped after 0\.05 s"):
        build(replace(PYNGUIN, limit_s=0.05), fake_uv(tmp_path, slow=True), tmp_path / "cache" / "two")


def test_a_uv_that_says_yes_and_leaves_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match=r"reported success, but .*agent-server is not there"):
        build(OPENHANDS, fake_uv(tmp_path, program="another"), tmp_path / "cache" / "one", program="agent-server")


@pytest.mark.parametrize(("locked", "told"), [(OPENHANDS, r"needs 1\.6 GB, 1 MB are free"), (PYNGUIN, r"needs 150 MB, 1 MB are free")])
def test_a_full_disk_is_told_before_anything_is_written(locked: Locked, told: str, tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match=told) as caught:
        locked.check_disk(tmp_path, 1_000_000)
    assert "SPEC2PROD_CACHE_DIR" in caught.value.next_step


def test_a_disk_with_just_enough_is_enough(tmp_path: Path) -> None:
    OPENHANDS.check_disk(tmp_path, OPENHANDS.needed_bytes)
