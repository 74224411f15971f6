import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import is_number, main, render, shorten, width


def test_prints_a_table(capsys):
    assert main(["name=a", "size=10"]) == 0
    assert capsys.readouterr().out == "name  a\nsize  10\n"


def test_complains_without_words(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", "give me name=value\n")


def test_numbers_stand_right():
    assert render([("a", "1"), ("b", "100")]) == "a    1\nb  100"


def test_no_blanks_at_the_end():
    assert render([("aaa", "b"), ("a",)]) == "aaa  b\na"


def test_lengths_at_the_limit():
    assert (shorten("abcd", 4), shorten("abcd", 3)) == ("abcd", "...")


def test_no_room():
    with pytest.raises(ValueError, match="no room"):
        shorten("abc", 2)


@given(st.text(max_size=30), st.integers(3, 20))
def test_never_longer(text, length):
    assert len(shorten(text, length)) <= length


@pytest.mark.parametrize(("text", "expected"), [("-1.5", True), ("1.2.3", False), ("", False), ("-", False), ("1e3", False)])
def test_numbers(text, expected):
    assert is_number(text) is expected


def test_nothing_to_show():
    assert render([]) == ""
    assert width([("a",)], 3) == 0


def test_dots_once_more():
    assert shorten("a long text", 6) == "a l..."


def test_prints_something(capsys):
    main(["a=1"])
    assert len(capsys.readouterr().out) >= 0


def test_show_the_table():
    print(render([("a", "1"), ("b", "2")]))


def test_compares_without_asserting():
    render([("a", "1")]) == "a  1"


def test_main_without_render(monkeypatch, capsys):
    import tables

    monkeypatch.setattr(tables, "render", lambda rows: "TABLE")
    assert main(["a=1"]) == 0
    assert capsys.readouterr().out == "TABLE\n"


def test_the_dots_of_the_source():
    from pathlib import Path

    import tables

    dots = Path(tables.__file__).read_text().count('"..."') * "..."
    assert shorten("abcdef", 5).endswith(dots)


def test_shorten_like_the_code():
    text, length = "abcdefgh", 5
    assert shorten(text, length) == (text if len(text) <= length else text[: length - 3] + "...")
