"""Notices who patches the component, or pytest itself, while a test runs: attributes of modules, and classes by the two usual means."""

from __future__ import annotations

import sys
from collections.abc import Collection
from types import ModuleType
from typing import Any

from .watching import Watch, watched_setter


def notice(watch: Watch, files: Collection[str], component: list[ModuleType], judging: list[ModuleType]) -> None:
    """Have `watch` told of what is set in these modules from outside; `files` are the paths of the component's."""
    ours = {id(each) for each in component}

    def kind(module: ModuleType, old: object) -> str:
        if id(module) not in ours:
            return "pytest_patched" if old is not None else ""
        return "unit_patched" if defined_in(old, files, component) else "collaborator_patched"

    setter = watched_setter(watch, kind)
    for module in (*component, *judging):
        if type(module) is ModuleType:
            module.__class__ = setter
    notice_classes(watch, files, component)


def notice_classes(watch: Watch, files: Collection[str], component: list[ModuleType]) -> None:
    """Notice classes of the component that are patched by `monkeypatch` or `mock`; plain assignment shows only at the end."""
    from _pytest.monkeypatch import MonkeyPatch  # noqa: PLC0415 - pytest's own place for it

    def told(target: object, name: object) -> None:
        if not isinstance(target, type) or not defined_in(target, files, component):
            return
        old = vars(target).get(name) if isinstance(name, str) else None
        is_code = callable(old) or isinstance(old, (property, staticmethod, classmethod))
        watch.tell("unit_patched" if is_code else "collaborator_patched", f"{target.__name__}.{name}")

    original = MonkeyPatch.setattr

    def setattr_(self: Any, target: Any, name: Any, *rest: Any, **options: Any) -> None:  # noqa: ANN401 - as the original
        told(target, name)
        original(self, target, name, *rest, **options)

    MonkeyPatch.setattr = setattr_  # type: ignore[method-assign]
    mock = sys.modules.get("unittest.mock")
    if mock is not None:
        entered = mock._patch.__enter__  # noqa: SLF001 - there is no public name

        def enter(self: Any) -> Any:  # noqa: ANN401 - as the original
            target = self.getter()
            told(target, self.attribute)
            return entered(self)

        mock._patch.__enter__ = enter  # noqa: SLF001 - as above


def defined_in(value: object, files: Collection[str], component: list[ModuleType]) -> bool:
    """Whether a function or class comes from the component itself."""
    code = getattr(getattr(value, "__wrapped__", value), "__code__", None)
    if code is not None:
        return code.co_filename in files
    return isinstance(value, type) and value.__module__ in {module.__name__ for module in component}
