"""Kind "gateway": kernels that a Jupyter Kernel Gateway or Enterprise Gateway starts elsewhere."""

from .launcher import GatewayLauncher

__all__ = ["GatewayLauncher"]
