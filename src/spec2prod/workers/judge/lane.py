"""A lane: a process that has collected one group of test files, and forks for each job it is given.

One job at a time, so that whatever is left over when it ends belongs to it, and is killed with it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterable
from typing import Any, NoReturn

from . import clock, family, frames
from .mutating import Module
from .wire import Channel
from .work import function_of

DEVICE = os.devnull


def main(channel: Channel, setting: dict[str, Any], modules: dict[str, Module], descriptor: int | None) -> None:
    """Collect, tell, and serve; with a descriptor run the one job in this very process instead. Never returns."""
    family.adopt_orphans()
    try:
        serve(channel, setting, modules, descriptor)
    except BaseException:  # noqa: BLE001 - whatever it is, the judge sees the channel close and reads the last words
        last_words()
    os._exit(0)


def serve(channel: Channel, setting: dict[str, Any], modules: dict[str, Module], descriptor: int | None) -> None:
    """Collect the group, tell what was found, run jobs until the channel closes."""
    from . import collecting  # noqa: PLC0415 - it imports pytest
    from .running import Runner, found, imported, is_threaded, lines_of  # noqa: PLC0415 - as above
    from .swapping import change_source  # noqa: PLC0415 - as above
    from .watching import State, Watch  # noqa: PLC0415 - as above

    settle_in(setting, modules)
    preloaded = sorted(modules[os.path.realpath(each.__file__ or "")].file for each in imported(modules))
    if preloaded:
        gc.unfreeze()  # the base has set its objects aside, and some of them are looked for
    if setting["mutant"]:
        change_source(*found(modules, setting["mutant"]))
    watch = Watch([os.path.join(setting["scratch"], "tmp")], setting["root"], modules)
    watch.install()
    before, lines, begun = State([], []), lines_of(modules), time.perf_counter()
    if not setting["mutant"]:
        lines.start()
    try:
        collected = collecting.collect(setting["files"], setting, list(modules), watch.listening())
    except BaseException as error:  # noqa: BLE001 - pytest's refusals and a file's own SystemExit are answers
        channel.send({"kind": "refused", "reason": f"{type(error).__name__}: {error}"[:2000]})
        return
    finally:
        if not setting["mutant"]:
            lines.stop()
    runner = Runner(collected, modules, watch, bare=bool(setting["mutant"]))
    is_alone = setting["alone"] or is_threaded()
    collecting.settle()
    evidence = [*watch.found, *(each for each in before.differences() if each["kind"] not in {"sys.path", "environment"})]
    told = {"preloaded": preloaded, "threads": is_alone, "evidence": evidence, "import_lines": lines.answer()["lines"]}
    cases = [{"id": node, "function": function_of(node), "line": item.location[1] or 0} for node, item in collected.items.items()]
    told["shared"] = [] if is_alone or setting["mutant"] else runner.shared()
    told.update(tests=cases, errors=collected.harness.collect_errors, too_many=collected.too_many, seconds=time.perf_counter() - begun)
    channel.send({"kind": "collected", **told})
    if descriptor is not None:
        job = setting["job"]
        family.limit(memory_mb=setting["memory_mb"], file_mb=setting["file_mb"], cpu_s=setting["cpu_s"])
        collecting.reseed(job["seed"])
        send = frames.sender(descriptor, job.pop("nonces"))
        runner.run(job, send)
        os._exit(0)
    while True:
        asked = channel.take_with_descriptor()
        if asked is None:
            return
        fork(channel, setting, runner, *asked)


def settle_in(setting: dict[str, Any], modules: Iterable[str]) -> None:
    """Make this lane's own folders, and stand in the project with the right path and environment."""
    from . import collecting  # noqa: PLC0415 - it imports pytest

    scratch = setting["scratch"]
    for name in ("tmp", "home"):
        os.makedirs(os.path.join(scratch, name), exist_ok=True)
    os.environ.update(setting["environment"])
    os.environ.update(TMPDIR=os.path.join(scratch, "tmp"), HYPOTHESIS_STORAGE_DIRECTORY=os.path.join(scratch, "tmp", "hypothesis"))
    os.environ.setdefault("HOME", os.path.join(scratch, "home"))
    import tempfile  # noqa: PLC0415 - its folder was chosen before

    tempfile.tempdir = None
    if setting.get("clock_s") is not None:
        clock.Clock(setting["clock_s"]).install()
    os.chdir(setting["root"])
    collecting.set_path(setting["root"], setting["import_root"])
    collecting.forget_foreign(modules, os.path.join(setting["root"], setting["import_root"]))


def fork(channel: Channel, setting: dict[str, Any], runner: Any, job: dict[str, Any], descriptor: int) -> None:  # noqa: ANN401 - its class imports pytest
    """Run one job in a child; tell when it began and how it ended, after everything it left is gone."""
    me = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            child(channel, setting, runner, job, descriptor, me)
        except BaseException:  # noqa: BLE001 - a test's process says what it has to say over its pipe, or nothing
            last_words()
        os._exit(0)
    os.close(descriptor)
    channel.send({"kind": "started", "pid": pid})
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # its number stays its own until it is reaped
    family.kill_group(pid)
    _, status = os.waitpid(pid, 0)
    left = family.end_orphans()
    tidy(os.path.join(setting["scratch"], "tmp"))
    exit_code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    channel.send({"kind": "ended", "exit": exit_code, "left": left})


def child(channel: Channel, setting: dict[str, Any], runner: Any, job: dict[str, Any], descriptor: int, parent: int) -> None:  # noqa: ANN401, PLR0913, PLR0917 - as fork
    """Become a process of its own, within limits, and run the job."""
    from . import collecting  # noqa: PLC0415 - it imports pytest

    os.setsid()
    family.die_with_parent(parent)
    channel.close()
    family.limit(memory_mb=setting["memory_mb"], file_mb=setting["file_mb"], cpu_s=setting["cpu_s"])
    collecting.reseed(job["seed"])
    send = frames.sender(descriptor, job.pop("nonces"))
    runner.run(job, send)


def last_words() -> NoReturn:
    """Write the traceback where the judge finds it, and end."""
    import traceback  # noqa: PLC0415 - only when something broke

    traceback.print_exc()
    sys.stderr.flush()
    os._exit(70)


def tidy(folder: str) -> None:
    """Empty the folder in which a job may write."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.remove(path)


def redirect(errors: str) -> None:
    """Send output nowhere and errors into a file: a test that prints binary or 100 MB costs nothing."""
    nothing = os.open(DEVICE, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    kept = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(kept, 2)
    for descriptor in (nothing, kept):
        if descriptor > 2:  # noqa: PLR2004 - the standard ones stay
            os.close(descriptor)


def begin(  # noqa: PLR0913 - what a process starts with
    channel: socket.socket,
    setting: dict[str, Any],
    modules: dict[str, Module],
    descriptor: int | None,
    parent: int,
    *,
    session: bool = True,
) -> None:
    """Be a lane in a fresh process; it leads a session of its own."""
    if session:
        os.setsid()
    family.die_with_parent(parent)
    os.makedirs(setting["scratch"], exist_ok=True)
    redirect(os.path.join(setting["scratch"], "errors"))
    own = Channel(channel)
    own.send({"kind": "begun", "pid": os.getpid()})
    main(own, json.loads(json.dumps(setting)), modules, descriptor)
