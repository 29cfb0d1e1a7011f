"""What a model needs and what this machine has: memory, devices, packed weights.

Does not do: reading weights (`loading.py`), running a model (`engine`).
"""
