"""The target project's interpreter: which folders it needs to run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from spec2prod.errors import AgentUnavailableError

_ASK = "import json, sys; print(json.dumps([sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]))"
_LIMIT_S = 20.0


def interpreter_folders(interpreter: Path) -> tuple[Path, ...]:
    """Return what must be readable to run an interpreter: itself, its environment and its base.

    Raises:
        AgentUnavailableError: where it does not start.
    """
    try:
        argv = (str(interpreter), "-I", "-c", _ASK)
        completed = subprocess.run(argv, capture_output=True, text=True, timeout=_LIMIT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        message = f"the project's interpreter {interpreter} does not start: {error}"
        raise AgentUnavailableError(message, next_step="check the project's virtual environment") from error
    return (interpreter, *dict.fromkeys(Path(folder) for folder in json.loads(completed.stdout)))
