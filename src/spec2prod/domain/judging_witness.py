"""The specification's examples, planted in every judgement that has a specification: one that fails shows which tests contradict it.

A test that passes may state what a defect does. Beside it stands the example that the defect breaks; a change that makes the
example hold and the test fail says that they contradict each other. Pure: claims and sources go in, a file's text comes out.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spec2prod.domain.example_literals import is_builtin_error
from spec2prod.domain.example_places import Definitions, definitions
from spec2prod.domain.judging_oracle import Claim

_HEAD = """\
\"\"\"Planted by spec2prod's judge: what the specification gives as examples.\"\"\"
import importlib

"""
_RETURNS = """
def {name}():
    try:
        found = {call}
    except Exception as error:
        raise AssertionError(type(error).__name__) from error
    assert found == {expected}, f"got {{found!r}} instead"
"""
_RAISES = """
def {name}():
    try:
        found = {call}
    except {error}:
        return
    except Exception as error:
        raise AssertionError(type(error).__name__) from error
    raise AssertionError(f"got {{found!r}} instead")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A test file's text, and the example behind each of its test functions; the text is empty where there is none.

    `heard` are all examples: also one that cannot be written as a test can be compared with what tests state.
    """

    text: str = ""
    claims: Mapping[str, Claim] = field(default_factory=dict)
    heard: tuple[Claim, ...] = ()


def witness(claims: Sequence[Claim], modules: Mapping[str, str]) -> Witness:
    """Write the examples as tests; `modules` leads from an import name to the source. What cannot be placed there is left out."""
    known = definitions(modules)
    units = {module: f"unit_{number}" for number, module in enumerate(sorted(known))}
    written: dict[str, Claim] = {}
    tests: list[str] = []
    for claim in claims:
        name = f"test_example_{len(written) + 1}"
        if test := _test(name, claim, known, units):
            tests.append(test)
            written[name] = claim
    imports = "".join(f'{unit} = importlib.import_module("{module}")\n' for module, unit in units.items())
    return Witness(text=_HEAD + imports + "\n".join(tests) if written else "", claims=written, heard=tuple(claims))


def _test(name: str, claim: Claim, known: Definitions, units: Mapping[str, str]) -> str:
    try:
        call = ast.unparse(_Placing(known, units).visit(copy.deepcopy(claim.call)))
        error = claim.raises if is_builtin_error(claim.raises) or not claim.raises else _Placing(known, units).name(claim.raises)
    except LookupError:
        return ""
    return _RAISES.format(name=name, call=call, error=error) if error else _RETURNS.format(name=name, call=call, expected=claim.expected)


class _Placing(ast.NodeTransformer):
    """Puts in front of each name the module that defines it.

    Raises:
        LookupError: where none does, or several do, or an expression is more than calls of the component with literals.
    """

    _TAKEN = (ast.Call, ast.keyword, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.UnaryOp, ast.unaryop, ast.expr_context)

    def __init__(self, known: Definitions, units: Mapping[str, str]) -> None:
        self._known, self._units = known, units

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, self._TAKEN):
            raise LookupError(type(node).__name__)  # noqa: TRY004 - an answer, not an error of the caller's
        return super().generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(self.name(node.id), mode="eval").body

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return ast.parse(self.name(ast.unparse(node)), mode="eval").body

    def name(self, dotted: str) -> str:
        """Return a name with its module's; the module may stand in front of it already."""
        names = [(module, dotted) for module in self._known]
        names += [(module, dotted.removeprefix(f"{part}.")) for module in self._known for part in {module, module.rpartition(".")[2]}]
        fitting = {(module, name) for module, name in names if self._known[module].get(name, "async") != "async"}
        if len(fitting) != 1:
            raise LookupError(dotted)
        ((module, name),) = fitting
        return f"{self._units[module]}.{name}"
