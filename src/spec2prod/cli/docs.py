"""`spec2prod docs`: the documentation, as it was installed with the program that it is about."""

from __future__ import annotations

import argparse
from pathlib import Path

from spec2prod.cli.output import emit
from spec2prod.cli.parsing import near
from spec2prod.errors import ExitCode, OutputError, UsageError

_EPILOG = """\
examples:
  spec2prod docs                    the pages
  spec2prod docs start              one of them, as markdown
  spec2prod docs run-a-fleet | less
"""
_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "docs", _PACKAGE.parents[1] / "docs")  # in the wheel; beside the sources
_KINDS = ("tutorials", "how-to", "reference", "explanation")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "docs",
        parents=[common],
        help="read the documentation: how to get things done, step by step, and what is looked up",
        description="List the pages of the documentation, or print one.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("page", nargs="?", metavar="PAGE", help="a page's name")
    parser.set_defaults(command=docs)


def docs(args: argparse.Namespace) -> int:
    """List, or print."""
    found = pages()
    if args.page is None:
        emit(_listed(found))
        return ExitCode.PROMOTED
    if args.page not in found:
        what = f"no page is called {args.page!r}{near(args.page, found)}"
        raise UsageError(what, next_step="spec2prod docs lists them")
    emit(found[args.page].read_text(encoding="utf-8"))
    return ExitCode.PROMOTED


def pages() -> dict[str, Path]:
    """Return every page by its name, first what is read first.

    Raises:
        OutputError: where the documentation was not installed with the program.
    """
    folder = next((each for each in _PLACES if (each / _KINDS[0]).is_dir()), None)
    if folder is None:
        raise OutputError("the documentation is not here", where=str(_PLACES[0]), next_step="install spec2prod again")
    return {page.stem: page for kind in _KINDS for page in sorted((folder / kind).glob("*.md"))}


def _listed(found: dict[str, Path]) -> str:
    width = max(map(len, found))
    sections = []
    for kind in _KINDS:
        rows = [f"  {name:<{width}}  {_title(page)}\n" for name, page in found.items() if page.parent.name == kind]
        sections.append(f"{kind}\n{''.join(rows)}")
    return "\n".join(sections)


def _title(page: Path) -> str:
    with page.open(encoding="utf-8") as lines:
        return next((line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), page.stem)
