"""Values only: what a conversation, a reply, its bytes and its verdict are.

Nothing here reads a file, a clock or a global; every other floor may import this one.
"""
