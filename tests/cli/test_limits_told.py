"""Limits are written in one way wherever a person reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec2prod.cli import main


def test_the_list_of_gates_writes_limits_as_the_reports_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["gates"]) == 0
    told = capsys.readouterr().out
    assert "percent ≥ 80" in told
    assert "issues ≤ 0" in told
    assert not {">=", "<="} & set(told.split())
