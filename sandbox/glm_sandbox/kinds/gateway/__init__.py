"""Kind "gateway": kernels that a Jupyter Kernel Gateway or Enterprise Gateway starts elsewhere.

What it does not defend against is in `launcher.py`.
"""

from .launcher import GatewayLauncher

__all__ = ["GatewayLauncher"]
