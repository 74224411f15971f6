"""Reads the client's request, prepares the mutants, measures, answers: one line of JSON for each thing found."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import Any

from . import base

FORMAT = 1
PYTHON = sys.version.partition(" ")[0]
KEPT_ENVIRONMENT = (
    "PATH",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "SYSTEMROOT",
    "LD_LIBRARY_PATH",
    "PYTHONHASHSEED",
    "VIRTUAL_ENV",
)


def main() -> int:
    """Serve one request; with `--lane` be one lane of a judge that cannot fork."""
    if sys.argv[1:2] == ["--lane"]:
        return be_lane([int(each) for each in sys.argv[2:]])
    request = json.loads(sys.stdin.readline())
    output = own_output()

    def tell(message: dict[str, Any]) -> None:
        left = json.dumps(message, default=list).encode("utf-8", errors="replace") + b"\n"
        while left:
            left = left[os.write(output, left) :]

    settle(request)
    signal.signal(signal.SIGTERM, stop)
    started = base.start(request) if hasattr(os, "fork") and request.get("fork", True) else None
    from .lanes import JudgeError  # noqa: PLC0415 - while the base imports pytest
    from .measuring import Measurement  # noqa: PLC0415 - as above
    from .reading import hand_over, read  # noqa: PLC0415 - as above

    tell({"event": "hello", "format": FORMAT, "nonce": request["nonce"], "python": PYTHON, "forks": hasattr(os, "fork")})
    try:
        modules = read(request, tell)
        if started is not None:
            hand_over(modules, request)
        measurement = Measurement(request, modules, tell, started)
        measurement.run()
    except JudgeError as error:
        tell({"event": "error", "reason": str(error)})
    else:
        tell({"event": "done", "nonce": request["nonce"], "spent": measurement.spent})
    return 0


def be_lane(descriptors: list[int]) -> int:
    """Be a lane in an interpreter of our own: nothing is warm, everything else is the same."""
    from . import lane  # noqa: PLC0415 - here alone
    from .mutating import Module  # noqa: PLC0415 - here alone
    from .reading import text_of  # noqa: PLC0415 - here alone

    setting = json.loads(sys.stdin.read())
    modules = {path: Module(file, path, text_of(path)) for path, file in setting.pop("modules").items()}
    base.warm_up(setting["root"], base.HEAVY)
    channel = socket.socket(fileno=descriptors[0])
    os.set_inheritable(descriptors[0], False)  # noqa: FBT003 - it takes no name
    lane.begin(channel, setting, modules, descriptors[1] if len(descriptors) > 1 else None, os.getppid(), session=False)
    return 0


def stop(*_: object) -> None:
    """End in order: every lane and what it started goes with us."""
    raise SystemExit(143)


def own_output() -> int:
    """Keep standard output to ourselves: whatever is started later writes to nowhere."""
    output = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return output


def settle(request: dict[str, Any]) -> None:
    """Leave of the environment what programs need; nothing that bends Python, pytest or coverage."""
    for name in [each for each in os.environ if each not in KEPT_ENVIRONMENT]:
        del os.environ[name]
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    os.makedirs(request["scratch"], exist_ok=True)
