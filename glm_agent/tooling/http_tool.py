"""An HTTP request template as a tool.

    HttpTool(
        name="get_weather",
        description="Current weather",
        parameters={"city": "string"},
        url="https://api.example.com/v1/{city}",
        query={"units": "metric"},
        pick="current.temp",
    )

What the model writes fills the template's places and nothing else: in a URL it is
percent-encoded, in JSON it is a value. It cannot choose the host, unless `allow_any_host` says so
(then the tool reaches whatever this machine reaches). A redirect to another host is not followed,
as the headers may hold a key; error texts for the model name neither query nor headers.

Does not do: cookies, retries, uploads, streaming.
"""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Mapping, Sequence
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import quote, unquote, urlsplit

from ..errors import InvalidArguments, ToolDefinitionError, ToolError
from ..messages import ToolCall, ToolSpec
from .base import Tool, ToolContext, ToolOutput
from .builtin import instead
from .function import check_limits, check_name
from .json_types import Mistake, parameter_names, read_parameters
from .outputs import outputs_of, to_json
from .schema import Arguments
from .templates import MISSING, Placeholder, Template, as_text, fill, parse_tree

if TYPE_CHECKING:
    import httpx2

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
MAX_REDIRECTS = 5
MAX_BYTES = 1_000_000

Result = Literal["text", "json"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]

_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


class HttpDefinitionError(ToolDefinitionError):
    """A request template that cannot work; `mistakes` says what is wrong with which field."""

    def __init__(self, name: str, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        where = "; ".join(
            f"{'.'.join(map(str, place))}: {message}" for place, message in self.mistakes
        )
        super().__init__(f"{name}: {where}")


class HttpTool(Tool):
    """A tool that sends one request and gives back its answer.

    Args:
        name: What the model calls it.
        url: `http` or `https`; `{parameter}` anywhere after the host.
        description: What the model is told about it.
        parameters: A type word or a small schema by name, or a JSON Schema object.
        method: GET, POST, PUT, PATCH, DELETE or HEAD.
        query: Values by name; one whose parameters were left out is left out.
        headers: Texts by name.
        json: The body; a text that is just `{parameter}` becomes the value with its type.
        timeout: Seconds for the whole request, None for no limit.
        max_chars: Cap of the text that the model reads.
        max_bytes: Cap of the answer that is read at all.
        result: "text", or "json" to read the answer as JSON and print it on one line.
        pick: The way to the part of the JSON that matters, such as `items.0.name`.
        allow_any_host: Let the model fill the host, too.

    Raises `HttpDefinitionError`, a `ToolDefinitionError`, with every mistake.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        description: str = "",
        parameters: Mapping[str, Any] | None = None,
        method: Method = "GET",
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        json: Any = None,
        timeout: float | None = 30.0,
        max_chars: int = Tool.max_chars,
        max_bytes: int = MAX_BYTES,
        result: Result = "text",
        pick: str | None = None,
        allow_any_host: bool = False,
    ) -> None:
        check_limits(name, timeout, max_chars)
        mistakes: list[Mistake] = []
        try:
            check_name(name)
        except ToolDefinitionError as error:
            mistakes.append((("name",), str(error)))
        found: list[Mistake] = []
        declared = read_parameters(parameters or {}, found)
        mistakes += [(("parameters", *place), message) for place, message in found]
        self._url = Template.parse(url)
        self._query = parse_tree(dict(query or {}))
        self._headers = parse_tree(dict(headers or {}))
        self._json = parse_tree(json)
        self._any_host = allow_any_host
        self._method = method
        self._max_bytes = max_bytes
        self._pick = pick.split(".") if pick else []
        self._result: Result = "json" if pick else result
        self.timeout = timeout
        self.max_chars = max_chars

        known = parameter_names(parameters or {})
        trees = {"url": self._url, "query": self._query}
        trees |= {"headers": self._headers, "json": self._json}
        mistakes += [
            mistake for key, tree in trees.items() for mistake in _unknown(tree, known, (key,))
        ]
        optional = {item.name for item in declared if not item.required and item.default is None}
        mistakes += _url_mistakes(url, self._url, optional, allow_any_host)
        if method not in METHODS:
            mistakes.append((("method",), f"no method {method!r}{instead(method, METHODS)}"))
        elif method in ("GET", "HEAD") and json is not None:
            mistakes.append((("json",), f"a {method} request has no body: use method POST"))
        if max_bytes <= 0:
            mistakes.append((("max_bytes",), "should be above 0"))
        if mistakes:
            raise HttpDefinitionError(name, mistakes)
        # What the tool itself fills in when a call leaves a parameter out.
        self._defaults = {
            item.name: item.default
            for item in declared
            if not item.required and item.default is not None
        }
        self._arguments = Arguments(name, declared)
        self.spec = ToolSpec(name, description, self._arguments.schema)

    def __repr__(self) -> str:
        return f"HttpTool({self.name!r})"

    def check(self, call: ToolCall) -> dict[str, Any]:
        """The arguments with their types. Raises `InvalidArguments`."""
        if call.arguments is None and call.payload.strip():
            raise InvalidArguments(f"Invalid arguments for {self.name}: should be a JSON object")
        given = self._arguments.validate(self.name, call.arguments or {})
        return {**self._defaults, **{key: part for key, part in given.items() if part is not None}}

    async def run(self, arguments: Any, context: ToolContext) -> Sequence[ToolOutput]:
        """Send the request. Raises `ToolError` for whatever is not a good answer."""
        import httpx2

        async def client() -> httpx2.AsyncClient:
            made = httpx2.AsyncClient(timeout=None)
            # A session's tools share the connections, not a login.
            made.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            return made

        # One for all HTTP tools of a session: making one reads all certificates.
        http = await context.resource("glm_agent.http", client)
        request = self._request(http, arguments)
        where = f"{request.method} {request.url.host}{request.url.path}"
        try:
            response, data, whole = await self._send(http, request)
        except httpx2.TimeoutException:
            seconds = f"{self.timeout:g}" if self.timeout else "some"
            return [ToolOutput(f"{where} timed out after {seconds} seconds.", outcome="timeout")]
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise ToolError(f"{where} failed: {reason}") from error
        if response.status_code >= 300:
            text = " ".join(_decoded(data, response)[:1000].split())[:300]
            status = f"{response.status_code} {response.reason_phrase}".strip()
            raise ToolError(f"{where} answered {status}{': ' if text else ''}{text}")
        if self._result == "json":
            return [ToolOutput(self._picked(data, whole, where))]
        try:
            text = data.decode(response.charset_encoding or "utf-8")
        except (UnicodeDecodeError, LookupError):
            kind = response.headers.get("content-type", "")
            if kind.startswith("text/") or not whole:
                text = _decoded(data, response)
            else:
                return outputs_of(data)
        if not whole:
            text += f"\n[the answer is longer than {self._max_bytes} bytes; the rest was not read]"
        return [ToolOutput(text)]

    def _request(self, http: httpx2.AsyncClient, values: Mapping[str, Any]) -> httpx2.Request:
        import httpx2

        origin = 0 if not self._any_host else len(_prefix(self._url))

        def encode(place: Placeholder, text: str) -> str:
            return text if place.start < origin else quote(text, safe="")

        url = self._url.text(values, encode)
        if self._url.placeholders and not self._any_host:
            _refuse_dots(url)
        headers = httpx2.Headers({"User-Agent": "glm-agent"})
        for key, value in fill(self._headers, values).items():
            text = as_text(value)
            if re.search(r"[\r\n\0]", text):
                raise ToolError(f"the header {key} cannot hold more than one line")
            headers.update([(key.encode(), text.strip().encode())])
        query: list[tuple[str, str | int | float | bool | None]] = []
        for key, value in fill(self._query, values).items():
            items = cast("list[Any]", value) if isinstance(value, list) else [value]
            query += [(key, as_text(item)) for item in items]
        body = fill(self._json, values)
        content = None
        if self._json is not None and body is not MISSING:
            content = jsonlib.dumps(body, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        try:
            address = httpx2.URL(url)
            if query:
                address = address.copy_merge_params(query)
            if address.scheme not in ("http", "https") or not address.host:
                raise ToolError("only http:// and https:// addresses can be opened")
            return http.build_request(
                self._method,
                address,
                headers=headers,
                content=content,
                timeout=httpx2.Timeout(self.timeout),
            )
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            raise ToolError(f"not an address that can be opened: {error}") from error

    async def _send(
        self, http: httpx2.AsyncClient, request: httpx2.Request
    ) -> tuple[httpx2.Response, bytes, bool]:
        """The answer, its body up to `max_bytes`, and whether that is all of it."""
        for _ in range(MAX_REDIRECTS + 1):
            response = await http.send(request, stream=True)
            try:
                following = response.next_request
                if following is None:
                    data = bytearray()
                    async for chunk in response.aiter_bytes():
                        data += chunk
                        if len(data) > self._max_bytes:
                            return response, bytes(data[: self._max_bytes]), False
                    return response, bytes(data), True
                if not _same_server(request.url, following.url):
                    raise ToolError(
                        f"{request.url.host} redirects to another server, "
                        f"{following.url.host}, which this tool does not follow"
                    )
                request = following
            finally:
                await response.aclose()
        raise ToolError(f"{request.url.host} redirects more than {MAX_REDIRECTS} times")

    def _picked(self, data: bytes, whole: bool, where: str) -> str:
        if not whole:
            raise ToolError(f"{where}: the answer is longer than {self._max_bytes} bytes")
        try:
            value: Any = jsonlib.loads(data)
        except (ValueError, RecursionError):
            raise ToolError(f"{where} answered something that is not JSON") from None
        for index, step in enumerate(self._pick):
            inner = _step(value, step)
            if inner is MISSING:
                way = ".".join(self._pick[: index + 1])
                raise ToolError(f"{where}: the answer has no {way!r}; {_has(value)}")
            value = inner
        return value if isinstance(value, str) else to_json(value)


def _unknown(tree: Any, known: Sequence[str], place: tuple[str | int, ...]) -> list[Mistake]:
    if isinstance(tree, Template):
        return [
            (place, f"no parameter {item.name!r}{instead(item.name, known)}")
            for item in tree.placeholders
            if item.name not in known
        ]
    parts: Any = ()
    if isinstance(tree, dict):
        parts = cast("dict[str, Any]", tree).items()
    elif isinstance(tree, list):
        parts = enumerate(cast("list[Any]", tree))
    return [found for key, part in parts for found in _unknown(part, known, (*place, key))]


def _prefix(template: Template) -> str:
    """The template up to the end of its host, or its one placeholder."""
    text = "".join(part if isinstance(part, str) else f"{{{part.name}}}" for part in template.parts)
    match = _ORIGIN.match(text)
    if match:
        return match[0]
    return text.partition("}")[0] + "}" if text.startswith("{") else ""


def _url_mistakes(
    url: str, template: Template, optional: set[str], any_host: bool
) -> list[Mistake]:
    place = ("url",)
    prefix = _prefix(template)
    if "{" in prefix and not any_host:
        return [(place, "the model may not choose the host: allow_any_host: true lets it")]
    if not any_host or not url.startswith("{"):
        try:
            host = urlsplit(re.sub(r"\{\w+\}", "x", prefix)).hostname
        except ValueError:
            host = None
        if not _ORIGIN.match(prefix) or not host:
            return [(place, "should start with http:// or https:// and a host")]
    return [
        (place, f"{item.name!r} may be left out of a call: give it a default, or move it to query")
        for item in template.placeholders
        if item.name in optional
    ]


def _same_server(old: httpx2.URL, new: httpx2.URL) -> bool:
    """Whether a redirect stays with its server, or goes from http to https there."""
    upgrade = (old.scheme, new.scheme, old.port, new.port) == ("http", "https", None, None)
    same = (old.scheme, old.port) == (new.scheme, new.port)
    return old.host == new.host and (same or upgrade)


def _refuse_dots(url: str) -> None:
    """A value in a path must not climb out of it."""
    path = urlsplit(url).path
    if any(unquote(step) in (".", "..") for step in re.split(r"[/\\]", path)):
        raise ToolError("a part of the address cannot be '.' or '..'")


def _decoded(data: bytes, response: httpx2.Response) -> str:
    try:
        return data.decode(response.charset_encoding or "utf-8", "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).get(step, MISSING)
    if isinstance(value, list) and re.fullmatch(r"-?\d{1,9}", step):
        items = cast("list[Any]", value)
        return items[int(step)] if -len(items) <= int(step) < len(items) else MISSING
    return MISSING


def _has(value: Any) -> str:
    if isinstance(value, dict):
        names = [str(name) for name in cast("dict[str, Any]", value)]
        return f"it has {', '.join(names[:20]) or 'nothing'}"
    if isinstance(value, list):
        return f"it is a list of {len(cast('list[Any]', value))}"
    return "there is nothing below that"
