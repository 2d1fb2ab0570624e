"""The names of OpenGradient's scheme and evidence, for those who check nothing themselves."""

SCHEME = "opengradient"
SIGNING_KEY = "signing-key"
"""Name of the evidence that holds the gateway's answer to `GET /signing-key`."""
ATTESTATION = "attestation:"
"""Prefix of the hardware document's name; the nonce that we asked with follows, in hex."""
