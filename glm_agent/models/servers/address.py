"""Where a model server is, and the key that it is given.

Does not do: sending anything (`transport.py`).
"""

from __future__ import annotations

import ipaddress
import os
import re

import httpx2

from ...errors import ModelLoadError


def checked_url(base_url: str) -> httpx2.URL:
    """The URL up to `/v1`, whatever was given of it. Raises `ModelLoadError`."""
    try:
        url = httpx2.URL(base_url.strip())
    except (httpx2.InvalidURL, TypeError) as error:
        raise ModelLoadError(f"{base_url!r} is not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ModelLoadError(
            f"{base_url!r} is not a server's URL, such as http://127.0.0.1:8000/v1"
        )
    if url.query or url.fragment:
        raise ModelLoadError(f"{base_url!r}: give the URL without what follows ? or #")
    path = re.sub(r"/(chat/)?completions/?$|/models/?$", "", url.path).rstrip("/")
    return url.copy_with(path=path or "/v1")


def is_local(host: str) -> bool:
    """Whether `host` is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_key(given: str | None, *, trusted: bool) -> str:
    """The API key. A key meant for another service is not sent over plain HTTP to a network."""
    key = given if given is not None else os.environ.get("GLM_AGENT_API_KEY")
    if key is None and trusted:
        key = os.environ.get("OPENAI_API_KEY")
    key = (key or "").strip()
    if not key.isascii() or not key.isprintable():
        raise ModelLoadError("the API key has characters that no header can hold; check it")
    return key
