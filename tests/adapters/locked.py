"""What the tests of locked environments share. uv is a script here: the real build takes minutes, and the slow tests do it."""

from __future__ import annotations

from pathlib import Path


def fake_uv(folder: Path, *, program: str = "python", slow: bool = False, fails: bool = False) -> Path:
    """Return a program that does what uv does for us, as far as a folder shows it, and counts its runs in `runs` beside it."""
    uv = folder / "uv"
    build = 'folder="$6"; mkdir -p "$folder/bin"; echo run >> "$(dirname "$0")/runs"'
    made = f'"$(dirname "$7")/{program}"'
    end = "echo 'error: no such host' >&2; exit 2" if fails else f'printf "#!/bin/sh\\n" > {made}; chmod +x {made}'
    uv.write_text(f'#!/bin/sh\nif [ "$1" = venv ]; then {build}; else {"sleep 0.3; " if slow else ""}{end}; fi\n')
    uv.chmod(0o755)
    return uv


def quietly(_line: str) -> None:
    """Tell nobody."""
