"""`troth verify picture.png`: who signed a picture, and whether it is still what was signed.

Exit code 0 says: its bytes are those that were signed, by somebody for whom a listed authority
stands. It never says that what the picture shows is true.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from troth.cli.output import Console, ExitCode, one_line
from troth.domain.model import Json
from troth.engine.picture_proofs import CheckedPicture, verify_picture_file
from troth.explain import outcome_words, picture_headline


async def check_picture(content: bytes, console: Console, *, at: datetime | None) -> int:
    """Say what a picture's credentials prove."""
    checked = await asyncio.to_thread(verify_picture_file, content, at=at)
    if console.is_json:
        console.json(_json(checked))
    else:
        console.write("\n".join(_lines(checked)))
        console.end_text()
    return ExitCode.OK if checked.proof.is_signed else ExitCode.NOT_VERIFIED


def _lines(checked: CheckedPicture) -> list[str]:
    proof, words = checked.proof, outcome_words(checked.check.outcome)
    facts = [
        ("Key", proof.key_fingerprint),
        ("Made with", one_line(proof.generator)),
        ("Certificate", _days(checked)),
        ("Time stamp", _stamp(checked)),
    ]
    lines = [
        picture_headline(proof.state.value),
        "",
        f"{words.glyph} {one_line(checked.check.detail)}",
        "",
        *(f"{name:<12} {value}" for name, value in facts if value),
        "",
        "Checked here, from the file alone; nobody was asked.",
    ]
    return lines if proof.key_fingerprint else [*lines[:3], *lines[-2:]]


def _days(checked: CheckedPicture) -> str:
    proof = checked.proof
    if proof.valid_from is None or proof.valid_until is None:
        return ""
    return (
        f"valid {proof.valid_from:%Y-%m-%d} to {proof.valid_until:%Y-%m-%d},"
        f" judged for {proof.stamped_at or checked.at:%Y-%m-%d %H:%M} UTC"
    )


def _stamp(checked: CheckedPicture) -> str:
    proof = checked.proof
    if proof.stamped_at is None:
        return f"does not count: {proof.stamp_fault}" if proof.stamp_fault else ""
    return f"{proof.stamped_at:%Y-%m-%d %H:%M:%S} UTC, by a clock of {one_line(proof.stamped_by)}"


def _json(checked: CheckedPicture) -> dict[str, Json]:
    """Return what scripts read. Every name in it is a claim unless `verified` is true."""
    proof = checked.proof
    return {
        "verified": proof.is_signed,
        "picture": proof.state.value,
        "signer": proof.signer or None,
        "root": proof.root or None,
        "key_fingerprint": proof.key_fingerprint or None,
        "generator": proof.generator or None,
        "is_made_by_model": proof.is_made_by_model,
        "valid_from": proof.valid_from.isoformat() if proof.valid_from else None,
        "valid_until": proof.valid_until.isoformat() if proof.valid_until else None,
        "stamped_at": proof.stamped_at.isoformat() if proof.stamped_at else None,
        "stamped_by": proof.stamped_by or None,
        "ingredients": list(proof.ingredients),
        "left_out_bytes": proof.left_out,
        "remote_url": proof.remote_url or None,
        "checked_for": checked.at.isoformat(),
        "outcome": checked.check.outcome.value,
        "detail": checked.check.detail,
    }
