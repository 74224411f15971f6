"""A question as the cache knows it: exactly what its answer depends on, so that an unchanged question is never asked twice.

Inputs have readable names, such as `file:src/api.py`, `config:pyproject.toml[tool.ruff]`, `tool:ruff`, `environment` or `command`, each
with a digest. What a process was seen to read while it answered is its *trace*: an answer counts again only where question and trace are
the same. Equal keys mean equal questions; nothing here knows a disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from spec2prod.domain.candidate import TaskOutcome
from spec2prod.domain.flaky import Standing
from spec2prod.domain.suite import SuiteReport
from spec2prod.domain.verdict import Measurement

ABSENT = "absent"
FILE, LISTING, IMPORTABLES = "file:", "listing:", "importables:"
_IMPORTANCE = (
    *(FILE, "config:", "command", "component", "asks", "readme", "tool:", "interpreter", "environment", "variables"),
    *(LISTING, IMPORTABLES, "spec2prod"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, and the digest of each thing that its answer is known to depend on before it is asked.

    An answer older than `max_age_s` seconds is asked again; None where age does not matter.
    """

    name: str
    component: str
    inputs: Mapping[str, str]
    max_age_s: float | None = None

    @property
    def key(self) -> str:
        """Return the SHA-256 (hex) over name, component and inputs, whatever their order."""
        return digest_of([self.name, self.component, sorted(self.inputs.items())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What a process was seen to read. Paths are relative to the project; others are absolute.

    `folders` were listed, `importables` searched for modules. `everything` means that nobody knows (it started other processes), and
    `never` says why its answer must not be used again at all, empty where it may.
    """

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    importables: tuple[str, ...] = ()
    everything: bool = False
    never: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the inputs' names."""
        kinds = ((FILE, self.files), (LISTING, self.folders), (IMPORTABLES, self.importables))
        return tuple(kind + path for kind, paths in kinds for path in paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer that is kept: what was measured, when (ISO 8601, UTC), by which run and tool; of tests also test by test.

    `outcome` is what an agent delivered, `texts` what a mending tool made of files. A `flaky` answer is kept to be told of, and never used
    again; so is one that says why it may `never` be used.
    """

    run_id: str
    measured_at: str
    tool: str
    answers: tuple[Measurement, ...] = ()
    suite: SuiteReport | None = None
    standings: Mapping[str, Standing] = field(default_factory=dict)
    outcome: TaskOutcome | None = None
    texts: Mapping[str, str] | None = None
    flaky: bool = False
    never: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One input that is not what it was; `absent` stands for one that was not there, or is not any more."""

    name: str
    old: str
    new: str


class Found(StrEnum):
    """What a look into the cache found."""

    HIT = "hit"
    CHANGED = "changed"
    FLAKY = "flaky"
    TOO_OLD = "too old"
    NEVER = "never kept"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Why a question would be asked, or would not: `kept` is the newest answer that comes nearest, None where nothing is known.

    `changes` name what differs from the question that it answered; `lines` maps the name of a text to `file:line-range`.
    """

    question: Question
    found: Found
    kept: Kept | None = None
    changes: tuple[Change, ...] = ()
    lines: Mapping[str, str] = field(default_factory=dict)


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Change, ...]:
    """Return the inputs that were added, removed or changed, the most telling first."""
    names = (name for name in {**old, **new} if old.get(name, ABSENT) != new.get(name, ABSENT))
    changes = (Change(name=name, old=old.get(name, ABSENT), new=new.get(name, ABSENT)) for name in names)
    return tuple(sorted(changes, key=lambda change: (_rank(change.name), change.name)))


def changed_lines(old: str, new: str) -> tuple[int, int] | None:
    """Return the first and last line (1-based, of the new text) of the part that differs, from two texts' line hashes.

    Lines that are only gone are told by the line that follows them; None where nothing differs.
    """
    before, after = _lines(old), _lines(new)
    if before == after:
        return None
    shorter = min(len(before), len(after))
    head = next((index for index in range(shorter) if before[index] != after[index]), shorter)
    tail = next((index for index in range(shorter - head) if before[-1 - index] != after[-1 - index]), shorter - head)
    return head + 1, max(head + 1, len(after) - tail)


def line_hashes(text: str) -> str:
    """Return a short hash of each line, one after another: where a text changed can be told without keeping the text."""
    return "".join(hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()[:_WIDTH] for line in text.splitlines())


def digest_of(value: object) -> str:
    """Return the SHA-256 (hex) of a JSON value, the same for equal values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def is_report(path: str) -> bool:
    """Whether a file is a run's report, by its usual name: it changes with every run, and no answer depends on it."""
    name = path.rpartition("/")[2]
    return name.startswith("workflow_report_") and name.endswith(".json")


_WIDTH = 8


def _lines(hashes: str) -> list[str]:
    return [hashes[start : start + _WIDTH] for start in range(0, len(hashes), _WIDTH)]


def _rank(name: str) -> int:
    return next((rank for rank, kind in enumerate(_IMPORTANCE) if name.startswith(kind)), len(_IMPORTANCE))
