"""Models behind a URL: raw completions in our wire format, or chat.

Does not do: models in this process (`transformers_model.py`, `engine`).
"""
