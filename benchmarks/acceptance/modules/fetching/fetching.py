"""Fetches many pages at once, a few at a time, and tries again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol


class Client(Protocol):
    """Who speaks with the network."""

    async def get(self, url: str) -> str:
        """Return the page."""
        ...


class Unreachable(Exception):
    """A page could not be had."""


async def fetch(client: Client, url: str, *, tries: int = 3, pause_s: float = 0.5) -> str:
    """Return a page; after a failure wait, each time twice as long."""
    if tries < 1:
        raise ValueError("try at least once")
    for attempt in range(tries):
        try:
            return await client.get(url)
        except ConnectionError as error:
            if attempt + 1 == tries:
                raise Unreachable(url) from error
            await asyncio.sleep(pause_s * 2**attempt)
    raise AssertionError("unreachable")


async def fetch_all(client: Client, urls: Iterable[str], *, at_once: int = 2) -> dict[str, str]:
    """Return the pages by their address, each asked for once; those that cannot be had are left out."""
    gate = asyncio.Semaphore(at_once)
    pages: dict[str, str] = {}

    async def one(url: str) -> None:
        async with gate:
            try:
                pages[url] = await fetch(client, url, pause_s=0)
            except Unreachable:
                return

    await asyncio.gather(*(one(url) for url in dict.fromkeys(urls)))
    return pages


def host_of(url: str) -> str:
    """Return the host's name, in lower case and without its port."""
    rest = url.partition("://")[2] or url
    return rest.partition("/")[0].rpartition("@")[2].partition(":")[0].lower()
