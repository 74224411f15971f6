"""What `spec2prod doctor` says of the database: which one it is, and whether a run could use it."""

from __future__ import annotations

from pathlib import Path

from spec2prod.adapters.examination import Row, State
from spec2prod.adapters.store.looked_at import look_at
from spec2prod.bootstrap.durable import NOWHERE, place_of_database
from spec2prod.config.settings import Settings
from spec2prod.config.shown import safe


def database_row(root: Path, settings: Settings) -> Row:
    """Look at the database as it is: a run would make or migrate its tables, this does not."""
    place = place_of_database(root, settings.database_url)
    if place == NOWHERE:
        return Row(name="database", state=State.OK, told=f"none: nothing is kept ({settings.origin('database_url')})")
    found = look_at(place)
    state = State.OK if found.usable else State.BROKEN
    return Row(name="database", state=state, told=str(safe(found.told)), next_step=found.next_step)
