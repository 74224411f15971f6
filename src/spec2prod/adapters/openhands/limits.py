"""The limits of one conversation, watched from outside: the server has none for time and money. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from spec2prod.adapters.openhands.client import Progress
from spec2prod.adapters.openhands.options import Grant, Limits, OpenHandsOptions

_SHORTEST_PAUSE_S = 0.2
# Noticing the end late costs at most this share of what it took.
_PAUSE_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A limit that is reached: in words ("the time limit of 300 s"), and what `spec2prod extend` could give (`--seconds 300`)."""

    limit: str
    more: str


def limit_reached(options: OpenHandsOptions, progress: Progress, elapsed_s: float) -> Reached | None:
    """Return which limit is reached, None where none is."""
    tokens = progress.input_tokens + progress.output_tokens
    if elapsed_s >= options.timeout_s:
        return Reached(limit=f"the time limit of {options.timeout_s:g} s", more=f"--seconds {options.timeout_s:g}")
    if progress.calls > options.max_iterations:
        return iterations_reached(options)
    if tokens >= options.max_tokens:
        return Reached(limit=f"the limit of {options.max_tokens} tokens ({tokens} used)", more=f"--tokens {options.max_tokens}")
    if options.max_cost_usd is not None and progress.cost_usd >= options.max_cost_usd > 0:
        limit = f"the money limit of ${options.max_cost_usd:g} (${progress.cost_usd:.4f} used)"
        return Reached(limit=limit, more=f"--usd {options.max_cost_usd:g}")
    return None


def iterations_reached(options: OpenHandsOptions) -> Reached:
    """Return the limit of steps, which the server watches too."""
    return Reached(limit=f"the limit of {options.max_iterations} iterations", more=f"--iterations {options.max_iterations}")


def still_reached(options: OpenHandsOptions, progress: Progress, elapsed_s: float) -> bool:
    """Whether a paused conversation would be paused again at once, under these limits."""
    return limit_reached(options, progress, elapsed_s) is not None or progress.calls >= options.max_iterations


def pause_s(options: OpenHandsOptions, elapsed_s: float) -> float:
    """Return the seconds until the next look: 0.2 at first, growing to the poll interval, never past the time limit."""
    grown = min(options.poll_interval_s, max(_SHORTEST_PAUSE_S, elapsed_s * _PAUSE_SHARE))
    return max(0.0, min(grown, options.timeout_s - elapsed_s))


def money_unwatched(options: OpenHandsOptions, progress: Progress) -> bool:
    """Whether a money limit was set and could not be watched: tokens were used, and the server knew no price."""
    is_limited = options.max_cost_usd is not None or options.max_usd_per_hour is not None
    return is_limited and not is_priced(options, progress)


def promised_usd(options: OpenHandsOptions, progress: Progress) -> float:
    """Return what a conversation may still cost, in US dollars; 0 where it has no limit of its own."""
    return 0.0 if options.max_cost_usd is None else max(0.0, options.max_cost_usd - progress.cost_usd)


def is_priced(options: OpenHandsOptions, progress: Progress) -> bool:
    """Whether what was used has a price that is known: it is given, or the server knew one."""
    given = options.input_cost_per_token is not None or options.output_cost_per_token is not None
    return given or progress.calls == 0 or progress.cost_usd > 0


def extended(limits: Limits, grant: Grant, progress: Progress, elapsed_s: float) -> Limits:
    """Return larger limits: what is granted comes on top of the limit, or of what was used where that is more.

    Only what is granted grows; where no money limit was set, there is none to raise.
    """
    tokens, money = progress.input_tokens + progress.output_tokens, limits.max_cost_usd
    return Limits(
        timeout_s=max(limits.timeout_s, elapsed_s) + grant.seconds if grant.seconds else limits.timeout_s,
        max_iterations=max(limits.max_iterations, progress.calls) + grant.iterations if grant.iterations else limits.max_iterations,
        max_tokens=max(limits.max_tokens, tokens) + grant.tokens if grant.tokens else limits.max_tokens,
        max_cost_usd=max(money, progress.cost_usd) + grant.usd if money is not None and grant.usd else money,
    )
