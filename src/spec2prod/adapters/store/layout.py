"""The tables of the one database, in SQL that SQLite (3.35 or newer) and PostgreSQL both understand.

Times are seconds since 1970 (UTC, float). Values are JSON text, never pickles: who may write to a shared database must not
be able to run code by it (pitfall 5 of ENGINE.md). `LAYOUT` names the layout: a database of a newer one is refused by name, an
older one is migrated by `MIGRATIONS` (pitfall 4).
"""

from __future__ import annotations

LAYOUT = 2

TABLES = (
    # One row a run. `request` is how to start it again, `identity` what must not change between two attempts, `inputs` maps each
    # file it began with to its digest. `attempt` counts the processes that have worked on it: only the newest may write (pitfall 2).
    # A run whose state is `running` and whose lock nobody holds has died.
    """CREATE TABLE IF NOT EXISTS runs (
        id TEXT PRIMARY KEY, component TEXT NOT NULL, target TEXT NOT NULL, mode TEXT NOT NULL, request TEXT NOT NULL,
        identity TEXT NOT NULL, inputs TEXT NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL, secret TEXT NOT NULL,
        version TEXT NOT NULL, root TEXT NOT NULL, lock_name TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
        began_at DOUBLE PRECISION NOT NULL, changed_at DOUBLE PRECISION NOT NULL, exit_code INTEGER,
        conclusion TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX IF NOT EXISTS runs_by_lock ON runs (lock_name, began_at)",
    # One row a finished step of a run. The name is the key, not the order: branches run at once (pitfall 9). `question` is the
    # digest of what was asked under that name.
    """CREATE TABLE IF NOT EXISTS steps (
        run_id TEXT NOT NULL, name TEXT NOT NULL, question TEXT NOT NULL, value TEXT NOT NULL, attempt INTEGER NOT NULL,
        began_at DOUBLE PRECISION NOT NULL, ended_at DOUBLE PRECISION NOT NULL, PRIMARY KEY (run_id, name))""",
    # What a run has written or is about to write into the project, so that its own change is not taken for somebody else's. Where it
    # is taken up, they are taken back first: `original` is the text that stood there, NULL where nothing did.
    """CREATE TABLE IF NOT EXISTS writes (
        run_id TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL, original TEXT, PRIMARY KEY (run_id, path))""",
    # The cache: an answer and exactly what it depends on. Equal contents are kept once.
    """CREATE TABLE IF NOT EXISTS answers (
        key TEXT NOT NULL, trace TEXT NOT NULL, question TEXT NOT NULL, component TEXT NOT NULL, inputs TEXT NOT NULL,
        content TEXT NOT NULL, flaky INTEGER NOT NULL DEFAULT 0, run_id TEXT NOT NULL, made_at DOUBLE PRECISION NOT NULL,
        used_at DOUBLE PRECISION NOT NULL, PRIMARY KEY (key, trace))""",
    "CREATE INDEX IF NOT EXISTS answers_by_question ON answers (component, question, made_at)",
    "CREATE TABLE IF NOT EXISTS contents (digest TEXT PRIMARY KEY, body TEXT NOT NULL, size INTEGER NOT NULL)",
    # How long things took: what the scheduler expects. Other figures that runs teach lie here under names of their own
    # (`history.py`: what a gate said, and MiB of memory), so that a layout need not change for them.
    "CREATE TABLE IF NOT EXISTS durations (name TEXT NOT NULL, at DOUBLE PRECISION NOT NULL, ms DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX IF NOT EXISTS durations_by_name ON durations (name, at)",
    # One circuit breaker an endpoint, shared by every worker.
    """CREATE TABLE IF NOT EXISTS breakers (
        endpoint TEXT PRIMARY KEY, failures INTEGER NOT NULL, opened_at DOUBLE PRECISION, trial_by TEXT NOT NULL DEFAULT '',
        trial_at DOUBLE PRECISION, changed_at DOUBLE PRECISION NOT NULL)""",
    # Conversations of all runs that wait for their turn at an endpoint, or have it. `holder` is the lock of the process that asks: where
    # nobody holds it, the row is of the dead. `agent_tickets` has one row; whoever writes it, all others wait for it.
    "CREATE TABLE IF NOT EXISTS agent_tickets (id INTEGER PRIMARY KEY, ticket BIGINT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS agent_turns (
        task TEXT PRIMARY KEY, endpoint TEXT NOT NULL, ticket BIGINT NOT NULL, given INTEGER NOT NULL DEFAULT 0,
        promise_usd DOUBLE PRECISION NOT NULL, holder TEXT NOT NULL, seen_at DOUBLE PRECISION NOT NULL)""",
    # What conversations have cost: `usd` since the row before it of the same task, `total_usd` in all.
    """CREATE TABLE IF NOT EXISTS agent_spending (
        task TEXT NOT NULL, at DOUBLE PRECISION NOT NULL, usd DOUBLE PRECISION NOT NULL, total_usd DOUBLE PRECISION NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS agent_spending_by_time ON agent_spending (at)",
    "CREATE INDEX IF NOT EXISTS agent_spending_by_task ON agent_spending (task, total_usd)",
    # The fleet: what waits to be run, and who works.
    """CREATE TABLE IF NOT EXISTS jobs (
        id TEXT PRIMARY KEY, batch TEXT NOT NULL, component TEXT NOT NULL, target TEXT NOT NULL, request TEXT NOT NULL,
        source TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', priority INTEGER NOT NULL, turn DOUBLE PRECISION NOT NULL,
        expected_ms DOUBLE PRECISION NOT NULL, position DOUBLE PRECISION NOT NULL, labels TEXT NOT NULL,
        waits_for INTEGER NOT NULL DEFAULT 0, withdrawn INTEGER NOT NULL DEFAULT 0, worker TEXT NOT NULL DEFAULT '',
        attempts INTEGER NOT NULL DEFAULT 0, deaths INTEGER NOT NULL DEFAULT 0,
        submitted_at DOUBLE PRECISION NOT NULL, changed_at DOUBLE PRECISION NOT NULL, exit_code INTEGER,
        conclusion TEXT NOT NULL DEFAULT '')""",
    # What may be taken next, in its order: a claim reads the head of it, however long the queue is.
    """CREATE INDEX IF NOT EXISTS jobs_ready ON jobs (turn, expected_ms DESC, position)
        WHERE state = 'waiting' AND waits_for = 0 AND withdrawn = 0""",
    "CREATE INDEX IF NOT EXISTS jobs_running ON jobs (worker) WHERE state = 'running'",
    "CREATE INDEX IF NOT EXISTS jobs_open ON jobs (component, target) WHERE state IN ('waiting', 'running')",
    "CREATE INDEX IF NOT EXISTS jobs_withdrawn ON jobs (id) WHERE state = 'waiting' AND withdrawn = 1",
    "CREATE TABLE IF NOT EXISTS job_labels (job TEXT NOT NULL, label TEXT NOT NULL, PRIMARY KEY (job, label))",
    # What a job's run reported and changed: a table of its own, so that who submits may read it and not write it.
    "CREATE TABLE IF NOT EXISTS outcomes (job TEXT PRIMARY KEY, report TEXT NOT NULL, changes TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS needs (job TEXT NOT NULL, needed TEXT NOT NULL, PRIMARY KEY (job, needed))",
    "CREATE INDEX IF NOT EXISTS needs_by_needed ON needs (needed)",
    """CREATE TABLE IF NOT EXISTS workers (
        id TEXT PRIMARY KEY, host TEXT NOT NULL, slots INTEGER NOT NULL, labels TEXT NOT NULL, draining INTEGER NOT NULL DEFAULT 0,
        version TEXT NOT NULL, began_at DOUBLE PRECISION NOT NULL)""",
    # One row a suspected defect of a project's component; `kind` is empty while nobody has disposed of it.
    """CREATE TABLE IF NOT EXISTS defects (
        project TEXT NOT NULL, id TEXT NOT NULL, component TEXT NOT NULL, body TEXT NOT NULL, run_id TEXT NOT NULL,
        seen_at TEXT NOT NULL, noted_at DOUBLE PRECISION NOT NULL, kind TEXT NOT NULL DEFAULT '', PRIMARY KEY (project, id))""",
    "CREATE INDEX IF NOT EXISTS defects_by_component ON defects (project, component, noted_at)",
    # What people said about them: rows are added, and none is changed. The newest one counts while its defect has a `kind`.
    """CREATE TABLE IF NOT EXISTS dispositions (
        project TEXT NOT NULL, defect TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL,
        by_whom TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (project, defect, number))""",
)

MIGRATIONS: dict[int, tuple[str, ...]] = {1: ()}  # layout 2 has more tables, and changes none
"""Layout → the statements that lead from it to the next one."""
