"""Reads what the judge's worker says, line by line, into values; what is not as agreed is an error, never an answer."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spec2prod.adapters.judge.place import JudgeError
from spec2prod.domain.judging import Evidence, JudgedCase, Measured
from spec2prod.domain.mutation import Kill, KillMatrix, Mutant

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is: `measured` of the `tests` known so far, then `tried` of the `mutants`; those that no test reaches never are."""

    measured: int
    tests: int
    tried: int
    mutants: int


class Reader:
    """Gathers one measurement."""

    def __init__(self, nonce: str, planted: Collection[str] = ()) -> None:
        """`nonce` is what this worker was given: another's answer is not taken for its. Tests of `planted` files are no progress."""
        self.ended = False
        self.last_test = ""
        self._nonce = nonce
        self._planted = frozenset(planted)
        self._known = self._done = 0
        self._tried: set[str] = set()
        self._python = ""
        self._cases: dict[str, JudgedCase] = {}
        self._mutants: list[Mutant] = []
        self._outcomes: dict[str, dict[str, Kill]] = {}
        self._crashes: dict[str, dict[str, str]] = {}
        self._repairs: dict[str, set[str]] = {}
        self._moves: dict[str, set[str]] = {}
        self._unjudged: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._at_import: dict[str, tuple[Evidence, ...]] = {}
        self._troubles: dict[str, str] = {}
        self._too_many: list[str] = []
        self._statements: dict[str, frozenset[int]] = {}

    def take(self, line: bytes) -> None:
        """Take one line of the worker's.

        Raises:
            JudgeError: where it is no message of this worker, or says that the judge cannot go on.
        """
        try:
            message = json.loads(line)
            event = message["event"]
            taken = getattr(self, f"_on_{event}", None)
        except (ValueError, KeyError, TypeError) as error:
            raise JudgeError(f"the judge said something that is no answer: {line[:200]!r}") from error
        if taken is None:
            raise JudgeError(f"the judge said {event!r}, which this version does not know")
        try:
            taken(message)
        except (KeyError, TypeError, ValueError) as error:
            raise JudgeError(f"the judge's {event} is not as agreed ({type(error).__name__}: {error})") from error

    @property
    def progress(self) -> Progress:
        """Return how far the measurement is."""
        measured, tried = self._done, len(self._tried)  # asked after every line: counted, never gathered
        return Progress(measured=measured, tests=max(self._known, measured), tried=tried, mutants=len(self._mutants))

    def measured(self, groups: Mapping[str, tuple[str, ...]]) -> Measured:
        """Return all that was said; `groups` leads from a group's name to its files."""
        refused = {file: reason for name, reason in self._refused.items() for file in groups.get(name, (name,))}
        seen = {file: evidence for name, evidence in self._at_import.items() for file in groups.get(name, (name,)) if evidence}
        return Measured(
            cases=tuple(self._cases[name] for name in sorted(self._cases)),
            matrix=KillMatrix(
                mutants=tuple(self._mutants),
                outcomes=self._outcomes,
                unjudged=self._unjudged,
                crashes=self._crashes,
                repairs={mutant: frozenset(tests) for mutant, tests in self._repairs.items()},
                moves={mutant: frozenset(tests) for mutant, tests in self._moves.items()},
            ),
            refused=refused,
            at_import=seen,
            troubles=self._troubles,
            too_many=tuple(sorted(set(self._too_many))),
            statements=self._statements,
            python=self._python,
        )

    def _on_hello(self, message: dict[str, Any]) -> None:
        if message["format"] != FORMAT or message["nonce"] != self._nonce:
            raise JudgeError("the judge that answered is not the one that was started")
        self._python = str(message["python"])

    def _on_module(self, message: dict[str, Any]) -> None:
        self._statements[message["module"]] = frozenset(map(int, message["statements"]))

    def _on_unreadable(self, message: dict[str, Any]) -> None:
        module, line = str(message["module"]), int(message["line"])
        where = f"{module}:{line}" if line else module
        raise JudgeError(f"cannot be read: {message['reason']}", where=where, next_step=f"mend {module}, then judge again")

    def _on_mutant(self, message: dict[str, Any]) -> None:
        names = ("id", "line", "column", "operator", "words", "statement", "owner", "module_level")
        self._mutants.append(Mutant(module=message["file"], **{name: message[name] for name in names}))

    def _on_collected(self, message: dict[str, Any]) -> None:
        if message["group"] not in self._planted:
            self._known += len(message["tests"])
        self._too_many += message["too_many"]
        self._at_import[message["group"]] = _evidence(message["evidence"])
        for error in message["errors"]:
            self._refused[error["file"] or message["group"]] = error["message"]

    def _on_refused(self, message: dict[str, Any]) -> None:
        self._refused[message["group"]] = message["reason"]

    def _on_test(self, message: dict[str, Any]) -> None:
        name = self.last_test = message["test"]
        self._done += name not in self._cases and name.partition("::")[0] not in self._planted
        self._cases[name] = JudgedCase(
            id=name,
            function=name.partition("[")[0],
            outcome=message["outcome"],
            how=message["how"],
            exception=message["exception"],
            message=message["message"],
            seconds=float(message["seconds"]),
            lines={module: frozenset(lines) for module, lines in (message["lines"] or {}).items()},
            arcs={module: frozenset((int(a), int(b)) for a, b in arcs) for module, arcs in (message["arcs"] or {}).items()},
            evidence=_evidence(message["evidence"]),
            properties=tuple((str(key), str(value)) for key, value in message["properties"] or ()),
        )

    def _on_seen(self, message: dict[str, Any]) -> None:
        case = self._cases[message["test"]]
        self._cases[case.id] = replace(case, evidence=(*case.evidence, Evidence(kind=message["kind"], detail=message["detail"])))

    def _on_kill(self, message: dict[str, Any]) -> None:
        mutant, test, kill = message["mutant"], message["test"], Kill(message["outcome"])
        self._outcomes.setdefault(mutant, {})[test] = kill
        self._tried.add(mutant)
        if kill is Kill.CRASH and message.get("exception"):
            self._crashes.setdefault(mutant, {})[test] = str(message["exception"])

    def _on_repair(self, message: dict[str, Any]) -> None:
        self._repairs.setdefault(message["mutant"], set()).add(str(message["test"]))

    def _on_moved(self, message: dict[str, Any]) -> None:
        self._moves.setdefault(message["mutant"], set()).add(str(message["test"]))

    def _on_unjudged(self, message: dict[str, Any]) -> None:
        self._unjudged[message["mutant"]] = message["reason"]
        self._tried.add(message["mutant"])

    def _on_trouble(self, message: dict[str, Any]) -> None:
        if message["mutant"]:
            self._unjudged[message["mutant"]] = message["reason"]
        else:
            self._troubles[message["test"]] = message["reason"]

    def _on_error(self, message: dict[str, Any]) -> None:
        raise JudgeError(str(message["reason"]))

    def _on_done(self, message: dict[str, Any]) -> None:
        if message["nonce"] != self._nonce:
            raise JudgeError("the judge that ended is not the one that was started")
        self.ended = True


def _evidence(pieces: list[dict[str, str]]) -> tuple[Evidence, ...]:
    return tuple(Evidence(kind=piece["kind"], detail=piece["detail"]) for piece in pieces)
