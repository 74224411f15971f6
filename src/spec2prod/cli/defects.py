"""`spec2prod defects`: what may be wrong with the code, and what somebody says it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.cli.defects_told import INDENT as _INDENT
from spec2prod.cli.defects_told import KINDS
from spec2prod.cli.output import console, fail
from spec2prod.cli.telling import Teller, document
from spec2prod.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec2prod.bootstrap.defects import Defects, Disposed, Tried
    from spec2prod.domain.defect import Defect, Disposition

_EPILOG = """\
A suspected defect is a proposed test that a requirement asks for and that the code fails, each time. Either the code, the test or
the requirement is wrong, and only a person can know which. Until somebody says so, the gate suspected_defects says no: it warns at
development, and closes staging and production. It counts in every later run, also where no test is proposed any more.

ID is a defect's ID, or the beginning of it.

what it may be:
  fixed               the code was wrong. The kept test is run: it must pass by now, and becomes one of the component's tests
  wrong-test          the test asks for what nobody promised. Proposed again, it is rejected with your reason
  wrong-requirement   the promise is wrong: correct the specification. Of the new text, tests are judged anew

exit codes: 0 done, 1 the kept test still fails, 2 usage, 4 it could not be run, or the database not be used

examples:
  spec2prod defects
  spec2prod defects show 3f2a
  spec2prod defects check
  spec2prod defects dispose 3f2a --as fixed --reason "subtract added"
  spec2prod defects dispose 3f2a --as wrong-test --reason "the order of the result is not promised" --by "Ada"
  spec2prod defects dispose 3f2a 81c0 --as wrong-requirement --reason "prices are net since March"
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "defects",
        parents=[common],
        help="list, show and dispose of suspected defects: tests that a requirement asks for and the code fails",
        description="List suspected defects, show one, run its test on the present code, or say what it is.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--component", metavar="NAME", default="", help="this component's alone")
    parser.add_argument("--all", action="store_true", help="those that somebody has disposed of, too")
    _add_json(parser)
    parser.set_defaults(command=show_all)
    inner = parser.add_subparsers(title="commands", metavar="COMMAND")
    one = _inner(
        inner, common, "show", "show the requirement, what was expected and answered, the test, the runs that saw it, and what was said"
    )
    one.add_argument("defect", metavar="ID", help="which")
    _add_json(one)
    one.set_defaults(command=show)
    checking = _inner(inner, common, "check", "run the kept tests on the present code, and change nothing")
    checking.add_argument("defect", metavar="ID", nargs="*", help="which (default: all that are open)")
    checking.add_argument("--component", metavar="NAME", default=argparse.SUPPRESS, help="this component's alone")
    _add_path(checking)
    _add_json(checking)
    checking.set_defaults(command=check)
    _add_dispose(inner, common)


def _add_dispose(inner: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    parser = _inner(inner, common, "dispose", "say what a suspected defect is; what you say is kept")
    parser.add_argument("defect", metavar="ID", nargs="+", help="which; of several, all are disposed of for the one reason, or none is")
    parser.add_argument("--as", dest="kind", required=True, choices=KINDS, help="what it is")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for those who read it later")
    parser.add_argument("--by", metavar="WHO", default="", help="who says so (default: git's user.name, else the system's user)")
    _add_path(parser)
    parser.set_defaults(command=dispose)


def _inner(
    inner: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser, name: str, told: str
) -> argparse.ArgumentParser:
    return inner.add_parser(
        name,
        parents=[common],
        help=told,
        description=f"{told[0].upper()}{told[1:]}.",
        epilog=_EPILOG if name == "dispose" else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--component-path", metavar="PATH", help="where the component lies, if its name does not tell")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print a JSON document")


def show_all(args: argparse.Namespace) -> int:
    """List."""
    from spec2prod.bootstrap.defects import opened

    with opened() as here:
        known = here.store.known(args.component)
    found = [each for each in known if args.all or each.is_open]
    if _wants_json(args):
        document({"defects": [_values(each) for each in found]})
        return ExitCode.PROMOTED
    teller, disposed = Teller(), sum(not each.is_open for each in known)
    if not found:
        teller.line("no suspected defect is open" + (f"; {disposed} disposed of: spec2prod defects --all" if disposed else ""))
    for each in found:
        _tell_short(teller, each)
    if any(each.is_open for each in found):
        teller.line()
        teller.line("spec2prod defects show ID tells all about one; spec2prod defects check runs their tests on the present code")
    return ExitCode.PROMOTED


def show(args: argparse.Namespace) -> int:
    """Show one."""
    from spec2prod.bootstrap.defects import opened
    from spec2prod.bootstrap.defects_told import stated
    from spec2prod.cli.defects_told import tell_whole
    from spec2prod.domain.defect_told import contrast

    with opened() as here:
        defect = here.store.find(args.defect)
        said = here.store.said_of(defect)
        promised = stated(defect, here.root)
    if _wants_json(args):
        from dataclasses import asdict

        told = {"said": [_said(each) for each in said], "stated": [asdict(each) for each in promised]}
        document({"defect": _values(defect), **told, "contrast": asdict(contrast(defect.message))})
    else:
        tell_whole(Teller(), defect, promised, said)
    return ExitCode.PROMOTED


def check(args: argparse.Namespace) -> int:
    """Run the kept tests."""
    from spec2prod.bootstrap.defects import opened

    with opened() as here:
        chosen = _chosen(here, args)
        tried = [_checked(here, each, args.component_path) for each in chosen]
    if _wants_json(args):
        document({"checked": [{"id": each.defect.id, "passes": each.passes, "told": each.told} for each in tried]})
    else:
        teller = Teller()
        for each in tried:
            _tell_tried(teller, each)
        if not tried:
            teller.line("no suspected defect is open")
    if any(each.passes is None for each in tried):
        return ExitCode.COULD_NOT_ASK
    return ExitCode.PROMOTED if all(each.passes for each in tried) else ExitCode.GATE_FAILED


def dispose(args: argparse.Namespace) -> int:
    """Keep what somebody says."""
    from spec2prod.adapters.clock import SystemClock
    from spec2prod.bootstrap.defects import opened, who
    from spec2prod.bootstrap.running import run_to_the_end
    from spec2prod.domain.defect import Disposition, DispositionKind

    reason = _plain(args.reason)
    if not reason:
        raise UsageError("a reason is needed", where="--reason", next_step="say why, for those who read it later")
    with opened() as here:
        defects = here.store.find_all(args.defect)
        said = Disposition(
            kind=DispositionKind(args.kind), reason=reason, by=_plain(args.by) or run_to_the_end(who()), at=SystemClock().now()
        )
        done = run_to_the_end(here.dispose(defects, said, _path(args.component_path)))
    if refused := [each.tried for each in done if each.tried is not None and not each.tried.passes]:
        return _refused(refused, len(done))
    teller = Teller()
    for each in done:
        _tell_done(teller, each)
    return ExitCode.PROMOTED


def _chosen(here: Defects, args: argparse.Namespace) -> list[Defect]:
    if args.defect:
        return list(here.store.find_all(args.defect))
    return [each for each in here.store.known(args.component) if each.is_open]


def _checked(here: Defects, defect: Defect, path: str | None) -> Tried:
    from spec2prod.bootstrap.running import run_to_the_end

    return run_to_the_end(here.check(defect, _path(path)))


def _refused(tried: Sequence[Tried], asked: int) -> int:
    """Tell that nothing was kept, how each test went that did not pass, and what to do."""
    err = console(stderr=True)
    for each in tried:
        for line in each.told.splitlines():
            err.print(f"{_INDENT}{line}", soft_wrap=True, markup=False)
    unclear = [each for each in tried if each.passes is None]
    first = (unclear or tried)[0].defect
    none = "" if asked == 1 else f"; none of the {asked} is, and nothing was written"
    if unclear:
        what = f"{first.id} is not disposed of as fixed: its test {first.test} could not be run to a result{none}"
        return fail(what, "mend what keeps it from running, then say it again", ExitCode.COULD_NOT_ASK)
    others = f" (and {', '.join(each.defect.id for each in tried[1:])})" if len(tried) > 1 else ""
    what = f"{first.id}{others} is not disposed of as fixed: its test {first.test} still fails on the present code{none}"
    step = f"mend {first.module}, then say it again; where the test or the requirement is wrong: --as wrong-test, --as wrong-requirement"
    return fail(what, step, ExitCode.GATE_FAILED)


def _tell_done(teller: Teller, done: Disposed) -> None:
    defect = done.defect
    teller.line(f"{defect.id}: {defect.disposition}")
    if done.written:
        teller.line(f"written: {done.written}, so that the fix stays shown; commit it")
    if not done.is_found:
        teller.line(f"the component's tests do not take it in: add {done.written} to [tool.spec2prod.components.{defect.component}] tests")
    if defect.disposition and defect.disposition.kind == "wrong-requirement":
        teller.line(f"correct {defect.named} in the specification: tests of its new text are judged anew")


def _tell_short(teller: Teller, defect: Defect) -> None:
    teller.line(
        f"{defect.id}  {defect.component}, {defect.named or 'no requirement'}: {defect.sentence}", style="" if defect.is_open else "dim"
    )
    if defect.disposition:
        teller.line(f"{_INDENT}{defect.disposition}", style="dim")


def _tell_tried(teller: Teller, tried: Tried) -> None:
    defect = tried.defect
    if tried.passes:
        teller.line(f'{defect.id}: passes now; spec2prod defects dispose {defect.id} --as fixed --reason "…"', sign="✓", style="green")
        return
    state = "still fails" if tried.passes is False else "could not be run to a result"
    teller.line(f"{defect.id}: {state}", sign="✗" if tried.passes is False else "?", style="bold red")
    for line in tried.told.splitlines():
        teller.line(f"{_INDENT}{line}")


def _values(defect: Defect) -> dict[str, object]:
    import dataclasses

    told = dataclasses.asdict(defect)
    return {**told, "disposition": _said(defect.disposition) if defect.disposition else None, "open": defect.is_open}


def _said(disposition: Disposition) -> dict[str, object]:
    import dataclasses

    return {**dataclasses.asdict(disposition), "kind": disposition.kind.value}


def _wants_json(args: argparse.Namespace) -> bool:
    return bool(getattr(args, "json", False))


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _plain(text: str) -> str:
    """Return what somebody typed as one line that any database and any terminal takes."""
    return " ".join(text.encode("utf-8", "replace").decode().split())
