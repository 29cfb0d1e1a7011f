"""Prompts: a transcript written in each family's wire format.

Does not do: reading replies (see `parsing`).
"""
