"""The engine of models in this process: caches, batches, passes, sampling.

Does not do: loading weights (`loading.py`), the wire format (`wire.py`, `protocol`).
"""
