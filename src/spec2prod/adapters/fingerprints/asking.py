"""Puts a question's inputs together, gate by gate. What is not known to matter to a gate is left out; what may matter is in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from spec2prod.adapters.fingerprints import configuration
from spec2prod.adapters.fingerprints.closure import closure, may_read_elsewhere
from spec2prod.adapters.fingerprints.environment import environment_digest, interpreter_digest
from spec2prod.application.ports import Subject, Tree
from spec2prod.domain.component import Component
from spec2prod.domain.question import ABSENT, FILE, IMPORTABLES, Question, digest_of, is_report

_PACKAGE = Path(__file__).parents[2]
_CODE = ("gates", "workers", "domain")  # what asks and reads; a change of spec2prod's own code asks everything again
_NOWHERE = ".spec2prod"
_UNTOLD = frozenset({"NODE_COMPILE_CACHE", "SPEC2PROD_FOUND_IN_FILES"})  # where tools keep what they know: it changes no answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What a project says of a gate of its own: the files that it reads (globs; None: all of the project's), whether it is kept at all."""

    reads: tuple[str, ...] | None = None
    kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What lies around a project: environments, variables, settings.

    `site_packages` are the folders of the component's environment; `ours` and `our_interpreter` are spec2prod's own.
    """

    site_packages: tuple[str, ...]
    ours: tuple[str, ...]
    our_interpreter: Path
    variables: Mapping[str, str]
    own: Mapping[str, Own] = field(default_factory=dict)
    vulnerabilities_max_age_s: float = 86_400.0


class _Asked:
    """One question on its way, and the digests of its tree."""

    def __init__(self, subject: Subject) -> None:
        self.gate, self.component, self.command = subject.gate, subject.component, subject.command
        self.tree, self.only = subject.tree, subject.only

    def files(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the digests of files; what is absent is left out, so that its appearing is a new input."""
        return {name: digest for name, digest in self.tree.state({FILE + path for path in paths}).items() if digest != ABSENT}

    def digests(self, paths: list[str]) -> dict[str, str]:
        """Return the digests of files outside the project, by their absolute paths."""
        return {name.removeprefix(FILE): digest for name, digest in self.tree.state([FILE + path for path in paths]).items()}

    @property
    def named(self) -> tuple[str, ...]:
        """Return the component's modules and tests, or those that are asked about."""
        return tuple(path for path in (*self.component.modules, *self.component.tests) if not self.only or path in self.only)

    @property
    def modules(self) -> tuple[str, ...]:
        """Return the modules that are asked about."""
        return tuple(path for path in self.component.modules if not self.only or path in self.only)


class Fingerprinting:
    """Says exactly what an answer depends on."""

    def __init__(self, surroundings: Surroundings) -> None:
        """Take what lies around the project."""
        self._around = surroundings
        self._code = ""  # the same for all questions of a process: it has loaded this code
        self._by_gate: Mapping[str, Callable[[_Asked], dict[str, str]]] = {
            "tests": self._tests,
            "linting": self._linting,
            "type_checking": self._type_checking,
            "security": self._security,
            "documentation": self._documentation,
            "complexity": self._complexity,
            "vulnerabilities": self._vulnerabilities,
        }

    def question(self, subject: Subject) -> Question | None:
        """Return a question with all its inputs; None where the settings say that its answer is not to be kept."""
        own = self._around.own.get(subject.gate.name)
        if own is not None and not own.kept:
            return None
        asked, gate = _Asked(subject), subject.gate.name
        inputs = self._by_gate[gate](asked) if gate in self._by_gate else self._own(asked, own or Own())
        return Question(
            name=subject.name,
            component=subject.component.name,
            inputs={**inputs, **self._common(asked)},
            max_age_s=self._around.vulnerabilities_max_age_s if gate == "vulnerabilities" else None,
        )

    def _common(self, asked: _Asked) -> dict[str, str]:
        if not self._code:
            code = [str(each) for folder in _CODE for each in (_PACKAGE / folder).rglob("*.py")]
            self._code = digest_of(sorted((path[len(str(_PACKAGE)) :], digest) for path, digest in asked.digests(code).items()))
        component = asked.component
        return {
            "command": digest_of([self._words(asked), sorted(self._environment_of_command(asked).items())]),
            "component": digest_of([component.source, component.import_root, component.modules, component.interpreter.name]),
            "asks": digest_of(asked.gate.measures),
            "spec2prod": self._code,
        }

    def _tests(self, asked: _Asked) -> dict[str, str]:
        """Return what pytest certainly reads; what else it reads is traced while it runs."""
        component = asked.component
        folders = {PurePosixPath(path).parent for path in component.tests}
        above = {each / name for folder in folders for each in (folder, *folder.parents) for name in ("conftest.py", "__init__.py")}
        # Beside the tests lies what they are fed with; a library of C may open it unheard.
        below = tuple(f"{folder}/" for folder in folders if str(folder) != ".")
        fed = (path for path in asked.tree.list_files() if path.startswith(below) and not path.endswith(".py") and not is_report(path))
        return {
            **asked.files({*component.modules, *component.tests, *component.data, *map(str, above), *(fed if below else ())}),
            **configuration.pytest(component.root),
            **self._running(asked),
        }

    def _linting(self, asked: _Asked) -> dict[str, str]:
        component = asked.component
        packages = {each / "__init__.py" for path in asked.named for each in PurePosixPath(path).parents}
        roots = {".", "src", component.import_root, *_sources(configuration.table_of(component.root, "ruff"))}
        return {
            **asked.files({*asked.named, *map(str, packages)}),
            **configuration.ruff(component.root, asked.named),
            # what is a module of the project's own decides how imports are sorted
            **asked.tree.state({IMPORTABLES + root for root in roots}),
            **self._tool(asked),
        }

    def _type_checking(self, asked: _Asked) -> dict[str, str]:
        component, checker = asked.component, asked.command.tool
        files = asked.tree.list_files()
        tables = [configuration.table_of(component.root, name) for name in (checker, "pyright")]
        own = configuration.checker(component.root, checker)
        has_own_file = any("[" not in name for name in own)
        if has_own_file or any(may_read_elsewhere(checker, table) for table in tables):
            read = {path for path in files if path.endswith((".py", ".pyi", "py.typed"))}
        else:
            texts = _Texts(asked.tree)
            roots = {"" if each == "." else each for each in (".", "src", "typings", "stubs", component.import_root)}
            read = closure(asked.modules, roots, files, texts) | {path for path in files if path.endswith("py.typed")}
        program = Path(asked.command.argv[0])
        if any(program.is_relative_to(folder) for folder in self._around.ours):  # what lies among our packages is told by them
            return {**asked.files(read), **own, **self._running(asked), **self._ours(asked)}
        ours = {} if program.parent == component.interpreter.parent else self._ours(asked)
        return {**asked.files(read), **own, **self._running(asked), **self._tool(asked), **ours}

    def _security(self, asked: _Asked) -> dict[str, str]:
        component = asked.component
        conftests = (path for path in component.data if path.endswith("conftest.py") and (not asked.only or path in asked.only))
        folder = () if asked.only else _everything_in(component)
        return {**asked.files({*asked.named, *conftests, *folder}), **self._ours(asked)}

    def _documentation(self, asked: _Asked) -> dict[str, str]:
        component = asked.component
        folders = {component.root, component.root / component.source}
        found = [each for folder in folders for each in folder.glob("[Rr][Ee][Aa][Dd][Mm][Ee]*")]
        readme = any(each.is_file() and each.stat().st_size for each in found)
        return {**asked.files(asked.modules), "readme": "there" if readme else ABSENT, **self._ours(asked)}

    def _complexity(self, asked: _Asked) -> dict[str, str]:
        return {**asked.files(asked.modules), **self._ours(asked)}

    def _vulnerabilities(self, asked: _Asked) -> dict[str, str]:
        return {"environment": environment_digest(self._around.site_packages, asked.digests), **self._ours(asked)}

    def _own(self, asked: _Asked, own: Own) -> dict[str, str]:
        """Return what a gate of the project's own reads: what it says it does, else the whole project."""
        if own.reads is None:
            read = {path for path in asked.tree.list_files() if not is_report(path)}
        else:
            read = {path for pattern in own.reads for path in _matching(asked.component.root, pattern)}
        return {**asked.files({*asked.named, *read}), **self._running(asked), **self._tool(asked), **self._ours(asked)}

    def _running(self, asked: _Asked) -> dict[str, str]:
        """Return what code of the component runs in: interpreter, environment, variables."""
        return {
            "interpreter": interpreter_digest(asked.component.interpreter, asked.digests),
            "environment": environment_digest(self._around.site_packages, asked.digests),
            "variables": digest_of(sorted(self._around.variables.items())),
        }

    def _ours(self, asked: _Asked) -> dict[str, str]:
        """Return what the tools that come with spec2prod run in."""
        return {
            "tool:spec2prod's environment": environment_digest(self._around.ours, asked.digests),
            "tool:spec2prod's interpreter": interpreter_digest(self._around.our_interpreter, asked.digests),
        }

    def _tool(self, asked: _Asked) -> dict[str, str]:
        """Return the digest of the program that is started; a script's first line names its environment's folder, and is left out."""
        program = Path(asked.command.argv[0])
        path = str(program.resolve()) if program.is_absolute() else str(asked.component.root / program)
        (digest,) = asked.digests([path]).values()
        if _is_script(path):
            digest = digest_of(Path(path).read_bytes().partition(b"\n")[2].hex())
        return {f"tool:{asked.command.tool}": digest}

    def _words(self, asked: _Asked) -> list[str]:
        """Return the command's words without what differs from one checkout or run to the next."""
        places = self._places(asked)
        return [_placed(word, places) for word in asked.command.argv if not word.startswith("--nonce=")]

    def _environment_of_command(self, asked: _Asked) -> dict[str, str]:
        if asked.gate.name == "vulnerabilities":
            return {}  # proxies, perhaps with their passwords
        return {name: _placed(value, self._places(asked)) for name, value in asked.command.env.items() if name not in _UNTOLD}

    def _places(self, asked: _Asked) -> dict[str, str]:
        component = asked.component
        return {
            str(component.root): "{root}",
            str(_PACKAGE): "{spec2prod}",
            str(component.interpreter.parent): "{environment}",
            str(self._around.our_interpreter.parent): "{ours}",
            **dict.fromkeys(self._around.ours, "{our packages}"),
            **dict.fromkeys(self._around.site_packages, "{packages}"),
        }


class _Texts(dict[str, str]):
    """The texts of a tree's files, read when they are asked for."""

    def __init__(self, tree: Tree) -> None:
        super().__init__()
        self._tree = tree

    def __missing__(self, path: str) -> str:
        self[path] = text = self._tree.read(path) or ""
        return text


def _placed(word: str, places: Mapping[str, str]) -> str:
    for place in sorted(places, key=len, reverse=True):
        word = word.replace(place, places[place])
    return word


def _sources(table: Mapping[str, object]) -> list[str]:
    found = table.get("src")
    return [str(each) for each in found if "*" not in str(each)] if isinstance(found, list) else []


def _everything_in(component: Component) -> list[str]:
    """Return every file in the component's folder, as the security scan walks it: also what no listing of the project holds."""
    if component.source in component.modules:
        return []
    found: list[str] = []
    for folder, folders, files in os.walk(component.root / component.source):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [Path(folder, name).relative_to(component.root).as_posix() for name in files if not name.endswith((".pyc", ".pyo"))]
    return found


def _matching(root: Path, pattern: str) -> list[str]:
    found = (each.relative_to(root) for each in root.glob(pattern) if each.is_file())
    return [each.as_posix() for each in found if _NOWHERE not in each.parts and "__pycache__" not in each.parts]


def _is_script(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False
