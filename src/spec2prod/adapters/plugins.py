"""Gates that installed packages bring by entry point."""

from __future__ import annotations

from spec2prod.errors import ToolMissingError


def load(group: str, name: str) -> object:
    """Return what an entry point makes: it names a class or a function that is called without arguments.

    Raises:
        ToolMissingError: where there is none of that name, or it cannot be imported or called.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and few projects have such gates

    found = next(iter(entry_points(group=group, name=name)), None)
    if found is None:
        raise ToolMissingError(f"no installed package brings the gate {name}", next_step="install the package beside spec2prod")
    try:
        return found.load()()
    except Exception as error:
        step = f"mend {found.value}, or take its rules out of the settings"
        raise ToolMissingError(
            f"the gate {name} ({found.value}) cannot be loaded: {type(error).__name__}: {error}", next_step=step
        ) from error
