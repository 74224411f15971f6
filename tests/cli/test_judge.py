"""`spec2prod judge` where nothing has to be measured: what is refused, what the screen decides alone, how a judgement is told."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from spec2prod.cli import main
from spec2prod.cli.judge import exit_code, tell
from spec2prod.cli.telling import Teller
from spec2prod.domain.judged import Judged, JudgedTest
from spec2prod.domain.judging import JudgedVerdict

GATED = [each for each in JudgedVerdict if each not in {JudgedVerdict.ACCEPTED, JudgedVerdict.REDUNDANT, JudgedVerdict.ERRORED}]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text('[project]\nname = "unit"\nversion = "1"\n')
    (root / "unit.py").write_text("def low(x):\n    return x < 3\n")
    monkeypatch.chdir(root)
    return root


def row(verdict: JudgedVerdict, name: str = "test_a", line: int = 3) -> JudgedTest:
    return JudgedTest(
        file="tests/test_x.py", name=name, line=line, verdict=verdict.value, filter="mutation", filter_number=5, sentence="says why"
    )


def whole(*verdicts: JudgedVerdict, **more: str) -> Judged:
    return Judged(component="unit", specification="", tests=tuple(map(row, verdicts)), suite=2, mutants=4, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("absent.py", None, "absent.py: there is no such file"),
        ("notes.txt", "x", "notes.txt: this is no test file"),
        ("conftest.py", "", "conftest.py: this is no test file"),
        ("unit.py", None, "unit.py: this is part of unit itself"),
        ("test_latin.py", b"# \xe9\n", "test_latin.py: it cannot be read"),
    ],
)
def test_what_is_no_test_file_is_refused_with_its_name(
    project: Path, capsys: pytest.CaptureFixture[str], name: str, text: str | bytes | None, told: str
) -> None:
    if text is not None:
        (project / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["judge", "--component", "unit", name]) == 2
    assert told in capsys.readouterr().err


def test_what_the_screen_rejects_needs_no_judge(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = project.parent / "test_new.py"
    outside.write_text("import unit\n\n\ndef test_runs():\n    unit.low(1)\n\n\ndef test_true():\n    assert True\n")
    before = sorted(path.name for path in project.iterdir())
    assert main(["judge", "--component", "unit", "--json", str(outside)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["exit_code"], told["verdicts"], told["from_cache"]) == (1, 1, {"rejected": 2}, False)
    first, second = told["tests"]
    assert first == {
        "file": str(outside),
        "name": "test_runs",
        "line": 4,
        "verdict": "rejected",
        "filter": "screen",
        "filter_number": 1,
        "sentence": "it asserts nothing",
        "evidence": [],
        "kills": [],
        "stops": [],
        "gained": [],
        "requirements": [],
        "message": "",
        "adds": {},
    }
    assert second["sentence"] == "its assertions hold whatever the code does"
    assert sorted(path.name for path in project.iterdir() if path.name != ".spec2prod") == before
    assert list((project / ".spec2prod" / "runs").iterdir()) == []


def test_a_judgement_that_is_not_kept_is_made_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "test_unit.py").write_text("def test_true():\n    assert True\n")
    words = ["judge", "--component", "unit", "--json", "test_unit.py"]
    told = []
    for more in ([], [], ["--no-cache"]):
        assert main([*words, *more]) == 1
        told.append(json.loads(capsys.readouterr().out)["from_cache"])
    assert told == [False, True, False]
    (project / "data.txt").write_text("a test may read it")
    assert main(words) == 1
    assert json.loads(capsys.readouterr().out)["from_cache"] is False


def test_all_accepted_or_redundant_ends_with_0_and_what_could_not_be_judged_with_4() -> None:
    assert exit_code(whole(JudgedVerdict.ACCEPTED, JudgedVerdict.REDUNDANT)) == 0
    assert exit_code(whole(JudgedVerdict.ACCEPTED, JudgedVerdict.ERRORED)) == 4
    assert exit_code(whole(JudgedVerdict.ACCEPTED, void="a canary was accepted")) == 4


@pytest.mark.parametrize("verdict", GATED)
def test_any_other_verdict_ends_with_1(verdict: JudgedVerdict) -> None:
    assert exit_code(whole(JudgedVerdict.ACCEPTED, verdict)) == 1


def test_what_somebody_must_look_at_is_told_first_and_who_decided_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Teller(), whole(*JudgedVerdict))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line[:1] in set("!✗?✓=")] == [
        "✗ suspected defect line 3, test_a (filter 5, mutation): says why",
        "? errored line 3, test_a (filter 5, mutation): says why",
        "✗ rejected line 3, test_a (filter 5, mutation): says why",
        "! review line 3, test_a (filter 5, mutation): says why",
        "✓ accepted line 3, test_a: says why",
        "= redundant line 3, test_a: says why",
    ]


def test_a_void_judgement_and_a_missing_sandbox_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Teller(), whole(JudgedVerdict.ERRORED, void="the canary x was accepted", unsandboxed="bubblewrap is not installed"))
    out = capsys.readouterr().out
    assert "the judgement is void: the canary x was accepted" in out
    assert "without a sandbox: bubblewrap is not installed" in out


def test_the_cache_gives_back_what_was_judged() -> None:
    judged = whole(*JudgedVerdict)
    assert Judged.of(json.loads(json.dumps(asdict(judged)))) == judged


def test_the_hook_and_the_step_of_the_how_to_use_flags_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).resolve().parents[2] / "docs/how-to/judge-tests.md"
    blocks = [token.content for token in MarkdownIt().parse(page.read_text()) if token.type == "fence" and token.info == "text"]
    used = [line.partition("spec2prod judge ")[2].partition("<")[0].split() for block in blocks for line in block.splitlines()]
    commands = [words for words in used if words and words != ["--help"]]
    assert len(commands) == 2
    with pytest.raises(SystemExit):
        main(["judge", "--help"])
    known = capsys.readouterr().out
    assert all(word in known for words in commands for word in words if word.startswith("-"))
