"""What is started to make a release, and to look at it: commands as values (uv, and the release's own interpreter)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spec2prod.adapters.environments.record import Record
from spec2prod.domain.command import Command

WORKER = Path(__file__).resolve().parents[2] / "workers" / "release_worker.py"
_VENV_S, _INSTALL_S, _IMPORT_S, _TESTS_S = 120.0, 300.0, 60.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Uv:
    """The installer. `env` is what it needs of our environment to reach an index: mirrors, proxies, certificates."""

    program: Path
    env: Mapping[str, str]

    def venv(self, folder: Path, interpreter: Path, cwd: Path) -> Command:
        """Make an empty environment that may be renamed; pip is not in it."""
        argv = (str(self.program), "venv", "--quiet", "--no-project", "--relocatable", "--python", str(interpreter), str(folder))
        return Command(tool="uv venv", argv=argv, cwd=cwd, env=self.env, timeout_s=_VENV_S)

    def install(self, folder: Path, wheel: Path, cwd: Path, *, offline: bool) -> Command:
        """Install a wheel and what it depends on; copied, so that no file of a release is shared with a cache."""
        options = ("--quiet", "--link-mode", "copy", *(("--offline",) if offline else ()))
        argv = (str(self.program), "pip", "install", *options, "--python", str(python(folder)), str(wheel))
        return Command(tool="uv pip install", argv=argv, cwd=cwd, env=self.env, timeout_s=_INSTALL_S)


def python(folder: Path) -> Path:
    """Return an environment's interpreter."""
    return folder / "bin" / "python"


def imports(folder: Path, modules: Sequence[str], nonce: str, cwd: Path) -> Command:
    """Import every module, with nothing on the path but what is installed."""
    argv = (*_worker(python(folder), "import", nonce), "--", *modules)
    return Command(tool="release import", argv=argv, cwd=cwd, answer="answer.json", timeout_s=_IMPORT_S)


def tools(interpreter: Path, tests: Sequence[str], without: Sequence[str], nonce: str, cwd: Path) -> Command:
    """Ask where pytest and what else the tests use lie, in the interpreter that measured them."""
    left_out = (f"--without={each}" for each in without)
    argv = (*_worker(interpreter, "tools", nonce), *left_out, "--", *tests)
    return Command(tool="release tools", argv=argv, cwd=cwd, answer="answer.json", timeout_s=_IMPORT_S)


def tests(folder: Path, trial: Path, record: Record, files: Sequence[str], nonce: str) -> Command:
    """Run tests in a folder that holds them and nothing of the source."""
    root = trial / "tests"
    named = (f"--module={each}" for each in record.modules)
    where = (f"--root={root}", f"--config={root / record.config}", f"--tools={trial / 'tools'}")
    argv = (*_worker(python(folder), "test", nonce), *where, *named, "--", *files)
    env = {"HYPOTHESIS_STORAGE_DIRECTORY": "{scratch}/hypothesis"}
    return Command(tool="release tests", argv=argv, cwd=root, env=env, answer="answer.json", timeout_s=_TESTS_S)


def _worker(interpreter: Path, mode: str, nonce: str) -> tuple[str, ...]:
    return (str(interpreter), "-I", "-B", str(WORKER), "--mode", mode, "--answer", "{scratch}/answer.json", f"--nonce={nonce}")
