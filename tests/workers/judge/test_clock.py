"""Another date: Python's own ways to ask for it are shifted together, what counts durations is not, and types stay what they are."""

from __future__ import annotations

import time

from tests.workers.judge.conftest import Ask

DAY = 86_400
TESTS = """\
import copy, datetime, pickle, time
from datetime import date, datetime as moment, timedelta, timezone
import unit

NOW = NOW_S
def near(value): return abs(value - NOW) < 600

def test_every_clock_tells_the_other_date():
    assert near(time.time()) and near(time.time_ns() / 1e9) and near(time.mktime(time.localtime()))
    assert near(moment.now().timestamp()) and near(moment.now(timezone.utc).timestamp()) and near(moment.today().timestamp())
    assert near(moment.utcnow().replace(tzinfo=timezone.utc).timestamp()) and date.today() == moment.now().date()
    assert time.strftime("%Y-%j") == moment.now().strftime("%Y-%j") and time.ctime()[-4:] == time.asctime()[-4:] == str(moment.now().year)
    assert near(unit.asked()) and time.gmtime(0)[0] == 1970 and time.strftime("%Y", time.gmtime(0)) == "1970"

def test_durations_go_on():
    start = time.perf_counter(), time.monotonic()
    assert 0 <= time.perf_counter() - start[0] < 60 and 0 <= time.monotonic() - start[1] < 60

def test_types_are_what_they_were():
    some = moment(2020, 2, 29, 12)
    class Own(moment): pass
    assert repr(some) == "datetime.datetime(2020, 2, 29, 12, 0)" and repr(some.date()) == "datetime.date(2020, 2, 29)"
    assert isinstance(moment.max, moment) and isinstance(some, date) and not isinstance(some.date(), moment)
    assert issubclass(moment, date) and not issubclass(date, moment) and isinstance(Own(2020, 1, 1), moment) and not isinstance(some, Own)
    assert type(some + timedelta(1)) is moment and moment.fromisoformat("2020-02-29T12:00") == some
    assert pickle.loads(pickle.dumps(some)) == copy.deepcopy(some) == some
"""
UNIT = "import datetime\ndef asked():\n    return datetime.datetime.now().timestamp()\n"


def test_the_date_is_another_one_and_nothing_else(ask: Ask) -> None:
    shift = 500.0 * DAY
    text = TESTS.replace("NOW_S", str(time.time() + shift))
    told = ask({"unit.py": UNIT, "test_dates.py": text}, ["unit.py"], clock_s=shift)
    assert {name: (each["outcome"], each["message"]) for name, each in told.tests.items()} == dict.fromkeys(told.tests, ("passed", ""))
    assert len(told.tests) == 3


def test_without_a_shift_the_date_is_the_right_one(ask: Ask) -> None:
    told = ask({"unit.py": UNIT, "test_dates.py": TESTS.replace("NOW_S", str(time.time()))}, ["unit.py"], clock_s=0.0)
    assert {each["outcome"] for each in told.tests.values()} == {"passed"}
