"""Hands pytest a folder instead of the many files that were named in it, and collects exactly those files all the same.

pytest compares every file that is named with every file beside it, so that 5,000 named files in one folder cost 25 million
comparisons. It must run on Python 3.9 and imports nothing of spec2prod: it lives in the judged component's environment.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest

MANY = 50  # named files in one folder; below that, naming them costs nothing that anyone notices


class Folders:
    """A pytest plugin that keeps to the files named, as pytest itself keeps to them: nothing else, and none may be missing."""

    def __init__(self, here: Path, folders: Collection[str], files: Collection[str]) -> None:
        """Take the folders, and the files that they stand for, all relative to `here`."""
        self.inside = tuple(str(here / folder) + os.sep for folder in folders)
        self.files = frozenset(str(here / file) for file in files)
        self.around = frozenset(str(folder) for file in self.files for folder in Path(file).parents)
        self.seen: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Let in what was named, whatever the project's options leave out of a folder; leave out what was not."""
        path = str(collection_path)
        if path in self.files or path in self.around:
            return False
        return True if path.startswith(self.inside) else None

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """Remember which files were collected."""
        if isinstance(collector, pytest.File):
            self.seen.add(str(collector.path))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self) -> None:
        """End as pytest does where a named file is not found."""
        if missing := sorted(self.files - self.seen):
            raise pytest.UsageError(*(f"not found: {path}" for path in missing))


def hand_over(config: pytest.Config) -> None:
    """Put folders for files in pytest's arguments, wherever that changes nothing but the time it takes; needs pytest 8."""
    if not hasattr(pytest, "Directory"):
        return
    here = Path(config.invocation_params.dir)
    patterns = [str(pattern) for pattern in config.getini("python_files")]
    args = list(config.args)
    folders = {folder: named for folder in crowded(args) if is_alike(named := within(folder, args), args, here, patterns)}
    if folders:
        files = {file for named in folders.values() for file in named}
        firsts = {named[0]: folder for folder, named in folders.items()}
        config.args[:] = [firsts.get(arg, arg) for arg in args if arg in firsts or arg not in files]
        config.pluginmanager.register(Folders(here, folders, files), "spec2prod_folders")


def crowded(args: Sequence[str]) -> list[str]:
    """Return the folders in which many files are named, without those that lie in another one of them."""
    counts = Counter(arg.rpartition("/")[0] or "." for arg in args)
    many = [folder for folder, count in counts.items() if count >= MANY]
    return [folder for folder in many if not any(other != folder and within(other, [folder]) for other in many)]


def within(folder: str, args: Sequence[str]) -> list[str]:
    """Return what is named inside a folder, at any depth."""
    return list(args) if folder == "." else [arg for arg in args if arg.startswith(folder + "/")]


def is_alike(named: Sequence[str], args: Sequence[str], here: Path, patterns: Sequence[str]) -> bool:
    """Whether pytest collects the same of the folder as of the files: plain test files, there, in the order of a listing."""
    first = args.index(named[0])
    in_order = list(named) == sorted(set(named), key=lambda file: file.split("/"))
    return in_order and list(args[first : first + len(named)]) == list(named) and all(is_plain(file, here, patterns) for file in named)


def is_plain(file: str, here: Path, patterns: Sequence[str]) -> bool:
    """Whether an argument is the relative path of a file that pytest takes for a test file by its name."""
    parts = file.split("/")
    odd = "::" in file or "[" in file or not {"", ".", "..", "__init__.py", "__pycache__"}.isdisjoint(parts)
    return not odd and any(fnmatch(parts[-1], pattern) for pattern in patterns) and (here / file).is_file()
