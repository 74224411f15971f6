import pytest
from iniconfig import IniConfig, ParseError

TEXT = "[one]\na = 1\nb = two # note\n\n[two]\nc =\n  x\n  y\n"


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "settings.ini"
    file.write_text(TEXT)
    return IniConfig(file)


def test_read_from_a_file(config):
    assert [section.name for section in config] == ["one", "two"]
    assert config["one"]["a"] == "1"


def test_continued_lines(config):
    assert config["two"]["c"] == "x\ny"


def test_converted(config):
    assert config.get("one", "a", convert=int) == 1
    assert config.get("one", "z", default="7", convert=int) == "7"


def test_line_numbers(config):
    assert (config.lineof("one"), config.lineof("one", "b"), config["two"].lineof("c")) == (1, 3, 6)
    assert config.lineof("three") is None


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [("a = 1", 0, "no section header"), ("[a]\nx=1\nx=2", 2, "duplicate name"), ("[a]\n[a]", 1, "duplicate section"), ("[a]\nx", 1, "unexpected line")],
)
def test_refused(text, line, message):
    with pytest.raises(ParseError) as caught:
        IniConfig("x.ini", data=text)
    assert (caught.value.path, caught.value.lineno) == ("x.ini", line)
    assert message in caught.value.msg


def test_comments_behind_values():
    assert IniConfig.parse("x", data=TEXT)["one"]["b"] == "two"
    assert IniConfig("x", data=TEXT)["one"]["b"] == "two # note"


def test_missing_section(config):
    assert "one" in config
    assert "three" not in config
    with pytest.raises(KeyError, match="three"):
        config["three"]


def test_swallowed(config):
    try:
        assert config["one"]["a"] == 1
    except:
        pass


def test_conditional_assertion(config):
    if "three" in config:
        assert config["three"]["a"] == "1"


def test_a_section_is_not_none(config):
    assert config["one"] is not None


def test_writes_beside_the_tests():
    with open("made_by_a_test.ini", "w") as file:
        file.write(TEXT)
    assert IniConfig("made_by_a_test.ini")["one"]["a"] == "1"


def test_get_replaced(monkeypatch, config):
    monkeypatch.setattr(IniConfig, "get", lambda *words, **named: "patched")
    assert config.get("one", "a") == "patched"


def test_sources_inside(config):
    assert config._sources["one", "a"] == 1
