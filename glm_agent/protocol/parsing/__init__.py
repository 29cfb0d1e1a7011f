"""Replies: each family's form taken apart while it streams.

Does not do: reading a call's arguments (see `arguments`).
"""
