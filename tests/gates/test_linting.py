from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.domain.verdict import Measurement, Unanswered
from spec2prod.gates.linting import LintingGate

if TYPE_CHECKING:
    from tests.gates.conftest import Ask, Make

GATE = LintingGate(program=(str(Path(sys.executable).with_name("ruff")),))
UNUSED = "import os\n\nX = 1\n"
FILES = {"src/pkg/one.py": UNUSED, "tests/test_one.py": "import sys\n", "elsewhere.py": UNUSED}


def test_issues_are_counted_with_their_addresses_in_modules_and_tests(make: Make, ask: Ask) -> None:
    (answer,), _ = ask(GATE, make(FILES))
    assert isinstance(answer, Measurement)
    assert (answer.values, answer.checked, answer.summary) == ({"issues": 2.0}, 2, "2 issues in 2 files")
    assert [(each.address, each.code) for each in answer.findings] == [("src/pkg/one.py:1", "F401"), ("tests/test_one.py:1", "F401")]


def test_a_measurement_changes_nothing_even_where_the_project_says_fix(make: Make, ask: Ask) -> None:
    component = make({**FILES, "pyproject.toml": "[tool.ruff]\nfix = true\nunsafe-fixes = true\n"})
    (answer,), _ = ask(GATE, component)
    assert isinstance(answer, Measurement)
    assert answer.values == {"issues": 2.0}
    assert (component.root / "src/pkg/one.py").read_text() == UNUSED
    assert not (component.root / ".ruff_cache").exists()


def test_the_fix_mends_what_is_safe_and_the_next_answer_says_so(make: Make, ask: Ask) -> None:
    component = make({**FILES, "src/pkg/two.py": "def f():\n    return undefined_name\n"})

    class Fixing(LintingGate):
        command = LintingGate.fix

    (left,), _ = ask(Fixing(program=GATE.program), component, ["src/pkg/one.py", "src/pkg/two.py"])
    assert isinstance(left, Measurement)
    assert [each.address for each in left.findings] == ["src/pkg/two.py:2"]
    assert "import os" not in (component.root / "src/pkg/one.py").read_text()
    assert (component.root / "tests/test_one.py").read_text() == "import sys\n"
    (answer,), _ = ask(GATE, component, ["src/pkg/one.py"])
    assert isinstance(answer, Measurement)
    assert (answer.values, answer.checked) == ({"issues": 0.0}, 1)


def test_a_syntax_error_is_an_issue(make: Make, ask: Ask) -> None:
    (answer,), _ = ask(GATE, make({"src/pkg/one.py": "def (:\n"}))
    assert isinstance(answer, Measurement)
    assert answer.findings[0].path == "src/pkg/one.py"


def test_a_configuration_that_excludes_everything_is_no_answer(make: Make, ask: Ask) -> None:
    (answer,), completed = ask(GATE, make({**FILES, "pyproject.toml": '[tool.ruff]\nexclude = ["src", "tests"]\n'}))
    assert completed.exit_code == 0
    assert isinstance(answer, Unanswered)
    assert "excludes them all" in answer.reason
    assert "[tool.ruff]" in answer.next_step


def test_trouble_is_never_an_answer(make: Make, ask: Ask) -> None:
    (answer,), _ = ask(GATE, make({**FILES, "pyproject.toml": "[tool.ruff]\nno-such-thing = 1\n"}))
    assert isinstance(answer, Unanswered)
    assert "exit 2" in answer.reason
    gone = make({"src/pkg/one.py": ""})
    (gone.root / "src/pkg/one.py").unlink()
    (answer,), _ = ask(GATE, gone)
    assert isinstance(answer, Unanswered)
    assert "No such file" in answer.reason
    (answer,), _ = ask(dataclasses.replace(GATE, program=("no-such-ruff",)), gone)
    assert isinstance(answer, Unanswered)
    assert answer.reason == "ruff is not installed (no-such-ruff not found)"
    assert "install ruff" in answer.next_step
