"""Examples in a requirement's sentences: `f(x) == y`, `f(x) -> y`, "`f(x)` returns `y`", "`f(x)` raises `E`", Given/When/Then."""

from __future__ import annotations

import ast
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

from spec2prod.domain.example_literals import Call, call, is_error_name, literal, parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One example as it is written: a call, and the literal that it returns (`expected`) or the exception's name (`raises`).

    `doubt` says why it cannot be used; it has no call then. `source` is how the specification says it.
    """

    source: str
    call: Call | None = None
    expected: str = ""
    raises: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a sentence: code, or words."""

    text: str
    is_code: bool = False


_MOST_RUNS = 2000  # runs of backticks in one requirement
_MODAL = r"(?:(?:must|should|shall|will)\s+)?"
_RETURNS = rf"\s*{_MODAL}(?:is|be|returns?|gives?|equals?|yields?|becomes?|evaluates?\s+to|results?\s+in|->|=>|\u2192|\u21d2|==?)\s*:?"
_VERB = re.compile(_RETURNS + r"\s*$")
_BARE = r"(?P<literal>-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?![\w%])(?!\.[0-9])|\"[^\"\n]{0,500}\"|'[^'\n]{0,500}'|True\b|False\b|None\b)"
_VERB_LITERAL = re.compile(rf"{_RETURNS}\s*{_BARE}(?=\s*(?:$|[,;.:)]|and\b|or\b|but\b))")  # `is 3 times faster` is no result
_RAISES = re.compile(rf"\s*{_MODAL}(?:raises?|throws?)\s+(?:an?\s+|the\s+)?$")
_RAISES_NAME = re.compile(rf"\s*{_MODAL}(?:raises?|throws?)\s+(?:an?\s+|the\s+)?(?P<name>[A-Za-z_][\w.]{{0,100}}\w)")
_AND = re.compile(r"\s*(?:,|,?\s*and|,?\s*or)\s*$")
_FOR = re.compile(r"\s*(?:is\s+raised\s+)?(?:by|for|on|when|if|from|with)\s*$")
_ARROW = re.compile(r"\s*(?:->|=>|\u2192|\u21d2)\s*")
_CODE_RAISES = re.compile(r"(?P<call>[^`]{1,2000}\))\s+raises?\s+(?P<name>[A-Za-z_][\w.]{0,100})")
_BINDING = re.compile(rf"\b(?P<name>[A-Za-z_]\w{{0,60}})\s*(?:=|\bis\b)\s*{_BARE}")
_BARE_CALL = re.compile(r"\b[A-Za-z_][\w.]{0,100}\([^()\n]{0,500}\)")
_ERROR = re.compile(r"\b[A-Za-z_][\w.]{0,100}(?:Error|Exception)\b")
_RESULT = re.compile(rf"\b(?:is|be|equals?|returns?|returned|gets?|==?)\s+{_BARE}")
_RETURNED = re.compile(rf"{_BARE}\s+is\s+(?:returned|given|the\s+result)\b")
_STARTS = re.compile(r"[*_ ]{0,9}(?:given|when)\b", re.IGNORECASE)
_WHEN, _THEN = (re.compile(rf"\b{word}\b", re.IGNORECASE) for word in ("when", "then"))


def pieces(text: str) -> list[Piece]:
    """Return a sentence's words and code spans, in their order: a span ends at a run of as many backticks as it began with."""
    runs = list(re.finditer(r"`+", text))
    if len(runs) > _MOST_RUNS:
        return [Piece(text=text)]
    found, at, number = list[Piece](), 0, 0
    while number < len(runs):
        end = next((each for each in range(number + 1, len(runs)) if len(runs[each][0]) == len(runs[number][0])), None)
        if end is None:
            number += 1
            continue
        found.append(Piece(text=text[at : runs[number].start()]))
        found.append(Piece(text=text[runs[number].end() : runs[end].start()].strip(), is_code=True))
        at, number = runs[end].end(), end + 1
    return [*found, Piece(text=text[at:])]


def is_scenario(text: str) -> bool:
    """Whether a text goes through Given, When and Then, or through the last two."""
    when = _WHEN.search(text)
    return _STARTS.match(text) is not None and when is not None and _THEN.search(text, when.end()) is not None


def in_prose(text: str) -> Iterator[Said]:
    """Give the examples of a sentence."""
    told, number = pieces(text), 0
    while number < len(told):
        if told[number].is_code:
            own = list(_in_code(told[number].text))
            yield from own
            if not own:
                number = yield from _across(told, number)
        number += 1


def _in_code(code: str) -> Iterator[Said]:
    """Give what one code span says by itself: a comparison, an arrow, `f(x) raises E`."""
    node = parsed(code)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.Is):
        left, right = node.left, node.comparators[0]
        yield from _returns(code, right if isinstance(right, ast.Call) and not isinstance(left, ast.Call) else left, right, left)
    elif node is None and (found := _CODE_RAISES.fullmatch(code)):
        yield from _raising(code, parsed(found["call"]), found["name"])
    elif node is None and len(parts := _ARROW.split(code)) == 2:  # noqa: PLR2004 - before and behind one arrow
        name = parts[1].removeprefix("raises ").strip()
        if is_error_name(name):
            yield from _raising(code, parsed(parts[0]), name)
        else:
            yield from _returns(code, parsed(parts[0]), parsed(parts[1]), None)


def _returns(source: str, called: ast.expr | None, right: ast.expr | None, left: ast.expr | None) -> Iterator[Said]:
    """Give an example of a call and a value; `left` is the value where the call stands on the right."""
    made = call(called)
    if made is None:
        return
    value = literal(left if called is right else right)
    if isinstance(made, str):
        yield Said(source=source, doubt=made)
    elif value is None:
        yield Said(source=source, doubt="its result is no literal")
    else:
        yield Said(source=source, call=made, expected=value)


def _raising(source: str, called: ast.expr | None, name: str) -> Iterator[Said]:
    made = call(called)
    if isinstance(made, Call):
        yield Said(source=source, call=made, raises=name)
    elif made:
        yield Said(source=source, doubt=made)


def _across(told: list[Piece], number: int) -> Generator[Said, None, int]:
    """Give what calls and the words behind them say together; return the last piece that belongs to it."""
    if is_error_name(told[number].text) and (after := _call_after_error(told, number)):
        yield from _raising(f"{told[number].text} for {told[after].text}", parsed(told[after].text), told[number].text)
        return after
    calls, last = _calls(told, number)
    if not calls:
        return number
    words = told[last + 1].text if last + 1 < len(told) else ""
    code = told[last + 2].text if last + 2 < len(told) else ""
    for node in calls:
        source = f"{ast.unparse(node)}{words[:60].rstrip()} {code[:60]}".strip()
        if code and _RAISES.fullmatch(words) and is_error_name(code):
            yield from _raising(source, node, code)
        elif (found := _RAISES_NAME.match(words)) and is_error_name(found["name"]):
            yield from _raising(source, node, found["name"])
        elif code and _VERB.fullmatch(words) and literal(parsed(code)) is not None:
            yield from _returns(source, node, parsed(code), None)
        elif found := _VERB_LITERAL.match(words):
            yield from _returns(source, node, parsed(found["literal"]), None)
    return last


def _calls(told: list[Piece], number: int) -> tuple[list[ast.Call], int]:
    """Return calls that stand side by side (`f(1)`, `f(2)` and `f(3)`), and the number of the last one's piece."""
    found, last = list[ast.Call](), number
    while isinstance(node := parsed(told[last].text), ast.Call):
        found.append(node)
        if last + 2 < len(told) and _AND.fullmatch(told[last + 1].text) and isinstance(parsed(told[last + 2].text), ast.Call):
            last += 2
        else:
            break
    return found, last


def _call_after_error(told: list[Piece], number: int) -> int:
    """Return the number of the call that an exception is said to come from, 0 where none is."""
    after = number + 2
    fits = after < len(told) and _FOR.fullmatch(told[number + 1].text) and isinstance(parsed(told[after].text), ast.Call)
    return after if fits else 0


def in_scenario(text: str) -> Iterator[Said]:
    """Give the example of a scenario: its values from Given, its call from When, its result from Then."""
    when = _WHEN.search(text)
    then = _THEN.search(text, when.end()) if when else None
    if when is None or then is None:
        return
    called, source = _called(text[when.end() : then.start()], _bindings(text[: when.start()]))
    outcome = text[then.end() :]
    if called is None:
        yield from in_prose(text)
    elif isinstance(called, str):
        yield Said(source=source, doubt=called)
    elif error := next((each for each in _ERROR.findall(outcome) if is_error_name(each)), ""):
        yield Said(source=f"{called} raises {error}", call=called, raises=error)
    elif (value := _result(outcome)) is not None:
        yield Said(source=f"{called} == {value}", call=called, expected=value)
    else:
        yield Said(source=source, doubt="what it says of the result is no literal")


def _bindings(text: str) -> dict[str, str]:
    """Return the values that Given gives names to: `a = 1`, in code or in words."""
    bound: dict[str, str] = {}
    for piece in pieces(text):
        name, sign, value = piece.text.partition("=")
        if piece.is_code and sign and name.strip().isidentifier() and (told := literal(parsed(value))) is not None:
            bound[name.strip()] = told
        elif not piece.is_code:
            for found in _BINDING.finditer(piece.text):
                bound[found["name"]] = literal(parsed(found["literal"])) or found["literal"]
    return bound


def _called(text: str, bound: Mapping[str, str]) -> tuple[Call | str | None, str]:
    """Return the call of a When, with its source; None where there is none."""
    told = pieces(text)
    candidates = [each.text for each in told if each.is_code]
    candidates += [found[0] for each in told if not each.is_code for found in _BARE_CALL.finditer(each.text)]
    for each in candidates:
        if (made := call(parsed(each), bound)) is not None:
            return made, each
    return None, ""


def _result(text: str) -> str | None:
    for piece in pieces(text):
        node = parsed(piece.text) if piece.is_code else None
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.Is):
            node = node.comparators[0]
        if (value := literal(node)) is not None:
            return value
    found = _RESULT.search(text) or _RETURNED.search(text)
    return literal(parsed(found["literal"])) if found else None
