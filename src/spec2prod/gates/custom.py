"""A project's own gates: one that the settings describe (a command and the form of its answer), and one from an entry point.

A described gate has one figure. Its command runs in the project's root, without a shell; a word that is `{modules}` or `{tests}` stands
for the component's files, and inside words `{python}`, `{source}` and `{answer}` for its interpreter, its folder or module, and the file
that the answer is read from (else it is read from standard output). What is missing, crashes, answers unreadably or checked nothing has not
answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec2prod.domain.command import Command, Completed
from spec2prod.domain.component import Component
from spec2prod.domain.plan import Stage
from spec2prod.domain.verdict import Answer, Measurement, Unanswered
from spec2prod.gates import formats
from spec2prod.gates.formats import Format, Told
from spec2prod.gates.reading import broken, unanswered

if TYPE_CHECKING:
    from spec2prod.application.ports import Gate

_ANSWER = "answer"
_NO_COMMAND = "spec2prod-gate-without-command"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomGate:
    """A question that the settings describe. `path` and `checked` are places in a JSON answer; `exit_codes` are its usual ends."""

    name: str
    words: tuple[str, ...]
    format: Format
    figure: str
    path: str = ""
    checked: str = ""
    exit_codes: tuple[int, ...] = (0, 1)
    stage: Stage = Stage.REFACTORING
    reads_tests: bool = True
    timeout_s: float = 300.0

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the one gate it answers."""
        return (self.name,)

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the command that asks about the component, or about some of its files."""
        return Command(
            tool=self.name,
            argv=tuple(self._filled(component, only)),
            cwd=component.root,
            answer=_ANSWER,
            timeout_s=self.timeout_s,
        )

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return the figure, or why there is none."""
        del component
        if completed.not_found:  # the tool's name is that of the gate, which nobody can install
            program = completed.command.argv[0]
            step = f"install {program}, or correct the command of the gate {self.name} ([tool.spec2prod.gates.{self.name}])"
            return (unanswered(self.name, completed, f"{program} is not installed", next_step=step),)
        told = self._told(completed)
        if isinstance(told, str):
            return (unanswered(self.name, completed, told),)
        return (
            Measurement(
                gate=self.name,
                values={self.figure: told.figure},
                checked=told.checked,
                findings=told.findings,
                summary=told.summary,
            ),
        )

    def _told(self, completed: Completed) -> Told | str:
        if completed.timed_out:
            return completed.ending()
        if self.format == "exit-code":
            return formats.exit_code(completed)
        if reason := broken(completed, self.exit_codes):
            return reason
        text = completed.answer if self._answers_in_a_file else completed.stdout
        if not text or not text.strip():
            return f"it answered nothing; {completed.ending()}"
        told = formats.read(self.format, text, self.path, self.checked)
        if isinstance(told, Told) and completed.exit_code and not told.figure and self.format != "json":
            return f"its answer names no failure, but {completed.ending()}"
        return told

    @property
    def _answers_in_a_file(self) -> bool:
        return any("{answer}" in word for word in self.words)

    def _filled(self, component: Component, only: Sequence[str]) -> Iterator[str]:
        files = {"{modules}": component.modules, "{tests}": component.tests}
        inner = {"{python}": str(component.interpreter), "{source}": component.source, "{answer}": "{scratch}/" + _ANSWER}
        for word in self.words:
            if word in files:
                yield from (file for file in files[word] if not only or file in only)
                continue
            for name, value in inner.items():
                word = word.replace(name, value)  # noqa: PLW2901 - filled step by step
            yield word


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedGate:
    """A gate from an entry point, whose crashes and strange answers are told as `errored` instead of ending the run."""

    inner: Gate
    name: str

    @property
    def measures(self) -> tuple[str, ...]:
        """Return the one gate that it is configured for."""
        return (self.name,)

    @property
    def reads_tests(self) -> bool:
        """Return what the gate says; a gate that says nothing is asked again whenever the tests change."""
        return bool(getattr(self.inner, "reads_tests", True))

    @property
    def stage(self) -> Stage:
        """Return the stage that the gate names, else refactoring."""
        return Stage.TESTING if getattr(self.inner, "stage", "") == Stage.TESTING else Stage.REFACTORING

    def command(self, component: Component, only: Sequence[str] = ()) -> Command:
        """Return the gate's command."""
        try:
            command = self.inner.command(component, only)
        except Exception as error:  # noqa: BLE001 - somebody else's code: whatever breaks in it is its answer
            return self._no_command(component, f"{type(error).__name__}: {error}")
        told: object = command
        return command if isinstance(told, Command) else self._no_command(component, f"it is a {type(told).__name__}")

    def read(self, component: Component, completed: Completed) -> tuple[Answer, ...]:
        """Return the gate's answer, where it is one."""
        if completed.command.argv[0] == _NO_COMMAND:
            return self._nothing(f"the gate has no command: {completed.command.argv[1]}")
        try:
            answers: tuple[object, ...] = tuple(self.inner.read(component, completed))
        except Exception as error:  # noqa: BLE001 - as above
            return self._nothing(f"the gate crashed on its answer: {type(error).__name__}: {error}")
        named = [each for each in answers if isinstance(each, Measurement | Unanswered) and each.gate == self.name]
        if len(named) != 1 or (isinstance(named[0], Measurement) and not named[0].checked):
            return self._nothing("the gate gave no answer of its own name" if len(named) != 1 else "nothing was checked")
        return (named[0],)

    def _no_command(self, component: Component, reason: str) -> Command:
        return Command(tool=self.name, argv=(_NO_COMMAND, reason), cwd=component.root)

    def _nothing(self, reason: str) -> tuple[Answer, ...]:
        return (
            Unanswered(gate=self.name, reason=reason[:2000], next_step=f"mend the gate, or ask its author ({type(self.inner).__module__})"),
        )
