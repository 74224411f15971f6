"""How soon a run starts its first tool: what it does not need for that is imported while the tools run. Counted, not timed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.end_to_end import layouts
from tests.end_to_end.conftest import unmeasured

LATE = ("jinja2", "rich.live", "rich.table", "spec2prod.gates.formats", "spec2prod.reports.document", "spec2prod.reports.html", "xml")
# At its first start of a process it says what it has imported, and leaves.
HEARD = """
import os, sys

def heard(event, _):
    if event == "subprocess.Popen":
        early = set(sys.argv[1].split(",")) & set(sys.modules)
        print("first start:", *sorted(early), "asyncio" in sys.modules, file=sys.stderr, flush=True)
        os._exit(0)

sys.addaudithook(heard)
from spec2prod.cli import main
main(sys.argv[2:])
"""


def test_what_tells_of_a_run_is_not_imported_before_its_first_tool_starts(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    words = project.command("sums", "--no-fix")
    command = [sys.executable, "-c", HEARD, ",".join(LATE), *words[words.index("run") :]]
    surroundings = unmeasured(os.environ) | {"TMPDIR": str(tmp_path)}  # who leaves like that leaves things behind
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=120, check=True, cwd=project.root)
    assert done.stderr.splitlines()[-1] == "first start: True", done.stdout
