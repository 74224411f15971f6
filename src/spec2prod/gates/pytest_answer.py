"""The answer of `workers/pytest_worker.py`, checked on its way in. It comes from the judged process: nothing is taken on trust."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

LAST_LINE = 1_000_000  # no module is longer; a forged span must not fill the memory


def lines(spans: str) -> frozenset[int]:
    """Return the line numbers of `3-5,9`.

    Raises:
        ValueError: where the text is no such list.
    """
    found: set[int] = set()
    for span in filter(None, spans.split(",")):
        first, _, last = span.partition("-")
        if not 1 <= int(first) <= int(last or first) <= LAST_LINE:
            msg = f"not a span of lines: {span}"
            raise ValueError(msg)
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _checked(spans: str) -> str:
    lines(spans)
    return spans


Spans = Annotated[str, AfterValidator(_checked)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Case(_Part):
    """One test, or one test file that could not be collected (its `id` has no `::`); `requirements` maps those it names to text hashes."""

    id: str
    path: str
    line: int = Field(ge=0)
    outcome: Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
    message: str
    ms: float
    requirements: dict[str, str] = {}


class Lines(_Part):
    """One module's executable and missing lines; `trouble` says why there are none."""

    statements: Spans
    missing: Spans
    excluded: int = Field(ge=0)
    trouble: str


class Benchmark(_Part):
    """What pytest-benchmark measured of one test, in milliseconds per call."""

    id: str
    min_ms: float = Field(ge=0, allow_inf_nan=False)
    median_ms: float = Field(ge=0, allow_inf_nan=False)
    rounds: int = Field(ge=1)


class Told(_Part):
    """What the process was heard to read; see `workers/spec2prod_reads.py`."""

    files: list[str]
    folders: list[str]
    importables: list[str]
    everything: bool
    never: str


class PytestAnswer(_Part):
    """The whole answer. `missing` names the libraries without which nothing could run; `pip` says whether it could install them."""

    format: Literal[1]
    nonce: str
    python: str
    missing: list[str]
    pip: bool = True
    status: int = 0
    trouble: str = ""
    deselected: int = 0
    pytest: str = ""
    coverage: str = ""
    cases: list[Case] = []
    modules: dict[str, Lines] = {}
    lines: dict[str, dict[str, Spans]] = {}
    benchmarks: list[Benchmark] = []
    reads: Told | None = None


def parse(text: str | None, nonce: str) -> PytestAnswer | None:
    """Return the answer; None where there is none, where it is not whole, or where it answers somebody else."""
    try:
        answer = PytestAnswer.model_validate_json(text or "")
    except ValidationError:
        return None
    return answer if answer.nonce == nonce else None
