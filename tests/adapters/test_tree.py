"""The project's files: what is seen, what is written, and what is never touched."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spec2prod.adapters.tree import ProjectTree, write_atomic
from spec2prod.errors import OutputError, UsageError

if TYPE_CHECKING:
    from spec2prod.application.ports import Tree

not_as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for path in ("src/app/a.py", "src/app/build/__init__.py", "tests/test_a.py", "README.md"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


@pytest.fixture
def tree(project: Path) -> ProjectTree:
    return ProjectTree(project, "run-1")


OWN = ("README.md", "src/app/a.py", "src/app/build/__init__.py", "tests/test_a.py")


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_a_tree_as_the_application_knows_it(tree: ProjectTree, project: Path) -> None:
    port: Tree = tree
    assert port.root == project


def test_a_folder_that_goes_away_while_the_project_is_listed_counts_as_empty(tree: ProjectTree, project: Path) -> None:
    found = iter(tree._walk(project))
    assert next(found).name == "README.md"
    shutil.rmtree(project / "src" / "app")
    assert [path.name for path in found] == ["test_a.py"]


def test_caches_environments_and_build_folders_are_not_listed(tree: ProjectTree, project: Path) -> None:
    for path in (
        ".git/x",
        ".venv/x",
        "node_modules/x",
        "src/__pycache__/x",
        "build/x",
        "dist/x",
        "a.egg-info/x",
        "env/pyvenv.cfg",
        "c/CACHEDIR.TAG",
    ):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).touch()
    tree.keep("x", "x")
    assert tree.list_files() == OWN


def test_links_inside_are_kept_without_loops_and_links_outside_are_left_out(tree: ProjectTree, project: Path) -> None:
    (project / "src" / "loop").symlink_to(project, target_is_directory=True)
    (project / "self").symlink_to("self")
    (project / "link.md").symlink_to("README.md")
    (project.parent / "secret").write_text("s")
    (project / "out").symlink_to(project.parent / "secret")
    assert tree.list_files() == tuple(sorted((*OWN, "link.md")))
    with pytest.raises(UsageError, match="outside the project"):
        tree.read("out")


def test_a_link_that_came_later_is_followed_inside_and_refused_outside(tree: ProjectTree, project: Path) -> None:
    name = next(each for each in OWN if "/" in each)
    folder = project / name.partition("/")[0]
    before = tree.digest([name, "README.md"])
    folder.rename(project / "moved")
    folder.symlink_to("moved", target_is_directory=True)
    assert tree.digest([name, "README.md"]) == before
    shutil.copytree(project / "moved", project.parent / "elsewhere")
    folder.unlink()
    folder.symlink_to(project.parent / "elsewhere", target_is_directory=True)
    with pytest.raises(UsageError, match="outside the project"):
        tree.digest(["README.md", name])


def test_a_project_that_is_another_folder_by_now_is_refused(tree: ProjectTree, project: Path) -> None:
    project.rename(project.parent / "moved")
    project.symlink_to(project.parent / "moved", target_is_directory=True)
    with pytest.raises(UsageError, match="outside the project"):
        tree.digest(["README.md"])


@pytest.mark.parametrize("long", ["./README.md", "src/../README.md", ".//README.md"])
def test_a_detour_names_the_same_content(tree: ProjectTree, project: Path, long: str) -> None:
    before = tree.digest([long])
    assert before != tree.digest(["absent"])
    (project / "README.md").write_text("changed")
    assert tree.digest([long]) != before


def test_a_digest_looks_at_each_folder_once(tree: ProjectTree, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "deep/er").mkdir(parents=True)
    files = [f"deep/er/{number}.py" for number in range(20)]
    for file in files:
        (project / file).touch()
    looks: list[str] = []
    is_link = os.path.islink

    def counted(path: str) -> bool:
        looks.append(path)
        return is_link(path)

    monkeypatch.setattr(os.path, "islink", counted)
    tree.digest(files)
    assert len([each for each in looks if each.startswith(str(project))]) <= len(files) + 2


@pytest.mark.parametrize("path", ["../x", "src/../../x", "/etc/hostname", "a\0b"])
def test_paths_that_leave_the_project_are_refused(tree: ProjectTree, project: Path, path: str) -> None:
    before = everything(project.parent)
    for call in (tree.read, tree.exists, lambda each: tree.write_new(each, "x"), lambda each: tree.digest([each])):
        with pytest.raises(UsageError, match="outside the project"):
            call(path)
    assert everything(project.parent) == before


def test_the_digest_follows_names_and_contents_and_nothing_else(tree: ProjectTree, project: Path) -> None:
    before = tree.digest(OWN)
    assert tree.digest([*reversed(OWN), *OWN]) == before
    (project / "README.md").touch()
    assert tree.digest(OWN) == before
    assert tree.digest([*OWN, "absent"]) != before
    (project / "README.md").write_text("changed")
    changed = tree.digest(OWN)
    (project / "README.md").unlink()
    assert len({before, changed, tree.digest(OWN)}) == 3


def test_reading_replaces_what_is_not_text(tree: ProjectTree, project: Path) -> None:
    (project / "odd").write_bytes(b"a\xff\r\n")
    assert tree.read("odd") == "a\ufffd\r\n"
    assert tree.read("absent") is None
    assert tree.read("src") is None
    assert tree.exists("src")
    assert not tree.exists("absent")


@pytest.mark.asyncio
async def test_a_copy_shares_nothing_with_the_project(tree: ProjectTree, project: Path) -> None:
    (project / "inner").symlink_to(project / "README.md")
    (project / "folder").symlink_to("src", target_is_directory=True)
    (project / "run.sh").write_text("x")
    (project / "run.sh").chmod(0o755)
    before = everything(project)
    one, two = await asyncio.gather(tree.copy("task/one"), tree.copy("task/one"))
    assert one.root != two.root
    assert one.root.parent == project / ".spec2prod" / "runs" / "run-1" / "workspaces"
    assert one.list_files() == tree.list_files()
    assert one.digest(OWN) == tree.digest(OWN)
    assert os.access(one.root / "run.sh", os.X_OK)
    (one.root / "inner").write_text("through the link")
    (one.root / "folder" / "app" / "a.py").write_text("changed")
    one.write_new("new.py", "x")
    one.keep("note", "x")
    assert {path: text for path, text in everything(project).items() if not path.startswith(".spec2prod")} == before
    assert two.digest(OWN) == tree.digest(OWN)


def test_a_new_file_is_written_whole_with_its_folders(tree: ProjectTree, project: Path) -> None:
    tree.write_new("tests/deep/er/test_b.py", "caf\u00e9\n")
    assert (project / "tests/deep/er/test_b.py").read_bytes() == "caf\u00e9\n".encode()
    assert names(project / "tests/deep/er") == ["test_b.py"]
    (project / "plain").touch()
    assert (project / "tests/deep/er/test_b.py").stat().st_mode == (project / "plain").stat().st_mode


def test_nothing_is_ever_written_over(tree: ProjectTree, project: Path) -> None:
    (project / "broken").symlink_to("gone")
    before = everything(project)
    for path in ("README.md", "src", "broken"):
        with pytest.raises(OutputError, match="stands already") as caught:
            tree.write_new(path, "x")
        assert caught.value.where == path
    assert everything(project) == before
    assert names(project) == ["README.md", "broken", "src", "tests"]


def test_of_many_writers_of_one_file_exactly_one_wins(tree: ProjectTree, project: Path) -> None:
    async def write(number: int) -> bool:
        try:
            await asyncio.to_thread(tree.write_new, "new.py", str(number) * 1000)
        except OutputError:
            return False
        return True

    async def race() -> list[bool]:
        return await asyncio.gather(*(write(number) for number in range(8)))

    won = asyncio.run(race())
    assert won.count(True) == 1
    assert (project / "new.py").read_text() == str(won.index(True)) * 1000


def test_what_cannot_be_written_leaves_nothing(tree: ProjectTree, project: Path) -> None:
    before = everything(project)
    with pytest.raises(OutputError, match="cannot be written"):
        tree.write_new("README.md/x.py", "x")
    with pytest.raises(OutputError, match="cannot be written"):
        tree.write_new("half.py", "x\ud800")
    assert everything(project) == before


@not_as_root
def test_a_folder_without_permission_is_told(tree: ProjectTree, project: Path) -> None:
    (project / "tests").chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        tree.write_new("tests/test_b.py", "x")


def test_what_a_run_keeps_lies_in_its_own_folder_that_git_and_backups_pass_over(tree: ProjectTree, project: Path) -> None:
    assert tree.keep("candidates/a.py", "one") == ".spec2prod/runs/run-1/candidates/a.py"
    tree.keep("candidates/a.py", "two")
    assert tree.read(".spec2prod/runs/run-1/candidates/a.py") == "two"
    assert (project / ".spec2prod" / ".gitignore").read_text() == "*\n"
    assert (project / ".spec2prod" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f59")
    for name in ("../x", "../run-2/x", "/x", "../../../src/app/a.py"):
        with pytest.raises(UsageError):
            tree.keep(name, "x")


def test_an_atomic_write_replaces_and_makes_folders(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "report.json", "one")
    write_atomic(tmp_path / "a" / "report.json", "two")
    assert everything(tmp_path) == {"a/report.json": b"two"}
    with pytest.raises(OutputError):
        write_atomic(tmp_path / "a", "a folder stands here")
    assert everything(tmp_path) == {"a/report.json": b"two"}


_IN_MID_WRITE = """
import os, pathlib, signal, sys
from spec2prod.adapters.tree import write_atomic
rename = pathlib.Path.replace
def stopped(whole, file):
    if sys.argv[1] == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    print(flush=True)
    sys.stdin.readline()
    return rename(whole, file)
pathlib.Path.replace = stopped
write_atomic(pathlib.Path("a.py"), "mine")
"""


def test_what_a_killed_process_left_between_writing_and_renaming_goes_with_the_next_write(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _IN_MID_WRITE, "dies"], cwd=tmp_path, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.endswith(".tmp")
    write_atomic(tmp_path / "b.py", "another file's")
    assert names(tmp_path) == [left, "b.py"]
    write_atomic(tmp_path / "a.py", "again")
    assert everything(tmp_path) == {"a.py": b"again", "b.py": b"another file's"}


def test_what_a_living_process_is_about_to_rename_is_left_alone(tmp_path: Path) -> None:
    words = [sys.executable, "-c", _IN_MID_WRITE, "waits"]
    with subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as living:
        assert living.stdout is not None
        assert living.stdout.readline() == "\n"
        write_atomic(tmp_path / "a.py", "theirs")
        assert len(names(tmp_path)) == 2
        living.communicate("\n", timeout=60)
    assert living.returncode == 0
    assert everything(tmp_path) == {"a.py": b"mine"}


def test_a_root_with_dots_in_it_works(project: Path) -> None:
    assert ProjectTree(project / "src" / "..", "r").list_files() == OWN
