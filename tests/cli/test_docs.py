"""`spec2prod docs`, and that nothing which the program says leads to a file that pip does not install."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import spec2prod
from spec2prod.cli import main
from spec2prod.cli.docs import pages

SOURCES = sorted(Path(spec2prod.__file__).parent.rglob("*.py"))


def test_the_pages_are_listed_with_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^  run-a-fleet +Run many components", told, re.MULTILINE)
    assert all(f"  {name} " in told for name in pages())


def test_a_page_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", "add-a-gate"]) == 0
    assert capsys.readouterr().out == pages()["add-a-gate"].read_text()


def test_a_page_that_is_not_there_is_told_with_a_near_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", "fleet"]) == 2
    assert capsys.readouterr().err == "spec2prod: no page is called 'fleet'; did you mean run-a-fleet?\nnext: spec2prod docs lists them\n"


def test_what_the_program_says_names_pages_that_are_there_and_no_file_of_the_repository() -> None:
    about = ((file.name, text) for file in SOURCES if "docs" in (text := file.read_text()))
    said = [(name, text) for name, source in about for text in _texts(ast.parse(source))]
    assert [(file, text) for file, text in said if re.search(r"\bdocs/[\w/-]+\.md", text)] == []
    named = {page for _, text in said for page in re.findall(r"spec2prod docs ([a-z-]+)", text)} - {"lists"}
    assert {"run-a-fleet", "add-a-gate"} <= named <= set(pages())


def _texts(tree: ast.Module) -> Iterator[str]:
    """Give every text of a program but its docstrings: those are for whoever reads the source."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value
