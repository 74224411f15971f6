"""Write the pins: `requirements/*.txt` by hash and without addresses, and the same versions as constraints in pyproject.toml.

A uv.lock names the hosts of registries and so stays out of the repository. The constraints make a plain `uv run`
resolve to the versions that `requirements/dev.txt` pins. `make pins` keeps what still fits; `make upgrade` takes the newest.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "# pins: begin (written by tools/pin.py)\n", "# pins: end\n"
COMPILE = ("pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-annotate", "--no-header")
EXPORTS = {
    "dev.txt": ("pyproject.toml", "--group", "dev", "--group", "build"),
    "uv.txt": ("uv.in",),
}


def pins(requirements: str) -> list[str]:
    """Return the pinned requirements of an export (name, version and marker), without their hashes."""
    return [line.removesuffix("\\").strip() for line in requirements.splitlines() if re.match(r"[a-z0-9]", line)]


def constraints(requirements: str, build: str) -> str:
    """Return the block for `[tool.uv]`."""
    tables = {"constraint-dependencies": pins(requirements), "build-constraint-dependencies": pins(build)}
    text = "".join(f"{name} = [\n" + "".join(f'    "{pin}",\n' for pin in each) + "]\n" for name, each in tables.items())
    return f"{BEGIN}{text}{END}"


def split(pyproject: str) -> tuple[str, str, str]:
    """Return pyproject.toml before, inside and after the block of pins."""
    before, _, rest = pyproject.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after


def compile_pins(folder: Path, output: str, *inputs: str) -> str:
    """Let uv resolve, and return the export it wrote. An `output` that stands there already is kept where it still fits."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    subprocess.run([uv, *COMPILE, *inputs, "--output-file", output], cwd=folder, check=True)
    return (folder / output).read_text()


def resolve(before: str, after: str, *, upgrade: bool) -> tuple[dict[str, str], str]:
    """Return the exports by file name, and the build backend's own, resolved in a folder without the old constraints."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "pyproject.toml").write_text(before + after)
        (folder / "uv.in").write_text("uv\n")
        if not upgrade:
            for kept in (ROOT / "requirements").glob("*.txt"):
                shutil.copy(kept, folder)
        dev = compile_pins(folder, "dev.txt", *EXPORTS["dev.txt"])
        shutil.copy(folder / "dev.txt", folder / "versions.txt")
        texts = {"dev.txt": dev, "uv.txt": compile_pins(folder, "uv.txt", *EXPORTS["uv.txt"], "--constraint", "versions.txt")}
        return texts, compile_pins(folder, "build.txt", "--group", "build", "--constraint", "versions.txt")


def main() -> None:
    """Resolve, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions instead of keeping those that fit")
    options = parser.parse_args()
    project = ROOT / "pyproject.toml"
    before, _, after = split(project.read_text())
    exports, build = resolve(before, after, upgrade=options.upgrade)
    for name, text in exports.items():
        (ROOT / "requirements" / name).write_text(text)
    project.write_text(before + constraints(exports["dev.txt"], build) + after)


if __name__ == "__main__":
    main()
