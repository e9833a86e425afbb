"""A load generator: many readers, one publisher, and the server's figures.

Its readers run in processes of their own, so that it can be faster than the server;
a run in which it was the limit fails. Compare figures only of servers measured in one
run on one machine.
"""
