"""Hashes in requirement markers: put in where they are missing, and nothing else of the file is touched."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.marking import makes_known, stamped

HASHES = {"REQ-1": "1111.2222.3333", "REQ-2": "aaaa.bbbb.cccc"}
ONE, TWO = 'text="1111.2222.3333"', 'text="aaaa.bbbb.cccc"'


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ('@pytest.mark.requirement("REQ-1")', f'@pytest.mark.requirement("REQ-1", {ONE})'),
        ("@pytest.mark.req('REQ-1',)", f'@pytest.mark.req("REQ-1", {ONE})'),
        ('@mark.verifies_requirement(id="REQ-2")', f'@mark.verifies_requirement("REQ-2", {TWO})'),
        (
            '@pytest.mark.requirement("REQ-1", "REQ-2")',
            f'@pytest.mark.requirement("REQ-1", {ONE})\n@pytest.mark.requirement("REQ-2", {TWO})',
        ),
        ('@pytest.mark.requirement("REQ-1", "REQ-9")', f'@pytest.mark.requirement("REQ-1", {ONE})\n@pytest.mark.requirement("REQ-9")'),
        ('@pytest.mark.requirement(\n    "REQ-1"\n)', f'@pytest.mark.requirement("REQ-1", {ONE})'),
    ],
)
def test_a_marker_gets_the_hash_of_what_it_names(marker: str, expected: str) -> None:
    rest = 'def test_grün() -> None:\n    assert "REQ-1"  # pytest.mark.requirement("REQ-1")\n'
    assert stamped(f"{marker}\n{rest}", HASHES) == f"{expected}\n{rest}"


@pytest.mark.parametrize(
    "text",
    [
        '@pytest.mark.requirement("REQ-9")\ndef test_a(): ...\n',
        '@pytest.mark.requirement("REQ-1", text="0000.0000.0000")\ndef test_a(): ...\n',
        "@pytest.mark.requirement(NAME)\ndef test_a(): ...\n",
        '@pytest.mark.requirement(*NAMES, "REQ-1")\ndef test_a(): ...\n',
        '@pytest.mark.requirement(\n    "REQ-1"  # why\n)\ndef test_a(): ...\n',
        'pytestmark = [pytest.mark.requirement("REQ-1", "REQ-2")]\n',
        'requirement("REQ-1")\n',
        'shop.requirement("REQ-1")\n',
        "this is no Python",
        "x = '\0'",
    ],
)
def test_what_cannot_be_read_or_says_enough_stays_as_it_is(text: str) -> None:
    assert stamped(text, HASHES) == text


def test_markers_of_a_class_a_case_and_a_module_get_it_in_their_place() -> None:
    text = (
        'é = 1; pytestmark = pytest.mark.requirement("REQ-1")\r\n'
        "class TestShop:\n"
        '    @pytest.mark.requirement("REQ-1", "REQ-2")\n'
        '    @pytest.mark.parametrize("a", [pytest.param(1, marks=pytest.mark.req("REQ-2"))])\n'
        "    def test_a(self, a: int) -> None: ...\n"
    )
    assert stamped(text, HASHES) == (
        f'é = 1; pytestmark = pytest.mark.requirement("REQ-1", {ONE})\r\n'
        "class TestShop:\n"
        f'    @pytest.mark.requirement("REQ-1", {ONE})\n'
        f'    @pytest.mark.requirement("REQ-2", {TWO})\n'
        f'    @pytest.mark.parametrize("a", [pytest.param(1, marks=pytest.mark.req("REQ-2", {TWO}))])\n'
        "    def test_a(self, a: int) -> None: ...\n"
    )


@given(st.lists(st.sampled_from(["REQ-1", "REQ-2", "REQ-9"]), min_size=1, max_size=4), st.sampled_from(["", "é", "    "]))
def test_a_second_time_changes_nothing_and_the_rest_of_the_program_is_the_same(names: list[str], comment: str) -> None:
    marker = f"@pytest.mark.requirement({', '.join(map(repr, names))})"
    body = f"def test_a() -> None:  # {comment}\n    assert 1 + 1 == 2\n"
    once = stamped(f"{marker}\n{body}", HASHES)
    assert stamped(once, HASHES) == once
    (function,) = ast.parse(once).body
    assert isinstance(function, ast.FunctionDef)
    assert {ast.literal_eval(each.args[0]) for each in function.decorator_list if isinstance(each, ast.Call)} == set(names)
    assert once.endswith(body)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('[tool.pytest.ini_options]\nmarkers = ["requirement: what it shows"]\n', True),
        ("[pytest]\nmarkers =\n    slow: long\n    requirement(id): what it shows\n", True),
        ('config.addinivalue_line("markers", "requirement(id): what it shows")', True),
        ('markers = ["slow: each requirement: long", "requirements: other"]', False),
        ("", False),
    ],
)
def test_a_marker_is_known_where_a_configuration_registers_it(text: str, known: bool) -> None:  # noqa: FBT001 - a case
    assert makes_known(["[project]", text]) is known
