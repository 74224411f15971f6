"""Looks at an installed release, in the release's own interpreter, and answers with one JSON file.

    python -I -B release_worker.py --mode import --answer FILE --nonce TEXT -- MODULE…
    python -I -B release_worker.py --mode test   --answer FILE --nonce TEXT --root DIR --config FILE --tools DIR [--module M]… -- TESTFILE…
    python -I -B release_worker.py --mode tools  --answer FILE --nonce TEXT [--without NAME]… -- [TESTFILE]…

`import` imports every module, and tells where each came from. `test` runs the tests that are marked `smoke`, all of them where
none is. `tools` runs in the interpreter that measured the tests: it tells which files pytest, its plugins and what the tests
themselves import consist of, so that they can be shown to a release that does not have them. Runs on Python 3.9.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    import pytest


def main(arguments: list[str]) -> int:
    """Do what is asked, and write the answer; the exit code says only that an answer was written."""
    options = parse(arguments)
    worker = os.getpid()
    answer = {"import": imported, "test": tested, "tools": tools}[options.mode](options)
    if os.getpid() != worker:
        os._exit(1)  # a child that the component forked and that came all the way here: it has nothing to say
    answer["nonce"] = options.nonce
    path = Path(options.answer)
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(answer), encoding="utf-8")
    beside.replace(path)
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--mode", required=True, choices=("import", "test", "tools"))
    parser.add_argument("--answer", required=True)
    parser.add_argument("--nonce", default="")
    parser.add_argument("--root", default=".")
    parser.add_argument("--config", default="")
    parser.add_argument("--tools", default="")
    parser.add_argument("--module", action="append", default=[])
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("names", nargs="*")
    return parser.parse_args(arguments)


def imported(options: argparse.Namespace) -> dict[str, Any]:
    """Import each module; what it raises is the answer, whatever it is."""
    trouble = {}
    for name in options.names:
        try:
            importlib.import_module(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a module may raise anything, SystemExit too: that is what is asked
            trouble[name] = f"{type(error).__name__}: {str(error)[:500]}"
    return {"imported": len(options.names) - len(trouble), "trouble": trouble, "strangers": strangers(options.names)}


def strangers(names: Iterable[str]) -> dict[str, str]:
    """Return the loaded modules that did not come from this environment, with the place that they came from."""
    here = Path(sys.prefix).resolve()
    loaded = {name: getattr(sys.modules.get(name), "__file__", None) for name in names}
    return {name: file for name, file in loaded.items() if file and here not in Path(file).resolve().parents}


class SmokeTests:
    """A pytest plugin: where tests are marked `smoke`, the others stay away."""

    selected = "unit"

    def pytest_configure(self, config: pytest.Config) -> None:
        """Declare the mark: a project under --strict-markers need not."""
        config.addinivalue_line("markers", "smoke: run on the installed release before it is switched to")

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Choose, and tell what was left out."""
        others = [item for item in items if item.get_closest_marker("smoke") is None]
        if len(others) < len(items):
            self.selected = "smoke"
            items[:] = [item for item in items if item.get_closest_marker("smoke") is not None]
            config.hook.pytest_deselected(items=others)


def tested(options: argparse.Namespace) -> dict[str, Any]:
    """Run the tests against what is installed here: the project is not on the path, the tools come last."""
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [str(Path(options.root).resolve()), *(each for each in sys.path if each != here), options.tools, here]
    try:
        import pytest  # noqa: PLC0415 - only now is it on the path
    except ImportError as error:
        return {"cases": [], "status": -1, "trouble": f"pytest cannot be imported: {error}", "selected": "unit", "strangers": {}}
    recorder = importlib.import_module("spec2prod_recorder").Recorder()
    choice = SmokeTests()
    cache = str(Path(options.answer).resolve().parent / "cache")
    arguments = ["-c", options.config, "--rootdir", options.root, "-o", "cache_dir=" + cache, "--collect-in-virtualenv"]
    arguments += ["--continue-on-collection-errors", "--maxfail=0", "--capture=no", "--tb=short", "--color=no"]
    if importlib.util.find_spec("pytest_cov") is not None:
        arguments.append("--no-cov")
    markers = importlib.import_module("spec2prod_requirements")  # a test that names its requirement is run as it was measured
    status = pytest.main([*arguments, "--", *options.names], plugins=[recorder, choice, markers])
    answer: dict[str, Any] = recorder.answer()
    return dict(answer, status=int(status), selected=choice.selected, strangers=strangers(options.module))


def tools(options: argparse.Namespace) -> dict[str, Any]:
    """Return the top-level files of pytest, its plugins, what the tests import, and all that these need."""
    from importlib import metadata  # noqa: PLC0415 - slow, and for this mode alone

    without = set(options.without)
    found = {normal(each.metadata["Name"] or ""): each for each in metadata.distributions()}
    known = {name: each for name, each in found.items() if not provides(each, without)}
    plugins = (name for name, each in known.items() if any(point.group == "pytest11" for point in each.entry_points))
    used = names_imported(options.names)
    asked = {"pytest", *plugins, *(name for name, each in known.items() if provides(each, used))}
    chosen = [known[name] for name in closure(asked, known) if name in known]
    return {"files": sorted({str(path) for each in chosen for path in top_level(each)}), "python": sys.version}


def names_imported(files: Iterable[str]) -> set[str]:
    """Return the top-level names that test files import, anywhere in them."""
    found: set[str] = set()
    for file in files:
        try:
            tree = ast.parse(Path(file).read_bytes())
        except (OSError, SyntaxError, ValueError):  # the tests themselves will tell
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def provides(distribution: Distribution, names: set[str]) -> bool:
    """Whether a distribution brings one of these top-level names, or makes it importable from a source tree."""
    tops = top_names(distribution)
    if any(top.endswith(".pth") for top in tops) and is_editable(distribution, tops):
        text = distribution.read_text("top_level.txt") or distribution.metadata["Name"] or ""
        tops |= {normal(each).replace("-", "_") for each in text.split()}
    return not names.isdisjoint(top.partition(".")[0] for top in tops)


def is_editable(distribution: Distribution, tops: set[str]) -> bool:
    """Whether a distribution is a link to a source tree: installers write it down (PEP 610), and most builders name their file so."""
    said = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(said.get("dir_info", {}).get("editable")) or any("editable" in top for top in tops)


def closure(asked: Iterable[str], known: dict[str, Distribution]) -> list[str]:
    """Return the asked distributions with everything that they need, directly or not."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - pytest needs it too, so it is there

    found: dict[str, None] = {}
    waiting = sorted(asked)
    while waiting:
        name = waiting.pop()
        if name in found or name not in known:
            continue
        found[name] = None
        needed = (Requirement(text) for text in known[name].requires or ())
        waiting += [normal(each.name) for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return list(found)


def top_level(distribution: Distribution) -> Iterator[Path]:
    """Give the first part of every installed file's path: packages, modules, and the distribution's own record."""
    for top in top_names(distribution) - {"..", "__pycache__"}:
        if not top.endswith(".pth"):
            yield Path(str(distribution.locate_file(top)))


def top_names(distribution: Distribution) -> set[str]:
    """Return the first parts of the installed files' paths, from the record's own lines: parsing it whole costs a second."""
    record = distribution.read_text("RECORD")
    if record is None:
        return {path.parts[0] for path in distribution.files or ()}
    return {line.lstrip('"').partition(",")[0].partition("/")[0] for line in record.splitlines() if line}


def normal(name: str) -> str:
    """Return a distribution's name in the form in which names are compared."""
    return name.lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
