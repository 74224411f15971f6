"""How soon a graph could be done at best: lower bounds that are bounds, each with its proof.

Every task j has a head (no sooner can it start) and a tail (so much comes after its end). For any set S of tasks that use one
resource, with the least head h and the least tail t in S, whatever is proven for S alone on that resource, plus h plus t, is a
bound: none of S runs before h, and after the last of S ends, t is still to come. The sets tried are those with head >= h and tail >= t,
for all pairs of such values. For one set on m slots:

- *work*: amounts x durations, divided by m: m slots give no more than m milliseconds of work in a millisecond. Where each task takes one
  slot and S has at least m tasks, the m smallest heads and tails are averaged instead (Carlier 1987): an optimal schedule exists in
  which no slot is without a task of S (moving one from a slot with two to an empty one delays none), so that each slot has a first
  task, which begins no sooner than its head, and a last one, after which its tail follows; sum this over the slots and divide by m.
- *sharing*: where each takes one slot, of any k x m + 1 tasks k + 1 run on one slot, one after another (pigeonholes): the sum
  of the k + 1 shortest of the k x m + 1 longest. For k = 1 this is the known p[m] + p[m+1].
- *rate*: what is used above the burst must come back first: before the last payer starts, (sum - burst) / rate have passed.

Besides, the longest chain of needs. A relaxation of each is solved exactly or from below, so that the largest is a bound too.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spec2prod.domain.schedule import Graph, Rate, Slots, Task, earliest_ms, remaining_ms

_MOST_HEADS, _MOST_SHARED = 20, 4  # a bound of 60 tasks is a matter of a millisecond or two


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A task on one resource: its head, duration, tail and amount."""

    head: float
    ms: float
    tail: float
    amount: float


def lower_bound_ms(graph: Graph) -> float:
    """Return a time before which no order can have everything done."""
    return max((bound for _, bound in bounds_ms(graph)), default=0.0)


def bounds_ms(graph: Graph) -> tuple[tuple[str, float], ...]:
    """Return the bounds by what they come from: `critical path`, then each resource."""
    remaining = remaining_ms(graph)
    chain = max(remaining.values(), default=0.0)
    return (("critical path", chain), *((name, _of_resource(graph, name, remaining)) for name in graph.resources))


def _of_resource(graph: Graph, name: str, remaining: dict[str, float]) -> float:
    earliest, resource = earliest_ms(graph), graph.resources[name]
    users = [task for task in graph.tasks if name in task.uses]
    pieces = [_piece(task, name, earliest, remaining) for task in users]
    if isinstance(resource, Rate):
        return _of_rate(pieces, resource)
    return _of_slots(pieces, resource)


def _piece(task: Task, name: str, earliest: dict[str, float], remaining: dict[str, float]) -> _Piece:
    tail = remaining[task.name] - task.duration_ms
    return _Piece(head=earliest[task.name], ms=task.duration_ms, tail=tail, amount=task.uses[name])


def _of_rate(pieces: Sequence[_Piece], rate: Rate) -> float:
    lacking = sum(piece.amount for piece in pieces) - rate.burst
    if lacking <= 0:
        return 0.0
    return lacking / rate.per_ms + min(piece.ms + piece.tail for piece in pieces)


def _of_slots(pieces: Sequence[_Piece], slots: Slots) -> float:
    single = all(piece.amount == 1 for piece in pieces) and float(slots.count).is_integer()
    by_tail = sorted(pieces, key=lambda piece: -piece.tail)
    best = 0.0
    heads = sorted({piece.head for piece in pieces})
    for head in heads[:: 1 + len(heads) // _MOST_HEADS]:  # fewer sets give no wrong bound, only a lower one
        chosen = [piece for piece in by_tail if piece.head >= head]
        bounds = _of_single(chosen, head, int(slots.count)) if single else _of_work(chosen, head, slots.count)
        best = max(best, *bounds)
    return best


def _of_work(by_tail: Sequence[_Piece], head: float, count: float) -> Iterator[float]:
    """Yield the work bound of each set that takes more and more of the shorter tails."""
    work = 0.0
    for piece in by_tail:
        work += piece.ms * piece.amount
        yield head + work / count + piece.tail


def _of_single(by_tail: Sequence[_Piece], head: float, count: int) -> Iterator[float]:
    """Yield the bounds of each set where every task takes one slot."""
    work, durations, heads = 0.0, list[float](), list[float]()
    for number, piece in enumerate(by_tail, 1):
        work += piece.ms
        insort(durations, -piece.ms)
        insort(heads, piece.head)
        yield head + work / count + piece.tail
        yield head + _shared(durations, count) + piece.tail
        if number >= count:
            tails = sum(each.tail for each in by_tail[number - count : number])
            yield (sum(heads[:count]) + work + tails) / count


def _shared(longest_first: Sequence[float], count: int) -> float:
    """Return what one slot must do where k x count + 1 tasks meet on `count` slots; the durations come negated, sorted."""
    most = min(_MOST_SHARED, (len(longest_first) - 1) // count)
    return max((-sum(longest_first[k * (count - 1) : k * count + 1]) for k in range(1, most + 1)), default=0.0)
