"""A cheap look at the model's endpoint before anything is spent on it."""

from __future__ import annotations

import asyncio

import httpx

from spec2prod.adapters.openhands.failure import Failure, refused, unreachable
from spec2prod.adapters.openhands.options import OpenHandsOptions

_LIMIT_S = 5.0
_REFUSALS = frozenset({401, 403})


async def look_at_models(options: OpenHandsOptions) -> dict[int, Failure]:
    """Look at every endpoint at once; return why some cannot be used, by their place in the chain."""
    looks = await asyncio.gather(*(look_at_model(each) for each in options.chain))
    return {at: failure for at, failure in enumerate(looks) if failure is not None}


async def look_at_model(options: OpenHandsOptions) -> Failure | None:
    """Return why the endpoint cannot be used, None where nothing speaks against it.

    Only what is certain counts: nobody listens, or the key is refused. Endpoints without a list of models, and slow
    ones, are left to the conversation.
    """
    if not options.base_url:
        return None
    url = httpx.URL(f"{options.base_url.rstrip('/')}/models")
    headers = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
    try:
        async with httpx.AsyncClient(timeout=_LIMIT_S, trust_env=url.host not in {"127.0.0.1", "localhost", "::1"}) as http:
            answer = await http.get(url, headers=headers)
    except httpx.ConnectError:
        return unreachable(options.base_url)
    except httpx.TransportError:
        return None
    return refused(answer.status_code, options.base_url) if answer.status_code in _REFUSALS else None
