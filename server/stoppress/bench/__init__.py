"""A load generator: many readers, one editor, and what the server made of it.

Its readers run in processes of their own, so that it can outrun the server; it
says so loudly when it could not. Figures are ratios between servers measured in
one run on one machine; a figure alone says little.
"""
