"""The version, as the package, the wheel and `--version` have it."""

__version__ = "0.1.0"
