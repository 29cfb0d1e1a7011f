"""The last rung: json-repair, with a proof that it neither invented nor lost anything.

json-repair always gives something: a missing value becomes an empty string, what does not fit is
left out. Its result counts here only if every key and value is in the text as written, in order,
with nothing but punctuation between them.

Does not do: texts that do not end with a bracket; who knows what was to come.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

LONGEST = 4096  # characters; json-repair may take time with the square of the length
_GAP = re.compile(r"""[\s{}\[\],:"']*""")
_BARE_GAP = re.compile(r"[\s{}\[\],:]*")
_EMPTY = {
    "": re.compile(r"""[\s{}\[\],:]*(?:""|'')"""),
    "{}": re.compile(r"[\s{}\[\],:]*?\{\s*\}"),
    "[]": re.compile(r"[\s{}\[\],:]*?\[\s*\]"),
}
_UNQUOTED = re.compile(r"[^\W\d][\w-]*(?: [\w-]+)*")
_ENDS = re.compile(r"[\s}\]]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])")
_NAMED = {True: ("true", "True"), False: ("false", "False"), None: ("null", "None")}
_WORDS = {word.lower() for words in _NAMED.values() for word in words} | {"nan", "infinity"}
_OPENS = " \t\n([{<,;:—-，。：；（“「"  # what stands before a quote that opens


def repair_object(text: str) -> dict[str, Any] | None:
    """The object that `text` surely means, or None."""
    if len(text) > LONGEST or not (text.startswith("{") and text.endswith("}")):
        return None
    import json_repair

    try:
        value = json_repair.loads(text, skip_json_loads=True)
        if not isinstance(value, dict) or not _is_all_there(value, text):
            return None
    except (ValueError, RecursionError):
        return None
    return value


def _is_all_there(value: dict[str, Any], text: str) -> bool:
    at: int | None = 0
    for leaf in _leaves(value):
        at = _find(leaf, text, at)
        if at is None:
            return False
    return _GAP.fullmatch(text, at) is not None


def _leaves(value: Any) -> Iterator[Any]:
    """Keys and values in order; empty objects and arrays are values."""
    if isinstance(value, Mapping) and value:
        for key, item in cast("Mapping[str, Any]", value).items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list) and value:
        for item in cast("Sequence[Any]", value):
            yield from _leaves(item)
    else:
        yield value


def _find(leaf: Any, text: str, at: int) -> int | None:
    """Where `leaf` ends, if nothing but punctuation stands between `at` and it."""
    if isinstance(leaf, str) and leaf:
        return _find_string(leaf, text, at)
    if leaf in ("", {}, []) and not isinstance(leaf, bool | int | float):
        found = _EMPTY[leaf if isinstance(leaf, str) else json.dumps(leaf)].match(text, at)
        return found.end() if found else None
    start = _BARE_GAP.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess]
    if isinstance(leaf, bool) or leaf is None:
        word = next((word for word in _NAMED[leaf] if text.startswith(word, start)), "")
        end = start + len(word)
        return end if word and not text[end : end + 1].isalnum() else None
    number = _NUMBER.match(text, start)
    if number is None or not isinstance(leaf, int | float) or not math.isfinite(leaf):
        return None
    return number.end() if float(number[0]) == leaf else None


def _find_string(leaf: str, text: str, at: int) -> int | None:
    gap = _GAP.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess]
    forms = {json.dumps(leaf, ensure_ascii=False)[1:-1]: None, json.dumps(leaf)[1:-1]: None}
    if "\\" not in leaf:
        forms[leaf] = None
    for form in forms:
        if _GAP.match(form).end():  # pyright: ignore[reportOptionalMemberAccess]
            places = [p for p in range(at + 1, gap + 1) if text[p - 1] in "\"'"]
            start = next((p for p in places if text.startswith(form, p)), None)
        else:
            start = gap if text.startswith(form, gap) else None
        if start is None:
            continue
        end = start + len(form)
        quote = text[start - 1] if start > at else ""
        if not quote or quote not in "\"'":
            known = leaf.lower() in _WORDS or text[end : end + 1].isalnum()
            return end if _UNQUOTED.fullmatch(leaf) and not known else None
        if not _quotes_pair_up(form, quote):
            return None
        if text.startswith(quote, end):
            return end + 1
        return end if _ENDS.fullmatch(text, end) else None
    return None


def _quotes_pair_up(text: str, quote: str) -> bool:
    """Whether the quotes in a string, which nobody escaped, plainly open and close something."""
    opened = False
    for found in re.finditer(rf"(?<!\\){quote}", text):
        start, end = found.span()
        before, after = text[max(0, start - 1) : start], text[end : end + 1]
        if opened and (not before or before.isspace()):
            return False
        if not opened and (not after or after.isspace() or before not in (*_OPENS, "")):
            return False
        opened = not opened
    return not opened
