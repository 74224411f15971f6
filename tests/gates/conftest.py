"""Small components on disk, and the real host that asks about them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from spec2prod.adapters.host import ProcessHost
from spec2prod.application.ports import Gate
from spec2prod.domain.command import Completed
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Answer

# the judged suites need not load this environment's larger plugins: each run is a second shorter
PLAIN = '[tool.pytest.ini_options]\naddopts = "-p no:hypothesispytest -p no:asyncio -p no:benchmark"\n'

type Make = Callable[[Mapping[str, str]], Component]
type Ask = Callable[..., tuple[tuple[Answer, ...], Completed]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a project's files; what lies under src/pkg is the component, what lies under tests its tests."""

    def made(files: Mapping[str, str]) -> Component:
        root = tmp_path.resolve() / "project"
        for name, text in {"pyproject.toml": PLAIN, **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Component(
            name="pkg",
            root=root,
            source="src/pkg",
            import_root="src",
            modules=tuple(sorted(name for name in files if name.startswith("src/pkg/") and name.endswith(".py"))),
            tests=tuple(sorted(name for name in files if Path(name).name.startswith("test_"))),
            interpreter=Path(sys.executable),
        )

    return made


@pytest.fixture
def ask() -> Ask:
    """Put a question for real; return its answers, and how the process ended."""

    def asked(gate: Gate, component: Component, only: Sequence[str] = ()) -> tuple[tuple[Answer, ...], Completed]:
        completed = asyncio.run(ProcessHost(grace_s=0.5).run(gate.command(component, only)))
        return gate.read(component, completed), completed

    return asked
