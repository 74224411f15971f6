"""Notices who patches the component, or pytest itself, while a test runs: attributes of modules, and classes by the two usual means."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Collection
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
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
    when_imported("unittest.mock", lambda mock: notice_mock(mock, told))


def notice_mock(mock: Any, told: Callable[[object, object], None]) -> None:  # noqa: ANN401 - a module
    """Have `told` know what is patched by `unittest.mock`."""
    entered = mock._patch.__enter__  # noqa: SLF001 - there is no public name

    def enter(self: Any) -> Any:  # noqa: ANN401 - as the original
        target = self.getter()
        told(target, self.attribute)
        return entered(self)

    mock._patch.__enter__ = enter  # noqa: SLF001 - as above


def when_imported(name: str, then: Callable[[Any], None]) -> None:
    """Call `then` with the module: now where it lives, else as soon as somebody has imported it, by whatever words."""
    if name in sys.modules:
        then(sys.modules[name])
    else:
        sys.meta_path.insert(0, Awaited(name, then))


class Awaited(MetaPathFinder):
    """Stands before the other finders until the one module is looked for."""

    def __init__(self, name: str, then: Callable[[Any], None]) -> None:
        """As `when_imported`."""
        self._name, self._then = name, then

    def find_spec(self, fullname: str, *_: object, **__: object) -> ModuleSpec | None:
        """Have the others find it, and hear of it after it has run."""
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                self._then(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def defined_in(value: object, files: Collection[str], component: list[ModuleType]) -> bool:
    """Whether a function or class comes from the component itself."""
    code = getattr(getattr(value, "__wrapped__", value), "__code__", None)
    if code is not None:
        return code.co_filename in files
    return isinstance(value, type) and value.__module__ in {module.__name__ for module in component}
