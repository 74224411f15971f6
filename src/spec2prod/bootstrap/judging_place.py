"""Where test files are judged: a copy of the project that holds them beside the existing suite, and canaries with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from posixpath import normpath

from spec2prod.adapters import programs
from spec2prod.application.ports import Tree
from spec2prod.bootstrap.place import Place, seen_from
from spec2prod.domain.component import Component
from spec2prod.domain.judging_canaries import canary_file
from spec2prod.errors import UsageError

_CANARIES = "test_spec2prod_canaries.py"
_EXAMPLES = "test_spec2prod_examples.py"
_LARGEST = 4 * 1024 * 1024  # bytes of a test file


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One test file: its name as it was given, its text, and its path in the project (empty where it lies outside of it)."""

    shown: str
    text: str
    own: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """The copy. `component` lies in it; `suite` are the existing tests without the candidates, `files` leads from a path in the copy to
    the candidate there, `canaries` is the canaries' file, `examples` that of the specification's examples (empty where there is none).
    `readable` is what its imports need from outside.
    """  # noqa: D205 - one thought

    tree: Tree
    component: Component
    suite: tuple[str, ...]
    files: Mapping[str, Candidate]
    canaries: str
    examples: str = ""
    readable: tuple[Path, ...] = ()
    timeout_s: float = 600.0


def candidates_of(files: Sequence[Path], place: Place) -> tuple[Candidate, ...]:
    """Read the test files, each once.

    Raises:
        UsageError: where one cannot be read, or is no test file.
    """
    root = place.tree.root.resolve()
    listed = frozenset(place.tree.list_files())
    found: dict[Path, Candidate] = {}
    for file in (seen_from(each, root) for each in files):
        whole = file.resolve()
        own = whole.relative_to(root).as_posix() if whole.is_relative_to(root) else ""
        _refuse_other_kinds(file, own, place.component)
        found[whole] = Candidate(shown=own if own in listed else str(file), text=_text(file), own=own if own in listed else "")
    return tuple(found.values())


async def workplace_of(place: Place, candidates: Sequence[Candidate]) -> Workplace:
    """Copy the project, and put the candidates and the canaries into the copy."""
    copy = await place.tree.copy("judge")
    taken = {PurePosixPath(path).name for path in copy.list_files()}
    files: dict[str, Candidate] = {}
    for each in candidates:
        path = each.own or _beside_tests(place.component, _free(Path(each.shown).name, taken))
        taken.add(PurePosixPath(path).name)
        files[path] = each
        if not each.own:
            copy.write_new(path, each.text)
    return _with_canaries(copy, replace(place.component, root=copy.root), files, place.settings.test_timeout_seconds)


def workplace_in(copy: Tree, component: Component, files: Sequence[str], timeout_s: float) -> Workplace:
    """Put the canaries into a copy that holds the candidates already, each at its own path."""
    return _with_canaries(copy, component, {path: Candidate(shown=path, text=copy.read(path) or "", own=path) for path in files}, timeout_s)


def _with_canaries(copy: Tree, component: Component, files: Mapping[str, Candidate], timeout_s: float) -> Workplace:
    taken = {PurePosixPath(path).name for path in copy.list_files()}
    canaries = _beside_tests(component, _free(_CANARIES, taken))
    copy.write_new(canaries, canary_file(_largest(copy, component)))
    return Workplace(
        tree=copy,
        component=component,
        suite=tuple(path for path in component.tests if path not in files),
        files=files,
        canaries=canaries,
        readable=_linked(component.interpreter),
        timeout_s=timeout_s,
    )


def with_examples(work: Workplace, text: str) -> Workplace:
    """Put the specification's examples into the copy, as tests; nothing where the text is empty."""
    if not text:
        return work
    path = _beside_tests(work.component, _free(_EXAMPLES, {PurePosixPath(each).name for each in work.tree.list_files()}))
    work.tree.write_new(path, text)
    return replace(work, examples=path)


def _refuse_other_kinds(file: Path, own: str, component: Component) -> None:
    where = str(file)
    if not file.is_file():
        raise UsageError("there is no such file", where=where, next_step="name test files, each by its path")
    if file.suffix != ".py" or file.name == "conftest.py":
        raise UsageError("this is no test file", where=where, next_step="name Python files that hold test functions")
    if own in component.modules:
        raise UsageError(f"this is part of {component.name} itself", where=where, next_step="name the files that test it")


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
        if len(content) > _LARGEST:
            raise UsageError(f"it is larger than {_LARGEST} bytes", where=str(file), next_step="split it")
        return content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"it cannot be read: {error}", where=str(file), next_step="save it as UTF-8, readable for you") from error


def _free(name: str, taken: Collection[str]) -> str:
    """Return a name that no other file of the project has: pytest's usual import mode wants that of test files."""
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    names = [name, *(f"{stem}_{number}{suffix}" for number in range(2, len(taken) + 3))]
    return next(each for each in names if each not in taken)


def _beside_tests(component: Component, name: str) -> str:
    """Return a path as pytest names it: a test at the project's root is `test_x.py`, and never `./test_x.py`."""
    return normpath(f"{component.tests_folder}/{name}")


def _largest(tree: Tree, component: Component) -> str:
    """Return the import name of the component's largest module: the canaries call what it defines."""
    modules = sorted(component.modules, key=lambda path: (-len(tree.read(path) or ""), path))
    return component.dotted(modules[0])


def _linked(interpreter: Path) -> tuple[Path, ...]:
    """Return the folders that an environment's `.pth` files add to the path: packages that are installed as links."""
    files = (each for folder in programs.site_packages(interpreter) for each in Path(folder).glob("*.pth"))
    lines = (line.strip() for file in files for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    return tuple({Path(line) for line in lines if line.startswith("/") and Path(line).is_dir()})
