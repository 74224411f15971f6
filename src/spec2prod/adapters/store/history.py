"""What earlier runs have taught, in the one database: read once a name, written in one transaction at a run's end."""

from __future__ import annotations

from spec2prod.adapters.store.database import Database
from spec2prod.domain.durations import KEPT, estimate_mb, estimate_ms, failure_rate
from spec2prod.errors import StoreError

_READ = "SELECT ms FROM durations WHERE name = ? ORDER BY at DESC LIMIT ?"
_WRITE = "INSERT INTO durations (name, at, ms) VALUES (?, ?, ?)"
_FORGET = """DELETE FROM durations WHERE name = ? AND at <
    (SELECT MIN(at) FROM (SELECT at FROM durations WHERE name = ? ORDER BY at DESC LIMIT ?) AS newest)"""
_VERDICT, _MEMORY = "verdict:", "memory:"  # these are figures, too: 1 is a no, MiB are MiB


class StoredHistory:
    """Durations, peaks of memory and verdicts by name; `component` keeps one component's apart from another's.

    A run does not see what it has itself learnt: its expectations stay the same from its beginning to its end. A database that does
    not answer teaches nothing, and stops nothing: `trouble` says so.
    """

    def __init__(self, database: Database, component: str) -> None:
        """Read nothing yet."""
        self._database, self._component = database, component
        self._seen: dict[str, list[float]] = {}
        self._learnt: list[tuple[str, float]] = []
        self.trouble = ""

    def expected_ms(self, name: str) -> float | None:
        """Return how long it will take, None where it was never seen."""
        return estimate_ms(self._newest(name))

    def learn(self, name: str, ms: float) -> None:
        """Note how long it took."""
        self._learnt.append((self._named(name), ms))

    def expected_mb(self, name: str) -> float | None:
        """Return how much memory it will need, None where it was never seen."""
        return estimate_mb(self._newest(_MEMORY + name))

    def learn_memory(self, name: str, mb: float) -> None:
        """Note how much memory it needed."""
        self.learn(_MEMORY + name, mb)

    def failure_rate(self, gate: str) -> float:
        """Return how likely a gate is to say no."""
        return failure_rate([ms > 0 for ms in self._newest(_VERDICT + gate)])

    def learn_verdict(self, gate: str, *, red: bool) -> None:
        """Note what a gate said."""
        self.learn(_VERDICT + gate, float(red))

    def keep(self) -> None:
        """Write down what was learnt, and forget what is too old to count."""
        learnt, self._learnt = self._learnt, []
        if not learnt:
            return
        try:
            now = self._database.now()
            with self._database.transaction() as inside:
                inside.many(_WRITE, [(name, now + number * 1e-6, ms) for number, (name, ms) in enumerate(learnt)])
                inside.many(_FORGET, [(name, name, KEPT) for name in sorted({name for name, _ in learnt})])
        except StoreError as error:
            self.trouble = str(error)

    def _newest(self, name: str) -> list[float]:
        if name not in self._seen:
            try:
                rows = self._database.rows(_READ, self._named(name), KEPT)
            except StoreError as error:
                rows, self.trouble = [], str(error)
            self._seen[name] = [float(ms) for (ms,) in rows if isinstance(ms, int | float)]
        return self._seen[name]

    def _named(self, name: str) -> str:
        return f"{self._component}:{name}"
