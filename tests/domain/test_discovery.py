"""Components are found without being named, each by a name that finds it again; drafts promise nothing yet."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.adapters.markdown import parse_spec
from spec2prod.domain.discovery import Promise, discover, draft, promises_in
from spec2prod.domain.locate import locate
from spec2prod.domain.specification import DRAFT_MARK

CODE = "def f():\n    return 1\n"


def found(files: Mapping[str, str]) -> dict[str, str]:
    return {each.name: each.source for each in discover(files, files.get, lambda _: ())}


def project(*paths: str, empty: tuple[str, ...] = ()) -> dict[str, str]:
    return dict.fromkeys(paths, CODE) | dict.fromkeys(empty, "")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (project("src/shop/__init__.py", "src/shop/price.py", "tests/test_price.py"), {"shop": "src/shop"}),
        (project("shop/__init__.py", "test_shop.py", "setup.py", "conftest.py"), {"shop": "shop"}),
        (project("shop.py", "docs/conf.py", "scripts/deploy.py", "examples/one.py"), {"shop": "shop.py"}),
        (project("src/test_components/calculator/operations.py"), {"calculator": "src/test_components/calculator"}),
        (project("src/a/x.py", "src/b/x.py", "src/c.py"), {"a": "src/a", "b": "src/b", "c": "src/c.py"}),
        (
            project("packages/one/src/one/__init__.py", "packages/two/src/two/__init__.py", "packages/two/tests/test_two.py"),
            {"one": "packages/one/src/one", "two": "packages/two/src/two"},
        ),
        (project(empty=("src/nothing/__init__.py",)), {}),
        (project("README.md", "tests/test_a.py"), {}),
    ],
    ids=["src", "flat", "one module", "namespace", "several", "workspace", "empty", "no code"],
)
def test_components_are_found_in_every_layout(files: dict[str, str], expected: dict[str, str]) -> None:
    assert found(files) == expected


def test_namesakes_get_names_that_tell_them_apart_or_a_stated_path() -> None:
    files = project("one/src/api/__init__.py", "two/src/api/__init__.py")
    proposals = discover(files, files.get, lambda _: ())
    assert {each.source for each in proposals} == {"one/src/api", "two/src/api"}
    assert all(each.stated for each in proposals)


words = st.sampled_from(["a", "b", "core", "api", "src", "tests", "util"])
paths = st.lists(words, min_size=0, max_size=3).flatmap(
    lambda folders: st.sampled_from(["__init__.py", "x.py", "test_x.py", "core.py"]).map(lambda name: "/".join([*folders, name]))
)


@given(st.sets(paths, max_size=8))
def test_each_proposal_is_found_again_by_its_name_or_its_path(files: set[str]) -> None:
    texts = dict.fromkeys(files, CODE)
    for each in discover(texts, texts.get, lambda _: ()):
        again = locate(each.name, tuple(files), explicit=each.source if each.stated else None)
        assert (again.source, again.modules) == (each.source, each.modules)


def test_promises_come_from_public_names_and_their_first_lines() -> None:
    text = '''
class Shop:
    """A shop.

    More."""

def price(item, /, *more, rebate=0, **rest):
    """Return the `price`
    of an item."""

def _hidden(): "No."
async def later(): pass
'''
    assert promises_in([text, "def broken(:", "\0"]) == (
        Promise(signature="Shop", sentence="A shop."),
        Promise(signature="price(item, *more, rebate, **rest)", sentence="Return the price of an item."),
        Promise(signature="later()", sentence=""),
    )
    assert [each.signature for each in promises_in(["__all__ = ['price']", text])] == ["price(item, *more, rebate, **rest)"]


def test_a_draft_reads_as_a_draft_until_its_line_is_gone() -> None:
    text = draft("Shop", (Promise(signature="price(item)", sentence="Return it."),), DRAFT_MARK)
    read = parse_spec(text, "specs/shop.md")
    assert (read.title, read.draft_line, [each.text for each in read.requirements]) == ("Shop", 3, ["`price(item)`: Return it."])
    confirmed = "\n".join(line for line in text.splitlines() if DRAFT_MARK not in line)
    assert parse_spec(confirmed, "specs/shop.md").draft_line == 0


def test_a_draft_of_code_without_names_still_can_be_read_and_a_long_one_says_what_it_left_out() -> None:
    assert parse_spec(draft("X", (), DRAFT_MARK), "x.md").requirements
    many = tuple(Promise(signature=f"f{number}()", sentence="") for number in range(45))
    read = parse_spec(draft("X", many, DRAFT_MARK), "x.md")
    assert len(read.requirements) == 40
    assert "5 further public functions" in draft("X", many, DRAFT_MARK)
