"""What can be said of a database without changing it: whether it opens, which layout it has, and what its login may do.

`spec2prod doctor` asks; a run makes or migrates the tables, this does not.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from spec2prod import __version__
from spec2prod.adapters.store.layout import LAYOUT
from spec2prod.adapters.store.sqlite_file import is_writable, next_step, open_to_look

_RUNS_BY = "SELECT version FROM runs ORDER BY began_at DESC LIMIT 1"
_NEWER = "use a newer spec2prod, or name another database in SPEC2PROD_DATABASE_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found. `told` names the database and never a password; where a run could not use it, `next_step` says what to do."""

    usable: bool
    told: str
    next_step: str = ""


def look_at(place: str) -> Looked:
    """Look at the database at a path or URL. Of a server that does not answer, the URL's time limit (10 s unless stated) is waited for."""
    if place.startswith(("postgresql://", "postgres://")):
        from spec2prod.adapters.store.looked_at_server import look_at_server

        return look_at_server(place)
    return _file(Path(place.removeprefix("sqlite:///")))


def of_layout(name: str, found: int, version: str, *, can_migrate: bool = True) -> Looked:
    """Say what a layout means, and who began the newest run there. `found` is 0 where there are no tables yet."""
    if found > LAYOUT:
        return Looked(usable=False, told=f"{name} has layout {found}; this spec2prod knows {LAYOUT}", next_step=_NEWER)
    if found < LAYOUT and not can_migrate:
        what = f"layout {found}, which needs to be brought to {LAYOUT}" if found else "no tables of spec2prod yet"
        step = "let its owner start spec2prod queue once, with a login of the owner's in SPEC2PROD_DATABASE_URL"
        return Looked(usable=False, told=f"{name} has {what}, and this login may not do that", next_step=step)
    if not found:
        return Looked(usable=True, told=f"{name}, without tables yet: the first run makes them")
    layout = f"layout {found}" if found == LAYOUT else f"layout {found}, which the next run brings to {LAYOUT}"
    other = f"; its newest run was begun by spec2prod {version}" if version not in {"", __version__} else ""
    return Looked(usable=True, told=f"{name}, {layout}{other}")


def _file(path: Path) -> Looked:
    try:
        if not is_writable(path):
            told = f"{path} cannot be {'written' if path.exists() else 'made'}"
            return Looked(usable=False, told=told, next_step=next_step(PermissionError(13, told), path))
        if not path.exists():
            return Looked(usable=True, told=f"{path}, which the first run makes")
        with closing(open_to_look(path)) as connection:
            ((found,),) = connection.execute("PRAGMA user_version").fetchall()
            versions = connection.execute(_RUNS_BY).fetchall() if 0 < found <= LAYOUT else []
    except (sqlite3.Error, OSError) as error:
        return Looked(usable=False, told=f"{path} cannot be used ({error})", next_step=next_step(error, path))
    return of_layout(str(path), found, str(versions[0][0]) if versions else "")
