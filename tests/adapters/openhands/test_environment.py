"""Building and finding the agent server's environment. uv is a script here: the real build takes minutes."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest

from spec2prod.adapters.openhands.environment import NEEDED_BYTES, check_disk, find, install, lock_text, python_version, server_version
from spec2prod.errors import ToolMissingError

_PYTHON = Path(sys.executable)


def _quietly(_line: str) -> None:
    """Tell nobody."""


def _uv(tmp_path: Path, *, slow: bool = False, fails: bool = False) -> Path:
    """Return a program that does what uv does for us, as far as a folder shows it, and counts its runs."""
    program = tmp_path / "uv"
    build = 'folder="$6"; mkdir -p "$folder/bin"; echo run >> "$(dirname "$0")/runs"'
    fill = 'printf "#!/bin/sh\\n" > "$(dirname "$7")/agent-server"; chmod +x "$(dirname "$7")/agent-server"'
    end = "echo 'error: no such host' >&2; exit 2" if fails else fill
    program.write_text(f'#!/bin/sh\nif [ "$1" = venv ]; then {build}; else {"sleep 0.3; " if slow else ""}{end}; fi\n')
    program.chmod(0o755)
    return program


def test_the_shipped_lock_pins_one_version_with_hashes_and_no_addresses() -> None:
    lock = lock_text()
    pins = {line.split("==")[0]: line.split("==")[1].split()[0] for line in lock.splitlines() if line and line[0] not in " #"}
    assert {pins[name] for name in ("openhands-sdk", "openhands-tools", "openhands-agent-server")} == {server_version()}
    assert lock.count("--hash=sha256:") >= len(pins) > 100
    assert "://" not in lock


def test_it_is_built_once_and_found_again(tmp_path: Path) -> None:
    uv, cache, said = _uv(tmp_path), tmp_path / "cache", list[str]()
    assert find(cache) is None
    built = install(cache, uv=uv, python=_PYTHON, say=said.append)
    assert install(cache, uv=uv, python=_PYTHON, say=said.append) == built == find(cache)
    assert (tmp_path / "runs").read_text() == "run\n"
    assert built.version == server_version()
    assert built.folder.parent == cache / "openhands"
    assert any("is installed" in line for line in said)


def test_a_half_built_one_is_not_found_and_is_built_again(tmp_path: Path) -> None:
    uv, cache, said = _uv(tmp_path), tmp_path / "cache", list[str]()
    built = install(cache, uv=uv, python=_PYTHON, say=said.append)
    (built.folder / "complete").unlink()
    (built.folder / "rubbish").touch()
    assert find(cache) is None
    assert install(cache, uv=uv, python=_PYTHON, say=said.append) == built
    assert not (built.folder / "rubbish").exists()
    assert any("half-built" in line for line in said)


def test_one_of_another_lock_is_not_found(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    built = install(cache, uv=_uv(tmp_path), python=_PYTHON, say=_quietly)
    marker = built.folder / "complete"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"lock": "another"}))
    assert find(cache) is None


def test_a_failing_uv_is_told_in_its_own_words_and_leaves_nothing_that_counts(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="no such host") as caught:
        install(tmp_path / "cache", uv=_uv(tmp_path, fails=True), python=_PYTHON, say=_quietly)
    assert "openhands install" in caught.value.next_step
    assert find(tmp_path / "cache") is None


def test_two_installations_at_once_build_it_once(tmp_path: Path) -> None:
    uv, cache, said = _uv(tmp_path, slow=True), tmp_path / "cache", list[str]()
    threads = [threading.Thread(target=install, args=(cache,), kwargs={"uv": uv, "python": _PYTHON, "say": said.append}) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "runs").read_text() == "run\n"
    assert find(cache) is not None


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="are free") as caught:
        check_disk(tmp_path, NEEDED_BYTES - 1)
    assert "SPEC2PROD_CACHE_DIR" in caught.value.next_step


def test_a_python_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="could not be started"):
        python_version(tmp_path / "python")
    with pytest.raises(ToolMissingError, match="no working Python"):
        python_version(Path("/bin/false"))


def test_a_python_that_is_too_old_is_told(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho 3.11.9\n")
    old.chmod(0o755)
    with pytest.raises(ToolMissingError, match=r"is 3\.11\.9"):
        python_version(old)


def test_a_uv_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolMissingError, match="could not be started"):
        install(tmp_path / "cache", uv=tmp_path / "uv", python=_PYTHON, say=_quietly)
