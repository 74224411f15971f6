"""The queue on both databases: who gets what, in which order, and once."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from spec2prod.adapters.store.claims import Claims
from spec2prod.adapters.store.database import Database, open_database
from spec2prod.adapters.store.queue import Queue
from spec2prod.domain.fleet import AGEING_S, MOST_DEATHS, Ending, JobState
from spec2prod.domain.schedule import Priority
from spec2prod.errors import UsageError
from tests.fleet.jobs import DONE, RED, crew, put


def taken(database: Database, labels: str = "") -> list[str]:
    """Take everything that can be taken, in order."""
    return [job.component for job in Claims(database).claim(crew(labels=labels), 100)]


def told(database: Database) -> dict[str, tuple[JobState, str]]:
    return {job.component: (job.state, job.conclusion) for job in Queue(database).jobs()}


def test_eight_workers_at_once_do_every_job_exactly_once(place: str, database: Database) -> None:
    names = [f"c{number}" for number in range(160)]
    put(database, names, {f"c{number}": [f"c{number - 1}"] for number in range(1, 80, 2)})
    did: list[str] = []
    troubles: list[BaseException] = []

    def work(name: str) -> None:
        own = open_database(place)
        try:
            claims = Claims(own)
            while claims.unfinished(crew(name)) and not troubles:
                for job in claims.claim(crew(name), 3):
                    did.append(job.component)
                    assert claims.finish(job, DONE, 1.0)
        except BaseException as error:  # noqa: BLE001 - it is told in the test's own thread
            troubles.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert troubles == []
    assert Counter(did) == Counter(names)
    assert {job.attempts for job in Queue(database).jobs()} == {1}


def test_the_most_urgent_goes_first_then_the_longest_path_then_the_order_of_submission(database: Database) -> None:
    put(database, ["low"], priority=Priority.LOW)
    put(database, ["first", "second"])
    put(database, ["long"], expected_ms=5.0)
    put(database, ["critical"], priority=Priority.CRITICAL)
    assert taken(database) == ["critical", "long", "first", "second", "low"]


def test_whoever_waited_long_enough_goes_before_whoever_is_more_important(database: Database) -> None:
    put(database, ["low"], priority=Priority.LOW, at=0.0)
    put(database, ["early"], priority=Priority.CRITICAL, at=3 * AGEING_S - 1)
    put(database, ["late"], priority=Priority.CRITICAL, at=3 * AGEING_S + 1)
    assert taken(database) == ["early", "low", "late"]


def test_only_a_worker_with_every_label_gets_a_job(database: Database) -> None:
    put(database, ["plain"])
    put(database, ["both"], labels=frozenset({"gpu", "linux"}))
    put(database, ["gpu"], labels=frozenset({"gpu"}))
    assert Claims(database).unfinished(crew()) == 1
    assert taken(database) == ["plain"]
    assert taken(database, "gpu,mac") == ["gpu"]
    assert taken(database, "linux,gpu,mac") == ["both"]


def test_a_component_is_taken_only_after_all_that_it_needs_was_promoted(database: Database) -> None:
    put(database, ["api", "storage", "auth"], {"api": ["storage", "auth"]})
    claims = Claims(database)
    storage, auth = claims.claim(crew(), 9)
    assert (storage.component, auth.component) == ("storage", "auth")
    assert claims.finish(storage, DONE, 1.0)
    assert taken(database) == []
    assert claims.finish(auth, DONE, 1.0)
    assert taken(database) == ["api"]


def test_what_needs_a_failed_component_is_not_run_nor_what_needs_that(database: Database) -> None:
    put(database, ["storage", "api", "page", "other"], {"api": ["storage"], "page": ["api", "other"]})
    claims = Claims(database)
    storage, other = claims.claim(crew(), 9)
    assert claims.finish(storage, RED, 1.0)
    assert claims.finish(other, DONE, 1.0)
    assert told(database)["api"] == (JobState.NOT_RUN, "not run (needs storage, which failed)")
    assert told(database)["page"] == (JobState.NOT_RUN, "not run (needs api, which was not run)")
    assert claims.unfinished(crew()) == 0


def test_what_waits_already_is_not_put_in_twice_and_what_has_ended_is(database: Database) -> None:
    first = put(database, ["api", "storage"], {"api": ["storage"]})
    assert put(database, ["api", "storage"], {"api": ["storage"]}) == first
    assert put(database, ["api"], source="another commit") != {"api": first["api"]}
    claims = Claims(database)
    for job in claims.claim(crew(), 9):
        claims.finish(job, RED, 1.0)
    assert put(database, ["storage"])["storage"] != first["storage"]


def test_what_is_over_waits_again_and_what_needs_it_waits_for_it(database: Database) -> None:
    """Nothing begins beside what it needs: a job that was given back waits again for what is done once more."""
    ids = put(database, ["storage", "api", "page", "other"], {"api": ["storage"], "page": ["other"]})
    claims = Claims(database)
    for job in claims.claim(crew(), 9):
        assert claims.finish(job, DONE if job.component == "storage" else RED, 1.0)
    assert told(database)["page"][0] is JobState.NOT_RUN
    claims.reopen([ids["storage"], ids["other"], ids["page"]])
    assert {state for state, _ in told(database).values()} == {JobState.WAITING}
    again = claims.claim(crew(), 9)
    assert [(job.id, job.attempts, job.exit_code) for job in again] == [(ids["storage"], 2, None), (ids["other"], 2, None)]
    for job in again:
        assert claims.finish(job, DONE, 1.0)
    assert taken(database) == ["api", "page"]


def test_a_job_goes_right_before_another_one_however_often_that_is_asked(database: Database) -> None:
    ids = put(database, ["a", "b", "c", "d"])
    queue = Queue(database)
    for _ in range(60):
        queue.put_before(queue.find("d"), queue.find("b"))
        queue.put_before(queue.find("c"), queue.find("b"))
    queue.prefer(queue.find(ids["b"]), Priority.HIGH)
    assert taken(database) == ["b", "a", "d", "c"]


def test_moving_what_runs_already_is_refused(database: Database) -> None:
    put(database, ["a", "b"])
    running = Claims(database).claim(crew(), 1)[0]
    queue = Queue(database)
    with pytest.raises(UsageError, match="a does not wait"):
        queue.put_before(queue.find("b"), running)
    with pytest.raises(UsageError, match=r"a \(.*\) does not wait"):
        queue.prefer(running, Priority.HIGH)
    with pytest.raises(UsageError, match=r"a \(.*\) does not wait"):
        queue.withdraw(running)


def test_what_is_taken_out_is_never_taken_and_what_needs_it_is_not_run(database: Database) -> None:
    put(database, ["storage", "api"], {"api": ["storage"]})
    queue, claims = Queue(database), Claims(database)
    queue.withdraw(queue.find("storage"))
    assert taken(database) == []
    claims.take_out_withdrawn()
    assert told(database)["storage"] == (JobState.NOT_RUN, "not run (removed from the queue)")
    assert told(database)["api"] == (JobState.NOT_RUN, "not run (needs storage, which was not run)")


def test_a_job_is_found_by_its_component_and_by_the_beginning_of_its_id(database: Database) -> None:
    ids = put(database, ["api", "storage"])
    queue = Queue(database)
    assert queue.find(ids["api"][:8]).component == queue.find("api").component == "api"
    with pytest.raises(UsageError, match="no job 'nobody'"):
        queue.find("nobody")
    with pytest.raises(UsageError, match="no job ''"):
        queue.find("")


def test_a_job_that_is_over_is_found_by_its_component_too_and_of_several_the_newest(database: Database) -> None:
    claims, queue = Claims(database), Queue(database)
    newest = ""
    for at in (1_000.0, 2_000.0, 3_000.0):
        newest = put(database, ["api"], at=at)["api"]
        (job,) = claims.claim(crew(), 1)
        assert claims.finish(job, DONE, 1.0)
    found = queue.find("api")
    assert (found.id, found.state, queue.outcome(found.id)[0]) == (newest, JobState.ENDED, "{}")
    waiting = put(database, ["api"])["api"]
    assert queue.find("api").id == waiting
    ended, since = queue.find_ended("api")
    assert (ended.id, [each.id for each in since]) == (newest, [waiting])
    assert queue.find_ended(waiting)[0].id == waiting


def test_whoever_lost_a_claim_cannot_end_the_job(database: Database) -> None:
    put(database, ["api"])
    claims = Claims(database)
    lost = claims.claim(crew("slow"), 1)[0]
    assert claims.bury("slow") == ("api",)
    mine = claims.claim(crew("quick"), 1)[0]
    assert not claims.finish(lost, RED, 1.0)
    assert not claims.give_back(lost)
    assert claims.finish(mine, DONE, 1.0)
    assert told(database)["api"] == (JobState.ENDED, "Promoted to staging.")
    assert mine.run_id == lost.run_id


def test_a_job_that_kills_every_worker_is_given_up_and_what_needs_it_is_not_run(database: Database) -> None:
    put(database, ["poison", "api"], {"api": ["poison"]})
    claims = Claims(database)
    for number in range(MOST_DEATHS):
        assert [job.component for job in claims.claim(crew(f"w{number}"), 1)] == ["poison"]
        claims.bury(f"w{number}")
    assert told(database)["poison"] == (JobState.ENDED, "it was given up: 3 workers died while they ran it")
    assert told(database)["api"] == (JobState.NOT_RUN, "not run (needs poison, which errored)")


def test_a_job_that_was_given_back_waits_again_as_the_same_run(database: Database) -> None:
    put(database, ["api"])
    claims = Claims(database)
    first = claims.claim(crew(), 1)[0]
    assert claims.give_back(first)
    again = claims.claim(crew("two"), 1)[0]
    assert (again.run_id, again.attempts, again.deaths) == (first.run_id, 2, 0)


def test_a_worker_without_its_lock_is_silent_and_one_with_it_is_not(place: str, database: Database) -> None:
    other = open_database(place)
    claims, others = Claims(database), Claims(other)
    claims.enlist(crew("alive"), "1")
    others.enlist(crew("dead"), "1")
    assert claims.silent("alive") == frozenset()
    other.close()
    assert claims.silent("alive") == {"dead"}
    assert [(each.id, each.alive) for each in Queue(database).workers()] == [("alive", True), ("dead", False)]
    with pytest.raises(UsageError, match="alive works already"):
        Claims(database).enlist(crew("alive"), "1")


def test_reports_changes_and_times_are_kept(database: Database) -> None:
    ids = put(database, ["api"])
    claims, queue = Claims(database), Queue(database)
    assert queue.outcome(ids["api"]) == ("", "")
    claims.finish(claims.claim(crew(), 1)[0], Ending(exit_code=0, conclusion="", report='{"a": "ü"}', changes="--- a\n"), 200.0)
    assert queue.outcome(ids["api"]) == ('{"a": "ü"}', "--- a\n")
    for number in range(20):
        put(database, ["api"], source=str(number))
        claims.finish(claims.claim(crew(), 1)[0], DONE, 100.0)
    assert queue.expectations() == {"job:api:staging": 100.0}


def test_a_worker_is_told_to_drain_by_name(database: Database) -> None:
    claims, queue = Claims(database), Queue(database)
    claims.enlist(crew("one"), "1")
    assert claims.pulse(crew("one")) == (frozenset(), False)
    queue.drain("one")
    assert claims.pulse(crew("one")) == (frozenset(), True)
    with pytest.raises(UsageError, match="no worker 'two'"):
        queue.drain("two")
