"""The project's `.spec2prod/`: whoever makes it says in it that it is nobody's to keep, neither backups' nor git's."""

from __future__ import annotations

import hashlib
from pathlib import Path

STATE = ".spec2prod"
# The signature that bford.info/cachedir asks for: it is defined as the MD5 of this name.
_CACHE_TAG = f"Signature: {hashlib.md5(b'.IsCacheDirectory', usedforsecurity=False).hexdigest()}\n# Made by spec2prod: may be deleted.\n"
_MARKS = {"CACHEDIR.TAG": _CACHE_TAG, ".gitignore": "*\n"}


def mark_state_folder(folder: Path) -> None:
    """Put what is missing of the marks into a `.spec2prod` that is there; a folder of any other name is somebody else's.

    Raises:
        OSError: where they cannot be written.
    """
    if folder.name != STATE:
        return
    for name, text in _MARKS.items():
        try:
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
