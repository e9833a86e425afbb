"""The domain model: feeds, posts, events, cursors, and the reducer that applies events.

Pure: no I/O, no clock, no framework. Everything else in the package may import
from here; nothing here imports from the rest of the package.
"""
