from __future__ import annotations

import cProfile
import dataclasses
import io
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.verdict import Measurement, Severity, Unanswered
from spec2prod.gates.security import SecurityGate
from spec2prod.workers import static_secrets
from spec2prod.workers.static_kept import Kept
from spec2prod.workers.static_secrets import LARGEST_OTHER_BYTES, pieces

if TYPE_CHECKING:
    from tests.gates.conftest import Ask, Make

GATE = SecurityGate(interpreter=Path(sys.executable))
# put together here, so that no scanner takes this file for one that leaks
CLOUD_KEY = "AKI" + "A" + "QX7Z2M4N6P8R1S3T"
WORD = "tr0ub4dor" + "-and-3-more"
PEM = "-----BEGIN " + "RSA PRIVATE " + "KEY-----"


def test_planted_secrets_are_critical_wherever_they_lie_and_are_never_repeated(make: Make, ask: Ask) -> None:
    component = make(
        {
            "src/pkg/__init__.py": "",
            "src/pkg/settings.py": f"CLOUD = '{CLOUD_KEY}'\npass" + f"word = '{WORD}'\n",
            "src/pkg/deploy.env": f"CLOUD_KEY={CLOUD_KEY}\n",
            "src/pkg/known.py": "pass" + f"word = '{WORD}'  # pragma: allowlist secret\n",
            "tests/test_one.py": f"KEY = '''{PEM}'''\n",
        }
    )
    (component.root / "src/pkg/old.py").write_bytes(f"# -*- coding: latin-1 -*-\n# \xe9\nK = '{CLOUD_KEY}'\n".encode("latin-1"))
    (component.root / ".secrets.baseline").write_text("{}")
    component = dataclasses.replace(component, modules=(*component.modules, "src/pkg/old.py"))
    (answer,), completed = ask(GATE, component)
    assert isinstance(answer, Measurement), completed
    critical = {each.address for each in answer.findings if each.severity is Severity.CRITICAL}
    assert critical == {"src/pkg/settings.py:1", "src/pkg/settings.py:2", "src/pkg/deploy.env:1", "src/pkg/old.py:3", "tests/test_one.py:1"}
    assert answer.values == {"critical": 5.0, "high": 0.0, "medium": 0.0, "low": 2.0}
    assert answer.checked == 6
    assert "1 set aside by comments in the code" in answer.summary
    told = repr(answer) + completed.stdout + completed.stderr + str(completed.answer)
    assert CLOUD_KEY not in told
    assert WORD not in told
    assert (component.root / ".secrets.baseline").read_text() == "{}"


def test_risky_code_has_bandits_severities_in_modules_alone(make: Make, ask: Ask) -> None:
    risky = "import subprocess\n\n\ndef f(x):\n    subprocess.call(x, shell=True)\n    eval(x)\n    eval(x)  # nosec\n"
    (answer,), _ = ask(GATE, make({"src/pkg/one.py": risky, "tests/test_one.py": risky + "assert f\n"}))
    assert isinstance(answer, Measurement)
    assert answer.values == {"critical": 0.0, "high": 1.0, "medium": 1.0, "low": 1.0}
    assert [(each.address, each.code) for each in answer.findings] == [
        ("src/pkg/one.py:1", "B404"),
        ("src/pkg/one.py:5", "B602"),
        ("src/pkg/one.py:6", "B307"),
    ]
    assert answer.summary == "0 critical, 1 high, 1 medium, 1 low in 2 files (1 set aside by comments in the code)"


def test_a_half_that_could_not_be_asked_is_named_with_what_the_other_found(make: Make, ask: Ask) -> None:
    (answer,), _ = ask(GATE, make({"src/pkg/one.py": "def (:\n", "tests/test_one.py": f"K = '{CLOUD_KEY}'\n"}))
    assert isinstance(answer, Unanswered)
    assert answer.reason == (
        "static analysis could not be done: src/pkg/one.py: syntax error while parsing AST from file; "
        "1 secret found, the first in tests/test_one.py:1"
    )


def test_a_missing_library_is_no_answer(make: Make, ask: Ask, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {Path(sys.base_prefix) / "bin" / "python3"} -S "$@"\n')
    bare.chmod(0o755)
    (answer,), _ = ask(SecurityGate(interpreter=bare), make({"src/pkg/one.py": ""}))
    assert isinstance(answer, Unanswered)
    assert "secrets could not be looked for: ModuleNotFoundError: No module named 'detect_secrets'" in answer.reason
    assert "static analysis could not be done: ModuleNotFoundError" in answer.reason


def test_no_file_is_no_answer(make: Make, ask: Ask) -> None:
    (answer,), _ = ask(GATE, make({"src/pkg/one.py": ""}), ["tests/test_other.py"])
    assert isinstance(answer, Unanswered)
    assert answer.reason == "no file was scanned"


def test_a_secret_behind_megabytes_of_data_is_found_at_its_line(make: Make, ask: Ask) -> None:
    lines = 60
    padding = (" " * 100_000 + "\n") * lines  # cheap to look through: no word stands in it
    component = make({"src/pkg/one.py": "", "src/pkg/data.csv": f"{padding}key,{CLOUD_KEY}\n"})
    (answer,), _ = ask(GATE, component)
    assert isinstance(answer, Measurement)
    assert [each.address for each in answer.findings] == [f"src/pkg/data.csv:{lines + 1}"]


def test_a_text_too_large_to_look_through_leaves_the_question_open_and_is_named(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/one.py": "", "src/pkg/huge.csv": "", "src/pkg/weights.bin": "", "src/pkg/a.env": f"K={CLOUD_KEY}\n"})
    (component.root / "src/pkg/huge.csv").write_bytes(b" " * (LARGEST_OTHER_BYTES + 1))
    (component.root / "src/pkg/weights.bin").write_bytes(b"\0" * (LARGEST_OTHER_BYTES + 1))  # no text
    (answer,), _ = ask(GATE, component)
    assert isinstance(answer, Unanswered)
    assert answer.reason == (
        "secrets could not be looked for: src/pkg/huge.csv: larger than 16 MiB, the most that is looked through; "
        "move such data out of the component's folder; 1 secret found, the first in src/pkg/a.env:1"
    )


@given(st.lists(st.text("ab ", max_size=40), min_size=1, max_size=12), st.integers(4, 60))
def test_whatever_is_shorter_than_the_overlap_stands_whole_in_a_piece_and_at_its_line(lines: list[str], size: int) -> None:
    overlap = size // 2
    told: dict[int, list[str]] = {}
    for before, piece in pieces(io.BytesIO("\n".join(lines).encode()), size, overlap):
        for number, part in enumerate(piece.decode().split("\n"), start=before):
            told.setdefault(number, []).append(part)
    for number, line in enumerate(lines):
        windows = {line[start : start + overlap] for start in range(len(line))}
        assert all(any(window in part for part in told[number]) for window in windows)
    assert not any(part for number, parts in told.items() if number >= len(lines) for part in parts)


def test_lines_are_asked_about_comments_only_where_a_file_has_one(tmp_path: Path) -> None:
    texts = {"plain.py": ("pass" + f"word = '{WORD}'\n") * 3, "marked.py": "pass" + f"word = '{WORD}'  # pragma: allowlist secret\nX = 1\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    options = Namespace(
        answer=str(tmp_path / "out" / "answer.json"), root=str(tmp_path), folder="", module=[*texts], test=[], kept=Kept("")
    )
    profile = cProfile.Profile()
    told = profile.runcall(static_secrets.answer, options)
    asked = [each.callcount for each in profile.getstats() if getattr(each.code, "co_name", "") == "is_line_allowlisted"]
    assert asked == [2], "once for each line of the marked file"
    assert (told["set_aside"], [each["path"] for each in told["found"]]) == (1, ["plain.py"] * 3)
