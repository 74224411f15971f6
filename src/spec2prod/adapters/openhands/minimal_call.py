"""Two looks at the model for `spec2prod doctor`: a free one, and one minimal call that is made only when somebody asks for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from pydantic import BaseModel, Field, ValidationError

from spec2prod.adapters.openhands.failure import refused, unreachable
from spec2prod.adapters.openhands.options import OpenHandsOptions
from spec2prod.adapters.openhands.redaction import redact

_LIMIT_S = 60.0
_LOOK_LIMIT_S = 5.0
_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# litellm's names of providers that speak OpenAI's protocol at an address of one's own; other prefixes mean other protocols
_COMPATIBLE = frozenset({"", "openai", "litellm_proxy", "hosted_vllm", "lm_studio"})
_LIMITS = ("x-ratelimit-limit-requests", "x-ratelimit-limit-tokens")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How the call went. `answered` is None where none was made, for the reason in `told`."""

    answered: bool | None
    told: str
    next_step: str = ""


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Answer(BaseModel):
    choices: list[object] = Field(min_length=1)
    usage: _Usage | None = None


async def ask_endpoint(options: OpenHandsOptions) -> Call:
    """Ask an endpoint for its list of models, which costs nothing: whether somebody answers, and takes the key."""
    url = httpx.URL(f"{options.base_url.rstrip('/')}/models")
    headers = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
    try:
        async with httpx.AsyncClient(timeout=_LOOK_LIMIT_S, trust_env=url.host not in _LOOPBACK, headers=headers) as http:
            answer = await http.get(url)
    except httpx.ConnectError:
        failure = unreachable(options.base_url)
        return Call(answered=False, told=failure.reason, next_step=failure.next_step)
    except httpx.TransportError as error:
        return Call(answered=False, told=f"{options.base_url} gave no answer: {type(error).__name__}", next_step="try again later")
    if answer.status_code in _REFUSALS:
        failure = refused(answer.status_code, options.base_url)
        return Call(answered=False, told=failure.reason, next_step=failure.next_step)
    if answer.status_code == HTTPStatus.OK:
        return Call(answered=True, told=f"{options.base_url} answers, and takes the key")
    return Call(answered=True, told=f"{options.base_url} answers, but lists no models ({answer.status_code}): --call tells more")


async def call_model(options: OpenHandsOptions) -> Call:
    """Ask the model for one token, in OpenAI's form; never raises for what the endpoint does."""
    provider, name = options.model.split("/", 1) if "/" in options.model else ("", options.model)
    if not options.model:
        return Call(answered=None, told="not called: no model is set", next_step="set LLM_MODEL")
    if provider not in _COMPATIBLE or not options.base_url:
        what = f"{provider or 'its provider'} is asked by OpenHands itself, not by this command"
        return Call(answered=None, told=f"not called: {what}", next_step="an OpenAI-compatible endpoint can be called: set LLM_BASE_URL")
    url = httpx.URL(f"{options.base_url.rstrip('/')}/chat/completions")
    begun = time.monotonic()
    try:
        answer = await _post(url, name, options.api_key)
    except httpx.ConnectError:
        failure = unreachable(options.base_url)
        return Call(answered=False, told=failure.reason, next_step=failure.next_step)
    except httpx.TransportError as error:
        return Call(answered=False, told=f"{options.base_url} gave no answer: {type(error).__name__}", next_step="try again later")
    return _read(answer, options, (time.monotonic() - begun) * 1000)


async def _post(url: httpx.URL, model: str, key: str) -> httpx.Response:
    """Ask; newer models want the limit under another name, and say so."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body = {"model": model, "messages": [{"role": "user", "content": "Say ok."}]}
    async with httpx.AsyncClient(timeout=_LIMIT_S, trust_env=url.host not in _LOOPBACK, headers=headers) as http:
        answer = await http.post(url, json=body | {"max_tokens": 1})
        if answer.status_code == HTTPStatus.BAD_REQUEST and "max_completion_tokens" in answer.text:
            answer = await http.post(url, json=body | {"max_completion_tokens": 1})
        return answer


def _read(answer: httpx.Response, options: OpenHandsOptions, wall_ms: float) -> Call:
    if answer.status_code in _REFUSALS:
        failure = refused(answer.status_code, options.base_url)
        return Call(answered=False, told=failure.reason, next_step=failure.next_step)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        told = f"{options.base_url} has no model {options.model} (404)"
        return Call(answered=False, told=told, next_step="check LLM_MODEL and LLM_BASE_URL")
    if answer.status_code != HTTPStatus.OK:
        said = " ".join(redact(answer.text, options.secrets).split())[:_LONGEST]
        step = "try again later" if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.is_server_error else "read what it says"
        return Call(answered=False, told=f"{options.base_url} answered {answer.status_code}: {said}", next_step=step)
    try:
        read = _Answer.model_validate_json(answer.content)
    except ValidationError:
        told = f"{options.base_url} answered, but not as OpenAI's chat completions do"
        return Call(answered=False, told=told, next_step="check LLM_BASE_URL")
    used = read.usage or _Usage()
    limits = [f"{name.removeprefix('x-ratelimit-limit-')} {answer.headers[name]} per window" for name in _LIMITS if name in answer.headers]
    told = f"{options.model} answered in {wall_ms:.0f} ms: {used.prompt_tokens} tokens in, {used.completion_tokens} out"
    return Call(answered=True, told=told + (f"; its limits: {', '.join(limits)}" if limits else ""))
