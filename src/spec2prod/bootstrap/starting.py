"""What `spec2prod init` finds in a project, and what it writes there: additions alone, each whole or not at all."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spec2prod.adapters import markdown
from spec2prod.adapters.tree import ProjectTree, write_atomic
from spec2prod.bootstrap.place import place_of
from spec2prod.bootstrap.project import project_root
from spec2prod.config.settings import Settings, read_settings
from spec2prod.config.start import minimal_project, section
from spec2prod.domain.belonging import imported_names
from spec2prod.domain.discovery import Promise, Proposal, discover, draft, promises_in
from spec2prod.domain.discovery_promised import Promising, may_promise, promised
from spec2prod.domain.specification import DRAFT_MARK, Specification
from spec2prod.errors import SettingsError, SpecificationError

_FILE = "pyproject.toml"
_IGNORED = (".spec2prod/", "workflow_report_*.json")
_LARGEST = 1_000_000  # characters of a file that is looked at for promises


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What was found. `pyproject` is the file's text, None where there is none; `kept` says what is left as it is, and why.

    `promised` are, by component, the specifications that are there already, at a place of their own.
    """

    root: Path
    tree: ProjectTree
    settings: Settings
    proposals: tuple[Proposal, ...]
    pyproject: str | None
    kept: Mapping[str, str] = field(default_factory=dict)
    promised: Mapping[str, Promising] = field(default_factory=dict)

    @property
    def has_pyproject(self) -> bool:
        """Whether the project has a pyproject.toml."""
        return self.pyproject is not None

    def specification_of(self, proposal: Proposal) -> str:
        """Return where a component's specification is, or belongs."""
        found = self.promised.get(proposal.name)
        return found.path if found else _place_of(proposal, self.settings)

    def is_draft(self, path: str) -> bool:
        """Whether a specification is still a draft."""
        return bool(markdown.parse_spec(self.tree.read(path) or "", path).draft_line)


def look() -> Start:
    """Look at the project here; nothing is written.

    Raises:
        SettingsError: where pyproject.toml cannot be read, or its settings are wrong.
    """
    root = project_root()
    settings = read_settings(root)  # refuses what cannot be read, before anything is added to it
    tree = ProjectTree(root, "init")
    text = _exact(root / _FILE)
    own = "tool.spec2prod stands in it already" if text is not None and _has_section(text) else ""
    proposals = _proposals(tree, settings)
    return Start(
        root=root,
        tree=tree,
        settings=settings,
        proposals=proposals,
        pyproject=text,
        kept={_FILE: own} if own else {},
        promised=_promised(tree, settings, proposals),
    )


def write(start: Start, *, make_pyproject: bool) -> tuple[str, ...]:
    """Write what is missing; return the paths that were written."""
    return tuple(path for step in (_settings(start, make=make_pyproject), _specifications(start), _gitignore(start)) for path in step)


def _proposals(tree: ProjectTree, settings: Settings) -> tuple[Proposal, ...]:
    """Return the components: those that the settings state, and those that are found beside them."""
    files = tree.list_files()

    def imports(path: str) -> frozenset[str]:
        return frozenset(imported_names(tree.read(path) or ""))

    found = discover(files, tree.read, imports)
    stated = {table.path.rstrip("/") for table in settings.components.values()}
    own = (place_of(name, None, settings, "init").component for name in settings.components)
    named = tuple(Proposal(name=each.name, source=each.source, modules=each.modules, tests=each.tests, stated=True) for each in own)
    return (*named, *(each for each in found if each.source not in stated and each.name not in settings.components))


def _place_of(proposal: Proposal, settings: Settings) -> str:
    """Return where a component's specification belongs: where the settings say, else in `specs/`."""
    table = settings.components.get(proposal.name)
    return (table.specification if table else None) or f"specs/{proposal.name}.md"


def _promised(tree: ProjectTree, settings: Settings, proposals: Sequence[Proposal]) -> dict[str, Promising]:
    """Return the specifications that are there already, of the components that have none where it belongs."""
    places = {each.name: _place_of(each, settings) for each in proposals}
    without = [each for each in proposals if not tree.exists(places[each.name])]
    if not without:
        return {}
    candidates = [path for path in tree.list_files() if may_promise(path) and path not in places.values()]
    read = (found for path in candidates if (found := _parsed(tree, path)) is not None)
    defined = {each.name: {promise.signature.partition("(")[0] for promise in _public(tree, each)} for each in without}
    return promised(without, read, defined)


def _parsed(tree: ProjectTree, path: str) -> Specification | None:
    """Return what a markdown file promises; None of what is too large, or refused: a run with it says why."""
    text = tree.read(path) or ""
    try:
        return markdown.parse_spec(text, path) if len(text) <= _LARGEST else None
    except SpecificationError:
        return None


def _public(tree: ProjectTree, proposal: Proposal) -> tuple[Promise, ...]:
    """Return what a component's public modules seem to promise."""
    return promises_in(tree.read(module) or "" for module in proposal.modules if _is_public(module, proposal.source))


def _settings(start: Start, *, make: bool) -> Iterator[str]:
    if _FILE in start.kept or not (start.has_pyproject or make):
        return
    before = start.pyproject if start.pyproject is not None else _project(start.root)
    after = _appended(before, section(start.proposals, start.specification_of))
    _check(before, after)
    _replace(start.root / _FILE, after)
    yield _FILE


def _project(root: Path) -> str:
    """Return what a new pyproject.toml says of the project: nothing where setup.py or setup.cfg says it (a [project] would hide that)."""
    return "" if any((root / name).exists() for name in ("setup.py", "setup.cfg")) else minimal_project(root.name)


def _appended(text: str, addition: str) -> str:
    """Return the text with the addition at its end, in the text's own line endings."""
    newline = "\r\n" if "\r\n" in text else "\n"
    gap = "" if not text else newline if text.endswith("\n") else newline * 2
    return text + gap + addition.replace("\n", newline)


def _check(before: str, after: str) -> None:
    """Make sure that all else still says what it said.

    Raises:
        SettingsError: where a table cannot be added at the end (`tool = {…}`, or a table that is closed).
    """
    step = "Add the section by hand: spec2prod config schema tells what may stand in it."
    try:
        grown = tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"a section cannot be added at its end: {error}", where=_FILE, next_step=step) from None
    grown["tool"].pop("spec2prod")
    if not grown["tool"]:
        grown.pop("tool")
    if grown != tomllib.loads(before):
        raise SettingsError("a section at its end would change what it says", where=_FILE, next_step=step)


def _specifications(start: Start) -> Iterator[str]:
    for proposal in start.proposals:
        path = start.specification_of(proposal)
        if start.tree.exists(path):
            continue
        start.tree.write_new(path, draft(_title(proposal.name), _public(start.tree, proposal), DRAFT_MARK))
        yield path


def _gitignore(start: Start) -> Iterator[str]:
    file = start.root / ".gitignore"
    text = _exact(file)
    there = {line.strip().strip("/") for line in (text or "").splitlines()}
    missing = [each for each in _IGNORED if each.strip("/") not in there]
    if text is None or not missing:
        return
    newline = "\r\n" if "\r\n" in text else "\n"
    _replace(file, text + ("" if not text or text.endswith("\n") else newline) + "".join(each + newline for each in missing))
    yield ".gitignore"


def _replace(file: Path, text: str) -> None:
    """Write a file anew, where a link leads to, with the rights that it had."""
    place = file.resolve()
    mode = place.stat().st_mode if place.exists() else None
    write_atomic(place, text)
    if mode is not None:
        place.chmod(mode)


def _exact(file: Path) -> str | None:
    """Return a file's text with its own line endings, None where there is none.

    Raises:
        SettingsError: where it is no UTF-8 text.
    """
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot be read: {error}", where=file.name, next_step="Mend the file: it must be text in UTF-8.") from None


def _has_section(text: str) -> bool:
    tools = tomllib.loads(text).get("tool", {})
    return isinstance(tools, dict) and "spec2prod" in tools


def _is_public(module: str, source: str) -> bool:
    inner = module.removeprefix(source).strip("/").split("/")
    return not any(part.startswith("_") and part != "__init__.py" for part in inner)


def _title(name: str) -> str:
    return re.sub(r"[_.-]+", " ", name).strip().capitalize() or json.dumps(name)
