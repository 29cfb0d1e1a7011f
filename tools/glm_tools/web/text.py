"""Making page text harmless: marks, control-token spellings and invisible characters.

The browser's own marks (`【0†text】`) are the only ones in what the model reads: 【, 】 and † of a
page become 〖, 〗 and ‡. Control tokens that a page spells out get other brackets, so that they are
harmless even where a server tokenises the whole prompt as one string. Zero-width characters, bidi
controls and other invisible ones are dropped.

Does not do: judging what a text says.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_CONTROL = re.compile(
    r"<[|｜][A-Za-z_]{1,40}[|｜]>"  # GLM-4's roles; U+FF5C is how other families write the bar
    r"|</?(?:sop|eop|think|tool_call|tool_response|tools|arg_key|arg_value)>"
    r"|\[(?:g|s)?MASK\]"
)
_OTHER_BRACKETS = str.maketrans("<>[]", "‹›［］")
_MARKS = str.maketrans("【】†", "〖〗‡")


@cache
def _invisible() -> dict[int, str | None]:
    """C0, C1, format characters (zero width, bidi, soft hyphen, tags), surrogates."""
    table: dict[int, str | None] = {}
    for code in (*range(0x10000), *range(0xE0000, 0xE0080)):
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs"}:
            table[code] = None
    table.update({ord(char): " " for char in "\t\v\f\x85\u2028\u2029"})
    del table[ord("\n")]
    return table


@cache
def _odd() -> re.Pattern[str]:
    """Finds whatever `plain` would change: most text has nothing of it."""
    ranges: list[list[int]] = []
    for code in sorted({*_invisible(), *_MARKS, ord("\r")}):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    spans = (f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
    return re.compile(f"[{''.join(spans)}]")


def plain(text: str) -> str:
    """`text` without invisible characters and with the marks replaced. Newlines stay."""
    if not _odd().search(text):
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_invisible()).translate(_MARKS)


def neutral(text: str) -> str:
    """`text` with spelled-out control tokens in other brackets: `<|user|>` becomes `‹|user|›`."""
    return _CONTROL.sub(lambda found: found[0].translate(_OTHER_BRACKETS), text)


def one_line(text: str, limit: int = 300) -> str:
    """Foreign text as one harmless line of at most `limit` characters."""
    line = neutral(" ".join(plain(text).split()))
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
