"""Runs the promises of a kind on this machine.

Does not do: proving them. It shows that known attacks fail here, no more.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict, dataclass

from ..errors import KindUnavailable, SandboxError
from ..isolation import seccomp
from ..kernel import Kernel
from ..kinds import choose
from ..pool import KernelPool
from . import attacks
from .ground import Ground, NotBounded, small
from .outside import OUTSIDE
from .scene import Scene

_NOT_ALOUD = {"names"}  # would ask a name server where nothing holds it back


@dataclass(frozen=True, slots=True)
class Finding:
    """One attack and how it ended. `held` is None where it was not run; `detail` says why."""

    promise: str
    name: str
    tried: str
    held: bool | None
    detail: str = ""

    def as_json(self) -> dict[str, object]:
        """As plain data."""
        return asdict(self)


async def check(
    kind: str = "auto", promises: Sequence[str] | None = None
) -> AsyncGenerator[Finding]:
    """Carry out the attacks one after the other and tell how each ended.

    Args:
        kind: The kind of kernel to attack.
        promises: Only these; None for all.

    Raises:
        KindUnavailable: there is no such kind here.
    """
    kind = choose(kind)
    with Scene() as scene:
        async with (
            KernelPool(kind=kind, limits=small(kind)) as pool,
            pool.kernel() as kernel,
            pool.kernel() as other,
        ):
            await other.execute(f"open('other-{scene.token}', 'w').close()")
            calls = seccomp.denied() if seccomp.known() else {}
            aims = json.loads(json.dumps({**scene.names(), "CALLS": calls}))
            await kernel.execute(attacks.text())
            await kernel.execute(f"aim.__dict__.update({aims!r})")
            for promise in attacks.INSIDE if promises is None else promises:
                for attack in attacks.on_this_system(promise):
                    name, tried = attack.__name__, _line(attack.__doc__)
                    if kind == "local" and name in _NOT_ALOUD:
                        reason = "not without isolation"
                        yield Finding(promise, _words(name), tried, None, reason)
                    else:
                        yield await _inside(kernel, scene, promise, name, tried)
            ground = Ground(kind, scene, kernel)
            for promise, name, action in OUTSIDE:
                if promises is not None and promise not in promises:
                    continue
                tried = _line(action.__doc__)
                try:
                    wrong = await action(ground)
                except NotBounded as reason:
                    yield Finding(promise, name, tried, None, str(reason))
                except KindUnavailable:
                    raise
                except (SandboxError, ValueError, OSError) as error:
                    yield Finding(promise, name, tried, False, f"{type(error).__name__}: {error}")
                else:
                    yield Finding(promise, name, tried, not wrong, wrong)


async def _inside(kernel: Kernel, scene: Scene, promise: str, attack: str, tried: str) -> Finding:
    result = await kernel.execute(f"carry_out({attack!r})", timeout=20)
    said = next((line for line in result.text.splitlines() if line[:4] in {"HELD", "BREA"}), "")
    found = [said.removeprefix("BREACH ") if said.startswith("BREACH") else "", scene.judge(attack)]
    reached = "; ".join(filter(None, found))
    if not reached and said != "HELD":  # the attack itself failed, so nothing is shown
        reached = f"not carried out: {result.status} {result.text[-200:]}"
    return Finding(promise, _words(attack), tried, not reached, reached)


def _line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0].rstrip(".")


def _words(name: str) -> str:
    return name.replace("_", " ")
