"""What a suspected defect's requirements say: as they stood when it was noted, and what has become of them in the specification since."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spec2prod.adapters import markdown
from spec2prod.domain.defect import Defect, Promised
from spec2prod.domain.specification import Specification
from spec2prod.errors import SpecificationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """One requirement of a defect. `text` and `where` (`path:line`) are empty where its sentence was not kept.

    `since` says in words what has become of it, empty where it still stands so; then `where` is where it stands now.
    """

    id: str
    text: str = ""
    where: str = ""
    since: str = ""


def stated(defect: Defect, root: Path) -> tuple[Stated, ...]:
    """Return what each of a defect's requirements says; the specification is read again, if it is still there."""
    promises = {each.id: each for each in defect.promises}

    @cache
    def read(path: str) -> Specification | str:
        try:
            return markdown.read_spec(Path(path), root)
        except SpecificationError as error:
            return str(error)

    return tuple(
        _stated(promises[name], text_hash, read(promises[name].path))
        if name in promises
        else Stated(id=name, since="its sentence was not kept: look it up in the specification" if text_hash else "no specification has it")
        for name, text_hash in defect.requirements
    )


def _stated(then: Promised, text_hash: str, now: Specification | str) -> Stated:
    where = f"{then.path}:{then.line}"
    if isinstance(now, str):
        return Stated(id=then.id, text=then.text, where=where, since=f"as it was; by now the specification cannot be read: {now}")
    found = next((each for each in (*now.requirements, *now.testing_requirements) if each.id == then.id), None)
    if found is None:
        return Stated(id=then.id, text=then.text, where=where, since="as it was; by now the specification has no requirement of that ID")
    if found.text_hash != text_hash:
        since = f"as it was; by now line {found.line} says: {found.text}"
        return Stated(id=then.id, text=then.text, where=where, since=since)
    return Stated(id=then.id, text=found.text, where=f"{now.path}:{found.line}")
