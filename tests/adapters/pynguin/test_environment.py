"""Building and finding Pynguin's environment. uv is a script here: the real one is asked by the slow tests."""

from __future__ import annotations

import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from spec2prod.adapters.pynguin.environment import ask, check_disk, find, install, installed, lock_text, pynguin_version, read_python
from spec2prod.errors import ToolMissingError

PYTHON = Path(sys.executable)
KIND = f"cpython-{sys.version_info[0]}{sys.version_info[1]}"


def quietly(_line: str) -> None:
    """Tell nobody."""


def fake_uv(tmp_path: Path, *, slow: bool = False, fails: bool = False) -> Path:
    """Return a program that does what uv does for us, as far as a folder shows it, and counts its runs."""
    program = tmp_path / "uv"
    build = 'folder="$6"; mkdir -p "$folder/bin"; echo run >> "$(dirname "$0")/runs"'
    end = "echo 'error: no such host' >&2; exit 2" if fails else 'printf "#!/bin/sh\\n" > "$7"'
    program.write_text(f'#!/bin/sh\nif [ "$1" = venv ]; then {build}; else {"sleep 0.3; " if slow else ""}{end}; fi\n')
    program.chmod(0o755)
    return program


def test_the_shipped_lock_pins_one_version_with_hashes_and_no_addresses() -> None:
    lock = lock_text()
    pins = [line for line in lock.splitlines() if line and line[0] not in " #"]
    assert f"pynguin=={pynguin_version()} \\" in pins
    assert lock.count("--hash=sha256:") >= len(pins) > 30
    assert "://" not in lock


def test_its_pytest_is_below_nine_which_is_why_it_has_an_environment_of_its_own() -> None:
    assert "\npytest==8." in lock_text()


def test_it_is_built_once_and_found_again(tmp_path: Path) -> None:
    uv, cache, said = fake_uv(tmp_path), tmp_path / "cache", list[str]()
    assert find(cache, KIND) is None
    built = install(cache, uv=uv, python=PYTHON, say=said.append)
    assert install(cache, uv=uv, python=PYTHON, say=said.append) == built == find(cache, KIND)
    assert (tmp_path / "runs").read_text() == "run\n"
    assert (built.version, built.kind) == (pynguin_version(), KIND)
    assert Path(sys.base_prefix) in built.homes
    assert installed(cache) == (built,)
    assert [line for line in said if pynguin_version() in line]


def test_another_kind_of_python_has_another_environment(tmp_path: Path) -> None:
    install(tmp_path / "cache", uv=fake_uv(tmp_path), python=PYTHON, say=quietly)
    assert find(tmp_path / "cache", "cpython-310") is None


def test_a_half_built_one_is_not_found_and_is_built_again(tmp_path: Path) -> None:
    uv, cache, said = fake_uv(tmp_path), tmp_path / "cache", list[str]()
    built = install(cache, uv=uv, python=PYTHON, say=said.append)
    (built.folder / "complete").unlink()
    (built.folder / "rubbish").touch()
    assert find(cache, KIND) is None
    assert install(cache, uv=uv, python=PYTHON, say=said.append) == built
    assert not (built.folder / "rubbish").exists()
    assert any("half-built" in line for line in said)


def test_one_whose_python_is_gone_is_not_found(tmp_path: Path) -> None:
    built = install(tmp_path / "cache", uv=fake_uv(tmp_path), python=PYTHON, say=quietly)
    shutil.rmtree(built.folder / "bin")
    assert find(tmp_path / "cache", KIND) is None
    assert installed(tmp_path / "cache") == ()


def test_a_failing_uv_is_told_in_its_own_words_and_leaves_nothing_that_counts(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="no such host") as caught:
        install(tmp_path / "cache", uv=fake_uv(tmp_path, fails=True), python=PYTHON, say=quietly)
    assert "spec2prod pynguin install" in caught.value.next_step
    assert find(tmp_path / "cache", KIND) is None


def test_two_installations_at_once_build_it_once(tmp_path: Path) -> None:
    uv, cache = fake_uv(tmp_path, slow=True), tmp_path / "cache"
    threads = [threading.Thread(target=install, args=(cache,), kwargs={"uv": uv, "python": PYTHON, "say": quietly}) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "runs").read_text() == "run\n"
    assert find(cache, KIND) is not None


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="are free") as caught:
        check_disk(tmp_path, 1_000_000)
    assert "SPEC2PROD_CACHE_DIR" in caught.value.next_step


def test_a_python_tells_what_it_is_and_what_it_imports_from() -> None:
    asked = ask(PYTHON)
    assert (asked.kind, asked.version, asked.implementation) == (KIND, sys.version.split()[0], "cpython")
    assert any(path.endswith("site-packages") for path in asked.path)
    assert asked.is_served


@pytest.mark.parametrize(("version", "implementation"), [("3.9.18", "cpython"), ("3.16.0", "cpython"), ("3.11.9", "pypy")])
def test_a_python_on_which_it_does_not_run_is_named(version: str, implementation: str) -> None:
    other = replace(ask(PYTHON), version=version, implementation=implementation)
    assert not other.is_served
    assert f"{implementation} {version}" in other.unserved()
    assert "CPython 3.10 to 3.15" in other.unserved()


def test_nothing_is_built_for_a_python_on_which_it_does_not_run(tmp_path: Path) -> None:
    old = tmp_path / "python"
    answer = '{"kind": "cpython-39", "version": "3.9.18", "implementation": "cpython", "homes": [], "path": []}'
    old.write_text(f"#!/bin/sh\necho '{answer}'\n")
    old.chmod(0o755)
    with pytest.raises(ToolMissingError, match=r"cpython 3\.9\.18"):
        install(tmp_path / "cache", uv=fake_uv(tmp_path), python=old, say=quietly)
    assert not (tmp_path / "cache").exists()


def test_a_python_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="could not be started"):
        ask(tmp_path / "python")
    with pytest.raises(ToolMissingError, match="no working Python"):
        ask(Path("/bin/true"))
    with pytest.raises(ToolMissingError, match="no working Python"):
        read_python(PYTHON, '{"kind": "cpython-312"}')
