"""The one thing that faces and library users hold: chats, models, keys and replies.

Concurrency lives here and nowhere else but in the vault's one writer thread.
"""
