"""A specification is rendered as the guide writes it."""

from __future__ import annotations

from spec2prod.domain.specification import Requirement, Specification, render_spec


def test_a_specification_is_rendered_whole() -> None:
    spec = Specification(
        path="s.md",
        title="Calculator",
        overview="Counts.",
        requirements=(Requirement(id="REQ-1", text="adds", line=1, id_given=True), Requirement(id="REQ-0a1b2c3d", text="divides", line=2)),
        testing_requirements=(Requirement(id="REQ-4e5f6a7b", text="Achieve 80% coverage", line=3),),
    )
    assert render_spec(spec) == (
        "# Calculator\n\n## Overview\n\nCounts.\n\n## Requirements\n\n- REQ-1: adds\n- divides\n\n"
        "## Testing Requirements\n\n- Achieve 80% coverage\n"
    )


def test_empty_sections_are_left_out() -> None:
    assert render_spec(Specification(path="s.md", title="T")) == "# T\n"
