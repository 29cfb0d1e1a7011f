"""The kinds of kernel by name, and which of them "auto" takes.

Does not do: anything a kind does; `base.py` says how one is added.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

from ..errors import KindUnavailable, LimitUnavailable, NoIsolationWarning
from ..results import Limits
from .base import Channels, Launcher
from .notice import warn_once

# name -> "module:class" of its Launcher, loaded on use
KINDS = {
    "bubblewrap": "glm_sandbox.kinds.bubblewrap:BubblewrapLauncher",
    "docker": "glm_sandbox.kinds.docker:DockerLauncher",
    "gateway": "glm_sandbox.kinds.gateway:GatewayLauncher",
    "local": "glm_sandbox.kinds.local:LocalLauncher",
    "seatbelt": "glm_sandbox.kinds.seatbelt:SeatbeltLauncher",
}
# What "auto" tries, strongest first. Not "gateway": whose isolation it has is not ours to say.
# Not "local": it has none, and is taken by its own name only.
AUTO = ("bubblewrap", "docker", "seatbelt")

LauncherFactory = Callable[[Limits, Path | None, str | None], Launcher]

__all__ = [
    "AUTO",
    "KINDS",
    "Channels",
    "Launcher",
    "choose",
    "launcher_class",
    "launcher_for",
    "strongest_or_local",
]


def launcher_class(kind: str) -> type[Launcher]:
    """The `Launcher` of a kind by its name. Raises `KindUnavailable` where there is no such."""
    place = KINDS.get(kind)
    if place is None:
        known = ", ".join(repr(name) for name in KINDS)
        raise KindUnavailable(f"there is no kind of kernel {kind!r}; there is: 'auto', {known}")
    module, _, name = place.partition(":")
    try:
        return cast("type[Launcher]", getattr(importlib.import_module(module), name))
    except ModuleNotFoundError as error:
        raise KindUnavailable(
            f"kernels of kind {kind!r} need the package {error.name!r}: pip install {error.name}"
        ) from None


def choose(kind: str) -> str:
    """`kind`, or for "auto" the strongest one that can run here.

    Raises:
        KindUnavailable: there is no such kind, or it cannot run here. The message says how to
            get one; nothing weaker is taken instead.
    """
    if kind != "auto":
        reason = launcher_class(kind).unavailable()
        if reason:
            raise KindUnavailable(f"kernels of kind {kind!r} cannot run here: {reason}")
        return kind
    name, reasons = _strongest()
    if name is not None:
        return name
    raise KindUnavailable(
        "no isolation for model-written code is available here, and 'auto' does not run it "
        f"unprotected ({reasons}); kind 'local' runs it with your own rights"
    )


def _strongest() -> tuple[str | None, str]:
    """The first of `AUTO` that can run here, or why none can."""
    reasons: list[str] = []
    for name in AUTO:
        try:
            reason = launcher_class(name).unavailable()
        except KindUnavailable as error:
            reason = str(error)
        if reason is None:
            return name, ""
        reasons.append(f"{name}: {reason}")
    return None, "; ".join(reasons)


def strongest_or_local() -> str:
    """What "auto" takes, or "local" where there is no isolation, which a warning then says.

    For programs that have their user's word that unprotected is better than not at all.
    """
    name, reasons = _strongest()
    if name is None:
        warn_once(
            NoIsolationWarning,
            f"model-written code runs with your rights, for want of isolation ({reasons})",
        )
    return name or "local"


def launcher_for(kind: str, limits: Limits) -> tuple[str, LauncherFactory]:
    """The kind that was chosen and what makes its launchers, once it can keep to `limits`.

    Raises:
        KindUnavailable: as `choose`.
        LimitUnavailable: the kind cannot enforce one of the limits.
    """
    kind = choose(kind)
    factory = launcher_class(kind)
    for limit in ("memory", "disk", "processes", "cpus"):
        if getattr(limits, limit) is not None and limit not in factory.enforces():
            raise LimitUnavailable(
                f"kernels of kind {kind!r} cannot bound {limit} here; leave Limits({limit}=None)"
            )
    return kind, cast("LauncherFactory", factory)
