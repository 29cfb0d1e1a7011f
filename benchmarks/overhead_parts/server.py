"""A chat-completions server that always says the same, for measuring its clients.

    python benchmarks/overhead_parts/server.py

It prints the port that it listens on. A model named `kN` calls `add` N times, one call a reply, and
then says the last sum. The call's numbers differ at each step, and before the server goes on it
looks for their sum in the request's last message: a client that did not run the tool, or did not
send its result, gets an error. `/checked` tells how many requests and sums it has seen since it was
last asked.

Where the client offers a tool named `final_answer`, the last reply is a call of it, as smolagents
wants it. Replies are streamed to clients that ask for that: a call's name and then its arguments in
pieces, a text by words.

Does not do: anything that a client of this benchmark does not ask for.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


def numbers(step: int) -> tuple[int, int]:
    """What the call of a step adds; the sum occurs in no other step."""
    return 1000 * step + 7, 313


def arguments(step: int) -> str:
    """The arguments of a step's call."""
    first, second = numbers(step)
    return json.dumps({"a": first, "b": second})


def answer(calls: int) -> str:
    """What is said in the end."""
    return f"The sum is {sum(numbers(calls))}."


class Server(asyncio.Protocol):
    """One connection: HTTP/1.1 that is kept alive, requests with a Content-Length."""

    counts = {"requests": 0, "sums": 0}  # noqa: RUF012 - of all connections

    def connection_made(self, transport: Any) -> None:
        self.transport: Any = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            _, found, rest = head.partition(b"content-length:")
            length = int(rest.split(b"\r\n", 1)[0]) if found else 0
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = (
                self.buffer[end + 4 : end + 4 + length],
                self.buffer[end + 4 + length :],
            )
            self.answer(head.split(b" ")[1].decode(), body)

    def answer(self, path: str, body: bytes) -> None:
        if path.endswith("/checked"):
            self.whole(dict(self.counts))
            self.counts.update(requests=0, sums=0)
            return
        request = json.loads(body)
        self.counts["requests"] += 1
        step = 1 + sum(message["role"] == "assistant" for message in request["messages"])
        calls = int(request["model"].removeprefix("k"))
        if step > 1:
            said = json.dumps(request["messages"][-1])
            if str(sum(numbers(step - 1))) not in said:
                self.whole({"error": {"message": f"no result of call {step - 1}: {said}"}}, 400)
                return
            self.counts["sums"] += 1
        names = [tool["function"]["name"] for tool in request.get("tools", ())]
        if step <= calls:
            name, text = "add", arguments(step)
        elif "final_answer" in names:
            name, text = "final_answer", json.dumps({"answer": answer(calls)})
        else:
            name, text = "", answer(calls)
        (self.stream if request.get("stream") else self.reply)(step, name, text)

    def reply(self, step: int, name: str, text: str) -> None:
        message: dict[str, Any] = {"role": "assistant", "content": None if name else text}
        if name:
            message["tool_calls"] = [call(step, name, text)]
        choice = {"index": 0, "message": message, "finish_reason": reason(name), "logprobs": None}
        self.whole({**envelope("chat.completion"), "choices": [choice], "usage": USAGE})

    def whole(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.transport.write(
            b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(data), data)
        )

    def stream(self, step: int, name: str, text: str) -> None:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "" if not name else None}]
        if name:
            first = call(step, name, "")
            deltas.append({"tool_calls": [{"index": 0, **first}]})
            pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
            deltas += [
                {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces
            ]
        else:
            deltas += [{"content": word} for word in text.replace(" ", "\0 ").split("\0")]
        head = envelope("chat.completion.chunk")
        events = [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            for delta in deltas
        ]
        last = {"index": 0, "delta": {}, "finish_reason": reason(name)}
        events += [{**head, "choices": [last]}, {**head, "choices": [], "usage": USAGE}]
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        lines = [b"data: %s\n\n" % json.dumps(event).encode() for event in events]
        # Each event is a chunk of its own, as model servers send them.
        chunks = [b"%x\r\n%s\r\n" % (len(line), line) for line in [*lines, b"data: [DONE]\n\n"]]
        self.transport.write(b"".join([*chunks, b"0\r\n\r\n"]))


def call(step: int, name: str, text: str) -> dict[str, Any]:
    function = {"name": name, "arguments": text}
    return {"id": f"call_server_{step}", "type": "function", "function": function}


def reason(name: str) -> str:
    return "tool_calls" if name else "stop"


def envelope(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "k"}


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
