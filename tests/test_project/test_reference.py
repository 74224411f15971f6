"""The pages made from the code say what the code says."""

from __future__ import annotations

import pytest

from spec2prod.errors import ExitCode
from tools import reference


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_generated_page_is_up_to_date(page: str) -> None:
    assert (reference.FOLDER / page).read_text() == reference.PAGES[page](), "run `make docs`"


def test_every_exit_code_has_its_meaning() -> None:
    assert set(reference.MEANINGS) == set(ExitCode)
