from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spec2prod.bootstrap.judging_place import with_examples, workplace_in
from spec2prod.domain.component import Component
from tests.fakes import FakeTree


@pytest.mark.parametrize(("folder", "beside"), [(".", ""), ("tests", "tests/")])
def test_what_is_planted_bears_the_path_by_which_pytest_names_it(folder: str, beside: str) -> None:
    tree = FakeTree({"unit.py": "def one():\n    return 1\n", f"{beside}test_unit.py": "", f"{beside}test_new.py": ""})
    component = Component(
        name="unit",
        root=Path("/project"),
        source="unit.py",
        import_root=".",
        modules=("unit.py",),
        tests=(f"{beside}test_unit.py",),
        tests_folder=folder,
        interpreter=Path(sys.executable),
    )
    work = with_examples(workplace_in(tree, component, [f"{beside}test_new.py"], 600.0), "def test_example():\n    assert True\n")
    assert (work.canaries, work.examples) == (f"{beside}test_spec2prod_canaries.py", f"{beside}test_spec2prod_examples.py")
    assert {work.canaries, work.examples} <= set(tree.list_files())
