"""A scripted model: a real OpenAI-compatible endpoint on loopback that answers from a script, for tests and demonstrations.

It needs nothing but the standard library. `python -m spec2prod.testing --help` tells how to run a command against it.
"""

from spec2prod.testing.endpoint import ScriptedModel
from spec2prod.testing.script import Behaviour, Script, ScriptError, Task, Turn, bundled_scripts, load_script, parse_script

__all__ = [
    "Behaviour",
    "Script",
    "ScriptError",
    "ScriptedModel",
    "Task",
    "Turn",
    "bundled_scripts",
    "load_script",
    "parse_script",
]
