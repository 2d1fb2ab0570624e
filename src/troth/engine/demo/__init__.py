"""The simulated enclave: everything a real one does, on this computer, with no security at all.

Its root's private key is published here on purpose. Its trust is apart from the user's, and what is
checked against it is always SIMULATED.
"""
