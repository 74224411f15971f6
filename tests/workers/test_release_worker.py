"""Which installed distributions the tests of a release need: also those that are links to a source tree, however their file is called."""

from __future__ import annotations

from importlib.metadata import Distribution
from pathlib import Path

import pytest

from spec2prod.workers.release_worker import provides

WRITTEN_DOWN = '{"url": "file:///w", "dir_info": {"editable": true}}'


def installed(folder: Path, link: str, direct_url: str) -> Distribution:
    (folder / "our_tools-1.dist-info").mkdir()
    (folder / "our_tools-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: our-tools\nVersion: 1\n")
    (folder / "our_tools-1.dist-info" / "RECORD").write_text(f"{link},,\nour_tools-1.dist-info/METADATA,,\n")
    if direct_url:
        (folder / "our_tools-1.dist-info" / "direct_url.json").write_text(direct_url)
    return Distribution.at(folder / "our_tools-1.dist-info")


@pytest.mark.parametrize(
    ("link", "direct_url", "provided"),
    [
        ("_our_tools.pth", WRITTEN_DOWN, True),
        ("__editable__.our_tools-1.pth", "", True),
        ("_our_tools.pth", '{"url": "file:///w", "dir_info": {}}', False),
        ("distutils-precedence.pth", "", False),
        ("other.py", WRITTEN_DOWN, False),
    ],
)
def test_a_link_to_a_source_tree_provides_its_own_name(tmp_path: Path, link: str, direct_url: str, provided: bool) -> None:  # noqa: FBT001
    assert provides(installed(tmp_path, link, direct_url), {"our_tools"}) is provided
