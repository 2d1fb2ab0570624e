"""Troth: a terminal chat for every model, with a vault and a verdict on each reply.

Importing this package reads no file, opens no socket and loads no screen.
"""

__version__ = "0.1.0"
