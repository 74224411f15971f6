"""A small project, and its environments on the real driver: real wheels, real virtual environments, real processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
import uv

from spec2prod.adapters.clock import SystemClock
from spec2prod.adapters.environments.commands import Uv
from spec2prod.adapters.environments.layout import Layout
from spec2prod.adapters.environments.process import Means, ProcessTarget
from spec2prod.adapters.host import ProcessHost
from spec2prod.adapters.tree import ProjectTree
from spec2prod.adapters.wheel import WheelBuilder
from spec2prod.application.ports import Host
from spec2prod.domain.command import Belongings
from spec2prod.domain.component import Component
from spec2prod.domain.release import Deployment

GOOD = "from ns.calc.ops import VALUE\n\n\ndef test_value() -> None:\n    assert VALUE > 0\n"


class Shop:
    """A project with the module `ns.calc.ops`, and staging."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("pyproject.toml", '[project]\nname = "shop"\nversion = "1.0"\n[tool.pytest.ini_options]\npythonpath = ["src"]\n')
        self.write("src/ns/calc/ops.py", "VALUE = 1\n")
        self.write("tests/test_ops.py", GOOD)
        self.tree = ProjectTree(root, "run")
        self.temporary = root.parent / "temporary"
        self.temporary.mkdir(parents=True)
        self.host: Host = ProcessHost()
        self.layout = Layout(root, "staging", patience_s=0.3)
        self.env: Mapping[str, str] = {name: os.environ[name] for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME") if name in os.environ}

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def component(
        self, source: str = "src/ns/calc/ops.py", *modules: str, tests: tuple[str, ...] = ("tests/test_ops.py",), name: str = "ops"
    ) -> Component:
        return Component(
            name=name,
            root=self.root,
            source=source,
            import_root="src",
            modules=modules or (source,),
            tests=tests,
            interpreter=Path(sys.executable),
        )

    @property
    def staging(self) -> ProcessTarget:
        program = Uv(program=Path(uv.find_uv_bin()), env=self.env)
        ours = partial(Belongings, folder=self.temporary)
        return ProcessTarget(self.layout, Means(tree=self.tree, host=self.host, clock=SystemClock(), uv=program, ours=ours))

    async def release(self, component: Component | None = None) -> Deployment:
        what = component or self.component()
        return await self.staging.deploy(await WheelBuilder(self.tree).build(what), what, "run-1")

    async def version(self, value: int) -> Deployment:
        """Release another version."""
        self.write("src/ns/calc/ops.py", f"VALUE = {value}\n")
        return await self.release()

    def served(self, name: str = "ops") -> str:
        """The text of the module that is served; empty where nothing is."""
        found = sorted(self.layout.link(name).glob("lib/python3*/site-packages/ns/calc/ops.py"))
        return found[0].read_text() if found else ""

    def leftovers(self) -> list[Path]:
        return sorted([*self.layout.folder.rglob("*.part"), *self.temporary.iterdir()])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")
