"""The exception tree of glm_sandbox.

    SandboxError
    ├── KindUnavailable          no such kind of kernel, or not on this machine
    ├── ImageBuildError          the image of kind "docker" cannot be built
    ├── LimitUnavailable         the kind cannot hold to a limit that was asked for
    ├── KernelStartError         a kernel process did not come up; `.stderr` has its last words
    │   └── MissingDependency    the interpreter of the kernel lacks ipykernel
    ├── KernelClosed             used after `aclose()`
    └── FileRefused              a name that is no file of the work folder

    UserWarning
    ├── NoIsolationWarning       kind "local": the code has our rights
    └── WeakIsolationWarning     kind "seatbelt": isolated, but not bounded as elsewhere

What code does inside a kernel (raises, hangs, kills its process) is no exception here: it is the
`status` of an `ExecutionResult`. Messages are one line and say what to do.
"""

from __future__ import annotations


class SandboxError(Exception):
    """Base of everything that glm_sandbox raises on purpose."""


class KindUnavailable(SandboxError):
    """There is no such kind of kernel, or it cannot run on this machine."""


class ImageBuildError(SandboxError):
    """The image in which kernels of kind "docker" run cannot be built."""


class LimitUnavailable(SandboxError):
    """The kind of kernel cannot enforce a limit that was asked for."""


class KernelStartError(SandboxError):
    """A kernel process did not come up. `stderr` is the end of what it wrote there."""

    def __init__(self, message: str, stderr: str = "") -> None:
        self.stderr = stderr
        last = stderr.strip().splitlines()[-1:] or [""]
        super().__init__(f"{message}; its last words: {last[0]}" if last[0] else message)


class MissingDependency(KernelStartError):
    """The interpreter that should run the kernel has no ipykernel."""


class KernelClosed(SandboxError):
    """The kernel or pool is closed."""


class FileRefused(SandboxError):
    """A name that leaves the work folder, or that is no regular file, or is too big."""


class NoIsolationWarning(UserWarning):
    """Code runs with the rights of this process (kind "local"). Given once per process."""


class WeakIsolationWarning(UserWarning):
    """Code is isolated, but not bounded as elsewhere (kind "seatbelt"). Given once per process."""
