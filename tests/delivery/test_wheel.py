"""Wheels: what is in them, and that they are the same bytes."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from pathlib import Path

import pytest

from spec2prod.adapters.tree import ProjectTree
from spec2prod.adapters.wheel import WheelBuilder
from spec2prod.domain.component import Component
from spec2prod.domain.release import Artifact
from spec2prod.errors import DeliveryError

pytestmark = pytest.mark.asyncio

PROJECT = '[project]\nname = "shop"\nversion = "1.2"\nrequires-python = ">=3.12"\ndependencies = ["httpx >= 0.28", "attrs"]\n'


def project(root: Path, text: str = PROJECT, **files: str) -> Path:
    for path, content in {"pyproject.toml": text, "src/ns/calc/ops.py": "VALUE = 1\n", **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    return root


def component(root: Path, source: str = "src/ns/calc/ops.py", *modules: str, name: str = "calc_ops") -> Component:
    return Component(name=name, root=root, source=source, import_root="src", modules=modules or (source,), interpreter=Path("python"))


async def built(root: Path, of: Component | None = None, run: str = "one") -> Artifact:
    return await WheelBuilder(ProjectTree(root, run)).build(of or component(root))


async def test_the_same_tree_gives_the_same_bytes_in_another_folder_at_another_time(tmp_path: Path) -> None:
    first, second = project(tmp_path / "a"), project(tmp_path / "b")
    os.utime(second / "src/ns/calc/ops.py", (1, 1))
    (second / "src/ns/calc/ops.py").chmod(0o755)
    one, two = await built(first), await built(second, run="two")
    assert one.path.read_bytes() == two.path.read_bytes()
    assert one.digest == two.digest


async def test_another_tree_gives_another_digest_and_version(tmp_path: Path) -> None:
    one, two = await built(project(tmp_path / "a")), await built(project(tmp_path / "b", **{"src/ns/calc/ops.py": "VALUE = 2\n"}))
    assert one.digest != two.digest
    assert one.version != two.version


async def test_a_module_without_packages_around_it_is_a_whole_wheel(tmp_path: Path) -> None:
    artifact = await built(project(tmp_path))
    with zipfile.ZipFile(artifact.path) as wheel:
        names = wheel.namelist()
        info = names[-1].rpartition("/")[0]
        metadata = wheel.read(f"{info}/METADATA").decode()
        rows = list(csv.reader(io.StringIO(wheel.read(f"{info}/RECORD").decode())))
    assert names == ["ns/calc/ops.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"]
    assert [row[0] for row in rows] == names
    assert artifact.path.name == f"calc_ops-{artifact.version}-py3-none-any.whl"
    assert artifact.version.startswith("1.2+")
    assert "Name: calc-ops\n" in metadata
    assert "Requires-Dist: attrs\nRequires-Dist: httpx>=0.28\n" in metadata
    assert artifact.modules == ("ns.calc.ops",)


async def test_a_package_brings_its_data_and_runs_no_main_module(tmp_path: Path) -> None:
    root = project(tmp_path, **{"src/app/__init__.py": "", "src/app/__main__.py": "raise SystemExit\n", "src/app/rates.json": "{}"})
    artifact = await built(root, component(root, "src/app", "src/app/__init__.py", "src/app/__main__.py", name="app"))
    with zipfile.ZipFile(artifact.path) as wheel:
        assert {"app/__init__.py", "app/__main__.py", "app/rates.json"} <= set(wheel.namelist())
    assert artifact.modules == ("app",)


async def test_a_component_outside_of_any_project_has_a_wheel_too(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "pyproject.toml").unlink()
    artifact = await built(root)
    assert artifact.version.startswith("0.0.0+")
    assert artifact.dependencies == ()
    assert artifact.note == "pyproject.toml: project.version is not there: the wheel is 0.0.0 and the digest of what is in it"


async def test_a_wheel_says_why_it_has_not_the_projects_version(tmp_path: Path) -> None:
    dynamic = await built(project(tmp_path / "a", '[project]\nname = "shop"\ndynamic = ["version"]\n'))
    stated = await built(project(tmp_path / "b"))
    assert dynamic.version.startswith("0.0.0+")
    assert dynamic.note == (
        "the project's version is dynamic, and only its build backend can resolve it: the wheel is 0.0.0 and the digest of what is in it"
    )
    assert stated.note == ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('version = "one"', "project.version"),
        ('dependencies = ["=="]', "project.dependencies"),
        ('dependencies = "httpx"', "project.dependencies"),
        ('requires-python = "three"', "project.requires-python"),
    ],
)
async def test_metadata_that_is_none_is_told_with_its_address(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        await built(project(tmp_path, f'[project]\nname = "shop"\n{line}\n'))
    assert says in caught.value.where


async def test_a_compiled_file_is_refused(tmp_path: Path) -> None:
    root = project(tmp_path, **{"src/app/__init__.py": "", "src/app/fast.so": "\x7fELF"})
    with pytest.raises(DeliveryError) as caught:
        await built(root, component(root, "src/app", "src/app/__init__.py", name="app"))
    assert caught.value.where == "src/app/fast.so"
