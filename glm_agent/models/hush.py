"""Keeps what libraries say by themselves off the terminal while a model is loaded.

Does not do: our own messages, errors.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager

# What they log when they are imported. transformers imports those that are installed.
_NOISY = ("torchao", "bitsandbytes", "torch.utils._pytree")


@contextmanager
def imports_hushed() -> Generator[None]:
    """For imports of torch's libraries: no log lines, no deprecation warnings among themselves."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def quiet() -> Generator[None]:
    """Keep progress bars and warnings of transformers and the hub off the terminal, for a while."""
    with imports_hushed():
        from huggingface_hub.utils import logging as hub
        from transformers.utils import logging as ours

        verbosity, hub_verbosity = ours.get_verbosity(), hub.get_verbosity()
        bars = ours.is_progress_bar_enabled()
        ours.set_verbosity_error()
        hub.set_verbosity_error()
        ours.disable_progress_bar()
        try:
            yield
        finally:
            ours.set_verbosity(verbosity)
            hub.set_verbosity(hub_verbosity)
            if bars:
                ours.enable_progress_bar()
