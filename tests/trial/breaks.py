"""Five ways to break each of the three packages: what a user does wrong, or meets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.trial.packages import COVERED, Trial

KEY = "AKIA" + "QX7T2PLM" + "9RZDV4WB"
PRIVATE = "-----BEGIN " + "RSA PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Break:
    """One way: the package, what is done to it, and what the run must come to: exit code, and the sentence that says why."""

    package: str
    name: str
    do: Callable[[Trial], None]
    code: int
    because: str


def _failing_test(trial: Trial) -> None:
    trial.append("test_inflection.py", '\n\ndef test_plural_of_box():\n    assert inflection.pluralize("box") == "boxs"\n')


def _syntax_error(trial: Trial) -> None:
    trial.append("inflection/__init__.py", "\n\ndef shout(word: str -> str:\n    return word.upper()\n")


def _secret(trial: Trial) -> None:
    trial.append("inflection/__init__.py", f'\nAWS_ACCESS_KEY = "{KEY}"\n')


def _tests_deleted(trial: Trial) -> None:
    (trial.root / "test_inflection.py").unlink()


def _undefined_name(trial: Trial) -> None:
    trial.append("inflection/__init__.py", "\n\ndef shout(word: str) -> str:\n    return upper(word)\n")


def _syntax_error_under_pytest(trial: Trial) -> None:
    trial.append("src/iniconfig/_parse.py", "\n\ndef broken(:\n    pass\n")


def _type_error(trial: Trial) -> None:
    trial.append("src/iniconfig/exceptions.py", '\n\ndef line_of(error: ParseError) -> int:\n    return "line " + str(error.lineno)\n')


def _conftest_exits(trial: Trial) -> None:
    trial.append("testing/conftest.py", "\nimport os\n\nos._exit(0)\n")


def _missing_import(trial: Trial) -> None:
    trial.append(
        "src/iniconfig/tables.py", '"""Reads ini files as tables."""\n\nimport pandas_of_nobody as pandas\n\nFRAME = pandas.DataFrame\n'
    )


def _only_in_the_tree(trial: Trial) -> None:
    text = '"""An example, read from the repository."""\n\nfrom pathlib import Path\n\n'
    trial.append("src/iniconfig/example.py", text + 'EXAMPLE = (Path(__file__).parents[2] / "example.ini").read_text(encoding="utf-8")\n')
    trial.append(
        "testing/test_iniconfig.py", "\n\ndef test_example() -> None:\n    from iniconfig import example\n\n    assert example.EXAMPLE\n"
    )


def _regression(trial: Trial) -> None:
    trial.replace(
        "src/semver/version.py", "return cls(self._major, self._minor + 1)", "return cls(self._major, self._minor + 1, self._patch)"
    )


def _private_key(trial: Trial) -> None:
    trial.append("tests/test_semver.py", f'\nKEY = """{PRIVATE}\nMIIEowIBAAKCAQEA\n"""\n')


def _nothing_collected(trial: Trial) -> None:
    trial.append("tests/conftest.py", "\n\ndef pytest_collection_modifyitems(items):\n    items.clear()\n")


def _more_coverage(trial: Trial) -> None:
    trial.replace(trial.specification, COVERED, "Achieve 100% coverage")


def _waiver_expired(trial: Trial) -> None:
    trial.replace("pyproject.toml", "expires = 9999-12-31", "expires = 2020-01-31")


BREAKS = (
    Break("inflection", "failing_test", _failing_test, 1, "test_pass_rate failed"),
    Break("inflection", "syntax_error", _syntax_error, 1, "inflection/__init__.py"),
    Break("inflection", "secret", _secret, 1, "security failed"),
    Break("inflection", "tests_deleted", _tests_deleted, 1, "no tests for component inflection were found"),
    Break("inflection", "undefined_name", _undefined_name, 1, "F821"),
    Break("iniconfig", "syntax_error", _syntax_error_under_pytest, 1, "src/iniconfig/_parse.py"),
    Break("iniconfig", "type_error", _type_error, 1, "type_checking failed"),
    Break("iniconfig", "conftest_exits", _conftest_exits, 4, "the test process ended before it answered"),
    Break("iniconfig", "missing_import", _missing_import, 1, "pandas_of_nobody"),
    Break("iniconfig", "only_in_the_tree", _only_in_the_tree, 5, "example.ini"),
    Break("semver", "regression", _regression, 1, "test_pass_rate failed"),
    Break("semver", "private_key", _private_key, 1, "security failed"),
    Break("semver", "nothing_collected", _nothing_collected, 4, "pytest collected no test"),
    Break("semver", "more_coverage", _more_coverage, 1, "test_coverage failed"),
    Break("semver", "waiver_expired", _waiver_expired, 1, "it expired on 2020-01-31"),
)
