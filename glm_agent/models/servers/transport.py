"""HTTP to one OpenAI-compatible server: requests, server-sent events, and errors in one line.

One connection pool per event loop, kept until `aclose` or the end of the loop. Requests go to the
given URL and nowhere else: redirects are not followed, and a server on this machine is never
asked through a proxy.

A request is sent again only where the server has not begun it: the connection that was kept open
turned out to be closed, or the server says 429 or 503 and to come back in a moment.

Does not do: knowing what is in a request (`completions.py`, `chat.py`), retrying one that may have
run.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, cast

import anyio.lowlevel
import httpx2

from ...errors import ServerError
from .address import checked_url, find_key, is_local
from .sse import DataLines

if TYPE_CHECKING:
    from collections.abc import Generator

CONNECT_SECONDS = 10.0
MODELS_SECONDS = 10.0
STALE_SECONDS = 0.5
KEEP_SECONDS = 4.0
"""How long an idle connection is kept: less than the 5 s of uvicorn, which serves most of them."""
TRIES = 3
"""How often a request is sent to a server that asks to come back."""
MAX_WAIT = 5.0
"""How many seconds it may ask for; a longer wait is the caller's to decide."""
MAX_BODY = 8 * 2**20
"""How many bytes of one whole answer are read."""
MAX_STREAM = 64 * 2**20
"""How many bytes of one stream of events are read."""

_POST_HEADERS = {"Content-Type": "application/json", "Accept": "text/event-stream"}


class Refused(ServerError):
    """The server did not take the request (4xx); `status` and `reason` say why."""

    def __init__(self, text: str, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(text)


class NoEndpoint(Refused):
    """The server has no such endpoint."""


class Transport:
    """A server at `base_url`, such as `http://127.0.0.1:8000/v1`.

    `timeout` is how many seconds the server may say nothing. `where` is the URL for messages.
    """

    def __init__(self, base_url: str, api_key: str | None, timeout: float | None) -> None:
        url = checked_url(base_url)
        self.base = str(url).rstrip("/")
        self.where = str(url.copy_with(username=None, password=None)).rstrip("/")
        self._timeout = httpx2.Timeout(timeout, connect=CONNECT_SECONDS, pool=None)
        self._local = is_local(url.host)
        self._secure = url.scheme == "https"
        key = find_key(api_key, trusted=self._local or self._secure)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._urls: dict[str, httpx2.URL] = {}
        self._clients: anyio.lowlevel.RunVar[
            tuple[httpx2.AsyncClient, AsyncGenerator[None, None]]
        ] = anyio.lowlevel.RunVar(f"client of {self.where}")
        self._closed = False

    async def _client(self) -> httpx2.AsyncClient:
        """This event loop's pool: connections cannot move from one loop to another."""
        if self._closed:
            raise ServerError(f"the model at {self.where} was closed; make a new one")
        try:
            return self._clients.get()[0]
        except LookupError:
            client = httpx2.AsyncClient(
                headers=self._headers,
                timeout=self._timeout,
                limits=httpx2.Limits(keepalive_expiry=KEEP_SECONDS),
                follow_redirects=False,
                trust_env=not self._local,
                # Plain HTTP needs no certificates, and reading them takes 50 ms.
                verify=self._secure,
            )
            keeper = _close_with_loop(client)
            self._clients.set((client, keeper))
            await anext(keeper)
            return client

    async def aclose(self) -> None:
        """Close the connections."""
        self._closed = True
        try:
            _, keeper = self._clients.get()
        except LookupError:
            return
        await keeper.aclose()

    async def models(self) -> list[str]:
        """The names of the models the server says it has; empty where it does not say.

        Raises `ServerError` where no server answers, or it wants another API key.
        """
        return [name for name, _ in await self.owned_models()]

    async def owned_models(self) -> list[tuple[str, str]]:
        """The models by name, each with its owner: vLLM and SGLang name themselves there.

        Raises `ServerError` where no server answers, or it wants another API key.
        """
        client = await self._client()
        with self._errors():
            try:
                response = await client.get(
                    f"{self.base}/models",
                    timeout=MODELS_SECONDS,
                    # A server that fails here may drop the connection for the next request.
                    headers={"Connection": "close"},
                )
            except (httpx2.ReadTimeout, httpx2.ReadError, httpx2.RemoteProtocolError):
                # Busy, perhaps, or broken at this endpoint only, as `transformers serve` is when
                # it has no hub cache. The request proper will tell.
                return []
        if response.status_code in (401, 403):
            raise self._status_error(response, "/models", response.text)
        if response.status_code != 200:
            return []
        try:
            data = response.json()["data"]
            return [
                (entry["id"], str(entry.get("owned_by") or ""))
                for entry in data
                if isinstance(entry["id"], str)
            ]
        except (ValueError, KeyError, TypeError, AttributeError):
            return []

    async def events(
        self, path: str, body: Mapping[str, Any] | bytes
    ) -> AsyncGenerator[dict[str, Any], None]:
        """POST `body`, an object or its JSON, and yield the objects of the answer.

        Raises `Refused` for 4xx, and `ServerError` for all else that is not an answer.
        """
        client = await self._client()
        request = client.build_request(
            "POST",
            self._url(path),
            content=body if isinstance(body, bytes) else json_bytes(body),
            headers=_POST_HEADERS,
        )
        with self._errors():
            response = await _send_patiently(client, request)
        try:
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if response.status_code != 200:
                with self._errors():
                    text = await _read(response)
                raise self._status_error(response, path, text)
            if kind == "text/event-stream":
                # Errors of what is done with an event are not the server's: they stay outside.
                async with aclosing(self._lines(response)) as lines:
                    async for line in lines:
                        yield {"done": True} if line == b"[DONE]" else self._object(line)
            else:
                with self._errors():
                    text = await _read(response)
                yield self._whole(kind, text)
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()

    def _url(self, path: str) -> httpx2.URL:
        if path not in self._urls:
            self._urls[path] = httpx2.URL(f"{self.base}{path}")
        return self._urls[path]

    async def _lines(self, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
        """The data of a stream's events, one line each."""
        plain = "content-encoding" not in response.headers
        chunks = response.aiter_raw() if plain else response.aiter_bytes()
        lines = DataLines()
        room = MAX_STREAM
        async with aclosing(chunks):
            while True:
                try:
                    chunk = await anext(chunks, None)
                    found = lines.close() if chunk is None else lines.feed(chunk)
                except (httpx2.HTTPError, httpx2.StreamError, ValueError) as error:
                    raise self._explained(error, streaming=True) from error
                for line in found:
                    yield line
                if chunk is None:
                    return
                room -= len(chunk)
                if room < 0:
                    raise ServerError(f"{self.where} sends without end; it was cut off")

    def _object(self, data: str | bytes) -> dict[str, Any]:
        text = data if isinstance(data, str) else data.decode(errors="replace")
        value: Any
        try:
            value = json.loads(text)
        except ValueError:
            value = None
            # transformers puts a message between quotes without escaping it
            if text.startswith('{"error"'):
                value = {"error": text.partition(":")[2].strip(' "}')}
        if not isinstance(value, dict):
            raise ServerError(f"{self.where} sent what is not JSON: {_short(text)}")
        found = cast("dict[str, Any]", value)
        if found.get("error"):
            raise ServerError(f"{self.where} failed in the middle: {_message(found)}")
        return found

    def _whole(self, kind: str, text: str) -> dict[str, Any]:
        if kind == "application/json":
            return self._object(text)
        what = kind or "something without a content type"
        raise ServerError(
            f"{self.where} answers {what}, not an OpenAI-compatible API; check the URL "
            "(it usually ends in /v1)"
        )

    def _status_error(self, response: httpx2.Response, path: str, body: str) -> ServerError:
        status, where = response.status_code, self.where
        try:
            reason = _message(json.loads(body))
        except ValueError:
            html = "<html" in body[:500].lower() or "<!doctype" in body[:500].lower()
            reason = "" if html else _short(body)
        said = f": {reason}" if reason else ""
        if status in (401, 403):
            return ServerError(
                f"{where} refuses the API key ({status}){said}; set GLM_AGENT_API_KEY"
            )
        if 300 <= status < 400:
            target = _short(response.headers.get("location", "elsewhere"))
            return ServerError(f"{where} redirects to {target}; give that URL instead")
        if status == 429:
            after = response.headers.get("retry-after")
            wait = f"in {_short(after)} s" if after else "in a while"
            return ServerError(f"{where} has too many requests (429){said}; try again {wait}")
        if status >= 500 and status != 501:
            return ServerError(f"{where} failed ({status}){said}; its log says more")
        # Servers say 404 of models too; of one that can only chat, it is the endpoint that lacks.
        words = set(re.findall(r"[a-z]+", reason.lower()))
        if status in (404, 405, 501) and ("model" not in words or "chat" in words):
            return NoEndpoint(
                f"{where} has no {path} ({status}){said}; check the URL (it usually ends in /v1)",
                status,
                reason,
            )
        return Refused(f"{where} did not take the request ({status}){said}", status, reason)

    @contextmanager
    def _errors(self) -> Generator[None]:
        """Turn the errors of httpx into ours."""
        try:
            yield
        except (httpx2.HTTPError, httpx2.StreamError, UnicodeError) as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception, *, streaming: bool = False) -> ServerError:
        """What went wrong and what to do, in a line."""
        where, said = self.where, _short(str(error))
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return ServerError(f"no server answers at {where} ({said}); start it or check the URL")
        if isinstance(error, httpx2.TimeoutException):
            return ServerError(
                f"{where} said nothing for {self._timeout.read} s; it hangs or is overloaded "
                "(timeout= gives it longer)"
            )
        if isinstance(error, UnicodeError):
            return ServerError(f"{where} sent what is not text: {said}")
        if isinstance(error, ValueError):
            return ServerError(f"{where} sent a broken stream: {said}")
        what = "broke off in the middle of its reply" if streaming else "broke the connection"
        return ServerError(f"{where} {what} ({said or type(error).__name__}); see its log")


def json_bytes(value: Any) -> bytes:
    """`value` as JSON in UTF-8. Half a surrogate pair cannot be sent; it becomes U+FFFD."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


async def _close_with_loop(client: httpx2.AsyncClient) -> AsyncGenerator[None, None]:
    """Closes `client` when closed itself, as the event loop does to all generators at its end."""
    try:
        yield
    finally:
        await client.aclose()


async def _send_patiently(client: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    """Send, and again when the server says that it took nothing yet and when it will."""
    for _ in range(TRIES - 1):
        response = await _send(client, request)
        wait = _wait_for(response)
        if wait is None:
            return response
        await response.aclose()
        await anyio.sleep(wait)
    return await _send(client, request)


def _wait_for(response: httpx2.Response) -> float | None:
    """After how many seconds to send once more; None where not to."""
    if response.status_code not in (429, 503):
        return None
    try:
        wait = float(response.headers.get("retry-after", ""))
    except ValueError:  # none, or a date
        return None
    return wait if 0 <= wait <= MAX_WAIT else None


async def _send(client: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    """Send, a second time if the server had just closed the connection that was kept open.

    That shows at once, before a byte of the answer; what takes longer may have been begun.
    """
    started = time.monotonic()
    try:
        return await client.send(request, stream=True)
    except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError):
        if time.monotonic() - started > STALE_SECONDS:
            raise
    return await client.send(request, stream=True)


async def _read(response: httpx2.Response) -> str:
    """The body, as far as it is of interest."""
    chunks: list[bytes] = []
    room = MAX_BODY
    async for chunk in response.aiter_bytes():
        chunks.append(chunk[:room])
        room -= len(chunk)
        if room <= 0:
            break
    return b"".join(chunks).decode(response.encoding or "utf-8", "replace")


def _message(value: Any) -> str:
    """What an error body says: `{"error": {"message": …}}`, `{"detail": …}` and their like."""
    for _ in range(3):
        if not isinstance(value, dict):
            break
        found = cast("dict[str, Any]", value)
        value = next((found[key] for key in ("error", "message", "detail") if found.get(key)), "")
    return _short(value if isinstance(value, str) else json.dumps(value))


def _short(text: str, limit: int = 200) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"
