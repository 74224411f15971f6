"""Keeps small documents as files."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

LARGEST = 1_000


class TooLarge(Exception):
    """A document that this store does not keep."""


def folder() -> Path:
    """Return where documents are kept: FILESTORE, else a folder at home."""
    return Path(os.environ.get("FILESTORE") or Path.home() / ".filestore")


def save(name: str, value: object, where: Path | None = None) -> Path:
    """Keep a document; whoever reads meanwhile sees the old one or the new one."""
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name")
    text = json.dumps(value, sort_keys=True)
    if len(text) > LARGEST:
        raise TooLarge(name)
    place = where or folder()
    place.mkdir(parents=True, exist_ok=True)
    temporary = place / f"{name}.tmp"
    temporary.write_text(text, encoding="utf-8")
    return temporary.replace(place / f"{name}.json")


def load(name: str, where: Path | None = None, default: object = None) -> object:
    """Return a document, or the default where there is none."""
    file = (where or folder()) / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else default


def names(where: Path | None = None) -> list[str]:
    """Return the names of the documents, in order."""
    return sorted(file.stem for file in (where or folder()).glob("*.json"))


def stamped(name: str, now: datetime | None = None) -> str:
    """Return the name with the day."""
    return f"{name}_{now or datetime.now():%Y%m%d}"
