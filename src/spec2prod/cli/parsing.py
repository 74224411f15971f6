"""How a mistake on the command line is told: what is wrong, what was probably meant, and where to read on. No page of usage before it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from spec2prod.cli.output import fail
from spec2prod.errors import ExitCode


class Parser(argparse.ArgumentParser):
    """The standard library's, with errors in the form that all others have; the parsers of its commands are of this kind, too."""

    def error(self, message: str) -> NoReturn:
        """Tell a mistake, and end."""
        self.exit(fail(message.removeprefix("argument "), f"{self.prog} --help", ExitCode.USAGE))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:  # noqa: ANN401 - as the standard library's
        """Read the words; what this command does not know, nobody does, so that it is told here: here its flags are known."""
        read, unknown = super().parse_known_args(args, namespace)
        if unknown:
            flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
            first = next((word for word in unknown if word.startswith("-")), "").partition("=")[0]
            self.error(f"unknown: {' '.join(unknown)}{near(first, flags)}")
        return read, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - as the standard library's
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError:
            if isinstance(action.choices, Mapping):
                listed = f"; there are {', '.join(action.choices)}"
                self.error(f"{value!r} is no command{near(value, action.choices) or listed}")
            choices = [str(each) for each in action.choices or ()]
            raise argparse.ArgumentError(action, f"{value!r} is none of {', '.join(choices)}{near(value, choices)}") from None


def near(word: object, known: Iterable[str]) -> str:
    """Return the question whether a near word was meant, empty where none is near."""
    from difflib import get_close_matches

    found = get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""


def refuse_nothing(_: argparse.Namespace) -> int:
    """Refuse a call that names no command: say how to begin."""
    return fail("no command is named", "spec2prod --help lists them; spec2prod init is the first in a project", ExitCode.USAGE)
