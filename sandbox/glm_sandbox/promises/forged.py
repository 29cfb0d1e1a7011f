"""Attacks on the host's own side: files and messages that are not what they seem.

Each gives what went wrong, "" for nothing. Does not do: floods (`outside.py`).
"""
# ruff: noqa: E501 (code of attacks)

from __future__ import annotations

import contextlib
import re
import textwrap

import anyio

from ..errors import FileRefused
from .ground import Ground


async def links(ground: Ground) -> str:
    """Files that come back: links and hard links out, pipes, a folder exchanged for a link."""
    scene, kernel = ground.scene, ground.shared
    code = f"""
        import os
        for name, target in [("out.txt", {str(scene.in_tmp)!r}), ("up.txt", "../../../../../../../..{scene.in_tmp}"), ("dir", {str(scene.folder)!r}), ("self", "/proc/self/environ")]:
            try: os.symlink(target, name)
            except OSError as error: print(error)
        try: os.mkfifo("pipe")
        except OSError as error: print(error)"""
    await kernel.execute(textwrap.dedent(code))
    for name in ("out.txt", "up.txt", "dir/secret.txt", "self", "pipe", "../secret.txt"):
        with anyio.move_on_after(10) as scope:
            try:
                data = await kernel.get(name)
            except FileRefused:
                continue
            return f"{name} was read: {data[:20]!r}"
        if scope.cancelled_caught:
            return f"{name} was waited for"
    if any(name.startswith(("dir/", "out", "up", "self")) for name in await kernel.files()):
        return "a link is listed as a file"
    with contextlib.suppress(FileRefused):
        await kernel.put("out.txt", b"overwritten")
    return "" if scene.in_tmp.read_text("utf-8") == scene.secret else "a link was written through"


async def forged_end(ground: Ground) -> str:
    """A forged "idle": the rest of the output still counts, and only once."""
    code = """
        import time
        k = get_ipython().kernel
        k.session.send(k.iopub_socket, "status", {"execution_state": "idle"}, parent=k.get_parent())
        time.sleep(0.5); print("later")"""
    result = await ground.shared.execute(textwrap.dedent(code), timeout=20)
    return "" if result.text == "later" else f"the output was cut off: {result.text!r}"


async def forged_reply(ground: Ground) -> str:
    """A forged reply with a forged "idle": what comes later is nobody's, the next result its own."""
    code = """
        import time
        k = get_ipython().kernel
        own, sender = k.get_parent(), k._parent_ident.get("shell")
        k.session.send(k.shell_stream, "execute_reply", {"status": "ok", "execution_count": 1}, parent=own, ident=sender)
        k.session.send(k.iopub_socket, "status", {"execution_state": "idle"}, parent=own)
        time.sleep(0.5); print("later"); forged = 6 * 7"""
    result = await ground.shared.execute(textwrap.dedent(code), timeout=20)
    after = await ground.shared.execute("forged", timeout=20)
    if after.text != "42":
        return f"the next result was another's: {after.status} {after.text!r}"
    return "" if result.text in {"", "later"} else f"the result was {result.text!r}"


async def forged_content(ground: Ground) -> str:
    """Messages of wrong types, a pickle as output, and a rewritten connection file."""
    trap = ground.scene.folder / "unpickled"
    code = f"""
        import base64, glob, pickle, os
        class Trap:
            def __reduce__(self): return (os.mkdir, ({str(trap)!r},))
        data = base64.b64encode(pickle.dumps(Trap())).decode()
        k = get_ipython().kernel
        for content in [{{"data": {{"application/x-pickle": data, "application/python-pickle": data}}}}, {{"data": []}}, {{"data": {{"image/png": 5}}}}]:
            k.session.send(k.iopub_socket, "display_data", content, parent=k.get_parent())
        for path in [k.parent.abs_connection_file if hasattr(k.parent, "abs_connection_file") else "", *glob.glob("/run/glm/*.json"), *glob.glob("/run/kern/*.json")]:
            try: open(path, "w").write('{{"transport": "tcp", "ip": "127.0.0.1", "shell_port": {ground.scene.tcp.getsockname()[1]}}}')
            except OSError: pass
        print("done")"""
    result = await ground.shared.execute(textwrap.dedent(code), timeout=20)
    after = await ground.shared.execute("6 * 7", timeout=10)
    if trap.exists():
        return "a pickle was loaded"
    if not re.search(r"^done$", result.text, re.MULTILINE) or after.text != "42":
        return f"the session broke: {result.status} {after.status}"
    return "the host followed it" if ground.scene.reached(ground.scene.tcp) else ""
