"""A run that fails fast ends at the first required no, and asks first what is likely to say it soonest (`domain.failing_fast`)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from spec2prod.application.ports import Gate, command_of
from spec2prod.domain.failing_fast import Risk, ends_the_run, riskiest_first
from spec2prod.domain.plan import Stage
from spec2prod.domain.verdict import Verdict

if TYPE_CHECKING:
    from spec2prod.application.session import Session

_UNKNOWN_MS = 1000.0  # of a tool that was never seen


class FailedFastError(Exception):
    """Required gates said no, and the run is one that fails fast. `red` names them."""

    def __init__(self, red: Sequence[str]) -> None:
        super().__init__(", ".join(red))
        self.red = tuple(red)


def fail_fast(session: Session, stage: Stage, mendable: Collection[str] = ()) -> None:
    """End a run that fails fast if a required gate of the stage says no, and nothing later could mend that.

    Raises:
        FailedFastError: where it does.
    """
    if not session.plan.fail_fast:
        return
    judged = session.judged(session.names(stage))
    red = [each.gate for each in judged if each.verdict is Verdict.FAILED]
    if final := ends_the_run(red, required=[each.gate for each in judged if each.required], mendable=mendable):
        raise FailedFastError(final)


def in_order_of_risk(session: Session, groups: Sequence[tuple[Gate, ...]]) -> tuple[tuple[Gate, ...], ...]:
    """Return the groups in the order in which a run that fails fast comes to a no soonest; any other keeps theirs."""
    history = session.ports.history
    if not session.plan.fail_fast or history is None:
        return tuple(groups)
    required = {rule.gate for rule in session.plan.rules if rule.required}
    asked = []
    for number, group in enumerate(groups):
        names = [name for gate in group for name in gate.measures if name in required]
        green = math.prod(1 - history.failure_rate(name) for name in names)
        expected = history.expected_ms(command_of(group, session.component).tool)
        asked.append(Risk(name=f"{number:03}", expected_ms=expected or _UNKNOWN_MS, failure_rate=1 - green, required=bool(names)))
    return tuple(groups[int(risk.name)] for risk in riskiest_first(asked))


def red_of(failed: BaseExceptionGroup[FailedFastError]) -> tuple[str, ...]:
    """Return the gates that ended a run, however deep in groups their errors lie."""
    told: set[str] = set()
    for each in failed.exceptions:
        told |= set(red_of(each) if isinstance(each, BaseExceptionGroup) else each.red)
    return tuple(sorted(told))
