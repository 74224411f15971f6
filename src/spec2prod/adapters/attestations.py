"""What people say about artifacts, as plain files: `.spec2prod/attestations/<component>/<digest>/<name>.json`."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from spec2prod.domain.release import Attestation
from spec2prod.errors import DeliveryError

_ATTESTATION = TypeAdapter(Attestation)


class AttestationFiles:
    """The attestations of a project."""

    def __init__(self, project: Path) -> None:
        self._folder = project / ".spec2prod" / "attestations"

    def of(self, component: str) -> tuple[Attestation, ...]:
        """Return every attestation of a component, the oldest first.

        Raises:
            DeliveryError: where a file cannot be read: a word that nobody can read is not passed over.
        """
        read = (_read(file) for file in sorted((self._folder / quote(component, safe="")).glob("*/*.json")))
        return tuple(sorted(read, key=lambda each: each.at))

    def write(self, attestation: Attestation) -> Path:
        """Keep an attestation, replacing one of the same name for the same artifact; return its file."""
        file = self._folder / quote(attestation.component, safe="") / attestation.digest / f"{quote(attestation.name, safe='')}.json"
        fresh = file.with_name(f".{uuid.uuid4().hex}.part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as opened:
                opened.write(_ATTESTATION.dump_json(attestation, indent=2) + b"\n")
                opened.flush()
                os.fsync(opened.fileno())
            fresh.replace(file)
        except OSError as error:
            raise DeliveryError(f"cannot be written: {error}", where=str(file), next_step="check its permissions") from error
        return file


def _read(file: Path) -> Attestation:
    try:
        return _ATTESTATION.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise DeliveryError("this attestation cannot be read", where=str(file), next_step="mend it, or remove it") from error
