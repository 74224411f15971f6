"""What the agent server, and so the agent and every command it runs, finds in its environment: an allow-list."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

# Where the model is behind a company's proxy or certificate, the server needs these; nothing else of ours is handed on.
_HANDED_ON = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "TZ")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/current-system/sw/bin")
_LOOPBACK = "127.0.0.1,localhost"

# Found in the server's own source (1.58.0) and measured: without these it asks the network, draws banners, offers
# an editor and a browser, or takes seconds to draw a traceback while every other request waits.
_FIXED = {
    "OH_ENABLE_VSCODE": "false",
    "OH_ENABLE_BROWSER": "false",
    "OH_LEASE_TTL_SECONDS": "0",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OPENHANDS_SUPPRESS_BANNER": "1",
    "DO_NOT_TRACK": "1",
    "LOG_JSON": "true",
    "LOG_RICH_TRACEBACKS": "false",
    "LANG": "C.UTF-8",
}


def server_environment(  # noqa: PLR0913 - each is a variable of its own
    *,
    state: Path,
    sockets: Path,
    workspaces: Path,
    path: Iterable[Path],
    key: str,
    secret: str,
    max_concurrent: int,
    ours: Mapping[str, str],
) -> dict[str, str]:
    """Return the server's whole environment. `state` is its folder, `sockets` a short one for tmux, `ours` our own environment."""
    handed_on = {name: ours[name] for name in _HANDED_ON if ours.get(name)}
    no_proxy = ",".join(filter(None, (ours.get("NO_PROXY") or ours.get("no_proxy"), _LOOPBACK)))
    return {
        **_FIXED,
        **handed_on,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PATH": os.pathsep.join(dict.fromkeys((*map(str, path), *system_path()))),
        "HOME": str(state / "home"),
        "TMUX_TMPDIR": str(sockets),
        "OH_SESSION_API_KEYS_0": key,
        "OH_SECRET_KEY": secret,
        "OH_PERSISTENCE_DIR": str(state / "persistence"),
        "OH_CONVERSATIONS_PATH": str(state / "conversations"),
        "OH_BASH_EVENTS_DIR": str(state / "bash_events"),
        "OH_WORKSPACE_PATH": str(workspaces),
        "OH_MAX_CONCURRENT_RUNS": str(max_concurrent),
    }


def system_path() -> tuple[str, ...]:
    """Return the system's program folders, with tmux's own last where it is elsewhere."""
    tmux = shutil.which("tmux")
    return (*(folder for folder in _SYSTEM_PATH if Path(folder).is_dir()), *((str(Path(tmux).parent),) if tmux else ()))


def certificates(ours: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the certificate files that the server must be able to read."""
    return tuple(Path(ours[name]) for name in _CERTIFICATES if ours.get(name))
