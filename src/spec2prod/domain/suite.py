"""What one run of a test suite said, test by test and line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One test as it ran. `name` is the node ID without its file and without parameters: `TestAdd::test_zero`.

    `outcome` is pytest's word (passed, failed, error, skipped, xfailed, xpassed); `covered` maps a module to the
    1-based lines that this test executed. `requirements` maps the requirements that it names to the hash of the text that it was
    written for, empty where it names none.
    """

    node_id: str
    name: str
    file: str
    line: int
    outcome: str
    message: str = ""
    covered: Mapping[str, frozenset[int]] = field(default_factory=dict)
    requirements: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteReport:
    """A whole run of the suite: its tests, and each module's executable and executed lines (1-based)."""

    cases: tuple[CaseResult, ...]
    statements: Mapping[str, frozenset[int]]
    executed: Mapping[str, frozenset[int]]

    def missing(self, module: str) -> tuple[int, ...]:
        """Return a module's lines that no test executed, in order."""
        return tuple(sorted(self.statements.get(module, frozenset()) - self.executed.get(module, frozenset())))

    def percent(self, module: str) -> float:
        """Return a module's line coverage in percent; a module without statements is fully covered."""
        statements = self.statements.get(module, frozenset())
        return 100.0 * len(statements & self.executed.get(module, frozenset())) / len(statements) if statements else 100.0

    @property
    def green(self) -> bool:
        """Whether every test passed or was set aside on purpose."""
        return bool(self.cases) and all(case.outcome in {"passed", "skipped", "xfailed"} for case in self.cases)


EMPTY_SUITE = SuiteReport(cases=(), statements={}, executed={})
