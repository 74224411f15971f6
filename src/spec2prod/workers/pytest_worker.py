"""Runs a component's tests once, in the component's own interpreter, and answers with one JSON file.

    python pytest_worker.py --answer FILE --root DIR --import-root DIR [--order as-is|reversed|random:SEED]
        [--nonce TEXT] [--module FILE]… -- [TESTFILE]…

It must run on Python 3.9, needs pytest and coverage beside it and nothing of spec2prod. What the project configures
for pytest is the component's own and is kept, except for what would bend the measurement: coverage settings, an
early stop, a cache in the source tree. Output is not captured: a test that prints 100 MB must not be kept in memory.
Without test files no test runs, and the answer still tells each module's executable lines.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import coverage

FORMAT = 1
NEEDED = ("pytest", "coverage")
# The names of coverage's patches that make child processes count; which of them exist depends on its version.
CHILDREN = ("subprocess", "fork", "_exit")


def main(arguments: list[str]) -> int:
    """Run the tests and write the answer; the exit code says only that an answer was written."""
    options = parse(arguments)
    set_path(options)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    answer: dict[str, Any] = {"missing": missing, "pip": importlib.util.find_spec("pip") is not None} if missing else measure(options)
    answer.update(format=FORMAT, nonce=options.nonce, python=platform.python_version())
    write(Path(options.answer), answer)
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--answer", required=True)
    parser.add_argument("--root", required=True)
    parser.add_argument("--import-root", default=".")
    parser.add_argument("--order", default="as-is")
    parser.add_argument("--nonce", default="")
    parser.add_argument("--module", action="append", default=[])
    parser.add_argument("--early", action="store_true", help="measure the import of pytest too: it imports the component itself")
    parser.add_argument("tests", nargs="*")
    return parser.parse_args(arguments)


def set_path(options: argparse.Namespace) -> None:
    """Put the import root and the project first on the path, our own plugins' folder last."""
    here = str(Path(__file__).resolve().parent)
    others = [entry for entry in sys.path if str(Path(entry).resolve()) != here]
    sys.path[:] = [str(Path(options.root, options.import_root).resolve()), str(Path(options.root).resolve()), *others, here]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run pytest under coverage; return everything that the answer says about it."""
    scratch = Path(options.answer).resolve().parent
    os.environ["COVERAGE_CORE"] = "ctrace"  # its sysmon, the default of newer Pythons, knows only the first test of a line
    os.environ["SPEC2PROD_TEST_ORDER"] = options.order
    import coverage  # noqa: PLC0415 - only now is it known to be there, and its core chosen

    runner = os.getpid()
    reads = importlib.import_module("spec2prod_reads").Reads(options.root, str(scratch))
    reads.begin()
    begun = begin(options, scratch) if options.early else None
    import pytest  # noqa: PLC0415 - only now is it listened to

    if begun is None and are_imported(options):
        os.execv(sys.executable, [sys.executable, __file__, "--early", *sys.argv[1:]])  # noqa: S606 - this process again
    measuring, contexts = begun or begin(options, scratch)
    recorder = importlib.import_module("spec2prod_recorder").Recorder()
    status = pytest.main(arguments_of(options, scratch), plugins=[recorder]) if options.tests else 0
    if os.getpid() != runner:
        os._exit(1)  # a child that a test forked and that came all the way here: it has nothing to say
    end(measuring, contexts, scratch)
    answer: dict[str, Any] = recorder.answer()
    answer.update(reads=reads.answer())
    answer.update(lines_of(measuring, contexts, options))
    answer.update(missing=[], status=int(status), pytest=pytest.__version__, coverage=coverage.__version__)
    return answer


def are_imported(options: argparse.Namespace) -> bool:
    """Whether a module of the component has been imported already, unmeasured: pytest itself needs it (iniconfig, pluggy)."""
    ours = {os.path.realpath(Path(options.root, module)) for module in options.module}
    names = {os.path.basename(path) for path in ours}  # noqa: PTH119 - 500 modules, and a Path for each costs more than its name
    files = [file for module in list(sys.modules.values()) if isinstance(file := getattr(module, "__file__", None), str)]
    near = (file for file in files if os.path.basename(file) in names or os.path.islink(file))  # noqa: PTH114, PTH119 - as above
    return any(os.path.realpath(file) in ours for file in near)


def begin(options: argparse.Namespace, scratch: Path) -> tuple[coverage.Coverage, Any]:
    """Measure the component's folders, under our own settings alone, child processes too; return it, and what knows each test's lines."""
    import coverage  # noqa: PLC0415 - see measure

    folder = scratch / "coverage"
    folder.mkdir()
    has_patches = importlib.util.find_spec("coverage.patch") is not None  # since 7.10
    patches = importlib.import_module("coverage.patch") if has_patches else None
    children = ",".join(name for name in CHILDREN if hasattr(patches, "_patch_" + name))
    settings = folder / "settings"
    settings.write_text("[run]\nparallel = true\nbranch = false\n" + (f"patch = {children}\n" if children else ""), encoding="utf-8")
    sources = sorted({str(Path(options.root, module).resolve().parent) for module in options.module})
    measuring = coverage.Coverage(config_file=str(settings), data_file=str(folder / "data"), source=sources)
    measuring.start()
    monitored = importlib.import_module("spec2prod_monitored")
    if not monitored.is_possible():
        return measuring, importlib.import_module("spec2prod_contexts").Contexts(measuring.get_data())
    measuring.stop()  # here; what it arranged for child processes stays
    return measuring, monitored.Monitored([os.path.join(options.root, module) for module in options.module])  # noqa: PTH118 - see are_imported


def end(measuring: coverage.Coverage, contexts: Any, scratch: Path) -> None:  # noqa: ANN401 - as `begin` returns it: it is beside this file, not installed
    """Stop measuring, and add what child processes measured."""
    from coverage.exceptions import NoDataError  # noqa: PLC0415 - see measure

    measuring.stop()
    contexts.settle(measuring.get_data())  # its collector hands on the last lines
    measuring.save()
    try:
        measuring.combine([str(scratch / "coverage")])
    except NoDataError:  # nothing of the component was executed anywhere
        measuring.erase()


def arguments_of(options: argparse.Namespace, scratch: Path) -> list[str]:
    """Return pytest's arguments; they come after the project's own, and so win."""
    ours = ["-p", "spec2prod_pytest", "--rootdir", options.root, "-o", "cache_dir=" + str(scratch / "cache")]
    ours += ["--continue-on-collection-errors", "--maxfail=0", "--capture=no", "--tb=short", "--color=no"]
    if importlib.util.find_spec("pytest_cov") is not None:
        ours.append("--no-cov")
    return [*ours, "--", *options.tests]


def lines_of(measuring: coverage.Coverage, contexts: Any, options: argparse.Namespace) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return each module's executable and missing lines, and each test's lines of each module."""
    from coverage.exceptions import CoverageException  # noqa: PLC0415 - see measure

    modules: dict[str, Any] = {}
    by_test: dict[str, dict[str, str]] = {}
    for module in options.module:
        try:
            file, statements, excluded, missing, _ = measuring.analysis2(str(Path(options.root, module).resolve()))
        except CoverageException as error:  # not there, or not Python
            modules[module] = {"statements": "", "missing": "", "excluded": 0, "trouble": str(error)}
            continue
        modules[module] = {"statements": spans(statements), "missing": spans(missing), "excluded": len(excluded), "trouble": ""}
        for test, lines in lines_by_test(measuring.get_data(), contexts, file, set(statements)).items():
            by_test.setdefault(test, {})[module] = spans(lines)
    return {"modules": modules, "lines": by_test}


def lines_by_test(data: coverage.CoverageData, contexts: Any, file: str, statements: set[int]) -> dict[str, set[int]]:  # noqa: ANN401 - as above
    """Return the statements of one file that each test executed, here or in other processes; what ran outside any test has no name."""
    found = {test: lines & statements for test, lines in contexts.by_test(file).items() if lines & statements}
    for line, tests in data.contexts_by_lineno(file).items():
        for context in tests:
            if context and line in statements:
                found.setdefault(context, set()).add(line)
    return found


def spans(lines: Iterable[int]) -> str:
    """Return line numbers as text: `3-5,9`."""
    runs: list[list[int]] = []
    for line in sorted(lines):
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def write(path: Path, answer: dict[str, Any]) -> None:
    """Write the answer whole, or not at all."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(answer), encoding="utf-8")
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
