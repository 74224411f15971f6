"""The judge's worker knows nothing of spec2prod, runs on Python 3.9, and chooses among the project's options."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from spec2prod.workers.judge.addopts import kept, words
from spec2prod.workers.judge.frames import LONGEST_FRAME, Receiver
from spec2prod.workers.judge.mutating import Module
from spec2prod.workers.judge.statements import executable, first_lines
from tests.workers.judge.conftest import WORKER

FILES = sorted(WORKER.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_is_python_3_9_and_knows_nothing_of_spec2prod(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 9))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not {each for each in imported if each and each.startswith("spec2prod")}
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


def test_what_the_judging_process_imports_is_not_pytest() -> None:
    judging = {
        "__main__",
        "serving",
        "loop",
        "measuring",
        "work",
        "wire",
        "frames",
        "family",
        "mutating",
        "mutation",
        "operators",
        "statements",
        "lane",
        "base",
    }
    for name in judging:
        tree = ast.parse((WORKER / f"{name}.py").read_text())
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert "pytest" not in ast.unparse(ast.Module(body=list(top), type_ignores=[]))


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("-n 4 --dist load -q", []),
        ("-n4 -vv -ra -x", []),
        ("--cov=unit --cov-report term-missing --cov-fail-under=90 --cov-something=1", []),
        ("--strict-markers --import-mode=importlib", ["--strict-markers", "--import-mode=importlib"]),
        ("-p no:cacheprovider -p xdist -p my.plugin", ["-p", "no:cacheprovider", "-p", "my.plugin"]),
        ("-k 'not slow' -m 'not slow' --doctest-modules", ["--doctest-modules"]),
        ("--asyncio-mode auto --maxfail=1 tests", ["--asyncio-mode", "auto"]),
        ("--randomly-seed 3 -W error --basetemp=/x", []),
    ],
)
def test_of_the_projects_options_stay_those_that_say_what_its_tests_are(stated: str, expected: list[str]) -> None:
    assert kept(words(stated)) == expected


def test_a_frame_counts_only_behind_the_nonce_of_its_own_test() -> None:
    receiver = Receiver(["aa", "bb"])
    sent = b'aa {"kind": "result", "test": 0}\nbb {"kind": "result", "test": 0}\nzz {"kind": "result", "test": 0}\n'
    sent += b'aa nothing\n\xff\xfe\naa {"kind"'
    assert receiver.take(sent) == [{"kind": "result", "test": 0}]
    assert receiver.forged == 4
    receiver.end()
    assert receiver.forged == 5


def test_an_endless_frame_is_a_flood() -> None:
    receiver = Receiver(["aa"])
    assert receiver.take(b"x" * (LONGEST_FRAME + 1)) == []
    assert receiver.flooded


LEFT_OUT = '''\
"""A docstring with 1 number."""
from typing import TYPE_CHECKING, TypeVar
import logging
T = TypeVar("T")
__all__ = ["f"]
log = logging.getLogger("x")
if TYPE_CHECKING:
    LIMIT = 1
if __name__ == "__main__":
    LIMIT = 2
def f(x: int = None) -> "str":
    """A docstring."""
    log.info("text %s", 1)
    print("text", 2)
    assert x > 3
    y = x + 1  # pragma: no mutate
    raise NotImplementedError("text")
'''


def test_what_means_the_same_or_never_runs_has_no_mutant() -> None:
    assert [(each.line, each.words) for each in Module("f.py", "/f.py", LEFT_OUT).mutants] == []


def test_mutants_have_an_address_and_words_and_the_same_ones_come_each_time() -> None:
    source = "LIMIT = 3\ndef low(x, y=1):\n    return x <= LIMIT and not y\n"
    mutants = Module("unit.py", "/unit.py", source).mutants
    assert [(each.line, each.column, each.words, each.owner) for each in mutants] == [
        (1, 9, "`3` becomes `4`", ()),
        (1, 9, "`3` becomes `2`", ()),
        (2, 14, "`1` becomes `2`", ()),
        (2, 14, "`1` becomes `0`", ()),
        (3, 5, "`return x <= LIMIT and (not y)` becomes `return None`", ("low",)),
        (3, 12, "`and` becomes `or`", ("low",)),
        (3, 12, "`<=` becomes `<`", ("low",)),
        (3, 12, "`<=` becomes `>`", ("low",)),
        (3, 27, "`not y` becomes `y`", ("low",)),
    ]
    assert [each.id for each in Module("unit.py", "/unit.py", source).mutants] == [each.id for each in mutants]
    assert len({each.id for each in mutants}) == len(mutants)


def test_statements_are_counted_where_they_begin() -> None:
    tree = ast.parse(
        '"""D."""\nx = (1 +\n     2)\n@a\n@b(\n  1)\n'
        'def f(\n    y,\n):\n    """D."""\n    if (y\n        and x):\n        return [y,\n                x]\n'
    )
    assert executable(tree) == [2, 4, 5, 7, 11, 13]
    lines = first_lines(tree)
    assert [lines.get(number, number) for number in (3, 6, 8, 12, 14)] == [2, 5, 7, 11, 13]
