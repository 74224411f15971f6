"""Checkouts of real git repositories: what is committed, and only that; taken away again, but for what stays."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from spec2prod.adapters.checkout import Checkouts, Source, describe, refuse_without_git, source_of
from spec2prod.errors import ToolMissingError, UsageError

IDENTITY = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "init.defaultBranch=main")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *IDENTITY, *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def commit(folder: Path, **files: str) -> str:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a repository with the project in a folder of it."""
    folder = tmp_path / "repository" / "inner"
    folder.mkdir(parents=True)
    git(folder.parent, "init", "--quiet")
    commit(folder, a="1\n")
    return folder


@pytest.fixture
def checkouts(tmp_path: Path) -> Checkouts:
    return Checkouts(tmp_path / "fleet")


def test_a_machine_without_git_is_refused_before_it_takes_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(refuse_without_git())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match="git is not installed") as refused:
        asyncio.run(refuse_without_git())
    assert (refused.value.exit_code, refused.value.next_step) == (4, "install git: a worker checks out a commit")


def test_a_checkout_has_what_was_committed_and_leaves_the_project_alone(project: Path, checkouts: Checkouts) -> None:
    first = asyncio.run(describe(project))
    commit(project, a="2\n", b="2\n")
    made = asyncio.run(checkouts.make(first, "job"))
    assert (made.root.name, made.home) == ("inner", project)
    assert {path.name: path.read_text() for path in made.root.glob("*.py")} == {"a.py": "1\n"}
    (made.root / "a.py").write_text("changed\n")
    assert (project / "a.py").read_text() == "2\n"
    checkouts.remove("job")
    assert (checkouts.names(), made.root.exists()) == ((), False)


def test_what_is_not_committed_is_refused_by_name_unless_only_what_is_shall_count(project: Path) -> None:
    (project / "a.py").write_text("not committed\n")
    (project / "new.py").write_text("")
    with pytest.raises(UsageError, match=r"files here are not what [0-9a-f]{12} has: inner/a.py, new.py") as refused:
        asyncio.run(describe(project))
    assert "--committed" in refused.value.next_step
    assert asyncio.run(describe(project, committed=True)).commit == git(project, "rev-parse", "HEAD")


def test_reports_and_the_tools_own_folder_are_no_changes(project: Path) -> None:
    for name in ("workflow_report_api.json", "workflow_changes_api.patch"):
        (project / name).write_text("{}")
    (project / ".spec2prod").mkdir()
    (project / ".spec2prod" / "spec2prod.sqlite").write_text("")
    assert asyncio.run(describe(project)).folder == "inner"


def test_a_folder_without_a_commit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no commit HEAD"):
        asyncio.run(describe(tmp_path))


def test_a_url_is_fetched_once_and_again_where_the_commit_is_newer(project: Path, checkouts: Checkouts) -> None:
    url = project.parent.as_uri()
    for text in ("1\n", "2\n"):
        git(project, "commit", "--quiet", "--allow-empty", "--message", "x") if text == "1\n" else commit(project, a=text)
        source = asyncio.run(describe(project, repository=url))
        made = asyncio.run(checkouts.make(source, f"job{text.strip()}"))
        assert (made.root / "a.py").read_text() == text
        assert not made.home.is_relative_to(project.parent)


def test_changes_come_as_a_patch_that_git_applies(project: Path, checkouts: Checkouts) -> None:
    made = asyncio.run(checkouts.make(asyncio.run(describe(project)), "job"))
    assert asyncio.run(checkouts.changes(made)) == ""
    (made.root / "a.py").write_text("mended\n")
    (made.root / "test_new.py").write_text("generated\n")
    (made.root / "workflow_report_a.json").write_text("{}")
    (project.parent / "change.patch").write_text(asyncio.run(checkouts.changes(made)))
    git(project.parent, "apply", "change.patch")
    assert {path.name: path.read_text() for path in project.glob("*.py")} == {"a.py": "mended\n", "test_new.py": "generated\n"}


def test_what_a_killed_worker_left_of_the_same_job_is_gone_on_with_and_of_another_source_is_not(
    project: Path, checkouts: Checkouts
) -> None:
    source = asyncio.run(describe(project))
    made = asyncio.run(checkouts.make(source, "job"))
    (made.root / "half.py").write_text("")
    assert (asyncio.run(checkouts.make(source, "job")).root / "half.py").exists()
    commit(project, a="2\n")
    assert not (asyncio.run(checkouts.make(asyncio.run(describe(project)), "job")).root / "half.py").exists()


def test_a_checkout_that_was_not_finished_is_made_anew(project: Path, checkouts: Checkouts, tmp_path: Path) -> None:
    half = tmp_path / "fleet" / "checkouts" / "job"
    half.mkdir(parents=True)
    (half / "rubbish").write_text("")
    made = asyncio.run(checkouts.make(asyncio.run(describe(project)), "job"))
    assert (made.root / "a.py").exists()
    assert not (half / "rubbish").exists()


def test_releases_stay_where_the_project_is(project: Path, checkouts: Checkouts) -> None:
    made = asyncio.run(checkouts.make(asyncio.run(describe(project)), "job"))
    (made.root / ".spec2prod" / "environments" / "staging").mkdir()
    assert asyncio.run(checkouts.changes(made)) == ""
    checkouts.remove("job")
    assert (project / ".spec2prod" / "environments" / "staging").is_dir()


def test_without_a_commit_the_project_is_used_as_it_lies(project: Path, checkouts: Checkouts) -> None:
    made = asyncio.run(checkouts.make(Source(repository=str(project)), "job"))
    assert (made.root, made.is_scratch, checkouts.names()) == (project, False, ())
    with pytest.raises(UsageError, match="no such folder on this machine"):
        asyncio.run(checkouts.make(Source(repository=str(project / "gone")), "job"))


@pytest.mark.parametrize(
    ("repository", "commit_", "folder"),
    [
        ("--upload-pack=touch hacked", "0" * 40, "."),
        ("ext::sh -c touch% hacked", "0" * 40, "."),
        ("{here}", "HEAD", "."),
        ("{here}", "--orphan", "."),
        ("{here}", "{head}", "../.."),
        ("{here}", "0" * 40, "."),
        ("/no/such/place", "0" * 40, "."),
    ],
)
def test_a_strange_source_is_refused_and_starts_nothing(
    project: Path, checkouts: Checkouts, repository: str, commit_: str, folder: str
) -> None:
    words = {"here": str(project.parent), "head": git(project, "rev-parse", "HEAD")}
    with pytest.raises(UsageError):
        asyncio.run(checkouts.make(Source(repository=repository.format(**words), commit=commit_.format(**words), folder=folder), "job"))
    assert not list(project.parent.parent.rglob("hacked"))


@pytest.mark.parametrize("text", ["", "[]", '{"repository": "/a", "shell": "rm"}'])
def test_a_job_without_a_source_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a job without a source"):
        source_of(text)
    assert source_of(Source(repository="/a", commit="1", folder="b").as_text()) == Source(repository="/a", commit="1", folder="b")
