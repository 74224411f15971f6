"""Questions as the cache knows them: equal ones have equal keys, and a difference is named."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.question import ABSENT, Change, Question, changed_lines, difference, line_hashes

_NAMES = st.sampled_from(["file:a.py", "file:b.py", "config:pyproject.toml[tool.ruff]", "tool:ruff", "environment", "command", "spec2prod"])
_INPUTS = st.dictionaries(_NAMES, st.sampled_from(["1", "2", "3"]))
_LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=8)


@given(_INPUTS, st.randoms(use_true_random=False))
def test_the_order_of_inputs_makes_no_other_question(inputs: dict[str, str], chance: random.Random) -> None:
    shuffled = list(inputs.items())
    chance.shuffle(shuffled)
    assert _question(inputs).key == _question(dict(shuffled)).key


@given(_INPUTS, _INPUTS)
def test_two_questions_have_one_key_exactly_where_no_difference_is_named(old: dict[str, str], new: dict[str, str]) -> None:
    assert (_question(old).key == _question(new).key) == (not difference(old, new))


def test_name_and_component_belong_to_the_question() -> None:
    question = _question({"command": "1"})
    assert len({question.key, replace(question, name="tests").key, replace(question, component="other").key}) == 3


def test_what_was_added_removed_and_changed_is_named_files_first() -> None:
    old = {"spec2prod": "1", "file:gone.py": "1", "tool:ruff": "1", "command": "1"}
    new = {"spec2prod": "2", "file:new.py": "1", "tool:ruff": "2", "command": "1"}
    assert difference(old, new) == (
        Change(name="file:gone.py", old="1", new=ABSENT),
        Change(name="file:new.py", old=ABSENT, new="1"),
        Change(name="tool:ruff", old="1", new="2"),
        Change(name="spec2prod", old="1", new="2"),
    )


@given(_LINES, _LINES, _LINES, _LINES)
def test_changed_lines_lie_between_what_is_the_same(head: list[str], old: list[str], new: list[str], tail: list[str]) -> None:
    before, after = [*head, *old, *tail], [*head, *new, *tail]
    told = changed_lines(_hashes(before), _hashes(after))
    if before == after:
        assert told is None
        return
    assert told is not None
    first, last = told
    assert before[: first - 1] == after[: first - 1]
    assert 1 <= first <= last
    rest = len(after) - last
    assert rest <= 0 or before[len(before) - rest :] == after[last:]


def test_one_line_of_a_text_that_changed_is_named() -> None:
    assert changed_lines(line_hashes("a\nb\nc\n"), line_hashes("a\nB\nc\n")) == (2, 2)
    assert changed_lines(line_hashes("a\nb\n"), line_hashes("a\nx\ny\nb\n")) == (2, 3)
    assert changed_lines(line_hashes("a\nb\nc\n"), line_hashes("a\nc\n")) == (2, 2)


def _question(inputs: dict[str, str]) -> Question:
    return Question(name="linting", component="api", inputs=inputs)


def _hashes(lines: list[str]) -> str:
    return line_hashes("".join(f"{line}\n" for line in lines))
