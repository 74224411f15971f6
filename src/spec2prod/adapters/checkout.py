"""A project's files at a commit, in a scratch folder of a job's own: from a shared path or a git URL, made cheaply, taken away again."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from spec2prod.adapters.state_folder import mark_state_folder
from spec2prod.errors import ToolMissingError, UsageError

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
# What a run leaves where it was started, and what this tool keeps for itself, are no changes of the project.
_OURS = (
    ":(exclude,top,glob)**/workflow_report_*.json",
    ":(exclude,top,glob)**/workflow_changes_*.patch",
    ":(exclude,top,glob)**/.spec2prod/**",
)
_KEPT = ("environments", "attestations", "performance")  # of `.spec2prod`: what outlives a run
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a project's files come from: a repository (path or URL) at a commit, and its folder in it; without a commit, as it lies."""

    repository: str
    commit: str = ""
    folder: str = "."

    def as_text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def is_url(self) -> bool:
        """Whether it is somewhere else: `https://…`, `ssh://…` or `host:path`."""
        return not Path(self.repository).is_absolute()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A project's folder for one job. `home` is where its releases, attestations and figures stay."""

    root: Path
    home: Path
    is_scratch: bool


def source_of(text: str) -> Source:
    """Return the source that a job's JSON tells.

    Raises:
        UsageError: where it tells none.
    """
    try:
        return Source(**json.loads(text))
    except (TypeError, ValueError):
        raise UsageError(f"a job without a source: {text[:80]!r}", next_step="submit it again with this version of spec2prod") from None


async def refuse_without_git() -> None:
    """Refuse to begin where nothing can be checked out.

    Raises:
        ToolMissingError: where there is no git.
    """
    await _git("--version", cwd=Path.cwd())


class Checkouts:
    """Checkouts below one folder of this machine, each named by its job."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when it is needed."""
        self._folder = folder.absolute()

    async def make(self, source: Source, name: str) -> Checkout:
        """Return a job's checkout; one that a dead worker of this machine left for the same job is gone on with.

        Raises:
            UsageError: where the repository or the commit is not there.
            ToolMissingError: where there is no git.
        """
        if not source.commit:
            return _as_it_lies(source)
        _refuse_strange(source)
        place, ready = self._folder / "checkouts" / name, self._folder / "checkouts" / f"{name}.ready"
        if not (place.is_dir() and _text(ready) == source.as_text()):
            await asyncio.to_thread(self.remove, name)
            await self._fill(source, place)
            ready.write_text(source.as_text(), encoding="utf-8")
        root = (place / source.folder).resolve()
        if not root.is_relative_to(place.resolve()) or not root.is_dir():
            raise UsageError(f"there is no folder {source.folder} at {source.commit[:12]}", where=source.repository)
        home = self._home(source)
        _link_what_stays(root, home)
        return Checkout(root=root, home=home, is_scratch=True)

    async def changes(self, checkout: Checkout) -> str:
        """Return what a run changed and added in its checkout, as a patch for `git apply`; empty for a project as it lies."""
        if not checkout.is_scratch:
            return ""
        await _git("add", "--all", "--intent-to-add", "--", ".", *_OURS, cwd=checkout.root)
        return await _git("diff", "--binary", "--", ".", *_OURS, cwd=checkout.root)

    def names(self) -> tuple[str, ...]:
        """Return the jobs that have a checkout here."""
        folder = self._folder / "checkouts"
        return tuple(sorted(each.name for each in folder.iterdir() if each.is_dir())) if folder.is_dir() else ()

    def remove(self, name: str) -> None:
        """Take a job's checkout away, if there is one."""
        (self._folder / "checkouts" / f"{name}.ready").unlink(missing_ok=True)
        shutil.rmtree(self._folder / "checkouts" / name, ignore_errors=True)

    async def _fill(self, source: Source, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        origin = await self._mirror(source) if source.is_url else Path(source.repository)
        if not origin.is_dir():
            step = "run the worker where that path leads to the repository, or submit with --repository URL"
            raise UsageError(f"there is no {origin} on this machine", where=source.repository, next_step=step)
        # Objects are borrowed, not copied; the files are real copies.
        await _git("clone", "--quiet", "--shared", "--no-checkout", "--", str(origin), str(place), cwd=self._folder)
        await _git("checkout", "--quiet", "--detach", source.commit, cwd=place)

    async def _mirror(self, source: Source) -> Path:
        """Return this machine's bare copy of a repository elsewhere, with the commit in it."""
        mirror = self._folder / "mirrors" / f"{_short(source.repository)}.git"
        mirror.parent.mkdir(parents=True, exist_ok=True)
        async with _alone(mirror.with_suffix(".lock")):
            if not (mirror / "HEAD").exists():
                await _git("init", "--quiet", "--bare", str(mirror), cwd=mirror.parent)
            if not await _has(mirror, source.commit):
                everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
                await _git("fetch", "--quiet", "--no-tags", "--prune", "--", source.repository, *everything, cwd=mirror)
            if not await _has(mirror, source.commit):  # on no branch; many servers give it to who knows its name
                await _git("fetch", "--quiet", "--no-tags", "--", source.repository, source.commit, cwd=mirror)
        return mirror

    def _home(self, source: Source) -> Path:
        place = self._folder / "homes" / _short(source.repository) if source.is_url else Path(source.repository)
        return place / source.folder


async def describe(project: Path, *, commit: str = "HEAD", repository: str = "", committed: bool = False) -> Source:
    """Return a project's source at a commit. What is not in it is refused, unless `committed` says that only what is shall count.

    Raises:
        UsageError: where the project is in no git repository, has no such commit, or differs from it.
    """
    try:
        top = Path((await _git("rev-parse", "--show-toplevel", cwd=project)).strip())
        found = (await _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}", cwd=project)).strip()
    except UsageError as error:
        step = "commit the project with git: a worker checks out a commit"
        raise UsageError(f"there is no commit {commit}: {error.message}", where=str(project), next_step=step) from None
    changed = (await _git("diff", "--name-only", found, "--", ".", *_OURS, cwd=project)).splitlines()
    new = (await _git("ls-files", "--others", "--exclude-standard", "--", ".", *_OURS, cwd=project)).splitlines()
    if (changed or new) and not committed:
        raise _dirty([*changed, *new], found, project)
    return Source(repository=_absolute(repository) or str(top), commit=found, folder=_inside(project, top))


def _inside(project: Path, top: Path) -> str:
    return project.resolve().relative_to(top.resolve()).as_posix()


def _absolute(repository: str) -> str:
    """Return a path as one that holds in every folder, and a URL as it is."""
    return str(Path(repository).resolve()) if repository and Path(repository).is_dir() else repository


def _dirty(files: list[str], commit: str, project: Path) -> UsageError:
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    what = f"files here are not what {commit[:12]} has: {', '.join(files[:_SHOWN])}{more}"
    return UsageError(what, where=str(project), next_step="commit them, or say --committed: the workers see what is committed, and no more")


def _as_it_lies(source: Source) -> Checkout:
    root = Path(source.repository) / source.folder
    if source.is_url or not root.is_dir():
        raise UsageError("there is no such folder on this machine", where=str(root), next_step="submit the project with a commit")
    return Checkout(root=root, home=root, is_scratch=False)


def _refuse_strange(source: Source) -> None:
    """Refuse what git could take for something else than a repository and a commit: the queue is written by others."""
    if not _COMMIT.fullmatch(source.commit) or source.repository.startswith("-") or "::" in source.repository:
        raise UsageError("is no repository at a commit", where=f"{source.repository} {source.commit}")


def _link_what_stays(root: Path, home: Path) -> None:
    """Let releases and what is said of them lead to where they stay when the checkout is gone."""
    for name in _KEPT:
        link, place = root / ".spec2prod" / name, home / ".spec2prod" / name
        place.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(place, target_is_directory=True)
        for folder in (link.parent, place.parent):
            mark_state_folder(folder)


async def _has(mirror: Path, commit: str) -> bool:
    try:
        await _git("cat-file", "-e", f"{commit}^{{commit}}", cwd=mirror)
    except UsageError:
        return False
    return True


async def _git(*words: str, cwd: Path) -> str:
    """Run git without hooks, questions and anybody's signals; return what it prints.

    Raises:
        UsageError: with what git says, where it says no.
        ToolMissingError: where there is no git.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    argv = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false", "-c", "gc.auto=0", *words)
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=cwd, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except FileNotFoundError:
        raise ToolMissingError("git is not installed", next_step="install git: a worker checks out a commit") from None
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise UsageError(f"git {words[0]}: {err.decode(errors='replace').strip()}", where=str(cwd))
    return out.decode(errors="surrogateescape")


@asynccontextmanager
async def _alone(file: Path) -> AsyncIterator[None]:
    """Keep other workers of this machine out."""
    with file.open("w") as opened:
        await asyncio.to_thread(fcntl.flock, opened.fileno(), fcntl.LOCK_EX)
        yield


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
