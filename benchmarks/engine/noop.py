"""`python -m benchmarks.engine.noop`: a staging run of which nothing has changed, beside make, doit, nox and tox doing five trivial tasks.

The peers do what they are best at: make and doit find five targets up to date, nox reuses its environments (it has none here), tox its own.
Also told: that the run started no tool, and imported nothing of an engine.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Measured, environment, measured, median, save
from benchmarks.overhead.subjects import calculator

HEAVY = ("asyncio", "httpx", "jinja2", "psutil", "psycopg", "pydantic", "rich", "subprocess")
_MAKE = "all: a b c d e\n" + "".join(f"{name}: source\n\tcp source {name}\n" for name in "abcde")
_DOIT = """\
def task_each():
    for name in "abcde":
        yield {"name": name, "file_dep": ["source"], "targets": [name], "actions": [f"cp source {name}"]}
"""
_NOX = """\
import nox

nox.options.default_venv_backend = "none"
""" + "".join(f"\n\n@nox.session\ndef {name}(session):\n    session.run('true', external=True, silent=True)\n" for name in "abcde")
_TOX = "[tox]\nenv_list = a,b,c,d,e\nskipsdist = true\n[testenv]\nskip_install = true\nallowlist_externals = true\ncommands = true\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One tool: its command, and where it is started."""

    name: str
    command: tuple[str, ...]
    folder: Path


def ways(work: Path) -> Iterator[Way]:
    """Make every project, warm."""
    peers = environment(work / "peers", Path(__file__).parent / "peers.txt")
    subject = calculator(work / "calculator")
    pyproject = subject.root / "pyproject.toml"
    # The service of known vulnerabilities cannot be reached everywhere, and an unanswered question is asked again, always.
    pyproject.write_text(pyproject.read_text() + "\n[tool.spec2prod.rules.staging]\nvulnerabilities = { asked = false }\n")
    run = ("-m", "spec2prod", "run", "--spec", subject.specification, "--component", subject.component, "--target", "staging", "--async")
    yield Way(name="spec2prod run", command=(sys.executable, *run), folder=subject.root)
    for name, file, text, words in (
        ("make", "Makefile", _MAKE, (shutil.which("make") or "make", "all")),
        ("doit", "dodo.py", _DOIT, (str(peers / "doit"),)),
        ("nox -R", "noxfile.py", _NOX, (str(peers / "nox"), "-R")),
        ("tox", "tox.ini", _TOX, (str(peers / "tox"),)),
    ):
        folder = work / name.split()[0]
        folder.mkdir()
        (folder / file).write_text(text)
        (folder / "source").write_text("source\n")
        yield Way(name=name, command=words, folder=folder)


def imported(way: Way) -> list[str]:
    """Return the heavy modules that a command imports."""
    told = measured([[sys.executable, "-X", "importtime", *way.command[1:]]], way.folder).output
    names = set(re.findall(r"\|\s+([\w.]+)$", told, re.MULTILINE))
    return sorted(names & set(HEAVY))


def main() -> None:
    """Measure the ways in turn, print medians, keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine.noop", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="measured turns (default: %(default)s)")
    rounds = parser.parse_args().rounds
    work = Path(tempfile.mkdtemp(prefix="spec2prod-noop-"))
    try:
        every = list(ways(work))
        for way in every:
            for _ in range(3):  # the first runs do the work, and one more notes that nothing changed
                warm = measured([way.command], way.folder)
        taken: dict[str, list[Measured]] = {way.name: [] for way in every}
        for _ in range(rounds):
            for way in every:
                taken[way.name].append(measured([way.command], way.folder))
        stands = all("Nothing has changed" in each.output for each in taken["spec2prod run"])
        heavy = imported(every[0])
        print(f"{'':16} {'wall':>8} {'CPU':>8}")
        for name, each in taken.items():
            print(f"{name:16} {median(one.wall_s for one in each) * 1000:5.0f} ms {median(one.cpu_s for one in each) * 1000:5.0f} ms")
        print(f"answered without starting a tool: {stands}; heavy modules imported: {', '.join(heavy) or 'none'}; exit {warm.exit_code}")
        print(f"raw figures: {save(__file__, {'taken': taken, 'stands': stands, 'heavy': heavy})}")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
