"""Which tests are a component's: decided by what their paths name, and, between namesakes, by what they import.

A test belongs to the module or package that its path names (`test_b.py`, `a/test_b.py`, `test_a_b.py`, `test_b_anything.py` for
`a/b.py`). Where the name fits several, what the test imports decides, and without that it is nobody's: another component's tests
would make this one's verdict untrue. A test whose path names nobody belongs to what it imports, if of all the project's modules
these are one component's.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Mapping, Sequence

from spec2prod.domain.layout import TEST_FOLDERS, Layout, folders_above, normal

type Imports = Callable[[str], Collection[str]]
"""Given a test file's path, the dotted names it imports (`a.b` and, for `from a import b`, both `a` and `a.b`)."""

_GENERATED = re.compile(r"_generated(?:_\d+)?\.py$")


def imported_names(text: str) -> frozenset[str]:
    """Return the dotted names that a file imports: `a.b`, and for `from a import b` both `a` and `a.b`."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return frozenset()
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    members = {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
    return frozenset(plain | {str(node.module) for node in froms} | members)


def own_names(layout: Layout, source: str) -> frozenset[str]:
    """Return all that a test of the component may be named for."""
    packages = (folder for folder in layout.packages if source == "." or folder.startswith(f"{source}/"))
    return frozenset((source, *layout.inside(source), *packages))


def owners_of(layout: Layout, name: str, source: str) -> dict[str, set[str]]:
    """Return what tests may be named for, the component's own name included."""
    return layout.owners | {normal(name): layout.owners.get(normal(name), set()) | {source}}


def tests_of(layout: Layout, name: str, source: str, imports: Imports | None) -> tuple[str, ...]:
    """Return the component's test files, in the project's order."""
    own, owners = own_names(layout, source), owners_of(layout, name, source)
    alone = is_alone(layout, source)

    def belongs(path: str) -> bool:
        inside = source == "." or path.startswith(f"{source}/")
        if inside or (alone and _is_top(path)):
            return True
        named = _named_by(owners, path)
        return _is_named_for(layout, named, own, path, imports) if named else _imports_nobody_else(layout, own, path, imports)

    return tuple(path for path in layout.tests if belongs(path))


def is_alone(layout: Layout, source: str) -> bool:
    """Whether it is all that is imported from where it lies: the project's test folder is then wholly its own."""
    own = layout.inside(source)
    roots = {layout.import_root(path) for path in own}
    others = (path for path in layout.modules if not layout.is_helper(path) and layout.import_root(path) in roots)
    return (source in roots or len(layout.dotted(source)) == 1) and set(others) <= set(own)


def is_only(layout: Layout, source: str) -> bool:
    """Whether nothing else in the project could be a component: whose tests are not its own are then nobody's."""
    own = set(layout.inside(source))
    return all(path in own or layout.is_helper(path) for path in layout.modules)


def _is_top(path: str) -> bool:
    return "/" not in path or path.split("/", 1)[0] in TEST_FOLDERS


def _is_named_for(layout: Layout, named: Collection[str], own: frozenset[str], path: str, imports: Imports | None) -> bool:
    """Whether what a test is named for is the component; imports decide between it, its namesakes and the package around it."""
    if named and own.issuperset(named):
        return True
    around = {f"{folder}{init}" for source in own for folder in folders_above(source) for init in ("", "/__init__.py")}
    if imports is None or not (own | around).intersection(named):
        return False
    return not {".".join(layout.dotted(module)) for module in own & set(layout.modules)}.isdisjoint(imports(path))


def _imports_nobody_else(layout: Layout, own: frozenset[str], path: str, imports: Imports | None) -> bool:
    """Whether a test that is named for nobody imports modules of the component, and no other module of the project."""
    imported = {layout.imported[name] for name in imports(path) if name in layout.imported} if imports else set()
    return bool(imported) and own.issuperset(imported)


def _named_by(owners: Mapping[str, set[str]], path: str) -> set[str]:
    """Return what a test file is named for; `test_a_generated.py` may be for `a_generated.py`, or a generated one for `a.py`."""
    named = named_for(owners, test_parts(path))
    plain = _GENERATED.sub(".py", path)
    return named if plain == path else named | named_for(owners, test_parts(plain))


def named_for(owners: Mapping[str, set[str]], parts: Sequence[str]) -> set[str]:
    """Return the modules and packages that a test's path names: the longest name that fits, else its longest beginning.

    Leading folders that name nothing (`unit`, `integration`) are left out.
    """
    words = normal("_".join(parts)).split("_")
    if owned := owners.get("_".join(words)):
        return owned
    if len(parts) > 1 and normal(parts[0]) not in owners:
        return named_for(owners, parts[1:])
    beginnings = ("_".join(words[:end]) for end in range(len(words), 0, -1))
    return next((owners[each] for each in beginnings if each in owners), set())


def test_parts(path: str) -> list[str]:
    """Return what a test's path says: `tests/a/test_b.py` and `src/a/tests/test_b.py` say `a`, `b`."""
    *folders, file = path.split("/")
    stem = file.removesuffix(".py").removeprefix("test_").removesuffix("_test")
    return [*(folder for folder in folders if folder not in TEST_FOLDERS and folder != "src"), stem]
