"""What a run remembers of earlier ones: where the cache meets the database, the surroundings and the settings."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.adapters import programs
from spec2prod.adapters.fingerprints.asking import Fingerprinting, Own, Surroundings
from spec2prod.adapters.host import ALLOWED
from spec2prod.adapters.store.cache import AnswerStore
from spec2prod.adapters.store.database import Database
from spec2prod.application.ports import Memory
from spec2prod.bootstrap.generators import OPENHANDS, PYNGUIN
from spec2prod.bootstrap.place import Place
from spec2prod.config.settings import Settings
from spec2prod.domain.plan import Stage
from spec2prod.domain.question import digest_of
from spec2prod.errors import StoreError, UsageError
from spec2prod.gates.catalogue import CATALOGUE

if TYPE_CHECKING:
    from pydantic import BaseModel

_MB = 1_000_000
_HOUR_S = 3_600.0
_SECRET = ("key", "token", "password", "secret")
_ONLY_WHEN = frozenset({"endpoint_slots", "max_usd_per_hour"})


def memory_of(place: Place, database: Database | None) -> Memory | None:
    """Return what a run there remembers; None where it remembers nothing."""
    settings = place.settings
    if database is None or not settings.cache:
        return None
    return Memory(
        fingerprints=fingerprinting(place), cache=AnswerStore(database), forced=frozenset(settings.force), agents=agents_of(settings)
    )


def fingerprinting(place: Place) -> Fingerprinting:
    """Return what says of each question exactly what its answer depends on."""
    interpreter = place.component.interpreter
    surroundings = Surroundings(
        site_packages=programs.site_packages(interpreter),
        ours=programs.site_packages(Path(sys.executable)),
        our_interpreter=Path(sys.executable),
        variables={name: os.environ[name] for name in ALLOWED if name in os.environ},
        own={name: Own(reads=table.reads, kept=table.cache) for name, table in place.settings.gates.items()},
        vulnerabilities_max_age_s=place.settings.vulnerabilities_max_age_hours * _HOUR_S,
    )
    return Fingerprinting(surroundings)


def settle(memory: Memory | None, place: Place) -> str:
    """Write down what was used, keep the cache within its limit, remember the files' digests; return what could not be done."""
    place.tree.remember()
    if memory is None or not isinstance(memory.cache, AnswerStore):
        return ""
    try:
        memory.cache.settle(place.settings.cache_max_mb * _MB)
    except StoreError as error:
        return str(error)
    return ""


def refuse_unknown_names(settings: Settings) -> None:
    """Refuse to force what nobody asks.

    Raises:
        UsageError: where a name is none of a stage, a question or a gate.
    """
    known = {*map(str, Stage), *settings.gate_names(), *(name for each in CATALOGUE for name in (each.name, *each.measures))}
    unknown = [name for name in settings.force if name not in known]
    if unknown:
        raise UsageError(f"nothing is called {unknown[0]}", where="--force", next_step=f"there are {', '.join(sorted(known))}")


def agents_of(settings: Settings) -> dict[str, str]:
    """Return the digest of what each generator's answer depends on beside its task; no key, nothing that only says where or how long."""
    tables = {OPENHANDS: settings.openhands, PYNGUIN: settings.pynguin}
    return {name: digest_of({**_options(table), "spec2prod": _code(name)}) for name, table in tables.items()}


def _options(table: BaseModel) -> dict[str, str]:
    told = table.model_dump(exclude=set(_ONLY_WHEN)).items()
    return {name: str(value) for name, value in told if not any(each in name for each in _SECRET)}


def _code(folder: str) -> str:
    """Return the digest of spec2prod's own part that asks a generator, with the lock of that one's environment: its version."""
    files = sorted(each for each in (Path(__file__).parents[1] / "adapters" / folder).iterdir() if each.suffix in {".py", ".txt"})
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
