"""The line to the Docker engine: found, asked, and its failures in one line each.

Does not do: starting an engine. Whoever may talk to an engine is root on its machine; that is the
engine's own rule, and nothing here changes it.
"""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import anyio.to_thread

from ...errors import KindUnavailable

SECONDS = 60  # how long the engine may take to answer
PING_SECONDS = 5
INSTALL = "pip install 'glm-agent[docker]'"
UNIX = "unix://"
USUAL = f"{UNIX}/var/run/docker.sock"
LABEL = "glm-sandbox"  # on everything that we make; its value says what it is

P = ParamSpec("P")
T = TypeVar("T")


def connect(seconds: int = SECONDS) -> Any:
    """A client of the engine that DOCKER_HOST names, or of the usual socket; to be closed.

    Raises:
        KindUnavailable: the docker package is missing, or no engine answers.
    """
    try:
        import docker
        from docker.errors import DockerException
    except ImportError:
        raise KindUnavailable(f"the Python package docker is missing: {INSTALL}") from None
    where = os.environ.get("DOCKER_HOST") or USUAL
    try:
        if where.startswith(UNIX):  # the SDK leaves its own socket open where this fails
            with socket.socket(socket.AF_UNIX) as trial:
                trial.connect(where.removeprefix(UNIX))
        client = docker.from_env(version="auto", timeout=seconds)
    except (DockerException, OSError, ValueError) as error:
        raise KindUnavailable(
            f"no Docker engine answers at {where} ({brief(error)}); start one, "
            "or say where it is in DOCKER_HOST"
        ) from None
    return client


@contextmanager
def engine(seconds: int = SECONDS) -> Generator[Any]:
    """A client of the engine for the length of a block. Raises `KindUnavailable`."""
    client = connect(seconds)
    try:
        with telling(KindUnavailable, "the Docker engine failed"):
            yield client
    finally:
        client.close()


@contextmanager
def telling(kind: type[Exception], what: str) -> Generator[None]:
    """Raise what the engine complains about as `kind`, in one line."""
    from docker.errors import DockerException

    try:
        yield
    except (DockerException, OSError) as error:
        raise kind(f"{what}: {brief(error)}") from error


def brief(error: BaseException) -> str:
    """An error of the engine or of the way to it in one line."""
    text = str(getattr(error, "explanation", None) or error or type(error).__name__)
    permission = "Permission denied" in text
    text = " ".join(text.split())[:400]
    return "this user may not use the engine: add it to the group docker" if permission else text


async def threaded(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a blocking function of the SDK without holding up the event loop."""
    return await anyio.to_thread.run_sync(functools.partial(function, *args, **kwargs))
