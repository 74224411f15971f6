import pytest
from humanize.filesize import naturalsize
from humanize.lists import natural_list
from humanize.number import apnumber, clamp, fractional, intcomma, intword, metric, ordinal


@pytest.mark.parametrize(
    ("value", "text"), [(999, "999 Bytes"), (1000, "1.0 kB"), (1, "1 Byte"), (999_949, "999.9 kB"), (999_999, "1.0 MB"), (-4096, "-4.1 kB")]
)
def test_sizes(value, text):
    assert naturalsize(value) == text


def test_other_forms():
    assert (naturalsize(3000, True), naturalsize(3000, False, True), naturalsize(1, gnu=True)) == ("2.9 KiB", "2.9K", "1B")


@pytest.mark.parametrize(("items", "text"), [([], ""), ([1], "1"), ([1, 2], "1 and 2"), ([1, 2, 3], "1, 2 and 3")])
def test_lists(items, text):
    assert natural_list(items) == text


def test_words_below_ten():
    assert [apnumber(each) for each in (0, 9, 10)] == ["zero", "nine", "10"]


def test_commas():
    assert [intcomma(each) for each in (999, 1000, -1_234_567, 1234.5)] == ["999", "1,000", "-1,234,567", "1,234.5"]


def test_words_of_large_numbers():
    assert [intword(each) for each in (999, 1000, 1_000_000, 999_999_999)] == ["999", "1.0 thousand", "1.0 million", "1.0 billion"]


def test_clamp():
    assert [clamp(each, floor=0, ceil=1) for each in (-0.5, 0.5, 1.5)] == ["<0", "0.5", ">1"]


def test_fractions():
    assert [fractional(each) for each in (0.3, 1.5, 2)] == ["3/10", "1 1/2", "2"]


def test_metric():
    assert (metric(1500, "V"), metric(220e-6, "F")) == ("1.50 kV", "220 μF")


def test_a_thousand_bytes():
    assert naturalsize(1000) == "1.0 kB"


def test_ends_in_a_letter():
    assert naturalsize(123456)[-1].isalpha()


def test_if_instead_of_assert():
    if ordinal(3) != "3rd":
        print("wrong")


def test_of_the_standard_library():
    from fractions import Fraction

    assert Fraction(1, 2) + Fraction(1, 2) == 1


def test_skips_where_it_is_wrong():
    if ordinal(2) != "2th":
        pytest.skip("not here")
    assert ordinal(1) == "1th"


def test_or_true():
    assert intcomma(1000) == "1.000" or len([1]) == 1
