"""The names of all repairs, in one table.

A repair is what a parser did to a call that was not written exactly in its format. Its name is on
the call (`ToolCall.repairs`); `strict=True` turns all of them off. A repair changes how a call is
written, never what it says: no argument is invented, none is lost.

Does not do: repairing.
"""

from __future__ import annotations

from collections.abc import Mapping

REPAIRS: Mapping[str, str] = {
    # Where the call stood
    "leading-newline": "a newline stood before the name, as before an answer",
    "after-text": "the call came after text, on a line of its own or glued to it",
    "after-call": "the call came right after another one, with no <|assistant|> between",
    "trailing-text": "more followed the arguments; it is not part of the call",
    "same-line": "the arguments began on the name's line",
    "envelope": 'an object {"name": ..., "arguments": ...} stood for the call',
    # How its tags were written, in the XML form of GLM-4.5 and later
    "unclosed-call": "</tool_call> was missing",
    "missing-tag": "a tag around a key or a value was missing",
    "stray-tag": "a closing tag stood where nothing was open",
    "spelled-newline": r"newlines between tags were written as \n, in two characters",
    "fused-name": "the name and the first key were written as one",
    "json-body": "a JSON object stood in place of the tags",
    "text-body": "the text of a raw-text tool stood in place of the tags",
    # How its arguments were written
    "fence": "a Markdown fence stood around them",
    "tool-call": "ChatGLM3's tool_call(key=value) stood for an object",
    "double-encoded": "the object was a JSON string",
    "escaped": r"quotes or newlines between values were escaped: \" and \n",
    "concatenated": "the same object was there several times, or empty ones beside it",
    "single-quotes": "a string was in single quotes, or they were escaped in one",
    "python": "Python's True, False, None or a tuple",
    "trailing-comma": "a comma before a closing bracket",
    "raw-newline": "a newline, tab or other control character stood in a string unescaped",
    "backslash": r"a backslash that escapes nothing, as in \d, stands for itself",
    "full-width": "a full-width colon or comma stood for its ASCII twin",
    "unclosed": "brackets, or the quote of a last string, were missing at the end",
    "json-repair": "json-repair read it; every key and value is there as written, in order",
}
