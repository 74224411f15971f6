"""The cache in the one database: answers by their questions, shared by everybody who shares the database.

A row is one answer to one question under one trace. Inputs and answers lie in `contents` under their digests, each once; so do the line
hashes of small texts (`lines:<digest>`), by which it can be told where a text has changed without keeping the text.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from spec2prod.adapters.store import codec
from spec2prod.adapters.store.database import Database, Row, Statements, repeatable
from spec2prod.application.ports import Tree
from spec2prod.domain.question import (
    FILE,
    Change,
    Explained,
    Found,
    Kept,
    Question,
    changed_lines,
    difference,
    digest_of,
    line_hashes,
)
from spec2prod.errors import StoreError, UsageError

_TRACES_LOOKED_AT = 10  # of one question: the newest
_LARGEST_TEXT = 256 * 1024  # characters
_MOST_TEXTS = 1000  # whose lines are noted with one answer
_LINES = "lines:"
_CONFIGURATION = "config:"
_GOOD, _FLAKY, _NEVER = 0, 1, 2  # the column `flaky`
_FULL = 0.9  # of the limit: what is left when something had to go

_FIND = f"""SELECT a.trace, a.flaky, a.made_at, i.body, c.body FROM answers a
    JOIN contents i ON i.digest = a.inputs JOIN contents c ON c.digest = a.content
    WHERE a.key = ? ORDER BY a.made_at DESC LIMIT {_TRACES_LOOKED_AT:d}"""  # noqa: S608 - a number of ours
_NEWEST = """SELECT a.trace, a.flaky, a.made_at, i.body, c.body FROM answers a
    JOIN contents i ON i.digest = a.inputs JOIN contents c ON c.digest = a.content
    WHERE a.component = ? AND a.question = ? ORDER BY a.made_at DESC LIMIT 1"""
_KEEP = """INSERT INTO answers (key, trace, question, component, inputs, content, flaky, run_id, made_at, used_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key, trace) DO UPDATE SET inputs = excluded.inputs, content = excluded.content, run_id = excluded.run_id,
        made_at = excluded.made_at, used_at = excluded.used_at,
        flaky = CASE WHEN answers.flaky = 1 THEN 1 ELSE excluded.flaky END"""
_CONTENT = "INSERT INTO contents (digest, body, size) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What the cache holds. `size` is in bytes; times are seconds since 1970, None of an empty cache."""

    answers: int
    flaky: int
    components: int
    size: int
    oldest: float | None
    last_used: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One row, read."""

    trace_key: str
    state: int
    made_at: float
    inputs: Mapping[str, str]
    trace: Mapping[str, str]
    texts: Mapping[str, str]
    content: str

    def kept(self) -> Kept | None:
        """Return the answer; None where it is not ours to read: then it is asked again."""
        try:
            kept = codec.decode(self.content)
        except StoreError:
            return None
        return kept if isinstance(kept, Kept) else None


class AnswerStore:
    """Keeps answers and finds them. `used` remembers what was found, until `settle` writes it down."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: set[tuple[str, str]] = set()

    def find(self, question: Question, tree: Tree) -> Kept | None:
        """Return the newest answer whose question and trace are the same, unless it is too old, or flaky.

        Raises:
            StoreError: where the database cannot be read.
        """
        for entry in map(_entry, self._database.rows(_FIND, question.key)):
            if not self._is_usable(entry, question) or not _still_true(entry, tree):
                continue
            kept = entry.kept()
            if kept is not None:
                self._used.add((question.key, entry.trace_key))
                return kept
        return None

    @repeatable
    def keep(self, question: Question, trace: Mapping[str, str], kept: Kept, tree: Tree) -> None:
        """Keep an answer. One that was flaky once stays marked for as long as its question is the same.

        Raises:
            StoreError: where the database cannot be written.
        """
        content = codec.encode(kept)
        now, state = self._database.now(), _FLAKY if kept.flaky else _NEVER if kept.never else _GOOD
        texts, lines = self._lines({**question.inputs, **trace}, tree)
        inputs = json.dumps({"inputs": dict(question.inputs), "trace": dict(trace), "texts": texts}, sort_keys=True)
        bodies = {digest_of(inputs): inputs, digest_of(content): content, **lines}
        with self._database.transaction() as statements:
            for digest, body in bodies.items():
                statements.rows(_CONTENT, digest, body, len(body))
            row = (question.key, digest_of(trace), question.name, question.component, digest_of(inputs), digest_of(content))
            statements.rows(_KEEP, *row, state, kept.run_id, now, now)

    def explain(self, question: Question, tree: Tree) -> Explained:
        """Tell what a look-up would find, and what has changed since the answer that comes nearest.

        Raises:
            StoreError: where the database cannot be read.
        """
        same = [_entry(row) for row in self._database.rows(_FIND, question.key)]
        for entry in same:
            if _still_true(entry, tree):
                return Explained(question=question, found=self._found(entry, question), kept=entry.kept())
        newest = [_entry(row) for row in self._database.rows(_NEWEST, question.component, question.name)]
        for entry in (*same, *newest):
            changes = difference({**entry.inputs, **entry.trace}, {**question.inputs, **tree.state(entry.trace.keys())})
            lines = {change.name: told for change in changes if (told := self._where(change, entry, tree))}
            return Explained(question=question, found=Found.CHANGED, kept=entry.kept(), changes=changes, lines=lines)
        return Explained(question=question, found=Found.UNKNOWN)

    def settle(self, largest_bytes: float) -> None:
        """Write down what was used, and let the least recently used go where the cache has grown too large.

        Raises:
            StoreError: where the database cannot be written.
        """
        if self._used:
            now = self._database.now()
            self._database.many("UPDATE answers SET used_at = ? WHERE key = ? AND trace = ?", [(now, *each) for each in sorted(self._used)])
            self._used.clear()
        if self._size() > largest_bytes:
            self.prune(largest_bytes=largest_bytes * _FULL)

    def now(self) -> float:
        """Return the database's time, in seconds since 1970."""
        return self._database.now()

    def stats(self) -> Stats:
        """Return what the cache holds."""
        sql = """SELECT count(*), coalesce(sum(CASE WHEN flaky = 1 THEN 1 ELSE 0 END), 0), count(DISTINCT component),
            min(made_at), max(used_at) FROM answers"""
        ((answers, flaky, components, oldest, last_used),) = self._database.rows(sql)
        return Stats(
            answers=int(answers or 0),
            flaky=int(flaky or 0),
            components=int(components or 0),
            size=self._size(),
            oldest=None if oldest is None else float(oldest),
            last_used=None if last_used is None else float(last_used),
        )

    @repeatable
    def prune(self, *, largest_bytes: float | None = None, unused_since: float | None = None) -> int:
        """Let answers go that nobody has used since then (seconds since 1970), and the least recently used above a size; return how many.

        Raises:
            StoreError: where the database cannot be written.
        """
        with self._database.transaction() as statements:
            before = _count(statements)
            if unused_since is not None:
                statements.rows("DELETE FROM answers WHERE used_at < ?", unused_since)
            if largest_bytes is not None:
                statements.many("DELETE FROM answers WHERE key = ? AND trace = ?", _beyond(statements, largest_bytes))
            _sweep(statements)
            return before - _count(statements)

    @repeatable
    def clear(self) -> int:
        """Let every answer go; return how many there were.

        Raises:
            StoreError: where the database cannot be written.
        """
        with self._database.transaction() as statements:
            before = _count(statements)
            statements.rows("DELETE FROM answers")
            statements.rows("DELETE FROM contents")
            return before

    def _size(self) -> int:
        ((size,),) = self._database.rows("SELECT coalesce(sum(size), 0) FROM contents")
        return int(size or 0)

    def _is_usable(self, entry: _Entry, question: Question) -> bool:
        return self._found(entry, question) is Found.HIT

    def _found(self, entry: _Entry, question: Question) -> Found:
        if entry.state != _GOOD:
            return Found.FLAKY if entry.state == _FLAKY else Found.NEVER
        is_old = question.max_age_s is not None and self._database.now() - entry.made_at > question.max_age_s
        return Found.TOO_OLD if is_old else Found.HIT

    def _lines(self, inputs: Mapping[str, str], tree: Tree) -> tuple[dict[str, str], dict[str, str]]:
        """Return which text had which digest, and the line hashes that are not kept yet."""
        named = {path: digest for name, digest in inputs.items() if (path := _own_path(name)) and name.startswith(FILE)}
        obeyed = {path for name in inputs if name.startswith(_CONFIGURATION) and (path := _own_path(name))} - named.keys()
        found = tree.state({FILE + path for path in obeyed})
        texts = {**named, **{name.removeprefix(FILE): digest for name, digest in found.items()}}
        texts = dict(sorted(texts.items())[:_MOST_TEXTS])
        known = self._known({_LINES + digest for digest in texts.values()})
        lines: dict[str, str] = {}
        for path, digest in texts.items():
            if _LINES + digest not in known and (hashes := _hashes(path, tree)):
                lines[_LINES + digest] = hashes
        return texts, lines

    def _known(self, digests: Collection[str]) -> set[str]:
        ordered = sorted(digests)
        known: set[str] = set()
        for start in range(0, len(ordered), _MOST_TEXTS // 2):  # SQLite takes 999 parameters, if it is old
            part = ordered[start : start + _MOST_TEXTS // 2]
            marks = ", ".join("?" * len(part))
            known |= {str(digest) for (digest,) in self._database.rows(f"SELECT digest FROM contents WHERE digest IN ({marks})", *part)}  # noqa: S608 - marks alone
        return known

    def _where(self, change: Change, entry: _Entry, tree: Tree) -> str:
        """Return `file:first-last` of what changed in a text; empty where that is not known."""
        path = _own_path(change.name)
        old = self._database.rows("SELECT body FROM contents WHERE digest = ?", _LINES + entry.texts.get(path, "")) if path else []
        hashes = _hashes(path, tree) if old else ""
        changed = changed_lines(str(old[0][0]), hashes) if hashes else None
        if changed is None:
            return ""
        first, last = changed
        return f"{path}:{first}" if first == last else f"{path}:{first}-{last}"


def _entry(row: Row) -> _Entry:
    trace_key, state, made_at, inputs, content = row
    told = json.loads(str(inputs))
    return _Entry(
        trace_key=str(trace_key),
        state=int(state or 0),
        made_at=float(made_at or 0),
        inputs=told["inputs"],
        trace=told["trace"],
        texts=told["texts"],
        content=str(content),
    )


def _still_true(entry: _Entry, tree: Tree) -> bool:
    return not entry.trace or dict(tree.state(entry.trace.keys())) == dict(entry.trace)


def _own_path(name: str) -> str:
    """Return the path of a project's own file that an input is about; empty of any other."""
    kind = next((each for each in (FILE, _CONFIGURATION) if name.startswith(each)), "")
    path = name.removeprefix(kind).partition("[")[0] if kind else ""
    return "" if path.startswith("/") or ".." in path.split("/") else path


def _hashes(path: str, tree: Tree) -> str:
    """Return the hashes of a text's lines; none of what may not be read: then `explain` names the file alone."""
    try:
        text = tree.read(path)
    except (UsageError, OSError):
        return ""
    return line_hashes(text) if text and len(text) <= _LARGEST_TEXT and "\0" not in text else ""


def _count(statements: Statements) -> int:
    ((count,),) = statements.rows("SELECT count(*) FROM answers")
    return int(count or 0)


def _beyond(statements: Statements, largest_bytes: float) -> list[tuple[str, str]]:
    """Return the answers that do not fit any more, the least recently used; contents that several share are counted once."""
    sizes = {str(digest): int(size or 0) for digest, size in statements.rows("SELECT digest, size FROM contents")}
    total, gone = 0.0, []
    for key, trace, inputs, content in statements.rows("SELECT key, trace, inputs, content FROM answers ORDER BY used_at DESC"):
        total += sizes.pop(str(inputs), 0) + sizes.pop(str(content), 0)
        if total > largest_bytes:
            gone.append((str(key), str(trace)))
    return gone


def _sweep(statements: Statements) -> None:
    """Let contents go that no answer needs."""
    used: set[str] = set()
    for inputs, content, body in statements.rows(
        "SELECT a.inputs, a.content, i.body FROM answers a JOIN contents i ON i.digest = a.inputs"
    ):
        used |= {str(inputs), str(content), *(_LINES + digest for digest in json.loads(str(body))["texts"].values())}
    kept = {str(digest) for (digest,) in statements.rows("SELECT digest FROM contents")}
    statements.many("DELETE FROM contents WHERE digest = ?", [(digest,) for digest in sorted(kept - used)])
