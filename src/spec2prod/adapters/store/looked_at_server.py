"""What can be said of a PostgreSQL database without changing it."""

from __future__ import annotations

import psycopg

from spec2prod.adapters.store.layout import LAYOUT
from spec2prod.adapters.store.looked_at import Looked, of_layout
from spec2prod.adapters.store.session import SCHEMA, Session, connect, name_of
from spec2prod.errors import UsageError

_ROLES = "name a login in SPEC2PROD_DATABASE_URL that may (the roles: spec2prod docs run-a-fleet)"
# What each role of docs/how-to/run-a-fleet.md is for, and a right that it alone has.
_MAY = {
    "look": "has_any_column_privilege('jobs', 'SELECT')",
    "submit": "has_any_column_privilege('jobs', 'INSERT')",
    "work": "has_table_privilege('steps', 'INSERT')",
}


def look_at_server(url: str) -> Looked:
    """Connect once, and ask for layout and rights; nothing is made, and nothing is waited for beyond the connection's own limit."""
    try:
        name = name_of(url)
    except UsageError as error:
        return Looked(usable=False, told=str(error), next_step=error.next_step)
    try:
        with connect(url) as session:
            return _found(session, name)
    except psycopg.Error as error:
        step = "check the URL, that the server runs, and the role's grants (spec2prod docs run-a-fleet)"
        return Looked(usable=False, told=f"{name} cannot be used ({' '.join(str(error).split())})", next_step=step)


def _found(session: Session, name: str) -> Looked:
    schema = _one(session, "SELECT to_regnamespace(%s)::oid", SCHEMA)
    if schema is None:
        return of_layout(name, 0, "", can_migrate=bool(_one(session, "SELECT has_database_privilege(current_database(), 'CREATE')")))
    who = session.info.user
    if not _one(session, "SELECT has_schema_privilege(%s, 'USAGE')", SCHEMA):
        return Looked(usable=False, told=f"{name} can be reached, and {who} may do nothing there", next_step=_ROLES)
    owns = bool(_one(session, "SELECT has_schema_privilege(%s, 'CREATE')", SCHEMA))
    layout = int(str(_one(session, "SELECT max(version) FROM layout") or 0)) if _one(session, "SELECT to_regclass('layout')::oid") else 0
    if layout != LAYOUT:
        return of_layout(name, layout, "", can_migrate=owns)
    rights = [word for word, question in _MAY.items() if _one(session, f"SELECT {question}")]
    if not {"submit", "work"} & {*rights}:
        told = f"{name} can be reached, and {who} may {'only look' if rights else 'do nothing'} there: no run can begin"
        return Looked(usable=False, told=told, next_step=_ROLES)
    version = _one(session, "SELECT version FROM runs ORDER BY began_at DESC LIMIT 1")
    found = of_layout(name, layout, str(version or ""))
    less = "" if "work" in rights else ", not work: run of one component needs a login that does"
    return Looked(usable=True, told=f"{found.told}; {who} may {', '.join(rights)}{less}")


def _one(session: Session, question: str, *values: str) -> object:
    """Return the one value that is asked for, None where there is no row."""
    row = session.execute(question.encode(), values).fetchone()
    return None if row is None else row[0]
