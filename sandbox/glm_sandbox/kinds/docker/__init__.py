"""Kind "docker": kernels in containers of a Docker engine on this machine.

What it does not defend against is in `launcher.py`.
"""

from .launcher import DockerLauncher

__all__ = ["DockerLauncher"]
