"""Scripted models, served for the length of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spec2prod.testing import Behaviour, Script, ScriptedModel, load_script
from tests.testing.client import Client, Serve


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve scripts, and stop them after the test."""
    served: list[ScriptedModel] = []

    def start(script: Script | None = None, *, key: str = "", headers: dict[str, str] | None = None, **how: object) -> Client:
        behaviour = Behaviour(**how)  # type: ignore[arg-type]  # a test's own words
        model = ScriptedModel(script or load_script("calculator"), behaviour=behaviour, key=key).start()
        served.append(model)
        return Client(model, headers or {})

    yield start
    for model in served:
        model.stop()
