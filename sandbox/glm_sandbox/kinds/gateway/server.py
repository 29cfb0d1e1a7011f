"""A gateway as its users see it: kernels made, interrupted and deleted over HTTP.

Where it is and its token come from JUPYTER_GATEWAY_URL and JUPYTER_GATEWAY_AUTH_TOKEN, the
variables that Jupyter itself reads. Routes as in the Jupyter Server's REST API. Does not do:
messages (`channels.py`); following redirects or proxies of the environment.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import anyio

from ...errors import KernelStartError, KindUnavailable

if TYPE_CHECKING:
    import httpx2

URL, TOKEN = "JUPYTER_GATEWAY_URL", "JUPYTER_GATEWAY_AUTH_TOKEN"
SECONDS = 20.0  # for an answer; a kernel that is deleted may have 5 to end by itself
CHECK_SECONDS = 5.0
_ID = re.compile(r"[\w-]{1,128}")


def address() -> tuple[str, str]:
    """The gateway's URL without a slash at its end, and the token. Raises `KindUnavailable`."""
    url = os.environ.get(URL, "").strip().rstrip("/")
    if not url:
        raise KindUnavailable(f"no gateway is named; say where it is in {URL}")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise KindUnavailable(f"{URL} is no http:// or https:// address: {url!r}")
    return url, os.environ.get(TOKEN, "")


def authorization(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"token {token}"} if token else {}


def problem() -> str | None:
    """Why the gateway cannot be used, in one line; None if it can."""
    import httpx2

    try:
        url, token = address()
    except KindUnavailable as error:
        return str(error)
    try:
        answer = httpx2.get(
            f"{url}/api/kernelspecs",
            headers=authorization(token),
            timeout=CHECK_SECONDS,
            trust_env=False,
        )
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
        return f"no gateway answers at {url} ({_said(error)}); start it, or correct {URL}"
    if answer.status_code in {401, 403}:
        return f"the gateway at {url} refuses the token; set {TOKEN}"
    if answer.status_code != 200:
        return f"the gateway at {url} answers with status {answer.status_code}; correct {URL}"
    return None


class Server:
    """A gateway, for one kernel at a time.

    Raises:
        KindUnavailable: none is named.
    """

    def __init__(self) -> None:
        self.url, self.token = address()
        self._client: httpx2.AsyncClient | None = None

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            import httpx2

            self._client = httpx2.AsyncClient(
                headers=authorization(self.token), timeout=SECONDS, trust_env=False
            )
        return self._client

    async def make(self, name: str | None, seconds: float) -> str:
        """Start a kernel of a spec, None for the gateway's usual one; its id.

        Raises:
            KernelStartError: the gateway refuses or fails.
        """
        import httpx2

        try:
            answer = await self._http().post(
                f"{self.url}/api/kernels", json={"name": name} if name else {}, timeout=seconds
            )
        except (httpx2.HTTPError, OSError) as error:
            raise KernelStartError(f"the gateway starts no kernel: {_said(error)}") from error
        found: object = None
        try:
            body: object = answer.json()
        except ValueError:
            body = None
        if isinstance(body, dict):
            found = cast("dict[str, Any]", body).get("id")
        if answer.status_code == 201 and isinstance(found, str) and _ID.fullmatch(found):
            return found
        said = " ".join(answer.text[:300].split())
        raise KernelStartError(f"the gateway starts no kernel: {answer.status_code} {said}")

    async def interrupt(self, kernel: str) -> None:
        """Have it interrupt a kernel; one that it does not know any more is no failure."""
        import httpx2

        try:
            await self._http().post(f"{self.url}/api/kernels/{kernel}/interrupt", json={})
        except (httpx2.HTTPError, OSError):  # the timeout that follows ends the kernel
            return

    async def delete(self, kernel: str) -> None:
        """Have it end a kernel. Where the gateway is gone, so is what we could do about it."""
        import httpx2

        try:
            with anyio.CancelScope(shield=True):
                await self._http().delete(f"{self.url}/api/kernels/{kernel}")
        except (httpx2.HTTPError, OSError):
            return

    async def aclose(self) -> None:
        """Let go of the connection. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
