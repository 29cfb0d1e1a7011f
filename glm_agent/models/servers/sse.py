"""Server-sent events as model servers send them: each `data:` line is a whole JSON object.

Lines are cut as the HTML standard says (section 9.2.6: at CR, LF or both), but each is given on its
own, as some servers forget the blank line between events. There is a line for each token of a
reply, so little is done for one.

Does not do: joining an event's lines, names of events, ids, reconnecting (no model server's stream
can be asked for again). httpx2's `EventSource` does that, at several times the cost.
"""

from __future__ import annotations

MAX_LINE = 2**20
"""How many bytes one line may have."""

_BOM = b"\xef\xbb\xbf"


class DataLines:
    """Cuts a stream of bytes into the contents of its `data:` lines, stripped and not empty."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` ends. Raises ValueError for a line above `MAX_LINE`."""
        lines = (self._rest + chunk).splitlines(keepends=True)
        self._rest = b""
        if lines and not lines[-1].endswith((b"\n", b"\r")):
            self._rest = lines.pop()
            if len(self._rest) > MAX_LINE:
                raise ValueError(f"a line of more than {MAX_LINE} bytes")
        return [data for line in lines if (data := _data(line))]

    def close(self) -> list[bytes]:
        """What stands on a last line that was not ended."""
        data, self._rest = _data(self._rest), b""
        return [data] if data else []


def _data(line: bytes) -> bytes:
    line = line.removeprefix(_BOM)
    return line[5:].strip() if line.startswith(b"data:") else b""
