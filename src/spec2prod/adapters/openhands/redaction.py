"""Keeps keys out of everything that is written down."""

from __future__ import annotations

import json
from collections.abc import Iterable

HIDDEN = "[hidden]"


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every secret hidden, also where JSON has escaped it."""
    spellings = {spelling for secret in secrets if secret for spelling in (secret, json.dumps(secret)[1:-1])}
    # Longest first: one secret may be part of another.
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, HIDDEN)
    return text
