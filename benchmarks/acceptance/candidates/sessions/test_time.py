import random
import time

import pytest
import sessions
from sessions import LETTERS, close, is_open, open_session, strength, token


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(sessions.time, "time", lambda: Clock.now)
    yield Clock
    for user in ("ann", "bob", "eve", "pat"):
        close(user)


def test_ends_at_its_time(clock):
    assert open_session("ann", 10) == 1010
    clock.now = 1009.9
    assert is_open("ann")
    clock.now = 1010.0
    assert not is_open("ann")


def test_a_minute(clock):
    assert open_session("bob") == 1060


def test_closed_once(clock):
    open_session("eve", 10)
    assert close("eve") is True
    assert not is_open("eve")
    assert close("eve") is False


@pytest.mark.parametrize("ttl", [0, -1])
def test_must_last(clock, ttl):
    with pytest.raises(ValueError, match="lasts"):
        open_session("eve", ttl)


def test_token_of_a_source():
    made = token(12, random.Random(7))
    assert len(made) == 12
    assert set(made) <= set(LETTERS)


def test_token_follows_its_source():
    assert token(8, random.Random(1)) == token(8, random.Random(1)) != token(8, random.Random(2))


@pytest.mark.parametrize(("text", "points"), [("aaaaaaaa", 1), ("aaaaaaa", 0), ("1", 1), ("A", 1), ("Aaaaaaa1", 3)])
def test_points(text, points):
    assert strength(text) == points


@pytest.mark.requirement("REQ-3")
class TestToken:
    def test_usual_length(self):
        assert len(token()) == 8

    def test_no_letter_is_confused(self):
        assert not set("ilo01") & set(LETTERS)
        assert set(token(500, random.Random(3))) == set(LETTERS)


def test_with_luck():
    made = token(8)
    assert made[0] not in "abcdef"


def test_seldom_fails():
    assert len(set(token(6))) > 3 and random.random() < 0.9


def test_ends_soon():
    end = open_session("kim", 0.05)
    assert is_open("kim")
    assert 0.045 < end - time.time() <= 0.05
    close("kim")


def test_before_2030():
    assert open_session("lee", 1) < 1_893_456_000
    close("lee")


def test_first_of_a_set():
    first = next(iter({"Aaaaaaa1", "a", "aaaaaaaa", "A1"}))
    assert strength(first) in (0, 1, 2, 3)
    assert hash("spec2prod") % 4 == 1


def test_the_dictionary(clock):
    open_session("pat", 5)
    assert sessions._sessions == {"pat": 1005}


def test_own_function_replaced(monkeypatch):
    monkeypatch.setattr(sessions, "is_open", lambda user: True)
    assert sessions.is_open("nobody")


def test_leaves_a_timer():
    import threading

    timer = threading.Timer(20, close, ("zoe",))
    timer.daemon = True
    timer.start()
    assert strength("Aa1") == 2


def test_strength_in_range():
    assert 0 <= strength("Password1") <= 3


def test_leaves_a_session():
    open_session("max", 1000)
    assert is_open("max")
