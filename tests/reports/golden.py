"""Outputs that are compared whole. `REFRESH_GOLDEN=1 pytest …` writes them anew; read the difference before it is kept."""

from __future__ import annotations

import os
from pathlib import Path


def assert_golden(path: Path, text: str) -> None:
    """Compare a text with the file that holds what is expected, or write that file where it was asked for."""
    if os.environ.get("REFRESH_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; if that is meant: REFRESH_GOLDEN=1 pytest …"
