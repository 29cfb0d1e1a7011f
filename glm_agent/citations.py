"""What an answer cites: `【7†source】` becomes the title, the URL and the passage that it rests on.

A mark counts only if an observation of this conversation was labelled with its number by the tool
itself (`quote_result [7†source]` in the metadata); what a page's text says is no label. A mark
that names nothing is a `Citation` with `invalid` set, never an exception.

Does not do: judging whether the passage supports the sentence; it is the one that shares most words
with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote

from .messages import Message, Observation, Source

# The mark as GLM-4 writes it, and with the brackets of the observation's label.
_MARK = re.compile(r"【(?P<id>[^【】†\n]{1,40})†[^【】†\n]{0,200}】|\[(?P<plain>\d{1,9})†source\]")
_LABEL = re.compile(r"quote_result \[([^\[\]†\s]{1,40})†source\]")
_LINK = re.compile(r"【\d+†([^【】†]*)(?:†[^【】†]*)?】")
_PART = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])|\n+")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\W_]+", re.IGNORECASE)
_PASSAGE = 500  # characters
_CLAIM = 400


@dataclass(frozen=True, slots=True)
class Citation:
    """One mark in an answer: where it stands, and what it names.

    `text` is the passage of the page that comes closest to the sentence before the mark, as the
    model read it. `invalid` says why the mark names nothing; empty for one that does.
    """

    id: str
    mark: str
    start: int
    end: int
    title: str = ""
    url: str = ""
    text: str = ""
    invalid: str = ""


def citations(answer: str, messages: Iterable[Message]) -> tuple[Citation, ...]:
    """The citations in `answer`, in order; `messages` is the conversation that it ends."""
    marks = list(_MARK.finditer(answer))
    if not marks:
        return ()
    quotes = _quotes(messages)
    found: list[Citation] = []
    for mark in marks:
        number = (mark["id"] or mark["plain"]).strip()
        place = (number, mark[0], mark.start(), mark.end())
        if number not in quotes:
            found.append(Citation(*place, invalid=f"there is no quote {number}"))
            continue
        quoted = quotes[number]
        source = next((part.sources[0] for part in quoted if part.sources), Source("", ""))
        text = "\n".join(part.text for part in quoted)
        passage = _passage(_claim(answer[: mark.start()]), text)
        found.append(Citation(*place, title=source.title, url=source.url, text=passage))
    return tuple(found)


def as_markdown(answer: str, cited: Sequence[Citation]) -> str:
    """`answer` with its marks as links; a mark that names nothing says so."""
    pieces: list[str] = []
    position = 0
    for citation in cited:
        pieces += [answer[position : citation.start], _link(citation)]
        position = citation.end
    return "".join([*pieces, answer[position:]])


def _link(citation: Citation) -> str:
    label = re.sub(r"([\\`*_{}\[\]<>()#!|])", r"\\\1", citation.id)
    if citation.invalid:
        return f"[{label}: no such source]"
    if not citation.url.lower().startswith(("http://", "https://")):
        return f"[{label}]"
    # Nothing in a URL may end the link or begin another.
    url = quote(citation.url, safe="/:?#@!$&'*+,;=%~-._")
    title = re.sub(r"[\\\"\[\]<>`]|\s", " ", citation.title).strip()
    return f'[\\[{label}\\]]({url} "{title}")' if title else f"[\\[{label}\\]]({url})"


def _quotes(messages: Iterable[Message]) -> dict[str, list[Observation]]:
    """The quoted pages by their ids; a page that was read in several parts has several."""
    quotes: dict[str, list[Observation]] = {}
    for message in messages:
        if isinstance(message, Observation) and message.outcome == "ok":
            label = _LABEL.fullmatch(message.metadata.strip())
            if label:
                quotes.setdefault(label[1], []).append(message)
    return quotes


def _claim(before: str) -> str:
    """The sentence that a mark ends, without other marks."""
    text = _MARK.sub("", before[-2 * _CLAIM :]).strip().rstrip(".!?。！？；;:：,，")
    return _PART.split(text)[-1][-_CLAIM:]


def _passage(claim: str, text: str) -> str:
    """The sentence or line of `text` that shares most with `claim`, rare words counting more."""
    parts = [part for part in map(str.strip, _PART.split(_LINK.sub(r"\1", text))) if part]
    if not parts:
        return ""
    wanted = set(_words(claim))
    having = [wanted.intersection(_words(part)) for part in parts]
    frequency = Counter(word for words in having for word in words)
    scores = [sum(1 / frequency[word] for word in words) for words in having]
    best = max(range(len(parts)), key=lambda index: scores[index])
    return parts[best] if len(parts[best]) <= _PASSAGE else parts[best][:_PASSAGE] + "…"


def _words(text: str) -> list[str]:
    words = _WORD.findall(text.lower())
    pairs = [one + two for one, two in pairwise(words) if len(one + two) == 2]
    return [*words, *pairs]
