"""What kernels of kind "docker" left behind, and removing it: containers, folders, old images.

A container ends by itself when the process that owns it does; this is for what was left all the
same, after a crash of the engine or the machine. Does not do: touching what it did not make, or
containers whose owner lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .engine import LABEL, engine
from .image import image_name

OWNER = f"{LABEL}.owner"  # label: "process id:its start time" of the process that made it


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How much was removed."""

    containers: int
    images: int


def owner_lives(owner: str) -> bool:
    """Whether the process that a label names still runs on this machine."""
    pid, _, started = owner.partition(":")
    return bool(pid.isdigit() and started and started_at(int(pid)) == started)


def started_at(pid: int) -> str:
    """When a process started, in a form that tells it from a later one of the same number."""
    import psutil

    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return ""


def containers(client: Any) -> list[Any]:
    """All our containers, running or not."""
    found: list[Any] = client.containers.list(
        all=True, filters={"label": f"{LABEL}=kernel"}, ignore_removed=True
    )
    return found


@dataclass(frozen=True, slots=True)
class RunningKernel:
    """A container of ours. `owned`: the process that made it still runs."""

    id: str
    status: str
    owned: bool


def list_kernels() -> list[RunningKernel]:
    """The containers of kernels, whoever made them. Raises `KindUnavailable`."""
    with engine() as client:
        return [
            RunningKernel(
                id=str(container.short_id),
                status=str(container.status),
                owned=owner_lives(container.labels.get(OWNER, "")),
            )
            for container in containers(client)
        ]


def clean(*, everything: bool = False) -> Cleaned:
    """Remove containers whose owner is gone, and images of older recipes.

    Args:
        everything: Also containers whose owner lives, and the current image.

    Raises:
        KindUnavailable: no engine answers.
    """
    from docker.errors import APIError, NotFound

    removed = images = 0
    with engine() as client:
        for container in containers(client):
            if not everything and owner_lives(container.labels.get(OWNER, "")):
                continue
            try:
                container.remove(force=True, v=True)
            except (NotFound, APIError):  # it went by itself in the meantime
                continue
            removed += 1
        for image in client.images.list(filters={"label": f"{LABEL}=image"}):
            if everything or image_name() not in image.tags:
                client.images.remove(image.id, force=True)
                images += 1
    return Cleaned(removed, images)
