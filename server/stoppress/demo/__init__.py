"""The demo newsroom: a coverage written for this project, and who plays it.

The news, its towns and its people are invented. The player is an ordinary editor
of a running server: it writes through the public API and has no other door.
"""
