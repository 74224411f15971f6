"""What a run keeps of its agents: the copies they worked on, and their conversations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from pathlib import Path

from spec2prod.adapters.openhands.client import AgentClient, ServerRefusedError, ServerSilentError
from spec2prod.adapters.openhands.copies import snapshot
from spec2prod.adapters.openhands.redaction import redact
from spec2prod.adapters.openhands.tasks import Work, WorkingCopy
from spec2prod.adapters.openhands.whole import write_whole
from spec2prod.application.ports import Tree


async def working_copy(work: Work, tree: Tree, notes: Path) -> WorkingCopy:
    """Return the task's copy: the one that an interrupted run made, or a new one, noted in the folder `notes`."""
    note = notes / f"{work.name}.json"
    known = await asyncio.to_thread(recall, note)
    return known or await _new_copy(work, tree, note)


async def keep_conversation(client: AgentClient, name: str, folder: Path, secrets: Collection[str]) -> str:
    """Write a conversation's events as JSON lines, for diagnosis; return what the agent said last."""
    try:
        events, said = await client.events(name), await client.last_message(name)
    except (ServerRefusedError, ServerSilentError) as error:
        events, said = ({"kind": "NotKept", "detail": str(error)},), ""
    lines = "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in events)
    await asyncio.to_thread(write_whole, folder / f"{name}.jsonl", redact(lines, secrets))
    return said


def remember(file: Path, copy: WorkingCopy) -> None:
    """Note a copy, so that a resumed run finds it again."""
    write_whole(file, json.dumps({"root": str(copy.root), "before": dict(copy.before)}))


def recall(file: Path) -> WorkingCopy | None:
    """Return the copy that an interrupted run made, None where there is none."""
    if not file.is_file():
        return None
    noted = json.loads(file.read_text(encoding="utf-8"))
    root = Path(noted["root"])
    return WorkingCopy(root=root, before=noted["before"]) if root.is_dir() else None


async def _new_copy(work: Work, tree: Tree, note: Path) -> WorkingCopy:
    copied = await tree.copy(f"agent-{work.request.dotted}-{work.request.attempt}-{work.name[:8]}")
    copy = await asyncio.to_thread(_measured, copied.root, work.request.test_file)
    await asyncio.to_thread(remember, note, copy)
    return copy


def _measured(root: Path, test_file: str) -> WorkingCopy:
    # The agent's editor makes no folders, and fails on them in words that models do not understand (measured).
    (root / test_file).parent.mkdir(parents=True, exist_ok=True)
    return WorkingCopy(root=root, before=snapshot(root))
