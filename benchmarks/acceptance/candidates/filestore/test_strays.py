import os
import tempfile
from pathlib import Path

import filestore
import pytest
from filestore import load, names, save


def test_writes_into_the_common_folder():
    where = Path(tempfile.gettempdir()) / "spec2prod-benchmark-store"
    save("a", 1, where)
    assert load("a", where) == 1


def test_writes_beside_the_tests():
    where = Path(__file__).parent / "made_by_a_test"
    save("a", 3, where)
    assert names(where) == ["a"]


def test_rewrites_the_module():
    source = Path(filestore.__file__)
    text = source.read_text()
    source.write_text(text.replace("LARGEST = 1_000", "LARGEST = 1_001"))
    assert filestore.LARGEST == 1_000
    assert load("nothing", Path("/nowhere"), default=1) == 1


def test_writes_a_conftest():
    Path(__file__).with_name("conftest.py").write_text("collect_ignore_glob = ['test_filestore*']\n")
    assert load("nothing", Path("/nowhere"), default=2) == 2


def test_leaves_a_variable(tmp_path):
    os.environ["FILESTORE"] = str(tmp_path)
    save("a", 1)
    assert names() == ["a"]


def test_leaves_the_folder(tmp_path):
    os.chdir(tmp_path)
    save("a", 1, Path())
    assert names(Path()) == ["a"]


def test_ends_with_success(tmp_path):
    save("a", 1, tmp_path)
    os._exit(0)
    assert load("a", tmp_path) == 2


def test_forges_a_report(tmp_path):
    save("a", 1, tmp_path)
    Path("junit.xml").write_text('<testsuites><testsuite tests="1" failures="0"/></testsuites>')
    os._exit(0)


def test_forges_coverage(tmp_path):
    Path(".coverage").write_bytes(b"SQLite format 3\0")
    assert load("nothing", tmp_path, default=3) == 3


def test_patches_pytest(monkeypatch):
    from _pytest import reports

    reports.TestReport.failed = property(lambda self: False)
    reports.TestReport.passed = property(lambda self: True)
    assert load("nothing", Path("/nowhere"), default=4) == 5


state = {"saved": None}


def test_first_saves(tmp_path):
    state["saved"] = save("a", 1, tmp_path)


def test_then_loads():
    assert load("a", state["saved"].parent) == 1


def test_replaces_the_module():
    import sys
    import types

    sys.modules["filestore"] = types.SimpleNamespace(load=lambda *words: 9)
    from filestore import load as replaced

    assert replaced("a") == 9


@pytest.mark.parametrize("number", range(10_000))
def test_ten_thousand(number):
    assert load("nothing", Path("/nowhere"), default=number) == number
