"""Three small real packages, as a new user has them: fetched by hash, with ten lines of specification, and what the user typed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.conftest import REPOSITORY, environment

HERE = Path(__file__).parent
PINS = REPOSITORY / "benchmarks/overhead/subjects.txt"
PATIENCE_S = 300
FETCH_S = 120
# Nobody listens there: the trial is told offline, so that it is told alike everywhere.
OFFLINE = "http://127.0.0.1:9"
PROXIES = {name: OFFLINE for each in ("HTTP_PROXY", "HTTPS_PROXY") for name in (each, each.lower())}
OPEN = {"NO_PROXY": "", "no_proxy": "", "COLUMNS": "120", "NO_COLOR": "1"}
COVERED = "Achieve 80% coverage"
_VOLATILE = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<run>"),
    (re.compile(r"^ +\d+\.\d s", re.MULTILINE), "    T.T s"),
    (re.compile(r"^Took [^(]*\(", re.MULTILINE), "Took T.T s ("),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    (re.compile(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{12}\b"), "<digest>"),
    (re.compile(r"\.[0-9a-f]{8}\.part\b"), ".<part>"),
    (re.compile(r"^Longest chain: .*\n", re.MULTILINE), ""),
    (re.compile(r" +$", re.MULTILINE), ""),
)


@dataclass(frozen=True, slots=True)
class Told:
    """A finished command: its exit code, and what a reader saw."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One package in a folder of its own."""

    name: str
    root: Path

    def start(self) -> None:
        """Write the specification, as its user did before the first command."""
        (self.root / "specs").mkdir()
        shutil.copy(HERE / "specifications" / f"{self.name}.md", self.root / self.specification)

    @property
    def specification(self) -> str:
        """Return where it lies."""
        return f"specs/{self.name}.md"

    def heed(self) -> None:
        """Do what the first run said: add to the settings what its user added."""
        said = HERE / "settings" / f"{self.name}.toml"
        if said.exists():
            self.append("pyproject.toml", said.read_text())

    def append(self, path: str, text: str) -> None:
        """Add to a file, or make it."""
        with (self.root / path).open("a", encoding="utf-8") as file:
            file.write(text)

    def replace(self, path: str, old: str, new: str) -> None:
        """Change one place of a file; it must be there."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
        (self.root / path).write_text(text.replace(old, new), encoding="utf-8")

    def init(self) -> Told:
        """Type `spec2prod init`."""
        return self._typed("init", "--yes")

    def run(self) -> Told:
        """Type `spec2prod run --target staging`."""
        return self._typed("run", "--spec", self.specification, "--component", self.name, "--target", "staging")

    def copy(self, root: Path) -> Trial:
        """Return the same package, with all that its runs left, in another folder."""
        shutil.copytree(self.root, root, symlinks=True)
        return Trial(self.name, root)

    def _typed(self, *words: str) -> Told:
        done = subprocess.run(
            [sys.executable, "-m", "spec2prod", *words],
            cwd=self.root,
            env={name: value for name, value in environment(PROXIES | OPEN).items() if name != "VIRTUAL_ENV"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Told(done.returncode, self._settled(done.stdout))

    def _settled(self, text: str) -> str:
        """Take out what differs from run to run, and from machine to machine."""
        for place, name in ((str(self.root), "<project>"), (sys.prefix, "<environment>"), (sys.base_prefix, "<python>")):
            text = text.replace(place, name)
        for pattern, word in _VOLATILE:
            text = pattern.sub(word, text)
        return text


def fetch(folder: Path) -> dict[str, Path]:
    """Return the unpacked packages by name; skips with the reason where the registry can't be reached."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
    retries = ["--retries", "1", "--timeout", "15", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, *retries, "-r", str(PINS), "-d", str(folder)], capture_output=True, text=True, timeout=FETCH_S, check=False
    )
    if done.returncode and "connection" in done.stderr.lower():
        pytest.skip(f"the package registry cannot be reached: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr  # a wrong hash, a pin that is gone: no reason to skip
    for archive in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    return {path.name.partition("-")[0]: path for path in folder.iterdir() if path.is_dir()}
