"""Which markdown files of a project promise something about which of its components: what `spec2prod init` uses instead of a draft. Pure.

Five dialects are read (`adapters/markdown`); a file that promises something is a component's where it is named like it, or like one of
its modules, or where its requirements name what the component defines. A page about something else that has a heading "Requirements"
does none of that.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname, splitext

from spec2prod.domain.discovery import Proposal
from spec2prod.domain.specification import Requirement, Specification

_NEVER = re.compile(
    r"(readme|changelog|changes|history|contributing|license|security|code.of.conduct|authors|agents|claude)", re.IGNORECASE
)
_PLAIN = frozenset({"spec", "specification", "requirements"})  # the folder's name says more
_ENDINGS = re.compile(r"[-_. ](spec|specification|requirements)$")
_SUFFIXES = (".md", ".markdown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promising:
    """A specification that is there already: `why` says how it was told to be the component's, `others` which else may be."""

    path: str
    requirements: int
    why: str
    others: tuple[str, ...] = ()


def may_promise(path: str) -> bool:
    """Whether a file may be a specification, by its name."""
    stem, suffix = splitext(basename(path))
    return suffix.lower() in _SUFFIXES and not _NEVER.match(stem)


def promised(proposals: Sequence[Proposal], found: Iterable[Specification], defined: Mapping[str, Collection[str]]) -> dict[str, Promising]:
    """Return by the components' names the specification that is there for each; a file is of one component, and a draft of none.

    `defined` maps a component's name to the public functions and classes that it defines.
    """
    files = [each for each in found if each.requirements and not each.draft_line]
    told: dict[str, Promising] = {}
    taken: set[str] = set()
    for looks_like in (_like_it, _like_a_module, _by_what_it_names):
        for proposal in (each for each in proposals if each.name not in told):
            reasons = {each: why for each in files if each.path not in taken and (why := looks_like(proposal, each, defined))}
            if reasons:
                first, *others = sorted(reasons, key=lambda each: (-len(each.requirements), each.path))
                told[proposal.name] = Promising(
                    path=first.path,
                    requirements=len(first.requirements),
                    why=reasons[first],
                    others=tuple(sorted(each.path for each in others)),
                )
                taken |= {each.path for each in reasons}
    return told


def _like_it(proposal: Proposal, file: Specification, _defined: Mapping[str, Collection[str]]) -> str:
    return "it is named like the component" if _name_of(file.path) == _normal(proposal.name) else ""


def _like_a_module(proposal: Proposal, file: Specification, _defined: Mapping[str, Collection[str]]) -> str:
    stems = (splitext(basename(module))[0] for module in proposal.modules)
    near = next((stem for stem in stems if stem.strip("_") and _normal(stem) == _name_of(file.path)), "")
    return f"it is named like its module {near}" if near else ""


def _by_what_it_names(proposal: Proposal, file: Specification, defined: Mapping[str, Collection[str]]) -> str:
    text = "\n".join(part for each in file.requirements for part in _words(each))
    named = [name for name in sorted(defined.get(proposal.name, ())) if re.search(rf"\b{re.escape(name)}\(|`{re.escape(name)}`", text)]
    return f"its requirements name {', '.join(named[:3])}" if named else ""


def _words(requirement: Requirement) -> tuple[str, ...]:
    return (requirement.name, requirement.text, *(step for scenario in requirement.scenarios for step in scenario.steps))


def _name_of(path: str) -> str:
    """Return what a specification is called after: its file, or its folder where that is called no more than "spec"."""
    stem = splitext(basename(path))[0].lower()
    return _normal(basename(dirname(path)) if stem in _PLAIN else _ENDINGS.sub("", stem))


def _normal(name: str) -> str:
    return re.sub(r"[-_. ]+", "_", name.strip("_").lower())
