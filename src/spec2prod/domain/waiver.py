"""A "no" that somebody took the responsibility for: which gate, why, who, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A waiver of one gate. `expires` is the last day (UTC) on which it holds; an empty `component` means every one."""

    gate: str
    reason: str
    approver: str
    expires: date
    component: str = ""

    def covers(self, gate: str, component: str) -> bool:
        """Whether it speaks about this gate of this component."""
        return self.gate == gate and self.component in {"", component}

    def holds(self, today: date) -> bool:
        """Whether it has not expired."""
        return today <= self.expires

    def __str__(self) -> str:
        """Return it as every report shows it: who, until when, why."""
        return f"waived by {self.approver} until {self.expires.isoformat()}: {self.reason}"


def chosen(waivers: Iterable[Waiver], gate: str) -> Waiver | None:
    """Return the waiver of a gate that holds longest, None where there is none."""
    return max((waiver for waiver in waivers if waiver.gate == gate), key=lambda waiver: waiver.expires, default=None)


def objection(waiver: Waiver, today: date, *, waivable: bool) -> str:
    """Return why a waiver does not count, empty where it does."""
    if not waivable:
        return f"{waiver.gate} may not be waived here: waivable = true is needed in its rule, at every target of the climb"
    return "" if waiver.holds(today) else f"it expired on {waiver.expires.isoformat()}"
