"""Packs a component into a wheel: the same bytes for the same tree, on any machine and on any day (packaging, zipfile).

Build backends pack projects; a component may be one module of one, in a folder without `__init__.py`. The format is small: the
files, METADATA, WHEEL and RECORD in a ZIP file. Nothing is compressed: compressed bytes depend on the library that made them.
Source: "Binary distribution format" and "Core metadata specifications" of the Python Packaging User Guide.
"""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import io
import re
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from spec2prod.application.ports import Tree
from spec2prod.domain.component import Component
from spec2prod.domain.release import SHORT, Artifact, shipment
from spec2prod.errors import DeliveryError, OutputError

_BORN = (1980, 1, 1, 0, 0, 0)  # the earliest time that a ZIP file can tell
_MODE = 0o100644 << 16  # a plain file; what git and umask made of the modes is left out
_COMPILED = (".so", ".pyd", ".dylib", ".dll")
_WHERE = "pyproject.toml: project"
_NO_VERSION = "0.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a wheel says of itself. `version` holds the project's, and the digest of what is packed as its local part."""

    name: str
    version: str
    requires_python: str
    dependencies: tuple[str, ...]

    @property
    def stem(self) -> str:
        """Return the first two parts of the wheel's file name."""
        return f"{canonicalize_name(self.name).replace('-', '_')}-{self.version}"

    def text(self) -> str:
        """Return METADATA."""
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Requires-Python: {self.requires_python}"] if self.requires_python else []
        return "\n".join([*lines, *(f"Requires-Dist: {each}" for each in self.dependencies)]) + "\n"


class WheelBuilder:
    """Builds the component's wheel into the run's own folder."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    async def build(self, component: Component) -> Artifact:
        """Return the wheel; its digest is that of its bytes.

        Raises:
            DeliveryError: where the project's metadata is wrong, a file cannot be packed, or the wheel not be written.
        """
        return await asyncio.to_thread(self._build, component)

    def _build(self, component: Component) -> Artifact:
        try:
            return self._built(component)
        except (OSError, OutputError) as error:
            step = "check permissions and free space of the project's folder"
            raise DeliveryError(f"the wheel could not be built: {error}", next_step=step) from error

    def _built(self, component: Component) -> Artifact:
        files = contents(component, self._tree)
        project = _pyproject(self._tree)
        metadata = metadata_of(component, project, fingerprint(files))
        data = wheel_bytes(files, metadata)
        said = self._tree.root / self._tree.keep("dist/METADATA", metadata.text())
        path = said.with_name(f"{metadata.stem}-py3-none-any.whl")
        path.write_bytes(data)
        return Artifact(
            component=component.name,
            version=metadata.version,
            digest=hashlib.sha256(data).hexdigest(),
            path=path,
            modules=tuple(component.dotted(each) for each in component.modules if not each.endswith("__main__.py")),
            dependencies=metadata.dependencies,
            note=version_note(project),
        )


def contents(component: Component, tree: Tree) -> dict[str, bytes]:
    """Return what is packed: path in the wheel → bytes.

    Raises:
        DeliveryError: for a compiled file, which no wheel for every machine may hold.
    """
    packed = shipment(component, tree.list_files()).files
    if compiled := [path for path in packed if path.endswith(_COMPILED)]:
        step = "build it where it is used, or keep it in a distribution of its own"
        raise DeliveryError("a compiled file cannot be released in a wheel for every machine", where=compiled[0], next_step=step)
    root = PurePosixPath(component.import_root)
    return {PurePosixPath(path).relative_to(root).as_posix(): (tree.root / path).read_bytes() for path in packed}


def fingerprint(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 (hex) over names and contents."""
    lines = (f"{hashlib.sha256(data).hexdigest()} {path}\n" for path, data in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def metadata_of(component: Component, project: Mapping[str, Any], digest: str) -> Metadata:
    """Return the component's metadata: its own name, and what the project around it says of versions and dependencies.

    Raises:
        DeliveryError: where the project says something that is none.
    """
    dependencies = project.get("dependencies", [])
    if not isinstance(dependencies, list):
        raise DeliveryError("must be a list of requirements", where=f"{_WHERE}.dependencies", next_step='write ["httpx>=0.28"]')
    return Metadata(
        name=re.sub(r"[^A-Za-z0-9]+", "-", component.name).strip("-") or "component",
        version=_version(str(project.get("version", _NO_VERSION)), digest[:SHORT]),
        requires_python=_specifier(str(project.get("requires-python", ""))),
        dependencies=tuple(sorted(_requirement(str(each)) for each in dependencies)),
    )


def version_note(project: Mapping[str, Any]) -> str:
    """Say why a wheel's version is not the project's own; empty where it is.

    A dynamic version is what the project's build backend makes of a tag, a file or code; it is run by nobody here, and not guessed at.
    """
    if "version" in project:
        return ""
    stated = project.get("dynamic")
    is_dynamic = isinstance(stated, list) and "version" in stated
    why = "the project's version is dynamic, and only its build backend can resolve it" if is_dynamic else f"{_WHERE}.version is not there"
    return f"{why}: the wheel is {_NO_VERSION} and the digest of what is in it"


def wheel_bytes(files: Mapping[str, bytes], metadata: Metadata) -> bytes:
    """Return the wheel: entries sorted, RECORD last, every entry of one time and mode."""
    folder = f"{metadata.stem}.dist-info"
    about = "Wheel-Version: 1.0\nGenerator: spec2prod\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    added = {f"{folder}/METADATA": metadata.text().encode(), f"{folder}/WHEEL": about.encode()}
    entries = sorted(files.items()) + sorted(added.items())
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (*entries, (f"{folder}/RECORD", record(entries, f"{folder}/RECORD"))):
            entry = zipfile.ZipInfo(name, _BORN)
            entry.external_attr = _MODE
            entry.create_system = 3  # else it tells the system that it was built on
            archive.writestr(entry, data)
    return written.getvalue()


def record(entries: list[tuple[str, bytes]], own_name: str) -> bytes:
    """Return RECORD: each file with its hash and length, and itself without."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for name, data in entries:
        told = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        rows.writerow((name, f"sha256={told}", len(data)))
    rows.writerow((own_name, "", ""))
    return text.getvalue().encode()


def _pyproject(tree: Tree) -> Mapping[str, Any]:
    file: Path = tree.root / "pyproject.toml"
    project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {}) if file.exists() else {}
    return project if isinstance(project, dict) else {}


def _version(text: str, local: str) -> str:
    try:
        version = Version(text)
        return str(Version(f"{version}{'.' if version.local else '+'}{local}"))
    except InvalidVersion:
        raise DeliveryError(f"{text!r} is no version", where=f"{_WHERE}.version", next_step="write one such as 1.2.0") from None


def _specifier(text: str) -> str:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - for projects that state a range alone

    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier:
        raise DeliveryError(f"{text!r} is no range of versions", where=f"{_WHERE}.requires-python", next_step="write >=3.12") from None


def _requirement(text: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - for projects with dependencies alone

    try:
        return str(Requirement(text))
    except InvalidRequirement as error:
        said = str(error).splitlines()[0]
        step = "write a name and a range, such as httpx>=0.28"
        raise DeliveryError(f"{text!r} is no requirement: {said}", where=f"{_WHERE}.dependencies", next_step=step) from None
