"""How promises are written: EARS lines (Kiro), Given/When/Then (Spec Kit), priorities. Each search is linear in the text's length."""

from __future__ import annotations

import re

_MARKUP = r"[*_~]{0,3}"
_EARS_START = re.compile(rf"{_MARKUP}(?:when|if|while|where|the)\b", re.IGNORECASE)
_EARS_STRICT = re.compile(rf"{_MARKUP}(?:WHEN|IF|WHILE|WHERE|THE)\b")
_SHALL, _SHALL_STRICT = re.compile(r"\bshall\b", re.IGNORECASE), re.compile(r"\bSHALL\b")
_GIVEN = re.compile(rf"{_MARKUP}(?:Given|GIVEN)\b")
_WHEN, _THEN = re.compile(r"\bwhen\b", re.IGNORECASE), re.compile(r"\bthen\b", re.IGNORECASE)
_STEP = re.compile(
    rf"{_MARKUP}(?P<word>Given|When|Then|And|But|GIVEN|WHEN|THEN|AND|BUT)\b{_MARKUP}[:,]?{_MARKUP}\s+(?P<rest>\S.*)", re.DOTALL
)
_WORD = re.compile(rf"{_MARKUP}(?P<word>Given|When|Then|And|But|GIVEN|WHEN|THEN|AND|BUT)\b{_MARKUP}[:,]?{_MARKUP}\s+\S")
_TAIL = re.compile(r"(?<=\S)\s*[(\[]\s*(?:priority\s*:?\s*)?(P[0-9])\s*[)\]]$", re.IGNORECASE)
_LEAD = re.compile(r"(?:[(\[]\s*(P[0-9])\s*[)\]]\s*:?|\*\*(P[0-9])\*\*\s*:?|(P[0-9]):)\s+(?=\S)")
_LONGEST_TAIL = 40  # characters: a priority's mark is short, and a search from the end must not walk through the text
_HEADING_PRIORITY = re.compile(
    r"[(\[]\s*(?:priority\s*:?\s*)?(P[0-9])\s*[)\]]|^(P[0-9])\s*[:\u2013\u2014-]|^(P[0-9])(?:\s+requirements?)?$", re.IGNORECASE
)


def is_ears(text: str, *, strictly: bool) -> bool:
    """Whether a text is an EARS line: WHEN/IF/WHILE/WHERE/THE … SHALL; `strictly`, in capitals, where it stands anywhere."""
    start, shall = (_EARS_STRICT, _SHALL_STRICT) if strictly else (_EARS_START, _SHALL)
    return start.match(text) is not None and shall.search(text) is not None


def is_scenario(text: str) -> bool:
    """Whether a text tells a whole scenario: Given …, when …, then …."""
    given = _GIVEN.match(text)
    when = _WHEN.search(text, given.end()) if given else None
    return when is not None and _THEN.search(text, when.end()) is not None


def step(text: str) -> str:
    """Return a scenario's step with its keyword in capitals, without markup around it; any other text as it is."""
    found = _STEP.fullmatch(text)
    return f"{found['word'].upper()} {found['rest']}" if found else text


def word_of(text: str) -> str:
    """Return the keyword of a scenario's step, in capitals; empty where it is none."""
    found = _WORD.match(text)
    return found["word"].upper() if found else ""


def goes_on(before: str, text: str) -> bool:
    """Whether a text is a further step of the scenario that began in the one before."""
    begun = word_of(before)
    if begun not in {"GIVEN", "WHEN"}:
        return False
    word = word_of(text)
    if word in {"WHEN", "THEN"}:
        return (_WHEN if word == "WHEN" else _THEN).search(before) is None
    return bool(word) and word != "GIVEN"


def split_priority(text: str) -> tuple[str, str]:
    """Return a promise without its priority's mark, and the priority: P0, P1, …, empty where none is stated."""
    found = _TAIL.search(text, max(0, len(text) - _LONGEST_TAIL))
    if found:
        return text[: found.start()], found[1].upper()
    found = _LEAD.match(text)
    if found:
        return text[found.end() :], next(each for each in found.groups() if each)
    return text, ""


def heading_priority(heading: str) -> str:
    """Return the priority that a heading states for all below it: `User Story 1 (Priority: P1)`."""
    found = _HEADING_PRIORITY.search(heading)
    return next(each.upper() for each in found.groups() if each) if found else ""
