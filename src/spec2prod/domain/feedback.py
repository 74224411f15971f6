"""What an agent is told of the judgement of its tests, so that it can mend them in the same conversation. Pure.

The promise stands first, then what was seen, then what is asked. Only what a developer would see is told: failing output, lines,
mutants and reasons; nothing of how the judge guards itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LONGEST = 12_000
"""The characters of a message at most."""

_LONGEST_PROMISE, _LONGEST_OUTPUT, _LONGEST_REASON = 4_000, 1_200, 400
_MOST_REJECTIONS, _MOST_SURVIVORS, _MOST_NAMES, _MOST_RANGES = 10, 15, 40, 60
_CUT = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A proposed test that is not taken: why, in words, and what its run printed. `name` is empty where it is the whole file."""

    name: str
    reason: str
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """The message to the agent, and how much of each it tells.

    `rejected` tests (also those that name a wrong requirement), `uncovered` lines, `survivors` among the mutants.
    """

    text: str
    rejected: int = 0
    uncovered: int = 0
    survivors: int = 0


def feedback_of(  # noqa: PLR0913 - each is one thing that the judgement knows
    *,
    test_file: str,
    specification: str,
    rejected: Sequence[Rejection],
    uncovered: Sequence[int] = (),
    survivors: Sequence[str] = (),
    is_goal_met: bool = True,
    kept: Sequence[str] = (),
    mistagged: Sequence[Rejection] = (),
) -> Feedback | None:
    """Return what to tell, None where nothing is left to do.

    `uncovered` are the module's lines that no test runs; they are asked for where the coverage goal is not met. `survivors` are mutants
    that no test notices and that are worth a test, each as its condition (``line 12 `<` becomes `<=` ``). `kept` are tests that must stay
    as they are: what is accepted, and what may have found a defect. `mistagged` name a requirement that the specification does not have.
    """
    lines = () if is_goal_met else tuple(sorted(set(uncovered)))
    if not (rejected or survivors or lines or mistagged):
        return None
    text = "\n".join(
        (
            *_promise(specification),
            f"`{test_file}` was judged. This is what was seen.",
            "",
            *_rejections(rejected),
            *_mistagged(mistagged),
            *_lines(lines),
            *_survivors(survivors),
            *_asked(test_file, kept),
        )
    )
    return Feedback(text=_bounded(text, test_file), rejected=len(rejected) + len(mistagged), uncovered=len(lines), survivors=len(survivors))


def _promise(specification: str) -> tuple[str, ...]:
    return ("<specification>", _head(specification.strip(), _LONGEST_PROMISE), "</specification>", "")


def _rejections(rejected: Sequence[Rejection]) -> tuple[str, ...]:
    if not rejected:
        return ()
    told = [line for each in rejected[:_MOST_REJECTIONS] for line in _rejection(each)]
    more = len(rejected) - _MOST_REJECTIONS
    return ("Not taken:", *told, *((f"- and {more} more",) if more > 0 else ()), "")


def _rejection(each: Rejection) -> tuple[str, ...]:
    reason = " ".join(each.reason.split())
    head = f"- `{each.name}`: {_head(reason, _LONGEST_REASON)}" if each.name else f"- the whole file: {_head(reason, _LONGEST_REASON)}"
    # The end of an output holds the error; a tilde fence is not ended by a backtick that a test printed.
    output = _tail(each.output.strip(), _LONGEST_OUTPUT).replace("~~~", "~ ~ ~")
    return (head, "~~~", output, "~~~") if output else (head,)


def _mistagged(mistagged: Sequence[Rejection]) -> tuple[str, ...]:
    if not mistagged:
        return ()
    told = [line for each in mistagged[:_MOST_REJECTIONS] for line in _rejection(each)]
    more = len(mistagged) - _MOST_REJECTIONS
    return (
        "Not taken because of the requirement that they name. Take an ID that stands in the specification, and leave the rest of the test:",
        *told,
        *((f"- and {more} more",) if more > 0 else ()),
        "",
    )


def _lines(lines: Sequence[int]) -> tuple[str, ...]:
    return (f"Lines that no test runs: {line_ranges(lines)}.", "") if lines else ()


def _survivors(survivors: Sequence[str]) -> tuple[str, ...]:
    if not survivors:
        return ()
    more = len(survivors) - _MOST_SURVIVORS
    told = (f"- no test fails if {_head(' '.join(each.split()), _LONGEST_REASON)}" for each in survivors[:_MOST_SURVIVORS])
    return ("Changes to the code that no test notices:", *told, *((f"- and {more} more",) if more > 0 else ()), "")


def _asked(test_file: str, kept: Sequence[str]) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in kept[:_MOST_NAMES])
    more = f" and {len(kept) - _MOST_NAMES} more" if len(kept) > _MOST_NAMES else ""
    return (
        f"Please mend `{test_file}`, and change no other file.",
        *((f"Keep these tests exactly as they are: {names}{more}.",) if kept else ()),
        "A test asserts what the specification asks for. Where the code does something else, do not make the test agree with the code:",
        "keep what the specification says, and tell me. A test that cannot be mended is better taken out.",
        "Run the file again before you finish.",
    )


def _bounded(text: str, test_file: str) -> str:
    """Return the text within its bound; what is asked stays, whatever was cut before it."""
    if len(text) <= LONGEST:
        return text
    end = "\n".join(_asked(test_file, ()))
    return f"{_head(text, LONGEST - len(end) - 2)}\n\n{end}"


def line_ranges(lines: Sequence[int]) -> str:
    """Return line numbers as a reader writes them, `3-5, 9`; the first of them where they are many."""
    ordered = sorted(set(lines))
    starts = [line for before, line in pairwise((None, *ordered)) if line is not None and (before is None or line != before + 1)]
    ends = [line for line, after in pairwise((*ordered, None)) if line is not None and (after is None or after != line + 1)]
    ranges = [str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True)]
    return ", ".join(ranges[:_MOST_RANGES]) + (f" and {len(ranges) - _MOST_RANGES} more places" if len(ranges) > _MOST_RANGES else "")


def _head(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + _CUT


def _tail(text: str, most: int) -> str:
    return text if len(text) <= most else _CUT + text[len(text) - most + 1 :]
