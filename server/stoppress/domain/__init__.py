"""What a live blog is: feeds, posts, events, cursors, and the one reducer.

Pure: no I/O, no clock, no framework. Everything else in the package may import
from here; nothing here imports from the rest of the package.
"""
