"""The pins: by hash, without addresses, and the same everywhere."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXPORTS = sorted((ROOT / "requirements").glob("*.txt"))


def entries(export: Path) -> list[str]:
    """Return an export's entries, each with its hashes on one line."""
    return [line for line in export.read_text().replace("\\\n", " ").splitlines() if line.strip()]


def pinned(export: Path) -> list[Requirement]:
    return [Requirement(entry.partition(" --hash=")[0].strip()) for entry in entries(export)]


def declared() -> list[Requirement]:
    groups = PROJECT["dependency-groups"]
    return [Requirement(text) for text in (*PROJECT["project"]["dependencies"], *groups["dev"], *groups["build"])]


def versions(export: Path) -> dict[str, str]:
    return {canonicalize_name(each.name): str(each.specifier) for each in pinned(export)}


DEV = ROOT / "requirements" / "dev.txt"


def test_there_are_exports_to_check() -> None:
    assert [export.name for export in EXPORTS] == ["dev.txt", "uv.txt"]


@pytest.mark.parametrize("export", EXPORTS, ids=lambda path: path.name)
def test_an_export_names_no_address_and_no_option_but_hashes(export: Path) -> None:
    text = export.read_text()
    assert "://" not in text
    assert "@" not in text
    assert set(re.findall(r"(?:^|\s)(--?[a-z-]+)", text)) == {"--hash"}


@pytest.mark.parametrize("export", EXPORTS, ids=lambda path: path.name)
def test_every_entry_is_one_exact_version_with_a_sha256(export: Path) -> None:
    for entry in entries(export):
        assert re.search(r" --hash=sha256:[0-9a-f]{64}\b", entry), entry
    for requirement in pinned(export):
        assert [each.operator for each in requirement.specifier] == ["=="], requirement


def test_uv_run_is_held_to_the_versions_of_the_export() -> None:
    constraints = {str(Requirement(text)) for text in PROJECT["tool"]["uv"]["constraint-dependencies"]}
    assert constraints == {str(each) for each in pinned(DEV)}


def test_the_build_backend_is_held_to_the_versions_of_the_export() -> None:
    constraints = [Requirement(text) for text in PROJECT["tool"]["uv"]["build-constraint-dependencies"]]
    assert "hatchling" in {each.name for each in constraints}
    assert {each.name: str(each.specifier) for each in constraints}.items() <= versions(DEV).items()


def test_every_declared_dependency_is_pinned_to_a_version_that_it_allows() -> None:
    pins = versions(DEV)
    for requirement in declared():
        version = pins[canonicalize_name(requirement.name)].removeprefix("==")
        assert requirement.specifier.contains(version), requirement


def test_the_uv_of_the_set_up_is_the_uv_of_the_package() -> None:
    assert versions(ROOT / "requirements" / "uv.txt")["uv"] == versions(DEV)["uv"]


def test_this_environment_holds_what_the_export_pins() -> None:
    expected = {
        each.name: str(each.specifier).removeprefix("==")
        for each in pinned(DEV)
        if (each.marker is None or each.marker.evaluate()) and each.name not in only_for_building()
    }
    assert {name: metadata.version(name) for name in expected} == expected, sys.prefix


def only_for_building() -> set[str]:
    """Return what `uv run` leaves out of its environment: it builds in one of its own."""
    return {Requirement(text).name for text in PROJECT["tool"]["uv"]["build-constraint-dependencies"]}
