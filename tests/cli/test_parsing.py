"""A mistake on the command line is told in two lines: what is wrong with what was probably meant, and where to read on."""

from __future__ import annotations

import pytest

from spec2prod.cli import main, parser


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("rnu", ("'rnu' is no command; did you mean run?", "spec2prod --help")),
        ("cache xyzzy", ("'xyzzy' is no command; there are stats, prune, clear", "spec2prod cache --help")),
        ("config shwo", ("'shwo' is no command; did you mean show?", "spec2prod config --help")),
        ("--verison", ("unknown: --verison; did you mean --version?", "spec2prod --help")),
        (
            "run --spec a --component b --target prod",
            ("--target: 'prod' is none of development, dev, staging, production; did you mean production?", "spec2prod run --help"),
        ),
        ("run --spec a --component b --tagret=staging", ("unknown: --tagret=staging; did you mean --target?", "spec2prod run --help")),
        ("cache clear foo", ("unknown: foo", "spec2prod cache clear --help")),
        ("plan --spec a", ("the following arguments are required: --component", "spec2prod plan --help")),
        ("run --spec", ("--spec: expected one argument", "spec2prod run --help")),
    ],
)
def test_a_mistake_is_told_with_what_was_meant_and_where_to_read_on(
    words: str, told: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err == f"spec2prod: {told[0]}\nnext: {told[1]}\n"


def test_a_call_that_names_no_command_is_told_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "spec2prod: no command is named\nnext: spec2prod --help lists them; spec2prod init is the first in a project\n"
    )


def test_a_command_knows_its_flags_though_only_its_own_file_is_imported() -> None:
    assert parser("runs").parse_args(["runs", "--limit", "1"]).limit == 1
