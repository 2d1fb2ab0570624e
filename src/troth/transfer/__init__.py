"""Chats of other programs, and our own, from the bytes of a file to values and back.

Everything that is read here was written by somebody else: nothing is believed, nothing is executed,
nothing is written to disk, and memory is bounded by one chat, whatever the file holds.
"""
