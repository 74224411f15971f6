"""Asks another tool's own accept code about each candidate, one at a time, in an environment of its own and in the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.acceptance.judging import Answer, Answers
from benchmarks.acceptance.labels import Candidate
from benchmarks.acceptance.processor_time import Ended, run
from benchmarks.acceptance.subjects import Project
from benchmarks.measure import BIN
from spec2prod.adapters.judge.place import interpreter_folders
from spec2prod.adapters.sandbox import find_sandbox
from spec2prod.domain.screening import screen, without

HERE = Path(__file__).parent
SEED = "import {name}\n\n\ndef test_{name}_can_be_imported():\n    pass\n"  # a tool that wants an existing suite gets this one
LIMIT_S = 7200
UV = str(BIN / "uv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another tool. `inside` runs in its environment and calls its functions; `sources` is a checkout where it is on no index."""

    name: str
    version: str
    requirements: str
    inside: str
    sources: Path | None = None


def qodo_cover(sources: Path) -> Peer:
    """Return Qodo Cover from a checkout: the index has no `cover-agent`. Its version stands in its version.txt."""
    version = (sources / "cover_agent" / "version.txt").read_text(encoding="utf-8").strip()
    return Peer(name="Qodo Cover", version=version, requirements="qodo.txt", inside="qodo_inside.py", sources=sources)


COVERUP = Peer(name="CoverUp", version="0.6.3", requirements="coverup.txt", inside="coverup_inside.py")


def installed(peer: Peer, work: Path) -> Path | str:
    """Make the peer's environment; return its folder of programs, or why there is none."""
    folder = work / f"env-{peer.name.lower().replace(' ', '-')}"
    python = folder / "bin" / "python"
    install = (UV, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(HERE / peer.requirements))
    try:
        for command in ((UV, "venv", "--quiet", "--python", sys.executable, str(folder)), install):
            subprocess.run(command, cwd=work, check=True)  # not here: our own constraints are not the peer's
    except subprocess.CalledProcessError as error:
        return f"{peer.name} {peer.version} could not be installed (exit code {error.returncode}): it was not asked"
    return python.parent


def ask(peer: Peer, programs: Path, project: Project, candidates: Sequence[Candidate], scratch: Path) -> Answers:
    """Ask about each candidate alone, beside the project's own suite, each in a fresh copy of the project."""
    shutil.rmtree(scratch, ignore_errors=True)
    template = scratch / "template"
    shutil.copytree(project.root, template)
    suite = template / "tests" / f"test_{project.name}.py"
    if not suite.exists():
        suite.parent.mkdir(exist_ok=True)
        suite.write_text(SEED.format(name=project.name), encoding="utf-8")
    task = {
        "template": str(template),
        "copies": str(scratch / "copies"),
        "source": project.source,
        "import_root": project.import_root,
        "suite": f"tests/test_{project.name}.py",
        "candidates": [{"name": each.name, "text": alone(each)} for each in candidates],
    }
    (scratch / "home").mkdir()
    (scratch / "task.json").write_text(json.dumps(task), encoding="utf-8")
    done = _run(peer, programs, scratch)
    failure = f"no end after {LIMIT_S} s" if done.timed_out else ""
    failure = failure or ((done.stderr.strip()[-500:] or f"exit code {done.code}") if done.code else "")
    return Answers(answers=_answers(scratch / "answers.jsonl"), wall_s=done.wall_s, cpu_s=done.cpu_s, failure=failure)


def alone(candidate: Candidate) -> str:
    """Return the candidate's file with no other test function in it."""
    text = candidate.file.read_text(encoding="utf-8")
    screened = screen(text)
    names = {each.name for each in screened} if not isinstance(screened, str) else set()
    return without(text, names - {candidate.function})


def _run(peer: Peer, programs: Path, scratch: Path) -> Ended:
    """Run the tool in the sandbox, without network."""
    box = find_sandbox()
    inside = HERE / peer.inside
    python = programs / "python"
    readable = (HERE, *interpreter_folders(python), *((peer.sources,) if peer.sources else ()))
    wrapped = box.wrap((str(python), str(inside), str(scratch / "task.json")), readable=readable, writable=(scratch,), cwd=scratch)
    command = (wrapped[0], "--unshare-net", *wrapped[1:]) if box.bwrap is not None else wrapped
    env = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch / "home"),
        "PYTHONHASHSEED": "0",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        **({"PYTHONPATH": str(peer.sources)} if peer.sources else {}),
    }
    return run(command, cwd=scratch, env=env, timeout_s=LIMIT_S)


def _answers(file: Path) -> dict[str, Answer]:
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    return {row["name"]: Answer(verdict=row["verdict"], reason=row["reason"]) for row in rows}
