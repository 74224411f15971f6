"""The user's own folders."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's cache directory; `SPEC2PROD_CACHE_DIR` names another."""
    own = os.environ.get("SPEC2PROD_CACHE_DIR")
    if own:
        return Path(own)
    from platformdirs import user_cache_path

    return user_cache_path("spec2prod", appauthor=False)


def found_in_files() -> Path:
    """Return the database of what was found in each file, by the questions that look at one file at a time."""
    return cache_folder() / "found-in-files.sqlite"
