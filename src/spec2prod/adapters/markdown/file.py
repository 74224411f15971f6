"""The file that holds a specification: found, small enough, text, and promising something."""

from __future__ import annotations

import difflib
from pathlib import Path

from spec2prod.adapters.markdown.reading import parse_spec
from spec2prod.domain.specification import Specification
from spec2prod.errors import SpecificationError

_LARGEST = 2 * 2**20  # bytes: markdown-it reads about 1 MB a second, and a specification that people read is far below 1 MB
_EXAMPLE = "The smallest valid specification:\n\n# Calculator\n\n## Requirements\n\n- Adds two numbers\n"


def read_spec(path: Path, root: Path) -> Specification:
    """Return what the file at `path` (relative to `root`, or absolute) promises.

    Raises:
        SpecificationError: where it is missing, no text, too large, or promises nothing.
    """
    file = root / path
    shown = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(path)
    specification = parse_spec(_text(file, shown), shown)
    if specification.requirements:
        return specification
    unread = f"; lines that look like some: {', '.join(map(str, specification.unread[:10]))}" if specification.unread else ""
    raise SpecificationError(f"no requirements found{unread}", where=shown, next_step=_EXAMPLE)


def _text(file: Path, shown: str) -> str:
    try:
        size = file.stat().st_size
        if size > _LARGEST:
            raise _too_large(size, shown)
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SpecificationError("no such file", where=shown, next_step=_near(file)) from None
    except IsADirectoryError:
        raise SpecificationError("is a folder, not a markdown file", where=shown, next_step=_near(file / "x.md")) from None
    except UnicodeDecodeError as error:
        raise SpecificationError(f"is not UTF-8 text (byte {error.start})", where=shown, next_step="Save it as UTF-8 markdown.") from None
    except (OSError, ValueError) as error:
        raise SpecificationError(f"cannot be read: {error}", where=shown, next_step="Check the path and its permissions.") from None
    if "\0" in text:
        raise SpecificationError("is binary, not markdown", where=shown, next_step="Save it as UTF-8 markdown.")
    if not text.strip():
        raise SpecificationError("is empty", where=shown, next_step=_EXAMPLE)
    return text


def _too_large(size: int, shown: str) -> SpecificationError:
    return SpecificationError(
        f"has {size:,} bytes; a specification may have at most {_LARGEST:,} ({_LARGEST // 2**20} MiB)",
        where=shown,
        next_step="Split it, one component each; what people read and confirm is far below 1 MB.",
    )


def _near(file: Path) -> str:
    """Say which markdown files stand where this one was looked for, the nearest names first."""
    if not file.parent.is_dir():
        return f"There is no folder {file.parent.name}. Check the path."
    names = sorted(found.name for found in file.parent.iterdir() if found.suffix.lower() in {".md", ".markdown"})
    near = difflib.get_close_matches(file.name, names, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"In that folder: {', '.join(names[:10])}." if names else "That folder holds no markdown files."
