"""`python -m benchmarks.chaos --kills N --database sqlite|postgresql [--workers 3]`: a line a trial, raw figures in `results/`.

Each trial is a project of its own. A run in it is killed (`kill -9`) at a random moment, mostly more than once, and the same command
is given again until it ends by itself; with workers these are killed and replaced while they work a batch off. `--outage` takes the
database away now and then, too. Then everything is compared with a run that nobody disturbed. The exit code is 1 where a trial came
to another end, or left anything behind. `--sum` adds up what was kept.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.chaos import fleet, trials
from benchmarks.chaos.outages import server_in
from benchmarks.chaos.records import RESULTS, Series, kills_of, lines_of, summary
from benchmarks.chaos.trials import Peace, Place, Trial
from spec2prod.testing import ScriptedModel, load_script

OUTAGES = {"restart": ("restart",), "cut": ("reset", "silence")}


def main(argv: list[str] | None = None) -> int:
    """Try as often as asked, print a line each, keep the raw figures."""
    args = _parser().parse_args(argv)
    if args.sum:
        print("\n".join(summary(lines_of(sorted(RESULTS.glob("*.jsonl"))))))
        return 0
    outages = tuple(each for name in ("cut", "restart") if getattr(args, name) for each in OUTAGES[name])
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(2**32)
    series = Series(database=args.database, workers=args.workers, outages=outages, seed=seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and all that was started is ended
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="c-", ignore_cleanup_errors=True))).resolve()
        server = stack.enter_context(server_in(folder)) if args.database == "postgresql" else None
        model = stack.enter_context(ScriptedModel(load_script("calculator"))) if args.agent_share else None
        place = Place(folder=folder, server=server, outages=outages, model=model, kills=(max(1, args.most * 2 // 3), args.most))
        found = _trials(series, place, args)
    wrong = sum(bool(each.wrong) for each in found)
    kills = sum(len(each.killed_at_s) for each in found)
    print(f"{kills} kills in {len(found)} trials of {series.name}: {wrong} came to another end or left something (seed {seed})")
    return 1 if wrong else 0


def _trials(series: Series, place: Place, args: argparse.Namespace) -> list[Trial]:
    """Try until there were enough kills, with those that an earlier call has kept."""
    earlier = series.earlier() if args.append else []
    number, kills = max((line["number"] for line in earlier), default=0), kills_of(earlier)
    peaces: dict[str, Peace] = {}
    found: list[Trial] = []
    while kills < args.kills:
        number += 1
        dice = random.Random(f"{series.seed}:{number}")  # noqa: S311 - dice, no secret
        writer = "agent" if dice.random() < args.agent_share else "spec"
        if writer not in peaces:
            peaces[writer] = _in_peace(place, writer, args.workers)
        trial = _teller(args.workers)(number, place, dice, peaces[writer], writer)
        series.keep(trial, peaces[writer].lasts_s)
        found.append(trial)
        kills += len(trial.killed_at_s)
        print(_line(trial, kills, args.kills), flush=True)
    return found


def _teller(workers: int) -> Callable[[int, Place, random.Random, Peace, str], Trial]:
    if not workers:
        return trials.one_trial
    return lambda number, place, dice, peace, _: fleet.one_trial(number, place, dice, peace, workers)


def _in_peace(place: Place, writer: str, workers: int) -> Peace:
    peace = fleet.undisturbed(place, workers) if workers else trials.undisturbed(place, writer)
    codes = {name: end.exit_code for name, end in peace.ends.items()}
    print(f"undisturbed, tests by {writer}: exit {codes}, {peace.lasts_s:.1f} s, {peace.calls} calls of the model", flush=True)
    return peace


def _line(trial: Trial, kills: int, wanted: int) -> str:
    at = ", ".join(f"{at:.1f} s {where}" for at, (where, _) in zip(trial.killed_at_s, trial.killed_in, strict=True)) or "never"
    away = "".join(f"; {kind} at {at:.1f} s for {long:.1f} s" for kind, at, long in trial.outages)
    told = "; ".join(trial.wrong) or "the same end"
    return f"{trial.number:4} {trial.writer}: killed at {at}{away}; {trial.replayed} steps replayed; {told}  [{kills}/{wanted}]"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10, help="how many kills at least (default: %(default)s)")
    parser.add_argument("--most", type=int, default=trials.MOST_KILLS, help="how many kills a run at most, and two thirds of it at least")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--workers", type=int, default=0, help="have this many workers work batches off, instead of single runs")
    parser.add_argument("--agent-share", type=float, default=0.0, help="this share of the runs has the real agent server, from 0 to 1")
    parser.add_argument("--cut", action="store_true", help="cut the way to PostgreSQL now and then: by resets, and silently")
    parser.add_argument("--restart", action="store_true", help="stop PostgreSQL as a crash does now and then, and start it again")
    parser.add_argument("--seed", type=int, default=None, help="the moments follow from it: name one to repeat a series")
    parser.add_argument("--append", action="store_true", help="go on with the kept series of this seed, until it has so many kills")
    parser.add_argument("--sum", action="store_true", help="try nothing; add up everything that was kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
