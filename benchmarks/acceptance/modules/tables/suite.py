from tables import is_number, main, render, shorten


def test_render():
    assert render([("name", "size"), ("a", "10")]) == "name  size\na       10"


def test_is_number():
    assert is_number("12") and not is_number("x")


def test_shorten():
    assert shorten("a long text", 6) == "a l..."
    assert shorten("short", 10) == "short"


def test_main():
    assert main(["a=1"]) == 0
