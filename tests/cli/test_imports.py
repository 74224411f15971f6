"""What a command imports: only what it needs, counted in modules, so that a run's own time stays what it is. Never timed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection

import pytest

from spec2prod.cli import parser
from spec2prod.cli.output import console

# What a run to staging without generation imports by the time that it reports; `make_ready` is what it has imported while its tools run.
_A_RUN = """
import contextlib, sys
from spec2prod.cli import main
with contextlib.suppress(SystemExit):
    main(["run", "--help"])
import spec2prod.bootstrap.ahead, spec2prod.bootstrap.releases, spec2prod.bootstrap.whole_run
from spec2prod.bootstrap.reporting import make_ready
make_ready()
print("\\n".join(sys.modules), file=sys.stderr)
"""
_ONE_COMMAND = """
import contextlib, sys
from spec2prod.cli import main
with contextlib.suppress(SystemExit):
    main([{word!r}, "--help"])
print("\\n".join(sys.modules), file=sys.stderr)
"""
# who judges and generates, what holds agents back, the report's schema: a run that asks nobody for tests has no use for them
_OF_OTHERS = (
    "spec2prod.application.judging",
    "spec2prod.domain.judging",
    "spec2prod.domain.judging_values",
    "spec2prod.domain.mutation",
    "spec2prod.domain.example_tests",
    "spec2prod.domain.circuit",
    "spec2prod.domain.quota",
    "spec2prod.adapters.examination",
    "spec2prod.adapters.spec_examples",
    "spec2prod.adapters.store.breakers",
    "spec2prod.adapters.store.quotas",
    "spec2prod.bootstrap.characterising",
    "spec2prod.bootstrap.defects",
    "spec2prod.reports.schema",
)
_MOST_MODULES = 192


def imported(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.split())


def own(modules: Collection[str]) -> set[str]:
    return {name for name in modules if name.startswith("spec2prod")}


def test_a_run_without_generation_imports_nothing_that_judges_or_generates() -> None:
    modules = imported(_A_RUN)
    assert "spec2prod.bootstrap.running" in modules
    assert sorted(modules & set(_OF_OTHERS)) == []
    assert len(own(modules)) <= _MOST_MODULES


def test_a_report_is_made_without_the_library_that_makes_its_schema() -> None:
    modules = imported('import sys, spec2prod.reports.json_report; print("\\n".join(sys.modules), file=sys.stderr)')
    assert "spec2prod.reports.document" in modules
    assert "pydantic" not in modules


def test_what_looks_like_an_emoji_is_told_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    console(stderr=False).print("a test named [bold]:bug:[/bold] failed")
    assert capsys.readouterr().out == "a test named :bug: failed\n"


@pytest.mark.parametrize(
    ("word", "file"), [("run", "run"), ("cancel", "runs"), pytest.param("attest", "releases", marks=pytest.mark.slow)], ids=str
)
def test_a_command_imports_no_other_command(word: str, file: str) -> None:
    others = {"cache", "config", "defects", "doctor", "init", "judge", "plan", "pynguin", "queue", "releases", "run", "runs", "worker"} - {
        file
    }
    found = own(imported(_ONE_COMMAND.format(word=word)))
    assert f"spec2prod.cli.{file}" in found
    assert sorted(found & {f"spec2prod.cli.{each}" for each in others}) == []


def test_every_command_is_found_by_its_name_alone() -> None:
    for word in _commands(""):
        assert word in _commands(word)
        assert len(_commands(word)) < len(_commands(""))


def test_a_word_that_is_no_command_is_shown_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser("no-such").parse_args(["no-such"])
    told = capsys.readouterr().err
    assert all(word in told for word in ("init", "rollback", "pynguin"))


def _commands(word: str) -> list[str]:
    actions = (action.choices for action in parser(word)._actions if action.choices is not None)
    return list(next(actions))
