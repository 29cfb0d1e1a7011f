"""The tools that ship with glm-agent: `python` and `simple_browser`, and reading the web.

Does not do: anything on import; the framework finds the tools by their entry points.
"""
