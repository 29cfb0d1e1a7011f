"""Channels over ZeroMQ, as kernels of this machine and of containers speak them.

Does not do: waiting for answers to a request (`conversation.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import zmq
import zmq.asyncio

from .kinds.base import Channels

if TYPE_CHECKING:
    from jupyter_client.asynchronous.client import AsyncKernelClient
    from jupyter_client.connect import KernelConnectionInfo

MESSAGE_BYTES = 64 * 1024 * 1024  # a larger message is not received; inside.py sends none


def connect(connection: Mapping[str, Any]) -> Channels:
    """The line to a kernel.

    Args:
        connection: As in a connection file, but the host's own copy: `transport` ("ipc" or
            "tcp"), `ip` (for "ipc" the path that "-1" to "-5" come after), `key`,
            `signature_scheme`, `shell_port`, `iopub_port`, `stdin_port`, `control_port`,
            `hb_port`. Sockets that are not there yet are tried again until they are.
    """
    from jupyter_client.asynchronous.client import AsyncKernelClient

    context = zmq.asyncio.Context()
    context.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)  # for every socket made from it
    context.setsockopt(zmq.LINGER, 0)
    client = AsyncKernelClient(context=context)
    client.load_connection_info(cast("KernelConnectionInfo", dict(connection)))
    return ZmqChannels(client)


class ZmqChannels(Channels):
    """The shell and iopub sockets of a client with a context of its own, read together."""

    def __init__(self, client: AsyncKernelClient) -> None:
        client.start_channels(stdin=False, hb=False, control=False)
        self._client: AsyncKernelClient | None = client
        self._context = client.context
        self._channels = {
            client.shell_channel.socket: ("shell", client.shell_channel),
            client.iopub_channel.socket: ("iopub", client.iopub_channel),
        }
        self._poller = zmq.asyncio.Poller()
        for socket in self._channels:
            self._poller.register(socket, zmq.POLLIN)

    def execute(self, code: str) -> str:
        """Send an execute request."""
        return self._open().execute(code, allow_stdin=False, stop_on_error=False)

    def kernel_info(self) -> None:
        """Send a kernel_info request."""
        self._open().kernel_info()

    def _open(self) -> AsyncKernelClient:
        if self._client is None:
            raise RuntimeError("the channels are closed")
        return self._client

    async def receive(self, seconds: float) -> list[tuple[str, dict[str, Any]]]:
        """Messages that are there within `seconds`, the shell's first; unreadable ones dropped."""
        ready = dict(await self._poller.poll(max(0, math.ceil(seconds * 1000))))
        messages: list[tuple[str, dict[str, Any]]] = []
        for socket, (name, channel) in self._channels.items():
            if socket in ready:
                try:
                    messages.append((name, await channel.get_msg(timeout=0)))
                except Exception:  # noqa: BLE001 (whatever the kernel forged, it is no message)
                    messages.append((name, {}))
        return messages

    def close(self) -> None:
        """Close the sockets."""
        client, self._client = self._client, None
        if client is not None:
            client.stop_channels()
            self._context.destroy(linger=0)
