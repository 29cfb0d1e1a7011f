"""Reading the model's action lines: `search("…")`, `mclick([0, 1])`, `open_url("…")`.

Lines are Python calls with literal arguments, read with `ast` and never evaluated. What models
write besides is taken too: single, double, curly and Chinese quotes, full-width punctuation,
keywords, quotes inside quotes, code fences, prose before a call, and the spelled-out control token
at the end that broke the published browser (zai-org/GLM-4 issue #50).

Does not do: running actions (`browser.py`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

MAX_ACTIONS = 20
MAX_LINE = 4_000
MAX_QUERY = 1_000
MAX_IDS = 10
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
class Broken:
    """A line that is no action; `reason` tells the model what to write instead."""

    line: str
    reason: str


Action = Search | Click | Open | Broken


class _Unreadable(Exception):
    """Why a line is no action."""


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
    except _Unreadable as error:
        reason = str(error)
    longer = line
    for taken, following in enumerate(lines[:20], start=1):
        if _CALL.match(following):
            break
        longer = f"{longer}\n{following}"
        try:
            actions = _read(longer)
        except _Unreadable:
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


_NAMES = "search|mclick|open_url"
_USAGE = 'write search("query"), mclick([0, 1]) or open_url("https://…"), one a line'
_CALL = re.compile(rf"(?:[\w.]+\.)?\b({_NAMES})\s*[(（]")
_OTHER_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*[(（]")
# Opening quotes and what closes them. A straight quote also ends what a curly one began.
_QUOTES = {
    '"': '"',
    "'": "'",
    "`": "`",
    "“": '”“"',
    "”": '”“"',
    "‘": "’‘'",
    "’": "’‘'",
    "「": "」",
    "『": "』",
    "«": "»",
    "《": "》",
    "＂": "＂",
    "＇": "＇",
}
_WIDE = str.maketrans("（），＝［］【】：；－、", "(),=[][]:;-,")
# What may follow a closing quote; anything else means that the quote belongs to the text.
_AFTER = re.compile(
    r"\s*(?:$|[)\]}）］】]|[,，、]\s*(?:$|[)\]}）］】\[［]|[-+]?\d|True|False|None|[\"'“”‘’「『«＂＇]|[A-Za-z_]\w*\s*[=＝]))"
)
_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(
    rf"\\(?:u({_HEX}{{4}})|U(00(?:0{_HEX}|10){_HEX}{{4}})|x({_HEX}{{2}})|(.))", re.DOTALL
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "/": "/", "\\": "\\", '"': '"', "'": "'"}


def _read(line: str) -> list[Action]:
    """All actions of one line. Raises _Unreadable with what to write instead."""
    if len(line) > MAX_LINE:
        raise _Unreadable(f"the line is longer than {MAX_LINE} characters")
    actions: list[Action] = []
    position = 0
    while (found := _CALL.search(line, position)) is not None:
        source, position = _rewritten(line, found.end())
        call = f"{found[1]}({source}"
        actions.append(_action(call, _shown(line)))
    if actions:
        return actions
    other = _OTHER_CALL.match(line)
    if other:
        raise _Unreadable(f"there is no action {other[1][:40]!r}; {_USAGE}")
    raise _Unreadable(f"not an action; {_USAGE}")


def _rewritten(line: str, start: int) -> tuple[str, int]:
    """The arguments up to the closing bracket as plain Python, and where they end in `line`."""
    pieces: list[str] = []
    depth, position = 1, start
    while position < len(line):
        char = line[position]
        if char in _QUOTES and not (char in "’'`" and pieces and pieces[-1][-1:].isalnum()):
            value, position = _string(line, position)
            pieces.append(repr(value))
            continue
        char = char.translate(_WIDE)
        depth += (char in "([{") - (char in ")]}")
        pieces.append(char)
        position += 1
        if not depth:
            return "".join(pieces), position
    raise _Unreadable("the line is cut: its bracket is never closed")


def _string(line: str, start: int) -> tuple[str, int]:
    """The string that begins at a quote, and where it ends."""
    opening = line[start]
    if line.startswith(opening * 3, start) and opening in "\"'":
        end = line.find(opening * 3, start + 3)
        if end >= 0:
            return _unescaped(line[start + 3 : end]), end + 3
    position = start + 1
    while position < len(line):
        char = line[position]
        if char == "\\":
            position += 2
            continue
        if char in _QUOTES[opening] and _AFTER.match(line, position + 1):
            return _unescaped(line[start + 1 : position]), position + 1
        position += 1
    raise _Unreadable("the line is cut: its quote is never closed")


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        if code := found[1] or found[2] or found[3]:
            return chr(int(code, 16))
        return _ESCAPES.get(found[4], found[0])

    text = _ESCAPE.sub(one, text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _action(source: str, line: str) -> Action:
    try:
        call = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        name = source.partition("(")[0]
        raise _Unreadable(f"the arguments cannot be read; write {_EXAMPLES[name]}") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise _Unreadable(f"not an action; {_USAGE}")
    name = call.func.id
    values = [_literal(argument, name) for argument in call.args]
    keywords = {word.arg or "**": _literal(word.value, name) for word in call.keywords}
    return _BUILDERS[name](values, keywords, line)


def _literal(node: ast.expr, name: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise _Unreadable(f"text must be in quotes; write {_EXAMPLES[name]}") from error


def _arguments(
    name: str, names: Sequence[str], values: Sequence[Any], keywords: Mapping[str, Any]
) -> dict[str, Any]:
    """Positional and keyword arguments under their names."""
    if len(values) > len(names):
        raise _Unreadable(f"too many arguments; write {_EXAMPLES[name]}")
    given = dict(zip(names, values, strict=False))
    for key, value in keywords.items():
        known = _ALIASES.get(key, key)
        if known not in names or known in given:
            raise _Unreadable(f"{name} takes no argument {key!r} here; write {_EXAMPLES[name]}")
        given[known] = value
    return given


def _search(values: list[Any], keywords: dict[str, Any], line: str) -> Search:
    given = _arguments("search", ("query", "recency_days"), values, keywords)
    query = given.get("query")
    if not isinstance(query, str):
        raise _Unreadable(f"the query must be text in quotes; write {_EXAMPLES['search']}")
    query = " ".join(query.split())
    if not query:
        raise _Unreadable(f"the query is empty; write {_EXAMPLES['search']}")
    if len(query) > MAX_QUERY:
        raise _Unreadable(f"the query is longer than {MAX_QUERY} characters")
    days = given.get("recency_days")
    if isinstance(days, str) and re.fullmatch(r"\s*-?\d{1,6}\s*", days):
        days = int(days)
    if days is None:
        days = -1
    if isinstance(days, bool) or not isinstance(days, int | float) or isnan(days):
        raise _Unreadable(f"recency_days must be a number of days; write {_EXAMPLES['search']}")
    return Search(line, query, int(max(-1, min(days, 100_000))))


def _click(values: list[Any], keywords: dict[str, Any], line: str) -> Click:
    if len(values) > 1:
        values = [values]
    given = _arguments("mclick", ("ids",), values, keywords).get("ids", [])
    ids = list(given) if isinstance(given, list | tuple | set) else [given]
    numbers: list[int] = []
    for value in ids:
        if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,6}\s*", value):
            value = int(value)  # noqa: PLW2901 # the id that was meant
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 999_999:
            raise _Unreadable(f"ids must be whole numbers; write {_EXAMPLES['mclick']}")
        if value not in numbers:
            numbers.append(value)
    if not numbers:
        raise _Unreadable(f"there are no ids; write {_EXAMPLES['mclick']}")
    if len(numbers) > MAX_IDS:
        raise _Unreadable(f"more than {MAX_IDS} ids; open {MAX_IDS} pages at most at once")
    return Click(line, tuple(numbers))


def _open(values: list[Any], keywords: dict[str, Any], line: str) -> Open:
    url = _arguments("open_url", ("url",), values, keywords).get("url")
    if not isinstance(url, str) or not url.strip():
        raise _Unreadable(f"the URL must be text in quotes; write {_EXAMPLES['open_url']}")
    return Open(line, url.strip())


# A further action (scroll, find, back) is a line in each of these and in _NAMES.
_EXAMPLES = {
    "search": 'search("query", recency_days=7)',
    "mclick": "mclick([0, 1, 2])",
    "open_url": 'open_url("https://…")',
}
_BUILDERS: Mapping[str, Callable[[list[Any], dict[str, Any], str], Action]] = {
    "search": _search,
    "mclick": _click,
    "open_url": _open,
}
_ALIASES = {
    "q": "query",
    "recency": "recency_days",
    "days": "recency_days",
    "id": "ids",
    "link": "url",
}
