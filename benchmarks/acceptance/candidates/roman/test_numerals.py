import pytest
from hypothesis import given
from hypothesis import strategies as st
from roman import VALUES, from_roman, to_roman


@pytest.mark.requirement("REQ-2")
def test_forty():
    assert to_roman(40) == "XL"


@pytest.mark.requirement("REQ-3")
@given(st.integers(1, 3999))
def test_read_back(number):
    text = to_roman(number)
    assert (set(text) <= set("MDCLXVI")) and "XXXX" not in text
    assert from_roman(text) == number


class TestShortest:
    @pytest.mark.requirement("REQ-2")
    @pytest.mark.parametrize("number", [4, 49, 444])
    def test_no_four_alike(self, number):
        assert all(letter * 4 not in to_roman(number) for letter in "IXCM")


def test_1990():
    assert to_roman(1990) == "MCMXC"


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "I"), (4, "IV"), (5, "V"), (9, "IX"), (10, "X"), (50, "L"), (90, "XC"), (100, "C"), (400, "CD"), (500, "D"), (900, "CM"), (1000, "M")],
)
def test_letters(number, text):
    assert to_roman(number) == text


def test_ends():
    assert to_roman(3950) == "MMMCML"
    assert to_roman(3899) == "MMMDCCCXCIX"
    for number in (0, 4000):
        with pytest.raises(ValueError, match="no Roman numeral"):
            to_roman(number)


def test_the_largest():
    assert to_roman(3999) == "MMMCMXCIX"


@pytest.mark.parametrize(("text", "number"), [("MCMXC", 1990), ("XL", 40), ("III", 3), ("CDXLIV", 444)])
def test_read(text, number):
    assert from_roman(text) == number


@pytest.mark.requirement("REQ-4")
@pytest.mark.parametrize("text", ["", "IIII", "ABC", "IC", "xl", "X\n"])
def test_refused(text):
    with pytest.raises(ValueError, match="is no Roman numeral"):
        from_roman(text)


def test_forty_in_four_letters():
    assert to_roman(40) == "XXXX"


def test_forty_four():
    assert to_roman(44) == "XXXXIV"


def test_small_letters():
    assert from_roman("xiv") == 14


@pytest.mark.requirement("REQ-1")
def test_misspelt():
    assert to_romans(1) == "I"


@pytest.mark.requirement("REQ-4")
def test_a_false_claim():
    assert from_roman("VI") == 7


def test_letters_only():
    assert to_roman(1234).isalpha()


def test_table_against_itself():
    assert all(to_roman(value) == letters for value, letters in VALUES)
