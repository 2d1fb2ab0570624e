"""How long verdicts take: re-checks of stored replies, a long stream, Oblivious HTTP, hardware.

    python benchmarks/verify_speed.py

CPU milliseconds on this machine, medians of repeats; the bars are the project's own: 0.5 ms for a
stored reply, 10 ms from the last byte to the verdict, 3 ms that Oblivious HTTP may add. Exit code 1
where one is missed.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_ROOT / "src"), str(_ROOT / "tests")]  # the machines and gateways of the tests

from troth.domain.exchange import HttpResponse
from troth.verifiers.hpke import CHACHA20_POLY1305
from troth.verifiers.nitro import open_document
from troth.verifiers.ohttp import open_request, seal_request
from troth.verifiers.registry import verdict_for
from troth.verifiers.trust import OhttpConfig, TrustedRoot
from verifiers.enclave import Machine, binding
from verifiers.setting import ASKED_AT, FACTS, REQUEST, STAMP, exchange_of, pinned_trust
from verifiers.signer import Gateway

STORED = 10_000
SENTENCE = "Argon2id takes the parallelism as its own knob, and the memory as another. "


def cpu_ms(run: Callable[[], object], repeats: int) -> float:
    """Return the median CPU time of one run."""
    times: list[float] = []
    for _ in range(repeats):
        started = time.process_time_ns()
        run()
        times.append((time.process_time_ns() - started) / 1e6)
    return statistics.median(times)


def stored_replies() -> tuple[float, float]:
    """Re-check many replies of three kinds, with and without a hardware document."""
    gateway, machine, nonce = Gateway(), Machine(), bytes(range(20))
    trust = pinned_trust(gateway.spki)
    words = SENTENCE.split(" ")[:-1]
    stream = exchange_of(REQUEST, gateway.stream(REQUEST, [w + " " for w in words], STAMP))
    body = gateway.body(REQUEST, SENTENCE * 20, STAMP)
    plain = exchange_of(REQUEST, body, is_stream=False)
    payload = machine.payload(user_data=binding(b"", gateway.spki), nonce=nonce)
    name = f"attestation:{nonce.hex()}"
    evidence = {name: HttpResponse(200, (), machine.sign(payload))}
    root = TrustedRoot("bench", "aws-nitro", machine.root_sha256)
    attested = replace(trust, roots=(root,))
    started = time.process_time()
    for number in range(STORED):
        exchange = stream if number % 2 else plain
        assert verdict_for(exchange, {}, trust, exchange.received_at, facts=FACTS).is_verified
    without = (time.process_time() - started) / STORED * 1000
    started = time.process_time()
    for number in range(STORED):
        exchange = stream if number % 2 else plain
        verdict = verdict_for(exchange, evidence, attested, exchange.received_at, facts=FACTS)
        assert verdict.is_verified
    return without, (time.process_time() - started) / STORED * 1000


def long_stream(tokens: int) -> float:
    gateway = Gateway()
    exchange = exchange_of(REQUEST, gateway.stream(REQUEST, ["word "] * tokens, STAMP))
    trust = pinned_trust(gateway.spki)
    now = ASKED_AT + timedelta(seconds=60)
    return cpu_ms(lambda: verdict_for(exchange, {}, trust, now, facts=FACTS), 20)


def oblivious() -> tuple[float, float]:
    """Return what sealing a request, and opening an answer of 400 chunks, cost."""
    config = OhttpConfig(
        1, 0x20, 1, CHACHA20_POLY1305,
        bytes.fromhex("31e1f05a740102115220e9af918f738674aec95f54db6e04eb705aae8e798155"),
    )  # fmt: skip
    own = bytes.fromhex("3c168975674b2fa8e465970b79c8dcf09f1c741626480bd4c6162fc5b6a98e1a")
    inner = b"x" * 4000
    request, opener = seal_request(config, inner, bytes(range(32)))
    _, sealer = open_request(config, own, request)
    sealed = sealer.seal_chunks([b"data: " + b"y" * 120] * 400, bytes(32))

    def opened() -> None:
        chunks = opener.chunks()
        for start in range(0, len(sealed), 1400):
            b"".join(chunks.feed(sealed[start : start + 1400]))
        chunks.close()

    sealing = cpu_ms(lambda: seal_request(config, inner, bytes(range(32))), 200)
    return sealing, cpu_ms(opened, 50)


def hardware() -> float:
    machine = Machine()
    document = machine.sign(machine.payload(user_data=b"", nonce=b"x" * 20))
    return cpu_ms(lambda: open_document.__wrapped__(document), 50)


def told(name: str, spent: float, bar: float, words: str = "") -> bool:
    """Print a number beside its bar; return whether it is met."""
    is_met = spent <= bar
    print(f"{name:<36}{words or f'{spent:7.3f}'} ms   {'ok  ' if is_met else 'OVER'} bar {bar:g}")
    return is_met


def main() -> int:
    started = time.process_time_ns()
    oblivious()
    warm = (time.process_time_ns() - started) / 1e6
    without, with_document = stored_replies()
    sealing, opening = oblivious()
    met = [
        told(f"stored reply, each of {STORED:,}", without, 0.5),
        told("the same with a hardware document", with_document, 0.5),
    ]
    for tokens in (100, 1_000, 5_000):
        met.append(told(f"verdict on a stream of {tokens:,} frames", long_stream(tokens), 10))
    both = f"{sealing:.3f} + {opening:.3f}"
    met.append(told("OHTTP: seal 4 kB, open 400 chunks", sealing + opening, 3, both))
    print(f"{'hardware document, first sight':<36}{hardware():7.3f} ms")
    print(f"{'first use of Oblivious HTTP':<36}{warm:7.3f} ms")
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
