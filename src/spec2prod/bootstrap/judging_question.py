"""What a judgement depends on: the key under which it is kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from spec2prod.adapters import programs
from spec2prod.adapters.fingerprints.environment import environment_digest, interpreter_digest
from spec2prod.adapters.host import ALLOWED
from spec2prod.adapters.tree import ProjectTree
from spec2prod.application.ports import Tree
from spec2prod.domain.component import Component
from spec2prod.domain.question import FILE, Question, digest_of, is_report

JUDGEMENT = "judgement"
"""Under this name a judgement lies in the cache."""

_PACKAGE = Path(__file__).parents[1]
_CODE = ("adapters/judge", "workers", "domain", "gates", "bootstrap")  # what judges: another version of it judges anew


def question_of(
    component: Component, tree: Tree, candidates: Mapping[str, list[str]], specification: str, surroundings: ProjectTree
) -> Question:
    """Return exactly what a judgement depends on: any file of the project may be read by a test.

    `tree` is what is judged, `candidates` maps the name of each judged file to what tells it from others; `specification` is a digest.
    `surroundings` remembers the digests of what lies outside of it.
    """

    def digests(paths: list[str]) -> dict[str, str]:
        return {name.removeprefix(FILE): digest for name, digest in surroundings.state([FILE + path for path in paths]).items()}

    return Question(
        name="judge",
        component=component.name,
        inputs={
            "project": tree.digest([path for path in tree.list_files() if not is_report(path)]),
            **{f"candidate:{name}": digest_of(told) for name, told in candidates.items()},
            "component": digest_of([component.source, component.import_root, component.modules, component.tests]),
            "specification": specification,
            "spec2prod": digest_of(sorted((path[len(str(_PACKAGE)) :], digest) for path, digest in digests(_code()).items())),
            "interpreter": interpreter_digest(component.interpreter, digests),
            "environment": environment_digest(programs.site_packages(component.interpreter), digests),
            "variables": digest_of({name: os.environ[name] for name in ALLOWED if name in os.environ}),
        },
    )


@cache
def _code() -> list[str]:
    return [str(each) for folder in _CODE for each in (_PACKAGE / folder).rglob("*.py")]
