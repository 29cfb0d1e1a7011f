"""Request templates against a real server on this machine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_agent.errors import ToolDefinitionError
from glm_agent.messages import Observation, ToolCall
from glm_agent.tooling import HttpTool, SessionResources, ToolContext, dispatch
from glm_agent.tooling.http_tool import HttpDefinitionError

from .conftest import Web

pytestmark = pytest.mark.anyio


async def call(made: HttpTool, **values: Any) -> Observation:
    resources = SessionResources()
    try:
        [observation] = await dispatch(
            ToolCall("c1", made.name, "", values),
            {made.name: made},
            ToolContext(resources=resources),
        )
    finally:
        await resources.aclose()
    return observation


def weather(web: Web, **options: Any) -> HttpTool:
    given = {
        "name": "get_weather",
        "url": f"{web.url}/v1/{{city}}",
        "parameters": {"city": "string", "days": {"type": "integer", "default": 1}},
        **options,
    }
    return HttpTool(**given)


async def test_values_fill_path_query_and_headers(web: Web) -> None:
    web.answer("/v1/%E5%8C%97%E4%BA%AC%2F%3Fa%3Db%20%26", "sunny")
    made = weather(
        web,
        query={"days": "{days}", "lang": "zh", "note": "for {city}"},
        headers={"X-City": "{city}", "X-Key": "k"},
    )
    observation = await call(made, city="北京/?a=b &", days="3")
    assert (observation.outcome, observation.text) == ("ok", "sunny")
    [request] = web.requests
    assert request.method == "GET"
    assert request.query == {"days": ["3"], "lang": ["zh"], "note": ["for 北京/?a=b &"]}
    assert request.headers["X-Key"] == "k"
    assert request.headers["X-City"].encode("latin-1").decode() == "北京/?a=b &"


async def test_defaults_are_sent_and_optional_ones_left_out(web: Web) -> None:
    web.answer("/v1/Oslo", "ok")
    made = weather(
        web,
        parameters={
            "city": "string",
            "days": {"type": "integer", "default": 7},
            "units": {"type": "string", "required": False},
            "tags": {"type": "array", "items": "string", "required": False},
        },
        query={"days": "{days}", "units": "{units}", "tag": "{tags}"},
    )
    await call(made, city="Oslo")
    await call(made, city="Oslo", units=None, tags=["a", "b,c"])
    assert [request.query for request in web.requests] == [
        {"days": ["7"]},
        {"days": ["7"], "tag": ["a", "b,c"]},
    ]
    assert made.spec.parameters["required"] == ["city"]


async def test_a_json_body_keeps_types_and_cannot_be_broken_out_of(web: Web) -> None:
    web.answer("/v1/x", {"ok": True})
    body = {"where": {"city": "{city}"}, "days": "{days}", "text": "in {city}", "fixed": [1, None]}
    made = weather(web, method="POST", json=body, url=f"{web.url}/v1/x", result="json")
    observation = await call(made, city='", "admin": true, "', days=2)
    assert observation.text == '{"ok": true}'
    [request] = web.requests
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {
        "where": {"city": '", "admin": true, "'},
        "days": 2,
        "text": 'in ", "admin": true, "',
        "fixed": [1, None],
    }


ANSWER = {"items": [{"name": "一", "temp": 20.5}, {"name": "two"}], "current": {"temp": 3}}

PICKS = [
    ("items.0.name", "ok", "一"),
    ("items.-1.name", "ok", "two"),
    ("items.0", "ok", '{"name": "一", "temp": 20.5}'),
    ("current.temp", "ok", "3"),
    ("current.wind", "error", "GET 127.0.0.1/v1/x: the answer has no 'current.wind'; it has temp"),
    ("items.5", "error", "GET 127.0.0.1/v1/x: the answer has no 'items.5'; it is a list of 2"),
    (
        "current.temp.deep",
        "error",
        "GET 127.0.0.1/v1/x: the answer has no 'current.temp.deep'; there is nothing below that",
    ),
]


@pytest.mark.parametrize(("pick", "outcome", "text"), PICKS)
async def test_a_part_of_the_answer_is_picked(web: Web, pick: str, outcome: str, text: str) -> None:
    web.answer("/v1/x", ANSWER)
    observation = await call(weather(web, pick=pick), city="x")
    assert (observation.outcome, observation.text) == (outcome, text)


async def test_answers_that_are_no_good_are_errors(web: Web) -> None:
    web.answer("/v1/html", "<html>hello</html>")
    web.answer("/v1/down", "sorry\n  down", status=503)
    made = weather(
        web, result="json", headers={"Authorization": "Bearer secret"}, query={"key": "s3"}
    )
    texts = [(await call(made, city=city)).text for city in ("html", "down", "missing")]
    assert texts == [
        "GET 127.0.0.1/v1/html answered something that is not JSON",
        "GET 127.0.0.1/v1/down answered 503 Service Unavailable: sorry down",
        "GET 127.0.0.1/v1/missing answered 404 Not Found: no such page",
    ]


async def test_a_server_that_is_not_there() -> None:
    made = HttpTool(name="t", url="http://127.0.0.1:9/x", query={"key": "secret"})
    observation = await call(made)
    assert observation.outcome == "error"
    assert observation.text.startswith("GET 127.0.0.1/x failed: ")
    assert "secret" not in observation.text


async def test_a_server_that_hangs_is_a_timeout(web: Web) -> None:
    observation = await call(HttpTool(name="t", url=f"{web.url}/hang", timeout=0.2))
    assert observation.outcome == "timeout"


async def test_large_answers_are_not_read_to_the_end(web: Web) -> None:
    web.answer("/v1/x", "a" * 2_000_000)
    web.answer("/v1/j", ["a" * 2_000_000])
    text = (await call(weather(web, max_bytes=1000), city="x")).text
    assert text == "a" * 1000 + "\n[the answer is longer than 1000 bytes; the rest was not read]"
    observation = await call(weather(web, max_bytes=1000, result="json"), city="j")
    assert observation.text == "GET 127.0.0.1/v1/j: the answer is longer than 1000 bytes"


async def test_pictures_and_other_bytes(web: Web) -> None:
    web.answer("/v1/png", b"\x89PNG\r\n\x1a\n\xff\xfe")
    web.answer("/v1/bin", b"\xff\xfe\x00")
    assert (await call(weather(web), city="png")).images[0].media_type == "image/png"
    assert (await call(weather(web), city="bin")).text == "<3 bytes of binary data>"


async def test_an_encoding_named_by_the_server(web: Web) -> None:
    web.answers["/v1/gbk"] = (
        200,
        {"Content-Type": "text/plain; charset=gbk"},
        "北京".encode("gbk"),
    )
    web.answers["/v1/odd"] = (200, {"Content-Type": "text/plain; charset=nope"}, b"text")
    assert (await call(weather(web), city="gbk")).text == "北京"
    assert (await call(weather(web), city="odd")).text == "text"


async def test_redirects_stay_on_their_server(web: Web) -> None:
    web.answer("/v1/here", "", status=302, Location="/v1/there")
    web.answer("/v1/there", "arrived")
    web.answer("/v1/away", "", status=302, Location="http://localhost:9/")
    web.answer("/v1/port", "", status=302, Location="http://127.0.0.1:9/")
    web.answer("/v1/round", "", status=302, Location="/v1/round")
    assert (await call(weather(web), city="here")).text == "arrived"
    for city in ("away", "port"):
        away = await call(weather(web), city=city)
        assert away.outcome == "error"
        assert "redirects to another server" in away.text
    assert "more than 5 times" in (await call(weather(web), city="round")).text


@pytest.mark.parametrize("city", ["..", ".", "../../admin"])
async def test_a_value_cannot_climb_out_of_the_path(web: Web, city: str) -> None:
    made = weather(web, url=f"{web.url}/v1/{{city}}/x")
    observation = await call(made, city=city)
    if "/" in city:  # its slashes are encoded, so that it is one odd name
        assert web.requests[0].target == "/v1/..%2F..%2Fadmin/x"
    else:
        assert observation.text == "a part of the address cannot be '.' or '..'"
        assert not web.requests


async def test_a_header_cannot_be_split(web: Web) -> None:
    made = weather(web, headers={"X-City": "{city}"})
    observation = await call(made, city="a\r\nX-Evil: 1")
    assert observation.text == "the header X-City cannot hold more than one line"
    assert not web.requests


async def test_cookies_are_not_kept(web: Web) -> None:
    web.answer("/v1/x", "ok", Set_Cookie="session=1")
    made = weather(web)
    resources = SessionResources()
    for _ in range(2):
        made_call = ToolCall("c", made.name, "", {"city": "x"})
        await dispatch(made_call, {made.name: made}, ToolContext(resources=resources))
    await resources.aclose()
    assert all("Cookie" not in request.headers for request in web.requests)


async def test_the_model_may_choose_the_host_only_when_told_so(web: Web) -> None:
    web.answer("/any", "reached")
    options: dict[str, Any] = {"name": "open", "parameters": {"url": "string"}, "url": "{url}"}
    with pytest.raises(ToolDefinitionError, match="may not choose the host"):
        HttpTool(**options)
    made = HttpTool(**options, allow_any_host=True)
    assert (await call(made, url=f"{web.url}/any?a=b")).text == "reached"
    assert web.requests[0].query == {"a": ["b"]}
    for address in ("file:///etc/passwd", "ftp://127.0.0.1/", "nonsense", "http://"):
        assert (await call(made, url=address)).outcome == "error"


DEFINITIONS: list[tuple[dict[str, Any], tuple[Any, ...], str]] = [
    ({"url": "ftp://x/y"}, ("url",), "should start with http:// or https:// and a host"),
    ({"url": "x.org/y"}, ("url",), "should start with http:// or https:// and a host"),
    ({"url": "http:///y"}, ("url",), "should start with http:// or https:// and a host"),
    ({"url": "http://{city}/y"}, ("url",), "the model may not choose the host"),
    ({"url": "http://x.org{city}"}, ("url",), "the model may not choose the host"),
    ({"url": "http://x.org:{city}/"}, ("url",), "the model may not choose the host"),
    ({"url": "http://u:{city}@x.org/"}, ("url",), "the model may not choose the host"),
    ({"url": "http://x.org/{citty}"}, ("url",), "no parameter 'citty'; did you mean 'city'?"),
    ({"url": "http://x.org/{maybe}"}, ("url",), "'maybe' may be left out of a call"),
    ({"query": {"q": "{x}"}}, ("query", "q"), "no parameter 'x'; known: city, maybe"),
    ({"json": [{"a": "{x}"}], "method": "POST"}, ("json", 0, "a"), "no parameter 'x'"),
    ({"json": {}, "method": "GET"}, ("json",), "a GET request has no body: use method POST"),
    ({"method": "FETCH"}, ("method",), "no method 'FETCH'"),
    ({"max_bytes": 0}, ("max_bytes",), "should be above 0"),
    ({"name": "a b"}, ("name",), "'a b' cannot be a tool's name"),
    (
        {"parameters": {"city": "strin"}},
        ("parameters", "city", "type"),
        "no type 'strin'; did you mean 'string'?",
    ),
    ({"parameters": {"a-b": "string"}}, ("parameters", "a-b"), "'a-b' cannot be a parameter"),
    (
        {"parameters": {"c": 3}},
        ("parameters", "c"),
        "a type word (string, integer, ...) or a mapping",
    ),
    ({"parameters": {"c": {}}}, ("parameters", "c"), "'type' is missing"),
    (
        {"parameters": {"c": {"type": "string", "defalt": 1}}},
        ("parameters", "c", "defalt"),
        "did you mean 'default'?",
    ),
    (
        {"parameters": {"c": {"type": "integer", "default": "x"}}},
        ("parameters", "c", "default"),
        "should be a valid integer",
    ),
    (
        {"parameters": {"c": {"enum": []}}},
        ("parameters", "c", "enum"),
        "a list of texts or whole numbers",
    ),
    (
        {"parameters": {"c": {"type": "string", "minimum": 3}}},
        ("parameters", "c", "minimum"),
        "minimum limits integer and number, not string",
    ),
    (
        {"parameters": {"c": {"type": "string", "pattern": "["}}},
        ("parameters", "c", "pattern"),
        "pattern: not a regular expression",
    ),
    (
        {"parameters": {"c": {"type": "array", "minItems": "two"}}},
        ("parameters", "c", "minItems"),
        "minItems: should be a valid integer",
    ),
    (
        {"parameters": {"type": "object", "properties": {"c": "string"}, "required": ["d"]}},
        ("parameters", "required", 0),
        "no property 'd'",
    ),
]


@pytest.mark.parametrize(
    ("options", "place", "message"), DEFINITIONS, ids=lambda value: str(value)[:40]
)
def test_a_template_that_cannot_work_is_refused(
    options: dict[str, Any], place: tuple[Any, ...], message: str
) -> None:
    given: dict[str, Any] = {
        "name": "t",
        "url": "http://x.org/",
        "parameters": {"city": "string", "maybe": {"type": "string", "required": False}},
        **options,
    }
    with pytest.raises(HttpDefinitionError) as caught:
        HttpTool(**given)
    assert [where for where, _ in caught.value.mistakes] == [place]
    assert message in str(caught.value)


def test_parameters_become_the_schema_that_was_meant() -> None:
    made = HttpTool(
        name="t",
        url="http://x.org/",
        parameters={
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Where", "minLength": 1},
                "unit": {"enum": ["c", "f"], "default": "c"},
                "when": {"type": "string", "format": "date"},
                "days": {"type": ["integer", "null"], "minimum": 1, "maximum": 7},
                "at": {
                    "type": "object",
                    "properties": {"x": {"type": "number", "description": "East"}, "y": "number"},
                    "required": ["x"],
                },
                "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            },
            "required": ["city", "at"],
        },
    )
    assert made.spec.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where", "minLength": 1},
            "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
            "when": {"type": "string", "format": "date"},
            "days": {"type": "integer", "maximum": 7, "minimum": 1},
            "at": {
                "type": "object",
                "properties": {
                    "x": {"type": "number", "description": "East"},
                    "y": {"type": "number"},
                },
                "required": ["x"],
            },
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        },
        "required": ["city", "at"],
    }


@given(st.text())
def test_no_value_changes_the_host(value: str) -> None:
    import httpx2

    from glm_agent.errors import ToolError

    made = HttpTool(name="t", url="http://x.org:81/a/{v}?q={v}#{v}", parameters={"v": "string"})
    client = httpx2.AsyncClient(timeout=None)
    try:
        request = made._request(client, {"v": value})
    except ToolError:
        return
    assert (request.url.scheme, request.url.host, request.url.port) == ("http", "x.org", 81)
    assert request.url.path.startswith("/a/")
