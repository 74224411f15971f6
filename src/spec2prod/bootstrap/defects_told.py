"""What a suspected defect's requirements say: as they stood when it was noted, and what has become of them in the specification since."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from spec2prod.adapters import markdown
from spec2prod.domain import defect_told
from spec2prod.domain.defect import Defect
from spec2prod.domain.defect_told import Stated
from spec2prod.domain.specification import Specification
from spec2prod.errors import SpecificationError


def stated(defect: Defect, root: Path) -> tuple[Stated, ...]:
    """Return what each of a defect's requirements says; the specification is read again, if it is still there."""

    @cache
    def read(path: str) -> Specification | str:
        try:
            return markdown.read_spec(Path(path), root)
        except SpecificationError as error:
            return f"by now the specification cannot be read: {error}"

    return defect_told.stated(defect, read)
