"""How well the judge judges: tables on standard output, raw results in `results/`.

`python -m benchmarks.acceptance [--only MODULE]… [--peers] [--qodo CHECKOUT] [--upstream]`.
Every candidate has a label that somebody defends (candidates/*/labels.toml). Each module is judged twice: all its candidates together, and
then the bad and doubtful ones alone, which have nothing good beside them to be redundant to. Exit code 1 where a bad one is accepted.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.acceptance import confusion
from benchmarks.acceptance.confusion import Judged
from benchmarks.acceptance.judging import Answers, judge
from benchmarks.acceptance.keeping import Kept
from benchmarks.acceptance.labels import Candidate, Label, candidates_of, files_of, modules
from benchmarks.acceptance.peers.driving import COVERUP, Peer, ask, installed, qodo_cover
from benchmarks.acceptance.subjects import project_of
from benchmarks.acceptance.upstream import Replayed, replay, table
from spec2prod.domain.screening import without

UPSTREAM = ("inflection", "iniconfig", "semver", "humanize", "tabulate")
NO_QODO = "Qodo Cover was not asked: the index has no `cover-agent`. With a checkout of its repository: --qodo CHECKOUT"


@dataclass(slots=True, kw_only=True)
class Way:
    """One way to judge the set, and what came of it so far."""

    name: str
    told: list[Judged] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    failures: list[str] = field(default_factory=list)
    keep: Callable[[], object] = lambda: None

    def add(self, module: str, candidates: Sequence[Candidate], answers: Answers) -> None:
        """Take a module's answers; what was not answered is told, and counts for nothing."""
        self.told += confusion.judged([each for each in candidates if each.name in answers.answers], answers.answers)
        self.wall_s, self.cpu_s = self.wall_s + answers.wall_s, self.cpu_s + answers.cpu_s
        missing = [each.name for each in candidates if each.name not in answers.answers]
        if answers.failure or missing:
            self.failures.append(f"{module}: {answers.failure or 'no answer'} ({len(missing)} without an answer)")
        print(
            f"{self.name:28} {module:12} {len(candidates):4d} candidates {answers.wall_s:7.1f} s wall {answers.cpu_s:7.1f} s CPU",
            flush=True,
        )
        self.keep()

    def figures(self) -> dict[str, object]:
        """Return what is kept."""
        rows = [{**asdict(each), "verdict": answer.verdict, "reason": nameless(answer.reason)} for each, answer in self.told]
        failures = [nameless(each) for each in self.failures]
        return {"way": self.name, "wall_s": self.wall_s, "cpu_s": self.cpu_s, "failures": failures, "candidates": rows}


def nameless(text: str) -> str:
    """Return a text without this machine's folders."""
    return re.sub(r"(?<![\w.…])(/[\w.+-]+)+/", "…/", text)


def judge_set(names: Sequence[str], work: Path, together: Way, alone: Way) -> None:
    """Judge each module's candidates together, and its bad and doubtful ones alone."""
    for name in names:
        candidates = candidates_of(name)
        together.add(name, candidates, judge(project_of(name, work / "together"), files_of(name)))
        doubtful = [each for each in candidates if each.label in {Label.BAD, Label.REVIEW_OK}]
        alone.add(name, doubtful, judge(project_of(name, work / "alone"), only(doubtful, work / "alone" / f"{name}-candidates")))


def only(candidates: Sequence[Candidate], folder: Path) -> list[Path]:
    """Write the candidates' files with nothing but them."""
    folder.mkdir(parents=True)
    for file in {each.file for each in candidates}:
        others = {each.function for each in candidates_of(file.parent.name) if each.file == file and each not in candidates}
        (folder / file.name).write_text(without(file.read_text(encoding="utf-8"), others), encoding="utf-8")
    return sorted(folder.iterdir())


def ask_peers(peers: Sequence[tuple[Peer, Way]], names: Sequence[str], work: Path) -> None:
    """Put the set to other tools' accept code, module by module: what is known early is known of each of them."""
    ready: list[tuple[Peer, Way, Path]] = []
    for peer, way in peers:
        programs = installed(peer, work)
        if isinstance(programs, str):
            way.failures.append(programs)
        else:
            ready.append((peer, way, programs))
    for name in names:
        candidates = candidates_of(name)
        for peer, way, programs in ready:
            way.add(name, candidates, ask(peer, programs, project_of(name, work / peer.name), candidates, work / f"{peer.name}-scratch"))


def replayed_plainly(each: Replayed) -> dict[str, object]:
    """Return what is kept of a package's own tests."""
    answers = {name: [answer.verdict, nameless(answer.reason)] for name, answer in each.answers.answers.items()}
    told = {"name": each.name, "all_tests": each.all_tests, "answers": answers, "failure": nameless(each.answers.failure)}
    return {**told, "wall_s": each.answers.wall_s, "cpu_s": each.answers.cpu_s, "mutants": each.answers.mutants}


def tell(way: Way) -> None:
    """Print one way's matrix, rates, time, and what it got wrong."""
    print(f"\n== {way.name}: {len(way.told)} candidates, {way.wall_s:.0f} s wall, {way.cpu_s:.0f} s CPU")
    for failure in way.failures:
        print(f"not whole: {failure}")
    if way.told:
        print("\n".join([*confusion.matrix(way.told), *confusion.rates(way.told).lines()]))
    for each, answer in confusion.wrong_ones(way.told):
        print(f"wrong: {each.label}/{each.kind} {each.module}/{each.name}: {answer.verdict}: {answer.reason}")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    known = sorted({*modules(), *UPSTREAM})
    parser = argparse.ArgumentParser(prog="python -m benchmarks.acceptance", description=__doc__)
    parser.add_argument("--only", action="append", metavar="MODULE", choices=known, help="this module alone (may be repeated)")
    parser.add_argument("--peers", action="store_true", help="also ask the accept code of CoverUp, and of Qodo Cover with --qodo")
    parser.add_argument("--qodo", type=Path, metavar="CHECKOUT", help="a checkout of Qodo Cover: the index does not have it")
    parser.add_argument("--upstream", action="store_true", help="also judge the packages' own tests")
    parser.add_argument("--most", type=int, default=60, help="of a package's own tests judge at most so many (default: %(default)s)")
    parser.add_argument("--without-set", action="store_true", help="leave out our own judgement of the set")
    return parser.parse_args()


@dataclass(slots=True, kw_only=True)
class Round:
    """One run of the benchmark: what is asked, and all that is known so far, kept after each module."""

    options: argparse.Namespace
    work: Path
    ways: list[Way] = field(default_factory=list)
    replayed: list[Replayed] = field(default_factory=list)
    kept: Kept = field(default_factory=lambda: Kept(benchmark=Path(__file__).with_name("acceptance.py")))

    def run(self) -> None:
        """Judge and ask, in the order of what matters to us."""
        names = [each for each in self.options.only or modules() if each in modules()]
        if not self.options.without_set:
            judge_set(names, self.work, self._way("spec2prod"), self._way("spec2prod, the bad alone"))
        ask_peers([(peer, self._way(f"{peer.name} {peer.version}")) for peer in self._peers()], names, self.work)
        for name in UPSTREAM if self.options.upstream else ():
            if not self.options.only or name in self.options.only:
                self.replayed.append(replay(name, self.work, self.options.most))
                print("\n".join(table(self.replayed[-1:])), flush=True)
                self.keep()

    def _peers(self) -> list[Peer]:
        if not self.options.peers:
            return []
        return [COVERUP, *([qodo_cover(self.options.qodo.resolve())] if self.options.qodo else [])]

    def _way(self, name: str) -> Way:
        self.ways.append(Way(name=name, keep=self.keep))
        return self.ways[-1]

    def keep(self) -> Path:
        """Keep what is known."""
        return self.kept.keep(
            {"ways": [way.figures() for way in self.ways], "upstream": [replayed_plainly(each) for each in self.replayed]}
        )

    def tell(self) -> None:
        """Print all of it."""
        for way in self.ways:
            tell(way)
        if self.options.peers and not self.options.qodo:
            print(f"\n{NO_QODO}")
        if self.replayed:
            print("\n" + "\n".join(table(self.replayed)))
            print("\n".join(f"turned away: {each.name} {' '.join(why)}" for each in self.replayed for why in each.turned_away))
        print(f"raw results: {self.keep().relative_to(Path.cwd())}")

    @property
    def exit_code(self) -> int:
        """Return 1 where a bad candidate was accepted, or a module of the set got no answer."""
        own = [way for way in self.ways if way.name.startswith("spec2prod")]
        accepted = [each for way in own for each, answer in way.told if each.label is Label.BAD and answer.verdict == "accepted"]
        return 1 if accepted or any(way.failures for way in own) else 0


def main() -> int:
    """Judge, tell, keep the raw results; return 1 where a bad candidate was accepted."""
    options = arguments()
    work = Path(tempfile.mkdtemp(prefix="spec2prod-acceptance-"))
    this = Round(options=options, work=work)
    try:
        this.run()
        this.tell()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return this.exit_code


if __name__ == "__main__":
    sys.exit(main())
