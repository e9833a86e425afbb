"""The demo: coverage written for this project, and the code that plays it.

The news, its towns and its people are invented. The player is an ordinary editor
of a running server: it writes only through the public API.
"""
