"""What is known of a picture's origin, in a few words: for headlines and beside the picture."""

from __future__ import annotations

from troth.domain.verdict import Outcome

_HEADLINES = {
    "signed": "SIGNED PICTURE",
    "altered": "ALTERED PICTURE: do not rely on it",
    "partly-signed": "PICTURE SIGNED IN PART",
    "unknown-signer": "PICTURE OF AN UNKNOWN SIGNER",
    "unfit-signer": "PICTURE NOT PROPERLY SIGNED",
    "out-of-date": "PICTURE WHOSE SIGNATURE IS OUT OF DATE",
    "unreadable": "PICTURE WITH UNREADABLE CREDENTIALS",
}
_BESIDE = {
    Outcome.PASSED: "signed, and as it was signed",
    Outcome.FAILED: "ALTERED after it was signed",
    Outcome.CANNOT_CHECK: "its signature proves nothing here",
    Outcome.NOT_COVERED: "unsigned",
}


def picture_headline(state: str) -> str:
    """Return a headline for a picture's state, as `troth verify` prints it."""
    return _HEADLINES.get(state, "PICTURE WITHOUT A SIGNATURE")


def picture_words(outcome: Outcome) -> str:
    """Return what stands beside a picture of a reply; the pane says more."""
    return _BESIDE[outcome]
