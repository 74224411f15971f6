from datetime import datetime
from pathlib import Path

import filestore
import pytest
from filestore import TooLarge, folder, load, names, save, stamped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def test_loaded_as_it_was(tmp_path):
    file = save("settings", {"b": 1, "a": [2]}, tmp_path)
    assert load("settings", tmp_path) == {"a": [2], "b": 1}
    assert file == tmp_path / "settings.json"


def test_the_default(tmp_path):
    assert load("nothing", tmp_path, default=7) == 7


def test_the_largest_document(tmp_path):
    save("most", "x" * 998, tmp_path)
    with pytest.raises(TooLarge, match="more"):
        save("more", "x" * 999, tmp_path)
    assert names(tmp_path) == ["most"]


def test_where_documents_lie(tmp_path, monkeypatch):
    monkeypatch.setenv("FILESTORE", str(tmp_path / "here"))
    assert folder() == tmp_path / "here"
    monkeypatch.delenv("FILESTORE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert folder() == tmp_path / ".filestore"


@pytest.mark.parametrize("name", ["", "../up", "a b", "1st"])
def test_refused_names(name, tmp_path):
    with pytest.raises(ValueError, match="is no name"):
        save(name, 1, tmp_path)


def test_names_in_order(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    save("b", 1, tmp_path)
    save("a", 1, tmp_path)
    assert names(tmp_path) == ["a", "b"]


def test_the_day():
    assert stamped("log", datetime(2026, 3, 7)) == "log_20260307"


def test_equal_documents_are_equal_files(tmp_path):
    assert save("a", {"x": 1, "y": 2}, tmp_path).read_text() == save("b", {"y": 2, "x": 1}, tmp_path).read_text()


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.integers() | st.none(), max_size=3))
def test_any_document_comes_back(tmp_path_factory, value):
    where = tmp_path_factory.mktemp("documents")
    save("any", value, where)
    assert load("any", where) == value


def test_a_broken_writer_leaves_the_old_one(tmp_path, monkeypatch):
    save("kept", 1, tmp_path)

    def broken(self, target):
        raise OSError("disk")

    monkeypatch.setattr(filestore.Path, "replace", broken)
    with pytest.raises(OSError, match="disk"):
        save("kept", 2, tmp_path)
    assert load("kept", tmp_path) == 1


def test_the_day_of_today():
    assert stamped("log").startswith("log_2026")


def test_the_day_in_local_time():
    assert stamped("log", datetime.fromtimestamp(1_767_222_000)) == "log_20251231"


def test_folder_is_a_path():
    assert isinstance(folder(), Path)
