"""Whatever stands in a specification's file: promises with addresses, or an error with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.adapters.markdown import parse_spec, read_spec
from spec2prod.errors import SpecificationError
from tests.fuzz.strategies import spoiled_text

GOOD = """\
---
owner: somebody
---
# Sums

Adds.

## Requirements

1. REQ-1: Adds two numbers
   - [ ] **REQ-2**: also negative ones
- Achieve 80% coverage

```python
- REQ-9: no promise
```

## Testing Requirements

* Achieve 80% coverage
> - quoted must
"""
PIECES = st.sampled_from(
    [
        "# ",
        "## Requirements\n",
        "- ",
        "  - ",
        "REQ-1: ",
        "must ",
        "```\n",
        "\n",
        "\r\n",
        "> ",
        "|",
        "<!--",
        "-->",
        "80% coverage",
        "999 % coverage",
        "\0",
        "\t",
        "---\n",
        "é",
    ]
)


def attempt[T](call: Callable[[], T]) -> T | SpecificationError:
    """Return what was read, or how it was refused."""
    try:
        return call()
    except SpecificationError as error:
        return error


@pytest.mark.no_cover  # measured, it takes twice as long, and what it runs the examples run, too
@given(text=st.one_of(st.text(max_size=200), spoiled_text(GOOD), st.lists(PIECES, max_size=40).map("".join)))
def test_any_text_is_read_or_refused_with_an_address(text: str) -> None:
    told = attempt(lambda: parse_spec(text, "spec.md"))
    if isinstance(told, SpecificationError):
        assert told.where.startswith("spec.md:")
        assert told.next_step
        return
    lines = text.count("\n") + text.count("\r") + 1
    promises = (*told.requirements, *told.testing_requirements)
    assert all(1 <= promise.line <= lines for promise in promises)
    assert all(1 <= line <= lines for line in told.unread)
    assert len({promise.id for promise in promises}) == len(promises)


@pytest.mark.no_cover  # measured, it takes twice as long, and what it runs the examples run, too
@given(content=st.one_of(st.binary(max_size=200), spoiled_text(GOOD).map(lambda text: text.encode(errors="surrogatepass"))))
def test_any_file_is_read_or_refused_with_its_name_and_the_next_step(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    root = tmp_path_factory.mktemp("spec")
    (root / "spec.md").write_bytes(content)
    told = attempt(lambda: read_spec(Path("spec.md"), root))
    if isinstance(told, SpecificationError):
        assert told.where.startswith("spec.md")
        assert told.next_step
    else:
        assert told.requirements


@pytest.mark.no_cover  # what is long takes twice as long under measurement, and runs no line that what is short does not
@pytest.mark.parametrize("sign", ["a ", "- ", "> ", "#", "`", "[", "*_", "\t", "|", "1. ", "<", "&", "\\", "must "])
def test_a_megabyte_of_one_sign_is_read(sign: str) -> None:
    text = "# Sums\n\n## Requirements\n\n- Adds two numbers\n\n" + sign * (1_000_000 // len(sign))
    assert parse_spec(text, "spec.md").requirements[0].text == "Adds two numbers"
