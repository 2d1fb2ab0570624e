"""OpenGradient's routes: which enclave, whether it may read the prompt, sealed or paid, or both.

Everything here happens before a request leaves or while its answer comes; what a reply is worth
afterwards is the judge's business, from the bytes that are kept.
"""
