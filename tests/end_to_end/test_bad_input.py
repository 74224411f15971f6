"""What a user, a project or a machine can do wrong: a verdict or a refusal with the next step, never a traceback.

`Project.run` itself refuses a traceback. What takes long is marked slow: `pytest -m slow tests/end_to_end/test_bad_input.py`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from spec2prod.cli import main
from tests.end_to_end import layouts
from tests.end_to_end.conftest import LLM, Ended, environment, unmeasured
from tests.end_to_end.layouts import NO_TYPES, PATIENCE_S, PLAIN, SPEC, Project, at_once
from tests.end_to_end.test_honest_verdicts import verdict

NOT_UTF8 = os.fsdecode(b"\xff")
# A terminal that is narrow and knows ASCII alone, in a locale without UTF-8.
POOR_TERMINAL = {"COLUMNS": "20", "LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}


def told(ended: Ended) -> str:
    return ended.out + ended.err


# --- what is refused before anything runs -----------------------------------------------------------------------------

REFUSED = {
    "a specification outside that promises nothing": (("--spec", "../../../../../../../../etc/hostname"), "no requirements"),
    "a specification that is a folder": (("--spec", "tests"), "is a folder"),
    "a specification that is not there": (("--spec", "spec.txt"), "Did you mean spec.md?"),
    "a component's path outside": (("--component-path", "/etc/hostname"), "no Python files"),
    "the whole file system": (("--component-path", "/etc"), "the whole file system is no project"),
    "a component's path that is not there": (("--component-path", "nowhere/x.py"), "no Python files at nowhere/x.py"),
    "a name that is a path": (("--component", "../../etc"), "no component ../../etc"),
    "an empty name": (("--component", ""), "--component: is empty"),
    "a name that is no text": (("--component", NOT_UTF8), "is no UTF-8 text"),
    "a path that is no text": (("--spec", NOT_UTF8), "is no UTF-8 text"),
    "a name that is too long": (("--component", "x" * 300), "cannot be written"),
    "a report in a folder's place": (("--output", "tests"), "is a folder"),
    "a report below a file": (("--output", "spec.md/report.json"), "takes no file"),
    "no number": (("--coverage-threshold", "nan"), "coverage_threshold"),
    "an endless limit": (("--timeout-seconds", "inf"), "timeout_seconds"),
}


def called(project: Project, *extra: str) -> Ended:
    """Call the command line in this process, which has imported it: what is refused starts nothing. A traceback would be raised here."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.chdir(project.root)
        for name in LLM:
            patch.delenv(name, raising=False)
        try:
            code = main(project.command("sums", *extra)[3:])
        except SystemExit as ended:  # from the parser
            code = int(ended.code or 0)
    for stream in (out, err):
        stream.seek(0)
    return Ended(code, out.read(), err.read(), project.report("sums"))


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """All of them; what is no text reaches a process of its own by its command line, beside one another."""
    projects = {case: layouts.flat_module(tmp_path_factory.mktemp("refused") / "project") for case in REFUSED}
    apart = [case for case in REFUSED if NOT_UTF8 in REFUSED[case][0]]
    ended = dict(zip(apart, at_once(*(partial(projects[case].run, "sums", *REFUSED[case][0]) for case in apart)), strict=True))
    ended |= {case: called(projects[case], *REFUSED[case][0]) for case in REFUSED if case not in apart}
    assert all(project.files().keys() == {"sums.py", "tests/test_sums.py", "spec.md", "pyproject.toml"} for project in projects.values())
    return ended


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_with_the_next_step(refusals: dict[str, Ended], case: str) -> None:
    ended = refusals[case]
    assert ended.code == 2, told(ended)
    assert REFUSED[case][1] in told(ended)
    assert "next: " in ended.err.lower() or "Next: " in ended.out
    assert "bug" not in told(ended)


def test_a_file_of_the_component_that_no_report_could_name_is_refused(tmp_path: Path) -> None:
    projects = [layouts.flat_package(tmp_path / name) for name in ("module", "test")]
    for project, name in zip(projects, (f"sums/x{NOT_UTF8}.py", f"tests/test_sums_{NOT_UTF8}.py"), strict=True):
        project.write({name: "X = 1\n"})
    for ended in at_once(*(partial(project.run, "sums") for project in projects)):
        assert ended.code == 2
        assert "is no UTF-8 text" in told(ended)
        assert "Rename it" in told(ended)


def test_settings_of_the_wrong_kind_are_told_all_at_once_with_their_addresses(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    project.write({"pyproject.toml": '[tool.spec2prod]\ncoverage_threshold = "80"\nauto_fix_linting = 1\nrules = 7\npyton = "x"\n'})
    ended = project.run("sums")
    assert ended.code == 2
    for name in ("coverage_threshold", "auto_fix_linting", "rules", "pyton"):
        assert f"pyproject.toml: tool.spec2prod.{name}" in told(ended)
    assert "did you mean python?" in told(ended)


@pytest.mark.parametrize("text", [b"[tool.spec2prod\n", b"\xff\xfe", b"[tool]\nspec2prod = 1\n"], ids=["no TOML", "no UTF-8", "no table"])
def test_a_pyproject_that_cannot_be_read_is_refused(tmp_path: Path, text: bytes) -> None:
    project = layouts.flat_module(tmp_path / "project")
    project.write({"pyproject.toml": text})
    ended = project.run("sums")
    assert ended.code == 2
    assert "pyproject.toml" in told(ended)


def test_debug_shows_the_traceback_and_nothing_else_does(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    (project.root / "workflow_report_sums.json").mkdir()
    assert project.run("sums").code == 2
    shown = subprocess.run(
        project.command("sums", "--debug"),
        cwd=project.root,
        env=environment(None),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert shown.returncode != 0
    assert "Traceback" in shown.stderr
    assert "OutputError" in shown.stderr


# --- what a component can hold ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_odd_files_and_a_poor_terminal_change_no_verdict(tmp_path: Path) -> None:
    project = layouts.flat_package(tmp_path / "project")
    inside = project.root / "sums"
    for name, leads_to in {"loop": "loop", "up": "..", "itself.py": "itself.py", "outside.txt": "/etc/hostname"}.items():
        (inside / name).symlink_to(leads_to)
    project.write(
        {
            "sums/" + NOT_UTF8 + ".csv": b"\xff\xfe",
            "sums/latin.txt": b"caf\xe9\n",
            "tests/test_more.py": "def test_é() -> None:\n    assert len('é') == 1\n",
        }
    )
    ended = project.run("sums", env=POOR_TERMINAL)
    assert ended.code == 0, told(ended)
    assert verdict(ended, "test_pass_rate") == verdict(ended, "security") == "passed"
    assert ended.report["run"]["plan"]["component"]["modules"] == ["sums/__init__.py", "sums/more.py"]
    assert ended.out.isascii()
    assert "test_pass_rate" in ended.out.replace("\n", "")


def test_what_python_cannot_read_or_import_has_its_address_and_every_gate_a_verdict(tmp_path: Path) -> None:
    project = layouts.flat_package(tmp_path / "project")
    project.write(
        {
            "sums/heavy.py": '"""Heavy."""\n\nimport torch_that_is_not_here\n\nX = torch_that_is_not_here\n',
            "sums/more.py": "def broken(:\n",
            "sums/latin.py": b'"""Latin."""\n\nNAME = "caf\xe9"\n',
            "tests/test_heavy.py": "from sums.heavy import X\n\n\ndef test_x() -> None:\n    assert X\n",
        }
    )
    ended = project.run("sums")
    assert ended.code == 1, told(ended)
    assert verdict(ended, "test_pass_rate") == "failed"
    findings = {each["path"]: each["message"] for each in ended.gate("test_pass_rate")["evidence"]["answer"]["findings"]}
    assert "No module named 'torch_that_is_not_here'" in findings["tests/test_heavy.py"]
    assert "SyntaxError" in findings["tests/test_more.py"]
    assert verdict(ended, "test_coverage") == "errored"
    assert "sums/" in ended.gate("test_coverage")["reason"]
    assert verdict(ended, "linting") in {"failed", "errored"}
    assert verdict(ended, "security") == "errored"
    assert "sums/more.py" in ended.gate("security")["reason"]


LEFT = "98765.4321"  # seconds to sleep: a word by which the process is known
UNRULY = f"""\
import os
import subprocess
import time


def test_prints_a_hundred_megabytes() -> None:
    for _ in range(100):
        os.write(1, b"x" * 500_000)
        os.write(2, b"\\xff" * 500_000)


def test_leaves_children() -> None:
    subprocess.Popen(["sleep", "{LEFT}"])
    subprocess.Popen(["sleep", "{LEFT}"], start_new_session=True)


def test_hangs() -> None:
    time.sleep({LEFT})
"""


def test_tests_that_hang_print_without_end_and_leave_children_are_stopped_and_nothing_is_left(tmp_path: Path) -> None:
    project = layouts.flat_package(tmp_path / "project")
    project.write({"pyproject.toml": PLAIN + NO_TYPES + "test_timeout_seconds = 4\n", "tests/test_more.py": UNRULY})
    ended = project.run("sums")
    assert ended.code == 124, told(ended)
    assert verdict(ended, "test_pass_rate") == "errored"
    assert "time limit of 4 s" in ended.gate("test_pass_rate")["reason"]
    assert "test_timeout_seconds" in ended.gate("test_pass_rate")["next_step"]
    assert len(told(ended)) < 100_000
    assert [each.pid for each in psutil.process_iter(["cmdline"]) if LEFT in (each.info["cmdline"] or ())] == []


def test_a_test_that_ends_the_run_itself_leaves_a_report_that_promotes_nothing(tmp_path: Path) -> None:
    project = layouts.flat_package(tmp_path / "project")
    project.write(
        {"tests/test_more.py": "import os\nimport signal\n\n\ndef test_it() -> None:\n    os.kill(os.getppid(), signal.SIGTERM)\n"}
    )
    ended = project.run("sums")
    assert ended.code == 130, told(ended)
    assert (ended.report["success"], ended.report["run"]["interrupted"]) == (False, True)


@pytest.mark.slow
def test_an_environment_without_pytest_and_pip_is_told_with_a_way_that_works_without_pip(tmp_path: Path) -> None:
    project = layouts.flat_package(tmp_path / "project")
    layouts.own_environment(project, sees_ours=False)
    ended = project.run("sums")
    python = project.root / ".venv/bin/python"
    assert ended.code == 4, told(ended)
    assert verdict(ended, "test_pass_rate") == "errored"
    assert ended.gate("test_pass_rate")["reason"] == f"pytest and coverage not installed in {python}"
    assert ended.gate("test_pass_rate")["next_step"] == f"uv pip install --python {python} pytest coverage"


# --- where a run takes place ------------------------------------------------------------------------------------------


def test_a_file_where_the_runs_folder_goes_is_refused_before_any_tool_is_started(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    project.write({".spec2prod": "a file\n"})
    ended = project.run("sums")
    assert ended.code == 2
    assert (ended.report["success"], ended.report["run"]) == (False, None)
    assert ".spec2prod" in told(ended)
    assert "cannot be written" in told(ended)


def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount something for a test, or skip it."""
    folder.mkdir(parents=True, exist_ok=True)
    done = (
        subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, timeout=30, check=False)
        if shutil.which("mount")
        else None
    )
    if done is None or done.returncode:
        pytest.skip(f"nothing may be mounted here: {done.stderr.strip() if done else 'no mount'}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], timeout=30, check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    yield from (tmp_path / "disk" for _ in mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64k", "tmpfs"))


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Project]:
    """A project in a tree that nobody can write into, root neither."""
    project = layouts.flat_module(tmp_path / "project")
    yield from (project for _ in mounted(project.root, "--bind", "-o", "ro", str(project.root)))


def test_a_read_only_tree_is_refused_before_any_tool_is_started(read_only: Project, tmp_path: Path) -> None:
    inside = read_only.run("sums")
    assert inside.code == 2
    assert "takes no file" in told(inside)
    elsewhere = read_only.run("sums", "--output", str(tmp_path / "report.json"))
    assert elsewhere.code == 2
    assert "Read-only file system" in told(elsewhere)
    assert json.loads((tmp_path / "report.json").read_text())["run"] is None


def test_a_full_disk_loses_the_report_but_not_the_verdict(small_disk: Path) -> None:
    project = layouts.flat_module(small_disk / "project")
    (project.root / "filling").write_bytes(b"x" * 28_000)  # so that the run has room to begin, and its report none
    ended = project.run("sums")
    assert ended.code == 2, told(ended)
    assert "Promoted to development." in ended.out
    assert "workflow_report_sums.json: cannot be written" in ended.err
    assert "No space left on device" in ended.err
    assert "free space" in ended.err
    assert ended.report == {}, "whole or not at all"
    assert not list(project.root.rglob("*.tmp"))


@pytest.mark.slow
def test_files_that_may_not_grow_leave_nothing_half(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    command = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *project.command("sums")]
    env = unmeasured(environment(None))
    done = subprocess.run(command, cwd=project.root, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Not promoted to development" in done.stdout
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert project.report("sums") == {}


@pytest.mark.slow
def test_two_runs_at_once_in_one_folder_both_tell_the_truth(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    one, other = at_once(partial(project.run, "sums"), partial(project.run, "sums", "--output", "other.json"))
    assert (one.code, other.code) == (0, 0), told(one) + told(other)
    second = json.loads((project.root / "other.json").read_text())
    assert one.report["context_session_id"] != second["context_session_id"]
    assert one.report["success"] is second["success"] is True
    assert all(Path(each["metrics_dashboard"]).exists() for each in (one.report, second))


REDIRECTED = {"closed": ">&-", "all closed": "<&- >&- 2>&-", "full": ">/dev/full 2>/dev/full"}


def redirected(project: Project, where: str) -> tuple[int, str, dict[str, object]]:
    """Run where nobody listens; return exit code, standard error, report."""
    command = ["sh", "-c", f'exec "$@" {where}', "sh", *project.command("sums")]
    done = subprocess.run(command, cwd=project.root, env=environment(None), capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return done.returncode, done.stderr, project.report("sums")


# "closed" is the least of the three: where all are closed, standard output is, too
@pytest.mark.parametrize("case", [pytest.param("closed", marks=pytest.mark.slow), "all closed", "full"])
def test_a_verdict_that_nobody_hears_is_the_same_verdict(tmp_path: Path, case: str) -> None:
    code, err, report = redirected(layouts.flat_module(tmp_path / "project"), REDIRECTED[case])
    assert (code, err) == (0, "")
    assert report["success"] is True


@pytest.mark.slow
def test_a_document_that_could_not_be_written_out_is_no_success(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    command = ["sh", "-c", 'exec "$@" >/dev/full', "sh", *project.command("sums", "--json")]
    done = subprocess.run(command, cwd=project.root, env=environment(None), capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2
    assert "standard output: cannot be written" in done.stderr
    assert project.report("sums")["success"] is True


# --- large ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_five_thousand_test_files_are_all_run(tmp_path: Path) -> None:
    count = 5_000
    project = layouts.flat_module(tmp_path / "project")
    project.write(
        {
            f"tests/test_sums_{number}.py": "from sums import add\n\n\ndef test_add() -> None:\n    assert add(1, 2) == 3\n"
            for number in range(count)
        }
    )
    ended = project.run("sums", patience_s=600)
    assert ended.code == 0, told(ended)
    assert ended.gate("test_pass_rate")["measured"] == f"{count + 1} of {count + 1} tests passed"


def test_a_specification_of_ten_megabytes_is_refused_and_the_limit_is_named(tmp_path: Path) -> None:
    project = layouts.flat_module(tmp_path / "project")
    lines = "".join(f"- Adds number {number} to its neighbour, and so on\n" for number in range(210_000))
    project.write({"spec.md": SPEC + lines})
    assert (project.root / "spec.md").stat().st_size > 10_000_000
    ended = project.run("sums")
    assert ended.code == 2, told(ended)
    size = (project.root / "spec.md").stat().st_size
    assert f"spec.md: has {size:,} bytes; a specification may have at most 2,097,152 (2 MiB)" in told(ended)
