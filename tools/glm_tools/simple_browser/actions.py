"""Reading the model's action lines: `search("…")`, `mclick([0, 1])`, `open_url("…")`, and what goes
beyond the published browser: `scroll(1)`, `find("…")`, `back()`.

Lines are Python calls with literal arguments, read with `ast` and never evaluated. What models
write besides is taken too: single, double, curly and Chinese quotes, full-width punctuation,
keywords, quotes inside quotes, code fences, prose before a call, and the spelled-out control token
at the end that broke the published browser (zai-org/GLM-4 issue #50).

Does not do: where an argument ends (`literals.py`), running actions (`browser.py`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from .literals import Unreadable, rewritten

MAX_ACTIONS = 20
MAX_LINE = 4_000
MAX_QUERY = 1_000
MAX_IDS = 10
MAX_SCROLL = 1_000
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Search:
    """`search(query, recency_days)`; `recency_days` below 1 means no limit."""

    line: str
    query: str
    recency_days: int = -1


@dataclass(frozen=True, slots=True)
class Click:
    """`mclick(ids)`: the ids of links of the page last shown, each once, in order."""

    line: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """`open_url(url)`."""

    line: str
    url: str


@dataclass(frozen=True, slots=True)
class Scroll:
    """`scroll(parts, id)`: that many parts further down, or up if negative.

    `id` is the number of a quote, -1 for the page last shown; `line` as in the others.
    """

    line: str
    parts: int = 1
    id: int = -1


@dataclass(frozen=True, slots=True)
class Find:
    """`find(text, id)`: where a text is on the page last shown, or on the quoted page `id`."""

    line: str
    text: str
    id: int = -1


@dataclass(frozen=True, slots=True)
class Back:
    """`back()`: the page shown before."""

    line: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is no action; `reason` tells the model what to write instead."""

    line: str
    reason: str


Action = Search | Click | Open | Scroll | Find | Back | Broken


def parse_actions(text: str) -> list[Action]:
    """The actions in a call's text, in order; a line that is none is `Broken`. Never raises."""
    actions: list[Action] = []
    lines = [line for line in map(_tidy, text.splitlines()) if line]
    while lines and len(actions) < MAX_ACTIONS:
        actions.extend(_next(lines))
    if lines:
        reason = f"only the first {MAX_ACTIONS} actions of a call are done"
        return [*actions[:MAX_ACTIONS], Broken(_shown(lines[0]), reason)]
    return actions or [Broken("", f"there is no action; {_USAGE}")]


def _next(lines: list[str]) -> list[Action]:
    """The actions of the first line; takes further lines when a call goes on there."""
    line = lines.pop(0)
    try:
        return _read(line)
    except Unreadable as error:
        reason = str(error)
    longer = line
    for taken, following in enumerate(lines[:20], start=1):
        if _CALL.match(following):
            break
        longer = f"{longer}\n{following}"
        try:
            actions = _read(longer)
        except Unreadable:
            continue
        del lines[:taken]
        return actions
    return [Broken(_shown(line), reason)]


_CONTROL = r"(?:<[|｜][A-Za-z_]{1,40}[|｜]>|</?(?:sop|eop)>|\[gMASK\])"
_EDGE = re.compile(rf"^(?:\s|{_CONTROL})+|(?:\s|{_CONTROL})+$")
_FENCE = re.compile(r"(?:`{3,}|~{3,})\s*\w*|simple_browser")


def _tidy(line: str) -> str:
    """The line without what is around an action; empty when nothing is left."""
    line = _EDGE.sub("", line)
    return "" if _FENCE.fullmatch(line) else line.strip("`").strip()


def _shown(line: str) -> str:
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"


# The last three are also words of English: only right before a bracket are they actions.
_NAMES = r"(?:(?:search|mclick|open_url)(?=\s*[(（])|(?:scroll|find|back)(?=[(（]))"
_USAGE = (
    'write search("query"), mclick([0, 1]), open_url("https://…"), scroll(1), find("words") or '
    "back(), one a line"
)
_CALL = re.compile(rf"(?:[\w.]+\.)?\b({_NAMES})\s*[(（]")
_OTHER_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*[(（]")


def _read(line: str) -> list[Action]:
    """All actions of one line. Raises Unreadable with what to write instead."""
    if len(line) > MAX_LINE:
        raise Unreadable(f"the line is longer than {MAX_LINE} characters")
    actions: list[Action] = []
    position = 0
    while (found := _CALL.search(line, position)) is not None:
        source, position = rewritten(line, found.end())
        call = f"{found[1]}({source}"
        actions.append(_action(call, _shown(line)))
    if actions:
        return actions
    other = _OTHER_CALL.match(line)
    if other:
        raise Unreadable(f"there is no action {other[1][:40]!r}; {_USAGE}")
    raise Unreadable(f"not an action; {_USAGE}")


def _action(source: str, line: str) -> Action:
    try:
        call = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        name = source.partition("(")[0]
        raise Unreadable(f"the arguments cannot be read; write {_EXAMPLES[name]}") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise Unreadable(f"not an action; {_USAGE}")
    name = call.func.id
    values = [_literal(argument, name) for argument in call.args]
    keywords = {word.arg or "**": _literal(word.value, name) for word in call.keywords}
    return _BUILDERS[name](values, keywords, line)


def _literal(node: ast.expr, name: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise Unreadable(f"text must be in quotes; write {_EXAMPLES[name]}") from error


def _arguments(
    name: str, names: Sequence[str], values: Sequence[Any], keywords: Mapping[str, Any]
) -> dict[str, Any]:
    """Positional and keyword arguments under their names."""
    if len(values) > len(names):
        raise Unreadable(f"too many arguments; write {_EXAMPLES[name]}")
    given = dict(zip(names, values, strict=False))
    for key, value in keywords.items():
        known = _ALIASES.get(key, key)
        if known not in names or known in given:
            raise Unreadable(f"{name} takes no argument {key!r} here; write {_EXAMPLES[name]}")
        given[known] = value
    return given


def _text(given: Mapping[str, Any], key: str, what: str, name: str) -> str:
    """A text argument on one line."""
    text = given.get(key)
    if not isinstance(text, str):
        raise Unreadable(f"{what} must be text in quotes; write {_EXAMPLES[name]}")
    text = " ".join(text.split())
    if not text:
        raise Unreadable(f"{what} is empty; write {_EXAMPLES[name]}")
    if len(text) > MAX_QUERY:
        raise Unreadable(f"{what} is longer than {MAX_QUERY} characters")
    return text


def _whole(value: Any) -> int | None:
    """A whole number, also one written as text; None if it is none."""
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d{1,6}\s*", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 999_999:
        return None
    return value


def _search(values: list[Any], keywords: dict[str, Any], line: str) -> Search:
    given = _arguments("search", ("query", "recency_days"), values, keywords)
    query = _text(given, "query", "the query", "search")
    days = given.get("recency_days")
    if isinstance(days, str) and re.fullmatch(r"\s*-?\d{1,6}\s*", days):
        days = int(days)
    if days is None:
        days = -1
    if isinstance(days, bool) or not isinstance(days, int | float) or isnan(days):
        raise Unreadable(f"recency_days must be a number of days; write {_EXAMPLES['search']}")
    return Search(line, query, int(max(-1, min(days, 100_000))))


def _click(values: list[Any], keywords: dict[str, Any], line: str) -> Click:
    if len(values) > 1:
        values = [values]
    given = _arguments("mclick", ("ids",), values, keywords).get("ids", [])
    ids = list(given) if isinstance(given, list | tuple | set) else [given]
    numbers: list[int] = []
    for value in ids:
        number = _whole(value)
        if number is None:
            raise Unreadable(f"ids must be whole numbers; write {_EXAMPLES['mclick']}")
        if number not in numbers:
            numbers.append(number)
    if not numbers:
        raise Unreadable(f"there are no ids; write {_EXAMPLES['mclick']}")
    if len(numbers) > MAX_IDS:
        raise Unreadable(f"more than {MAX_IDS} ids; open {MAX_IDS} pages at most at once")
    return Click(line, tuple(numbers))


def _open(values: list[Any], keywords: dict[str, Any], line: str) -> Open:
    url = _arguments("open_url", ("url",), values, keywords).get("url")
    if not isinstance(url, str) or not url.strip():
        raise Unreadable(f"the URL must be text in quotes; write {_EXAMPLES['open_url']}")
    return Open(line, url.strip())


def _quote_id(given: Mapping[str, Any], name: str) -> int:
    number = _whole(given.get("ids", -1))  # `id` is another name of mclick's `ids`
    if number is None:
        raise Unreadable(f"id must be the number of a quote; write {_EXAMPLES[name]}")
    return number


def _scroll(values: list[Any], keywords: dict[str, Any], line: str) -> Scroll:
    given = _arguments("scroll", ("parts", "ids"), values, keywords)
    parts = given.get("parts", 1)
    if isinstance(parts, str) and parts.strip().lower() in {"down", "up"}:
        parts = 1 if parts.strip().lower() == "down" else -1
    number = _whole(parts)
    if not number:
        raise Unreadable(f"scroll by parts of the page; write {_EXAMPLES['scroll']}")
    number = max(-MAX_SCROLL, min(number, MAX_SCROLL))
    return Scroll(line, number, _quote_id(given, "scroll"))


def _find(values: list[Any], keywords: dict[str, Any], line: str) -> Find:
    given = _arguments("find", ("text", "ids"), values, keywords)
    text = _text(given, "text", "what to find", "find")
    return Find(line, text, _quote_id(given, "find"))


def _back(values: list[Any], keywords: dict[str, Any], line: str) -> Back:
    _arguments("back", (), values, keywords)
    return Back(line)


# A further action is a line in each of these, in _NAMES and in _USAGE.
_EXAMPLES = {
    "search": 'search("query", recency_days=7)',
    "mclick": "mclick([0, 1, 2])",
    "open_url": 'open_url("https://…")',
    "scroll": "scroll(1)",
    "find": 'find("words")',
    "back": "back()",
}
_BUILDERS: Mapping[str, Callable[[list[Any], dict[str, Any], str], Action]] = {
    "search": _search,
    "mclick": _click,
    "open_url": _open,
    "scroll": _scroll,
    "find": _find,
    "back": _back,
}
_ALIASES = {
    "q": "query",
    "recency": "recency_days",
    "days": "recency_days",
    "id": "ids",
    "link": "url",
    "pattern": "text",
    "pages": "parts",
    "n": "parts",
}
