"""`troth verify`: what a receipt proved then and proves now, or where a picture came from.

No vault, no network, no question.

Exit code 0 says: this reply was verified when it came, by what you trust today, and nothing has
failed since. Proof that has merely expired (hardware documents live for hours) is said and passes;
`--at` asks about one moment and then that moment alone decides.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from troth.cli.command import Arguments, Parser, add_json_flag
from troth.cli.output import Console, ExitCode, one_line
from troth.cli.reply_json import verdict_json
from troth.cli.verify_picture import check_picture
from troth.cli.writing import write_file
from troth.domain.error import NotFound, ReceiptRefused, UsageError
from troth.domain.model import Json
from troth.domain.verdict import State, Verdict
from troth.engine.picture_proofs import is_picture
from troth.engine.receipts import CheckedReceipt, verify
from troth.explain import check_title, outcome_words, verdict_sentence, verdict_words
from troth.verifiers.meaning import not_proven

_MOST_BYTES = 64 << 20
_MERELY_OLD = frozenset({State.STALE, State.PLATFORM_OUTDATED})


def configure(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="a receipt, or a picture (PNG, JPEG, WebP)")
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="what it was worth at TIME (2026-11-22T09:00Z; 2026-11-22 is the end of that day)",
    )
    parser.add_argument("--html", metavar="FILE", help="write a page that anyone can read")
    add_json_flag(parser)
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    at = parse_time(arguments.text("at")) if arguments.text("at") else None
    content = await asyncio.to_thread(read_receipt, Path(arguments.text("file")))
    if is_picture(content):
        if arguments.text("html"):
            raise UsageError("a page is written of receipts only")
        return await check_picture(content, console, at=at)
    checked = await asyncio.to_thread(verify, content, at=at)
    is_proven = proves(checked, has_moment=at is not None)
    if target := arguments.text("html"):
        from troth.cli.receipt_page import receipt_page

        page = receipt_page(checked, is_proven=is_proven, at=at or datetime.now(UTC))
        await asyncio.to_thread(write_file, Path(target), page.encode("utf-8"))
        console.note(f"The page is written to {target}.")
    if console.is_json:
        console.json(
            {
                "verified": is_proven,
                "provider": checked.receipt.facts.provider,
                "model": checked.receipt.facts.model,
                "message": checked.receipt.facts.message_id,
                "received_at": checked.receipt.exchange.received_at.isoformat(),
                "then": _whole_json(checked.then),
                "now": _whole_json(checked.now),
                "claimed": _whole_json(checked.receipt.verdict),
            }
        )
    else:
        console.write("\n".join(receipt_lines(checked, is_proven=is_proven, at=at)))
        console.end_text()
    return ExitCode.OK if is_proven else ExitCode.NOT_VERIFIED


def read_receipt(file: Path) -> bytes:
    """Read a receipt; raise NotFound, UsageError, or ReceiptRefused for what is far too long."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound("file", str(file)) from error
    except IsADirectoryError as error:
        raise UsageError(
            f"“{file}” is a folder: give one of the receipts in it, whose names end in"
            " .receipt.json"
        ) from error
    except OSError as error:
        raise UsageError(f"“{file}” cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise ReceiptRefused("It is far longer than a receipt can be.")
    return content


def parse_time(text: str) -> datetime:
    """Read a moment, or a day, which means its end; without a zone it is UTC. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text)
        if len(text) == len("2026-11-22"):
            # Its beginning would lie before every reply of that day.
            moment = moment.replace(hour=23, minute=59, second=59)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time; write 2026-11-22 or 2026-11-22T09:00Z") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def proves(checked: CheckedReceipt, *, has_moment: bool) -> bool:
    """Whether the reply counts as verified: see the head of this file."""
    if checked.then.is_simulated or checked.now.is_simulated:
        return False
    if has_moment:
        return checked.now.is_verified
    holds_now = checked.now.is_verified or checked.now.state in _MERELY_OLD
    return checked.then.is_verified and holds_now


def receipt_lines(checked: CheckedReceipt, *, is_proven: bool, at: datetime | None) -> list[str]:
    """Say it in words: the answer, then and now, every check, and what it is worth."""
    receipt = checked.receipt
    came_at = receipt.exchange.received_at
    label = f"At {at:%Y-%m-%d %H:%M} UTC" if at is not None else "Now"
    lines = [
        "VERIFIED" if is_proven else "NOT VERIFIED",
        f"A reply of {one_line(receipt.facts.model)} by way of {one_line(receipt.facts.provider)},"
        f" received {came_at:%Y-%m-%d %H:%M:%S} UTC. So says whoever wrote the receipt.",
        "",
        f"Then: {_in_words(checked.then)}",
        f"{label}: {_in_words(checked.now)}",
        "",
        f"The checks, {'at that time' if at is not None else 'as of now'}, by what you trust"
        " (“your question” is that of whoever asked):",
    ]
    for check in checked.now.checks:
        outcome = outcome_words(check.outcome)
        title = check_title(check.name)
        lines.append(f"  {outcome.glyph} {title}: {outcome.short}. {one_line(check.detail)}")
    if checked.now.key_fingerprint:
        lines += ["", f"Signed by the key {one_line(checked.now.key_fingerprint)}"]
        if checked.now.state is State.SIGNED_UNKNOWN_KEY:
            lines.append(f"If its owner tells you the same number: `{_pin_command(checked.now)}`")
    if receipt.verdict.state is not checked.then.state:
        claimed = verdict_words(receipt.verdict.state).short
        lines += ["", f"The receipt itself says: {claimed}. What counts is the above."]
    lines += ["", "What this does not prove:"]
    verdict = checked.decisive(is_proven=is_proven)
    left_open = not_proven(verdict, has_expired=verdict is not checked.now)
    lines += [f"  - {sentence}" for sentence in left_open]
    return lines


def _pin_command(verdict: Verdict) -> str:
    scheme = verdict.scheme.partition("/")[0]
    wanted = "" if scheme == "opengradient" else f" --scheme {scheme}"
    return f"troth trust pin {one_line(verdict.key_fingerprint)}{wanted}"


def _in_words(verdict: Verdict) -> str:
    words = verdict_words(verdict.state)
    is_said = verdict.state is State.SIMULATED
    simulated = "SIMULATED. " if verdict.is_simulated and not is_said else ""
    return f"{simulated}{words.glyph} {words.short}. {verdict_sentence(verdict)}"


def _whole_json(verdict: Verdict) -> Json:
    """Return a verdict with what a second verifier would compare."""
    return {
        **cast("dict[str, Json]", verdict_json(verdict)),
        "is_simulated": verdict.is_simulated,
        "key_fingerprint": verdict.key_fingerprint or None,
        "signed_at": verdict.signed_at.isoformat() if verdict.signed_at else None,
        "checked_at": verdict.checked_at.isoformat(),
        "verifier": verdict.verifier,
    }
