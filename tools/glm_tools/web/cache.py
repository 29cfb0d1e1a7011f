"""Pages that were fetched, kept for a session: in memory up to a size, and in a folder if asked.

The folder may be shared by sessions and processes. Each page is one `.page` file: a line of JSON,
then the body. `DocumentIndex` reads such a folder, so that saved pages can be searched offline.

Does not do: HTTP's rules of freshness; what is in the folder is as old as `max_age` at most.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from glm_agent.errors import ConfigurationError

from .fetch import Fetched

logger = logging.getLogger(__name__)

SUFFIX = ".page"
_OVERHEAD = 500  # bytes that an entry takes besides its body


class PageCache:
    """Fetched pages by the URL that was asked for. Safe to use from several threads.

    Args:
        max_bytes: How much is kept in memory, and how much in the folder; the oldest goes first.
        folder: Where pages outlive the session; made if it is missing.
        max_age: Seconds after which a page in the folder is fetched anew.
        scope: Pages are found again under the same scope only: what one set of rules let through
            is not shown under another.

    Raises:
        ConfigurationError: The folder cannot be made.
    """

    def __init__(
        self,
        max_bytes: int,
        folder: str | Path | None = None,
        max_age: float = 86_400.0,
        scope: str = "",
    ) -> None:
        self._scope = scope
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._pages: OrderedDict[str, Fetched] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigurationError(
                    f"cache: {str(folder)!r} cannot be made: {error.strerror or error}"
                ) from error

    def get(self, url: str) -> Fetched | None:
        """The page that was fetched under `url`."""
        with self._lock:
            if url in self._pages:
                self._pages.move_to_end(url)
                return self._pages[url]
        if self._folder is None:
            return None
        path = self._path(self._folder, url)
        try:
            if time.time() - path.stat().st_mtime > self._max_age:
                return None
            fields, fetched = read_page(path.read_bytes())
        except (OSError, ValueError):
            return None
        if (fields.get("asked"), fields.get("scope")) != (url, self._scope):
            return None
        self._keep(url, fetched)
        return fetched

    def put(self, url: str, fetched: Fetched) -> None:
        """Keep a page. A folder that cannot be written to costs the page its place, no more."""
        self._keep(url, fetched)
        if self._folder is None or _size(fetched) > self._max_bytes:
            return
        fields = {
            "asked": url,
            "scope": self._scope,
            "url": fetched.url,
            "content_type": fetched.content_type,
        }
        head = json.dumps(fields, ensure_ascii=True).encode()
        path = self._path(self._folder, url)
        written = ""
        try:
            handle, written = tempfile.mkstemp(dir=self._folder, suffix=".tmp")
            with os.fdopen(handle, "wb") as file:
                file.write(head + b"\n" + fetched.body)
            Path(written).replace(path)
            self._trim(self._folder)
        except OSError as error:
            logger.warning("%s is not kept in %s: %s", url, self._folder, error)
            if written:
                with suppress(OSError):
                    Path(written).unlink()

    def _keep(self, url: str, fetched: Fetched) -> None:
        with self._lock:
            old = self._pages.pop(url, None)
            self._size += _size(fetched) - (_size(old) if old else 0)
            self._pages[url] = fetched
            while self._size > self._max_bytes:
                _, oldest = self._pages.popitem(last=False)
                self._size -= _size(oldest)

    def _trim(self, folder: Path) -> None:
        files: list[tuple[float, int, Path]] = []
        for path in folder.glob(f"*{SUFFIX}"):
            with suppress(OSError):  # another process may have taken it away
                stat = path.stat()
                files.append((stat.st_mtime, stat.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._max_bytes:
                break
            with suppress(OSError):
                path.unlink()
            total -= size

    def _path(self, folder: Path, url: str) -> Path:
        name = hashlib.sha256(f"{self._scope}\n{url}".encode("utf-8", "replace")).hexdigest()
        return folder / f"{name[:40]}{SUFFIX}"


def read_page(data: bytes) -> tuple[dict[str, str], Fetched]:
    """A saved page: its fields (`asked`, `url`, `content_type`), and the page.

    Raises:
        ValueError: It is no saved page.
    """
    head, newline, body = data.partition(b"\n")
    fields = json.loads(head) if newline else None
    if not isinstance(fields, dict):
        raise ValueError("not a saved page")
    texts = {str(key): value for key, value in fields.items() if isinstance(value, str)}
    if not {"url", "content_type"} <= texts.keys():
        raise ValueError("not a saved page")
    return texts, Fetched(texts["url"], texts["content_type"], body)


def _size(fetched: Fetched) -> int:
    return len(fetched.body) + len(fetched.url) + _OVERHEAD
