import importlib
from unittest import mock

import inflection
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inflection import camelize, dasherize, humanize, ordinal, ordinalize, parameterize, pluralize, singularize, tableize, titleize, underscore


def test_camel_case():
    assert camelize("device_type") == "DeviceType"
    assert camelize("device_type", False) == "deviceType"


@pytest.mark.parametrize(("number", "suffix"), [(10, "th"), (11, "th"), (13, "th"), (14, "th"), (111, "th"), (101, "st"), (21, "st"), (2, "nd"), (3, "rd")])
def test_ordinals(number, suffix):
    assert ordinal(number) == suffix


def test_negative_ordinals():
    assert ordinalize(-11) == "-11th"
    assert ordinalize(-1021) == "-1021st"


def test_parameterize():
    assert parameterize("  Donald E.  Knuth! ") == "donald-e-knuth"
    assert parameterize("Donald E. Knuth", "_") == "donald_e_knuth"
    assert parameterize("a b", "") == "ab"


@pytest.mark.parametrize(("one", "many"), [("post", "posts"), ("person", "people"), ("sheep", "sheep"), ("CamelOctopus", "CamelOctopi"), ("city", "cities")])
def test_plural_and_back(one, many):
    assert pluralize(one) == many
    assert singularize(many) == one


@given(st.from_regex(r"[A-Z][a-z]{1,5}([A-Z][a-z]{1,5}){0,2}", fullmatch=True))
def test_underscored_has_no_capitals(word):
    assert underscore(word) == "_".join(inflection.re.findall("[A-Z][a-z]+", word)).lower()


class TestTitles:
    def test_humanize(self):
        assert humanize("author_id") == "Author"

    def test_titleize(self):
        assert titleize("x-men: the last stand") == "X Men: The Last Stand"

    def test_tableize(self):
        assert tableize("RawScaledScorer") == "raw_scaled_scorers"


def test_camel_case_again():
    assert camelize("device_type") == "DeviceType"


def test_smoke():
    for word in ("post", "person", "sheep"):
        singularize(pluralize(word))


def test_dasherize_equals_itself():
    assert dasherize("a_b") == dasherize("a_b")


def test_patched_alias():
    unit = importlib.import_module("inflection")
    with getattr(mock, "patch")(f"{unit.__name__}.ordinal", return_value="xx"):
        assert inflection.ordinal(1) == "xx"


def test_leaves_an_uncountable_word():
    inflection.UNCOUNTABLES.add("benchmark")
    assert pluralize("benchmark") == "benchmark"


def test_plural_is_longer_or_not():
    assert len(pluralize("octopus")) > 0
