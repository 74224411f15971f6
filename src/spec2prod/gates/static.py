"""How questions about files alone are put, and put together: one process answers all of them. Pure; each question is a file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Unanswered
from spec2prod.gates.reading import WORKERS, broken, unanswered

HOUSE = "static checks"
FOUND_IN_FILES = "SPEC2PROD_FOUND_IN_FILES"
_HEAD = 7  # interpreter, -I, worker, --answer FILE, --root DIR: the same for all; what follows comes in pairs


class Part(BaseModel):
    """One question's part of the answer; `trouble` says why it could not be asked."""

    model_config = ConfigDict(strict=True, extra="forbid")

    trouble: str


class Place(BaseModel):
    """Where something was found."""

    model_config = ConfigDict(strict=True, extra="forbid")

    path: str
    line: int = Field(ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticGate:
    """What the questions of this house have in common: each answers one gate, and looks at no tests unless it says so.

    `interpreter` is ours: what they are asked with comes with spec2prod. `timeout_s` is in seconds. In `kept` (a file) is what was found
    in each file before, so that only those are looked at whose bytes are new; None looks at all of them.
    """

    gate: ClassVar[str]

    interpreter: Path
    timeout_s: float = 120.0
    kept: Path | None = None

    @property
    def name(self) -> str:
        """Return the question's name, which is its gate's."""
        return self.gate

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the one gate it answers."""
        return (self.gate,)

    @property
    def reads_tests(self) -> bool:
        """Whether tests are looked at, beside the modules."""
        return False

    @property
    def house(self) -> str:
        """Return which process can answer it beside others."""
        return HOUSE

    def together(self, commands: Sequence[Command]) -> Command:
        """Return one command for all of them."""
        return together(commands)

    def asking(
        self,
        component: Component,
        *,
        tool: str,
        asks: Sequence[str],
        files: Sequence[tuple[str, str]],
        env: Mapping[str, str] | None = None,
    ) -> Command:
        """Return the command that asks; `files` are pairs of an option and its value, `env` is added to its variables."""
        kept = {FOUND_IN_FILES: str(self.kept)} if self.kept else {}
        return Command(
            tool=tool,
            argv=(
                *(str(self.interpreter), "-I", str(WORKERS / "static_worker.py")),
                *("--answer", "{scratch}/answer.json", "--root", str(component.root)),
                *(part for ask in asks for part in ("--ask", ask)),
                *(part for pair in files for part in pair),
            ),
            cwd=component.root,
            # a pip.py in the project must not answer for pip
            env={"PYTHONUTF8": "1", "PYTHONSAFEPATH": "1", **kept, **(env or {})},
            answer="answer.json",
            timeout_s=self.timeout_s,
        )


def together(commands: Sequence[Command]) -> Command:
    """Return one command that asks what all of these ask."""
    first = commands[0]
    pairs = dict.fromkeys(pair for each in commands for pair in zip(each.argv[_HEAD::2], each.argv[_HEAD + 1 :: 2], strict=True))
    env = {name: value for each in commands for name, value in each.env.items()}
    return replace(
        first,
        tool=first.tool if len(commands) == 1 else HOUSE,
        argv=(*first.argv[:_HEAD], *(word for pair in pairs for word in pair)),
        env=env,
        timeout_s=max(each.timeout_s for each in commands),
    )


def modules(component: Component, only: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """Return the component's modules as options, or those in `only`."""
    return tuple(("--module", module) for module in component.modules if not only or module in only)


def part[T: Part](gate: str, completed: Completed, name: str, model: type[T]) -> T | Unanswered:
    """Return one question's part of the answer, or why there is none."""
    if reason := broken(completed, {0}):
        return unanswered(gate, completed, reason)
    try:
        told = _Answer.model_validate_json(completed.answer or "").model_extra or {}
        found = model.model_validate(told.get(name))
    except ValidationError:
        return unanswered(gate, completed, f"its answer could not be read; {completed.ending()}")
    return found


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    format: int = Field(ge=1, le=1)
