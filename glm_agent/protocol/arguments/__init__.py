"""From a call's payload to its arguments, mended where it is clear what was meant.

Does not do: finding the call (see `parsing`), checking against a schema (tooling does).
"""
