"""Search over a folder of documents with SQLite's FTS5: no key, no network, the same every time.

Documents are `.md`, `.txt`, `.html` and `.pdf` files, and the `.page` files in which a browser
keeps what it fetched (`cache.py`). Each has a URL: that of its front matter, or that it was fetched
from, or the folder's base URL and the file's path without its suffix. Front matter (`key: value`
lines between two `---` lines) may give `title`, `url` and `date`.

FTS5's tokenizer takes a run of Chinese characters for one word, so such runs are stored and asked
for as single characters and pairs. English words are stemmed. A question's stop words are dropped
and the rest is joined with OR; bm25 ranks, titles counting most.

Does not do: following changes of the folder (it is read once, on first use).
"""

from __future__ import annotations

import re
import sqlite3
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from glm_agent.errors import ConfigurationError

from .cache import SUFFIX, read_page
from .reading import Page, View, extract
from .search import Hit
from .text import one_line

_TYPES = {
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
    ".pdf": "application/pdf",
    SUFFIX: "",  # pages that were fetched, as `cache.py` keeps them
}
_MAX_FILE = 5_000_000
_SNIPPET = 200
_COVERED = "SELECT rowid FROM pages WHERE pages MATCH ?"
_RANKED = f"{_COVERED} ORDER BY bm25(pages, 4.0, 1.0), rowid LIMIT 500"
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:['’][^\W_{_CJK}]+)*")
_IS_CJK = re.compile(rf"[{_CJK}]")
_LINK_MARK = re.compile(r"【\d+†([^†】]*)(?:†[^】]*)?】")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])|\n+")
_MARKUP = re.compile(r"^\s*(?:#+ |[*>-] |\d+\. )|`")
_STOP = frozenset(
    [
        *("a", "about", "an", "and", "any", "are", "as", "at", "be", "been", "by", "can"),
        *("could", "did", "do", "does", "find", "for", "from", "give", "had", "has", "have"),
        *("how", "i", "in", "into", "is", "it", "its", "know", "like", "many", "me", "much"),
        *("of", "on", "or", "please", "show", "tell", "than", "that", "the", "their", "them"),
        *("there", "these", "they", "this", "to", "was", "we", "were", "what", "when"),
        *("where", "which", "who", "whom", "whose", "why", "will", "with", "would", "you"),
        "your",
    ]
)
_STOP_CJK = re.compile(
    "什么|怎么|怎样|如何|哪里|哪儿|哪个|哪些|哪一?[年天位座]|谁|多少|几[个年月]|为什么|请问|请|吗|呢|的|了|是|在"
    "|有?多(?=[高长大小重远深久快宽厚])"
)


@dataclass(frozen=True, slots=True)
class _Document:
    url: str
    title: str
    date: str
    data: bytes
    content_type: str
    text: str


class DocumentIndex:
    """A folder as a search back end that also serves its documents.

    Args:
        folder: Where the documents are; folders in it are read too.
        base_url: What the documents' URLs start with, unless their front matter says otherwise.
        today: Replaces `date.today`, for tests.

    Raises:
        ConfigurationError: The folder does not exist.
    """

    def __init__(
        self,
        folder: str | Path,
        base_url: str = "https://pages.glm-agent.example",
        today: Callable[[], date] = date.today,
    ) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise ConfigurationError(f"pages: {str(folder)!r} is not a folder")
        self.base_url = base_url.rstrip("/")
        self._host = urlsplit(self.base_url).hostname
        self._today = today
        self._lock = threading.Lock()
        self._documents: dict[str, _Document] = {}
        self._order: list[_Document] = []
        self._database: sqlite3.Connection | None = None

    def search(self, query: str, recency_days: int = -1, count: int = 5) -> list[Hit]:
        """The best hits for a query or a question; empty when nothing in the folder fits."""
        terms = query_terms(query)
        if not terms or count < 1:
            return []
        with self._lock:
            database = self._open()
            covered = Counter[int]()
            for term in terms:
                found = database.execute(_COVERED, (f'"{term}"',))
                covered.update(row for (row,) in found)
            expression = " OR ".join(f'"{term}"' for term in terms)
            rows = [row for (row,) in database.execute(_RANKED, (expression,))]
            order = self._order
        enough = max(covered.values(), default=0) / 2  # what shares less with the query is noise
        hits: list[Hit] = []
        for row in rows:
            document = order[row - 1]
            if covered[row] < enough or self._too_old(document.date, recency_days):
                continue
            hits.append(Hit(document.title, document.url, _snippet(document, terms), document.date))
            if len(hits) == count:
                break
        return hits

    def owns(self, url: str) -> bool:
        """Whether a URL is served from here: one of the documents', or on the base URL's host."""
        with self._lock:
            self._open()
            documents = self._documents
        return _key(url) in documents or _hostname(url) == self._host

    def read(self, url: str, view: View = "main") -> Page | None:
        """The page under a URL; None when there is none. The base URL itself lists all pages."""
        with self._lock:
            self._open()
            document, order = self._documents.get(_key(url)), self._order
        if document is None:
            return self._contents(url, order) if _key(url) == _key(self.base_url) else None
        page = extract(document.data, document.url, document.content_type, view=view)
        title = document.title
        return Page(
            document.url,
            title,
            page.markdown,
            page.links,
            page.charset,
            document.date,
            page.language,
        )

    def close(self) -> None:
        """Forget the index; it is built again when it is needed."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database, self._documents, self._order = None, {}, []

    def _too_old(self, published: str, recency_days: int) -> bool:
        if recency_days < 1 or not published:
            return False
        first = self._today().toordinal() - min(recency_days, 1_000_000)
        return date.fromisoformat(published).toordinal() < first

    def _contents(self, url: str, order: list[_Document]) -> Page:
        lines = [f"* [{document.title}]({document.url})" for document in order]
        page = extract("\n".join(lines).encode(), self.base_url + "/", "text/markdown")
        return Page(url, "All pages", page.markdown, page.links)

    def _open(self) -> sqlite3.Connection:
        """The database, built on first use. Call with the lock held."""
        if self._database is None:
            database = sqlite3.connect(":memory:", check_same_thread=False)
            database.execute(
                "CREATE VIRTUAL TABLE pages USING fts5(title, body, "
                "tokenize='porter unicode61 remove_diacritics 2')"
            )
            self._documents, self._order = {}, []
            for document in self._load():
                if _key(document.url) in self._documents:
                    continue
                self._documents[_key(document.url)] = document
                self._order.append(document)
                database.execute(
                    "INSERT INTO pages (rowid, title, body) VALUES (?, ?, ?)",
                    (len(self._order), _segmented(document.title), _segmented(document.text)),
                )
            self._database = database
            weakref.finalize(self, database.close)  # CPython 3.13 warns about open ones
        return self._database

    def _load(self) -> Iterator[_Document]:
        for path in sorted(self.folder.rglob("*")):
            kind = _TYPES.get(path.suffix.lower())
            inside = path.relative_to(self.folder)
            if kind is None or any(part.startswith(".") for part in inside.parts):
                continue
            if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_FILE:
                continue
            fields, data = _front_matter(path.read_bytes())
            if path.suffix == SUFFIX:
                try:
                    fields, saved = read_page(data)
                except ValueError:
                    continue
                data, kind = saved.body, saved.content_type
            url = fields.get("url", "")
            if urlsplit(url).scheme not in {"http", "https"}:
                url = f"{self.base_url}/{quote(inside.with_suffix('').as_posix())}"
            page = extract(data, url, kind)
            title = one_line(fields.get("title", "")) or page.title
            title = title or one_line(path.stem.replace("-", " ").replace("_", " "))
            text = _LINK_MARK.sub(r"\1", page.markdown)
            yield _Document(url, title, _day(fields.get("date", page.date)), data, kind, text)


def query_terms(query: str) -> list[str]:
    """What to look for: lower-case words without stop words, Chinese as pairs; in order, once."""
    words = [word.lower() for word in _TOKEN.findall(query)]
    chosen = [word for word in words if word not in _STOP]
    terms: list[str] = []
    for word in chosen or words:
        if not _IS_CJK.match(word):
            terms.append(word)
            continue
        runs = [run for run in _STOP_CJK.sub(" ", word).split() if run] or [word]
        for run in runs:
            terms.extend(_pairs(run) or [run])
    return list(dict.fromkeys(terms))[:64]


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)]


def _segmented(text: str) -> str:
    """Text as the index stores it: runs of Chinese as single characters and pairs."""
    words: list[str] = []
    for word in _TOKEN.findall(text):
        words.extend([*word, *_pairs(word)] if _IS_CJK.match(word) else [word])
    return " ".join(words)


def _snippet(document: _Document, terms: list[str]) -> str:
    """The sentence that holds most of the terms, the first of equals."""
    best, best_score = "", -1.0
    title = document.title.lower()
    weights = [(term[: max(4, len(term) - 2)], 0.5 if term in title else 1.0) for term in terms]
    for sentence in _SENTENCE.split(document.text):
        line = one_line(_MARKUP.sub("", sentence), _SNIPPET)
        lower = line.lower()
        score = sum(weight for stem, weight in weights if stem in lower)
        if line and score > best_score:
            best, best_score = line, score
    return best


def _front_matter(data: bytes) -> tuple[dict[str, str], bytes]:
    """The `key: value` lines between two `---` lines at the start, and what follows them."""
    found = re.match(
        rb"(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.{0,4000}?)\r?\n---[ \t]*(?:\r?\n|$)", data, re.DOTALL
    )
    if found is None:
        return {}, data
    fields: dict[str, str] = {}
    for line in found[1].decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields[key.strip().lower()] = value.strip().strip("\"'")
    return fields, data[found.end() :]


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return ""


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _key(url: str) -> str:
    """What two spellings of one page's URL have in common."""
    try:
        parts = urlsplit(url)
        path = unquote(parts.path).rstrip("/")
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return url
    for suffix in _TYPES:
        path = path.removesuffix(suffix)
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{path}{query}"
