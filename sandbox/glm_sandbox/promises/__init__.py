"""What isolated kernels promise, as attacks that must fail on the user's own machine.

Does not do: more than the attacks that are written down here; a bug of the Linux kernel may be
one that nobody has written down yet.
"""

from .attacks import FILES, NETWORK, PRIVILEGE
from .check import Finding, check
from .outside import BOUNDED, CLEAN, HOST

PROMISES = (FILES, NETWORK, PRIVILEGE, BOUNDED, CLEAN, HOST)

__all__ = [
    "BOUNDED",
    "CLEAN",
    "FILES",
    "HOST",
    "NETWORK",
    "PRIVILEGE",
    "PROMISES",
    "Finding",
    "check",
]
