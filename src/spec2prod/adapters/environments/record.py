"""What a release keeps beside its environment: its wheel, its tests, and the record that says how to look at it again."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from spec2prod.application.ports import Tree
from spec2prod.domain.component import Component
from spec2prod.domain.release import Artifact, shipment
from spec2prod.errors import DeliveryError

# Where pytest looks for its settings, in its order, and what a file must hold to be one.
_CONFIGS = (
    ("pytest.toml", ""),
    ("pytest.ini", ""),
    (".pytest.ini", ""),
    ("pyproject.toml", "[tool.pytest"),
    ("tox.ini", "[pytest]"),
    ("setup.cfg", "[tool:pytest]"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A release's record. `tests` lie in its tests folder, `inside` are installed with it; `tops` are its top-level names."""

    component: str
    version: str
    digest: str
    wheel: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    inside: tuple[str, ...]
    config: str
    interpreter: str
    released_at: str
    run_id: str

    @property
    def tops(self) -> tuple[str, ...]:
        """Return the names that must come from the release and from nowhere else."""
        return tuple(sorted({module.partition(".")[0] for module in self.modules}))


_RECORD = TypeAdapter(Record)


def pack(  # noqa: PLR0913 - what a record is made of
    folder: Path, artifact: Artifact, component: Component, tree: Tree, *, at: str, run_id: str
) -> Record:
    """Put wheel, tests and record into a release's folder."""
    sorted_out = shipment(component, tree.list_files())
    about = folder / "release"
    (about / "tests").mkdir(parents=True)
    shutil.copyfile(artifact.path, about / artifact.path.name)
    config = _config(tree)
    for path in (*sorted_out.luggage, *([config] if config else [])):
        place = about / "tests" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree.root / path, place)
    if not config:
        (about / "tests" / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    record = Record(
        component=artifact.component,
        version=artifact.version,
        digest=artifact.digest,
        wheel=artifact.path.name,
        modules=artifact.modules,
        tests=sorted_out.outside,
        inside=tuple(Path(path).relative_to(component.import_root).as_posix() for path in sorted_out.inside),
        config=config or "pytest.ini",
        interpreter=str(component.interpreter),
        released_at=at,
        run_id=run_id,
    )
    (about / "release.json").write_bytes(_RECORD.dump_json(record, indent=2))
    return record


def read_record(folder: Path) -> Record:
    """Return a release's record.

    Raises:
        DeliveryError: where it is not there, or cannot be read.
    """
    file = folder / "release" / "release.json"
    try:
        return _RECORD.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        step = "release again"
        raise DeliveryError("the release's record cannot be read", where=str(file), next_step=step) from error


def stored_wheel(folder: Path, artifact: Artifact) -> Path:
    """Return the wheel that a release was made from, its bytes checked.

    Raises:
        DeliveryError: where it is not there, or not what it was.
    """
    wheel = folder / "release" / artifact.path.name
    try:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    except OSError as error:
        raise DeliveryError("the release's wheel cannot be read", where=str(wheel), next_step="release again") from error
    if digest != artifact.digest:
        raise DeliveryError("the release's wheel is not what it was when it was released", where=str(wheel), next_step="release again")
    return wheel


def _config(tree: Tree) -> str:
    """Return the file with pytest's settings, as pytest would find it; empty where there is none."""
    return next((name for name, mark in _CONFIGS if mark in (tree.read(name) or "") and tree.exists(name)), "")
