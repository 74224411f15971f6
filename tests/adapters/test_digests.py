"""Digests that are remembered with a file's stat: never stale, seldom read."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from spec2prod.adapters.digests import ABSENT, FOLDER, OTHER, Digests


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project of two files."""
    (tmp_path / ".spec2prod").mkdir()
    (tmp_path / "a.py").write_text("a = 1\n")
    (tmp_path / "b.py").write_text("b = 1\n")
    return tmp_path


def _later() -> int:
    """Return a time at which every file of the test is settled: a ctime cannot be set back."""
    return time.time_ns() + 100_000_000_000


def test_each_file_is_named_by_its_content_and_what_has_none_by_its_kind(project: Path) -> None:
    (project / "folder").mkdir()
    os.mkfifo(project / "pipe")
    told = Digests(project, _later).of(["a.py", "gone.py", "folder", "pipe", "nul\0"])
    assert told == {"a.py": _sha("a = 1\n"), "gone.py": ABSENT, "folder": FOLDER, "pipe": OTHER, "nul\0": ABSENT}


def test_a_second_process_reads_no_file_that_did_not_change(project: Path) -> None:
    first = Digests(project, _later)
    told = first.of(["a.py", "b.py"])
    first.save()
    second = Digests(project, _later)
    assert second.of(["a.py", "b.py"]) == told
    assert (first.read, second.read) == (2, 0)


def test_a_file_of_the_same_size_and_time_with_other_content_is_seen(project: Path) -> None:
    first = Digests(project, _later)
    first.of(["a.py"])
    first.save()
    told = (project / "a.py").stat()
    (project / "a.py").write_text("a = 2\n")
    os.utime(project / "a.py", ns=(told.st_atime_ns, told.st_mtime_ns))
    assert Digests(project, _later).of(["a.py"]) == {"a.py": _sha("a = 2\n")}


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path) -> None:
    (tmp_path / ".spec2prod").mkdir()
    (tmp_path / "a.py").write_text("a = 1\n")
    first = Digests(tmp_path)
    first.of(["a.py"])
    first.of(["a.py"])
    first.save()
    assert first.read == 2
    assert not (tmp_path / ".spec2prod/digests.json").exists()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 99, "files": {}}', '{"format": 1, "files": {"a.py": [1, 2]}}'])
def test_a_broken_memory_counts_as_none(project: Path, content: str) -> None:
    (project / ".spec2prod/digests.json").write_text(content)
    assert Digests(project, _later).of(["a.py"]) == {"a.py": _sha("a = 1\n")}


def test_nothing_is_written_where_the_project_has_no_folder_of_ours(project: Path) -> None:
    (project / ".spec2prod").rmdir()
    digests = Digests(project, _later)
    digests.of(["a.py"])
    digests.save()
    assert sorted(each.name for each in project.iterdir()) == ["a.py", "b.py"]


def test_files_that_are_gone_are_forgotten(project: Path) -> None:
    first = Digests(project, _later)
    first.of(["a.py", "b.py"])
    (project / "a.py").unlink()
    first.save()
    assert '"a.py"' not in (project / ".spec2prod/digests.json").read_text()


def test_a_listing_changes_with_the_names_and_not_with_what_tools_leave_behind(project: Path) -> None:
    digests = Digests(project, _later)
    before = digests.listings([".", "gone"])
    (project / "__pycache__").mkdir()
    (project / "a.py").write_text("a = 3\n")
    assert digests.listings([".", "gone"]) == before
    assert before["gone"] == ABSENT
    (project / "c.py").touch()
    assert digests.listings(["."]) != {".": before["."]}


def test_only_what_an_import_could_mean_changes_the_importables(project: Path) -> None:
    digests = Digests(project, _later)
    before = digests.importables(["."])
    (project / "NOTES.md").touch()
    (project / "workflow_report_a.json").touch()
    assert digests.importables(["."]) == before
    (project / "package").mkdir()
    assert digests.importables(["."]) != before
