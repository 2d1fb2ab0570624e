"""A receipt as one page for people: no script, nothing loaded from anywhere, every word escaped.

What stands in a receipt is a stranger's: it is cleaned of control characters, escaped, and set
apart (`<bdi>`, `<pre>`), so that no reply can write the verdict's place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from html import escape
from typing import cast

from troth.domain.exchange import find_header
from troth.domain.verdict import Verdict
from troth.engine.receipts import CheckedReceipt
from troth.explain import check_title, outcome_words, verdict_sentence, verdict_words
from troth.tui.safe import clean, clean_line
from troth.verifiers.meaning import condition, not_proven, who_saw_what
from troth.verifiers.opengradient_frames import read_reply

_MOST_TEXT = 200_000
_TERMS = (
    (
        "Signature",
        "A seal that only the holder of a secret key can make. Change one letter of what it was"
        " made for and it no longer fits. Everybody can check it; nobody can copy it onto another"
        " text.",
    ),
    (
        "Key",
        "What a signature is checked with. The long number is its fingerprint: two keys never"
        " share one. A signature is worth as much as your reason to trust its key.",
    ),
    (
        "Sealed computer (enclave)",
        "A part of a processor into which not even its operator can look. The maker of the"
        " processor vouches for which program runs in it.",
    ),
    (
        "Then and now",
        "What the proof was worth when the reply came, and what it is worth today. Some proofs are"
        " made to expire after hours; that they were good then stays true.",
    ),
)
_WHOSE_WORD = (
    "All of this was found on the computer on which this page was made, by what its owner trusts;"
    " “you” is that person, and “your question” that of whoever asked. Anyone can make a page: what"
    " counts is the receipt, which <code>troth verify</code> checks again by what you trust"
    " yourself."
)
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; padding: .6rem .9rem; border: 2px solid; border-radius: .4rem; }
h1.good { color: #0a6b4f; } h1.bad { color: #fff; background: #a3123a; } h1.warn { color: #8a5a00; }
h1 small { color: inherit; }
dt { font-weight: bold; } dd { margin: 0 0 .5rem 1rem; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; } h3 { font-size: .9rem; margin: .8rem 0 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; }
tr + tr { border-top: 1px solid #8884; }
td.glyph { font-weight: bold; white-space: nowrap; }
.passed { color: #0a6b4f; } .failed { color: #c0133f; font-weight: bold; }
.cannot-check { color: #8a5a00; } .not-covered, small { color: #666; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .7rem; border: 1px solid #8886; }
code { overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  h1.good, .passed { color: #4fd1a5; } h1.warn, .cannot-check { color: #e0a82e; }
  .failed { color: #ff6b8f; } .not-covered, small { color: #aaa; }
}
@media (max-width: 36rem) {
  .checks tr, .checks td { display: block; } .checks tr { padding: .5rem 0; }
  .checks td { padding: 0; }
  .checks td:nth-child(1)::before { content: "Then: "; }
  .checks td:nth-child(2)::before { content: "Now: "; }
  .checks .head th:nth-child(-n+2) { display: none; }
}
@media print { h1.bad { color: #a3123a; background: none; } tr, pre, li { break-inside: avoid; } }
"""


def receipt_page(checked: CheckedReceipt, *, is_proven: bool, at: datetime) -> str:
    """Return the page; `at` is the moment that "now" stands for."""
    return "\n".join(_page(checked, is_proven=is_proven, at=at)) + "\n"


def _page(checked: CheckedReceipt, *, is_proven: bool, at: datetime) -> Iterator[str]:
    receipt = checked.receipt
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width"><meta name="robots" content="none">'
    yield f"<title>Receipt of a reply</title><style>{_STYLE}</style></head><body>"
    yield _headline(checked, is_proven=is_proven)
    verdict = checked.decisive(is_proven=is_proven)
    if checked.then.state is checked.now.state:
        yield f"<p>{_text(verdict_sentence(verdict))}</p>"
    else:
        yield from _then_and_now(checked, at)
    yield f"<p>{_WHOSE_WORD}</p>"
    yield f"<p>A reply of {_bdi(receipt.facts.model)} by way of {_bdi(receipt.facts.provider)},"
    yield f" received {_time(receipt.exchange.received_at)}. So says whoever wrote the receipt.</p>"
    yield from _words(checked)
    yield from _meaning(verdict, receipt.facts.route, has_expired=verdict is not checked.now)
    yield "<h2>What was checked</h2>"
    yield from _checks(checked, at)
    yield from _terms()
    yield from _facts(checked)
    yield "</body></html>"


def _headline(checked: CheckedReceipt, *, is_proven: bool) -> str:
    words = verdict_words(checked.decisive(is_proven=is_proven).state)
    simulated = "SIMULATED: " if checked.now.is_simulated else ""
    tone = "good" if is_proven else "bad" if words.tone == "bad" else "warn"
    says = "Verified" if is_proven else "Not verified"
    rest = words.short.removeprefix("verified").lstrip(", ")
    short = f" <small>({_text(rest)})</small>" if rest and rest != "SIMULATED" else ""
    return f'<h1 class="{tone}">{simulated}{says}{short}</h1>'


def _then_and_now(checked: CheckedReceipt, at: datetime) -> Iterator[str]:
    """Say what has changed since the reply came."""
    came = checked.receipt.exchange.received_at
    for name, moment, verdict in (("Then", came, checked.then), ("Now", at, checked.now)):
        words = verdict_words(verdict.state)
        yield f"<p><b>{name}</b>, {_time(moment)}: {words.glyph} {_text(words.short)}. "
        yield f"{_text(verdict_sentence(verdict))}</p>"


def _checks(checked: CheckedReceipt, at: datetime) -> Iterator[str]:
    then = {check.name: check for check in checked.then.checks}
    came = _time(checked.receipt.exchange.received_at)
    yield '<table class="checks"><tr class="head"><th>Then</th><th>Now</th>'
    yield f"<th colspan=2>Then is {came}, now is {_time(at)}.</th></tr>"
    for check in checked.now.checks:
        now = outcome_words(check.outcome)
        earlier = then.get(check.name)
        before = outcome_words(earlier.outcome) if earlier is not None else None
        yield "<tr>"
        if before is not None and earlier is not None:
            shown = f"{before.glyph} {_text(before.short)}"
            yield f'<td class="glyph {earlier.outcome.value}">{shown}</td>'
        else:
            yield "<td></td>"
        yield f'<td class="glyph {check.outcome.value}">{now.glyph} {_text(now.short)}</td>'
        yield f"<td>{_text(check_title(check.name))}</td><td>{_bdi(check.detail)}</td></tr>"
    yield "</table>"


def _meaning(verdict: Verdict, route: str, *, has_expired: bool) -> Iterator[str]:
    yield "<h2>What this does not prove</h2><ul>"
    for sentence in not_proven(verdict, has_expired=has_expired):
        yield f"<li>{_text(sentence)}</li>"
    yield "</ul>"
    if verdict.is_verified:
        yield "<h2>Who saw what on the way</h2>"
        yield "<p>Which way it took is the word of whoever wrote this receipt.</p>"
        if hangs_on := condition(verdict):
            yield f"<p>{_text(hangs_on)}</p>"
        yield "<table><tr><th></th><th>your words</th><th>your address</th></tr>"
        for seen in who_saw_what(verdict.scheme, route):
            yield f"<tr><td>{_text(seen.who)}<br><small>{_text(seen.note)}</small></td>"
            yield f"<td>{_text(seen.words)}</td><td>{_text(seen.address)}</td></tr>"
        yield "</table>"


def _terms() -> Iterator[str]:
    yield "<h2>The words on this page</h2><dl>"
    for term, words in _TERMS:
        yield f"<dt>{_text(term)}</dt><dd>{_text(words)}</dd>"
    yield "</dl>"


def _words(checked: CheckedReceipt) -> Iterator[str]:
    exchange = checked.receipt.exchange
    yield "<h2>What was asked</h2>"
    for role, words in _questions_in(exchange.request_body):
        # Each stands alone: a question could write the next speaker's name into its own words.
        yield f"<h3>{_bdi(role)}</h3>" if role else ""
        yield f"<pre>{_block(words)}</pre>"
    kind = find_header(exchange.response_headers, "content-type") or ""
    reply = read_reply(exchange.response_body, kind)
    text = reply.text or exchange.response_body[:_MOST_TEXT].decode("utf-8", "replace")
    yield "<h2>What came back</h2>"
    yield f"<pre>{_block(text)}</pre>"


def _questions_in(body: bytes) -> list[tuple[str, str]]:
    """Return who said what in a chat request; the request itself where it is another."""
    whole = [("", body[:_MOST_TEXT].decode("utf-8", "replace"))]
    try:
        request = cast("object", json.loads(body))
    except (ValueError, RecursionError):
        return whole
    found = (
        cast("dict[str, object]", request).get("messages") if isinstance(request, dict) else None
    )
    said: list[tuple[str, str]] = []
    for message in cast("list[object]", found) if isinstance(found, list) else []:
        if isinstance(message, dict):
            row = cast("dict[str, object]", message)
            content = row.get("content")
            words = content if isinstance(content, str) else json.dumps(content)
            said.append((str(row.get("role")), words))
    return said or whole


def _facts(checked: CheckedReceipt) -> Iterator[str]:
    verdict = checked.now
    rows = [("Scheme", verdict.scheme), ("Verifier", verdict.verifier)]
    if verdict.signed_at is not None:
        rows.append(("Signed", f"{_time(verdict.signed_at)}, by the signer's clock"))
    if verdict.key_fingerprint:
        rows.append(("Key", verdict.key_fingerprint))
    yield "<h2>Details</h2><table>"
    for name, value in rows:
        yield f"<tr><td>{_text(name)}</td><td><code>{_text(value)}</code></td></tr>"
    yield "</table>"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _text(text: str) -> str:
    return escape(clean_line(text), quote=True)


def _bdi(text: str) -> str:
    return f"<bdi>{_text(text)}</bdi>"


def _block(text: str) -> str:
    cut = text[:_MOST_TEXT]
    more = "\n[cut here]" if len(text) > _MOST_TEXT else ""
    return f"<bdi>{escape(clean(cut), quote=True)}</bdi>{more}"
