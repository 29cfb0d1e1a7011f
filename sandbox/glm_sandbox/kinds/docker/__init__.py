"""Kind "docker": kernels in containers of a Docker engine on this machine."""

from .launcher import DockerLauncher

__all__ = ["DockerLauncher"]
