"""Run a command against a scripted model, or serve one: `python -m spec2prod.testing [options] [-- COMMAND …]`."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from types import FrameType

from spec2prod.testing.endpoint import ScriptedModel
from spec2prod.testing.script import GARBLED, Behaviour, ScriptError, bundled_scripts, load_script

_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_USAGE, _NOT_FOUND, _BY_SIGNAL = 2, 127, 128
_FIELDS = tuple(each.name for each in fields(Behaviour))
_TICK = 0.5  # seconds
_ONE_DAY = 86_400  # seconds; longer waits are a slip of the finger


def main(argv: Sequence[str] | None = None) -> int:
    """Do as the arguments say; return the command's exit code (128 + n where signal n ended it)."""
    options = _parser().parse_args(argv)
    try:
        script = load_script(options.script)
        model = ScriptedModel(script, behaviour=_behaviour(options, script.behaviour), key=options.key, port=options.port)
        model.start()
    except ScriptError as error:
        return _complain(str(error))
    except (OSError, OverflowError) as error:
        return _complain(f"port {options.port} cannot be served ({error})")
    try:
        return _run(model, options.command) if options.command else _serve(model)
    finally:
        model.stop()
        sys.stderr.write(
            f"spec2prod.testing: the model was scripted ({model.model}); it answered {model.answered} of {model.calls} calls\n"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m spec2prod.testing",
        description="Serve a scripted model on 127.0.0.1, as an OpenAI-compatible endpoint, and run a command against it: "
        "LLM_MODEL, LLM_BASE_URL and LLM_API_KEY are set for it. Without a command, serve until Ctrl-C.",
        epilog=f"bundled scripts: {', '.join(bundled_scripts())}. The format of a script file is described in spec2prod.testing.script.",
    )
    add = parser.add_argument
    add("--script", default="calculator", metavar="FILE", help="a JSON file, or the name of a bundled script (default: calculator)")
    add("--port", type=int, default=0, help="the port to serve on (default: a free one)")
    add("--key", default="", help="require this key as bearer token, and hand it to the command")
    how = parser.add_argument_group("behaviour", "what is not given is as the script says")
    add = how.add_argument
    add("--seconds-per-call", type=_seconds, metavar="S", help="take this long for each answer")
    add("--rate-limited", type=_count, metavar="N", help="answer the first N calls with 429")
    add("--retry-after", type=_count, metavar="S", help="the Retry-After of these, in seconds (default: 1)")
    add("--server-errors", type=_count, metavar="N", help="answer N calls with 500, after those")
    add("--silent", action="store_true", default=None, help="accept calls and never answer")
    add("--garbled", choices=GARBLED[1:], help="answer with bytes that are no JSON, or with tool arguments that are none")
    add("--wrong", action="store_true", default=None, help="write a failing test in place of every file")
    add("--text-only", action="store_true", default=None, help="talk, and never use a tool")
    add("--loops", action="store_true", default=None, help="run the same command for ever")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …", help="what to run, after two hyphens")
    return parser


def _seconds(text: str) -> float:
    return _number(float, text)


def _count(text: str) -> int:
    return _number(int, text)


def _number[T: (int, float)](kind: type[T], text: str) -> T:
    try:
        value = kind(text)
    except ValueError:
        value = kind(-1)
    if not 0 <= value <= _ONE_DAY:
        message = f"{text!r} is no {kind.__name__} from 0 to {_ONE_DAY}"
        raise argparse.ArgumentTypeError(message)
    return value


def _behaviour(options: argparse.Namespace, scripts_own: Behaviour) -> Behaviour:
    given = {name: getattr(options, name) for name in _FIELDS if getattr(options, name) is not None}
    return replace(scripts_own, **given)


def _complain(message: str) -> int:
    sys.stderr.write(f"spec2prod.testing: {message}\n")
    return _USAGE


def _serve(model: ScriptedModel) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:  # whoever has read the address may stop it at once
        for name, value in model.environment().items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        while True:  # not an event's wait: interrupted while it takes its lock, it leaves it taken, and `stop` would wait for ever
            time.sleep(_TICK)
    except KeyboardInterrupt:
        return 0


def _run(model: ScriptedModel, command: Sequence[str]) -> int:
    argv = list(command[1:] if command[0] == "--" else command)
    if not argv:
        return _serve(model)
    try:
        child = subprocess.Popen(argv, env={**os.environ, **model.environment()})
    except OSError as error:
        sys.stderr.write(f"spec2prod.testing: {argv[0]} cannot be started ({error.strerror})\n")
        return _NOT_FOUND
    _pass_signals_on(child)
    code = child.wait()
    return code if code >= 0 else _BY_SIGNAL - code


def _pass_signals_on(child: subprocess.Popen[bytes]) -> None:
    """Hand on what this process is told. A terminal's Ctrl-C reaches the child by itself: twice would mean "at once"."""

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if not (number in {signal.SIGINT, getattr(signal, "SIGQUIT", None)} and _terminals_own()):
            child.send_signal(number)

    for name in _PASSED_ON:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), pass_on)


def _terminals_own() -> bool:
    """Whether this process is in the foreground of a terminal, which then signals the whole group."""
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


if __name__ == "__main__":
    sys.exit(main())
