"""Tinfoil's attestation documents taken apart: what the machine's report is, and what it binds.

    GET https://{host}/.well-known/tinfoil-attestation?nonce=<64 hex>

    v2  {"format": ".../predicate/{sev-snp,tdx}-guest/v2", "body": base64 of gzip of the report}
        report_data = SHA-256 of the TLS key's SPKI || HPKE key; no nonce is in it
    v3  {"format": ".../predicate/attestation/v3", "challenge", "cpu_evidence", "crypto_material",
        "device_evidence", "collateral"}; the two sections are base64 of JSON
        report_data = SHA-256("https://tinfoil.sh/report-data/v1" || nonce || SHA-256 of the first
        section || SHA-256 of the second) || 32 zero bytes

Sources: tinfoil 0.15.0 on PyPI, `attestation.py` and `attestation_sev.py` (v2);
tinfoilsh/tinfoil-python at 3e3365b, `v3/envelope.py` (v3). v1, which bound no HPKE key and which
their client takes no longer, is not read.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType

from troth.domain.exchange import HttpResponse
from troth.domain.model import Json
from troth.verifiers.intel_collateral import ENCLAVE, PCK_CRL, ROOT_CRL, TCB
from troth.verifiers.snp import CHAIN, VCEK
from troth.verifiers.strict_bytes import parse_base64, parse_hex
from troth.verifiers.strict_json import as_list, as_object, as_text, parse_object

PATH = "/.well-known/tinfoil-attestation"
SNP, TDX = "amd-sev-snp", "intel-tdx"

_NAMES = "https://tinfoil.sh/"
_V2 = {
    f"{_NAMES}predicate/sev-snp-guest/v2": SNP,
    f"{_NAMES}predicate/tdx-guest/v2": TDX,
}
_V3 = f"{_NAMES}predicate/attestation/v3"
_REPORTS = {f"{_NAMES}format/sev-snp-report/v1": SNP, f"{_NAMES}format/tdx-quote/v1": TDX}
_REPORT_DATA = f"{_NAMES}report-data/v1"
_MATERIAL, _DEVICES = f"{_NAMES}crypto-material/v1", f"{_NAMES}device-evidence/v1"
_SPKI = f"{_NAMES}key/spki-fp-sha256/v1"
_AMD, _INTEL = f"{_NAMES}collateral/amd-vcek/v1", f"{_NAMES}collateral/intel-pcs/v1"
_PCS = (
    ("/tdx/certification/v4/tcb?", TCB),
    ("/tdx/certification/v4/qe/identity", ENCLAVE),
    ("/sgx/certification/v4/pckcrl?", PCK_CRL),
    ("/IntelSGXRootCA.", ROOT_CRL),
    ("/sgx/certification/v4/rootcacrl", ROOT_CRL),
)
_MAX_REPORT_BYTES = 65_536
_KEY_BYTES = 32


class DocumentInvalid(ValueError):
    """The document does not hold together; the argument says why, as half a sentence."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document taken apart; claims, all of them, until its report is proven."""

    version: str
    """`v2`, `v3`."""
    platform: str
    report: bytes
    """An SEV-SNP report or a TDX quote."""
    nonce: bytes = b""
    """What the report answers; empty in v2."""
    bound: bytes = b""
    """What its report data must be; empty in v2, where that holds the keys themselves."""
    tls_key: bytes = b""
    """v3: SHA-256 of the TLS key's SPKI."""
    carried: Mapping[str, HttpResponse] = field(default_factory=lambda: MappingProxyType({}))
    """What the makers of the hardware say of it, where the document brings it, as evidence."""

    def tls_key_in(self, report_data: bytes) -> bytes:
        """Return the SHA-256 of the TLS key's SPKI that a proven report binds.

        Raises DocumentInvalid where it binds something else.
        """
        if self.version == "v2":
            return report_data[:_KEY_BYTES]
        if report_data != self.bound:
            raise DocumentInvalid("its report is for another question or for other keys")
        return self.tls_key


def parse_document(received: bytes) -> Document:
    """Take a document apart; raise DocumentInvalid for what is not exactly one."""
    try:
        fields = parse_object(received)
        name = as_text(fields.get("format"))
        if name == _V3:
            return _parse_v3(fields)
        if name not in _V2:
            raise DocumentInvalid(f"its format is not known here ({name[:80]!r})")
        if fields.keys() != {"format", "body"}:
            raise DocumentInvalid("it holds something else than a report")
        return Document("v2", _V2[name], _unpacked(parse_base64(as_text(fields["body"]))))
    except DocumentInvalid:
        raise
    except ValueError as error:
        raise DocumentInvalid(str(error)) from error


def _unpacked(packed: bytes) -> bytes:
    """Return the one gzip member in `packed`, with a ceiling on what it unpacks to."""
    unpacking = zlib.decompressobj(wbits=31)
    try:
        content = unpacking.decompress(packed, _MAX_REPORT_BYTES)
    except zlib.error as error:
        raise DocumentInvalid("its report is not packed as it should be") from error
    if not unpacking.eof or unpacking.unused_data:
        raise DocumentInvalid("its report is cut off, far too large, or followed by something")
    return content


def _parse_v3(fields: dict[str, Json]) -> Document:
    expected = {"format", "challenge", "cpu_evidence", "crypto_material", "device_evidence"}
    if fields.keys() != expected | {"collateral"}:
        raise DocumentInvalid("it does not have the fields that it must")
    challenge, evidence = as_object(fields["challenge"]), as_object(fields["cpu_evidence"])
    platform = _REPORTS.get(as_text(evidence.get("format")))
    if platform is None or challenge.get("report_data_algorithm") != _REPORT_DATA:
        raise DocumentInvalid("its report is of a kind that is not known here")
    material = parse_base64(as_text(fields["crypto_material"]))
    devices = parse_base64(as_text(fields["device_evidence"]))
    nonce = parse_hex(as_text(challenge.get("nonce")), 32)
    hashes = nonce + sha256(material).digest() + sha256(devices).digest()
    return Document(
        version="v3",
        platform=platform,
        report=parse_base64(as_text(evidence.get("report_base64"))),
        nonce=nonce,
        bound=sha256(_REPORT_DATA.encode() + hashes).digest() + bytes(32),
        tls_key=_tls_key(material, devices),
        carried=_carried(as_list(fields["collateral"])),
    )


def _tls_key(material: bytes, devices: bytes) -> bytes:
    keys = parse_object(material)
    if keys.get("format") != _MATERIAL or parse_object(devices).get("format") != _DEVICES:
        raise DocumentInvalid("one of its sections is of a kind that is not known here")
    items = [as_object(item) for item in as_list(keys.get("items"))]
    named = [item for item in items if item.get("id") == "tls"]
    if len(named) != 1 or named[0].get("format") != _SPKI:
        raise DocumentInvalid("it names no key of the connection, or more than one")
    return parse_hex(as_text(named[0].get("data")), _KEY_BYTES)


def _carried(entries: list[Json]) -> Mapping[str, HttpResponse]:
    """Return the makers' word that a document brings, under the names of such evidence.

    It is unsigned transport: each piece proves itself or is of no use.
    """
    found: dict[str, HttpResponse] = {}
    for entry in map(as_object, entries):
        content = as_object(entry.get("data"))
        if entry.get("format") == _AMD:
            found[VCEK] = _answer(parse_base64(as_text(content.get("vcek_der_base64"))))
            found[CHAIN] = _answer(as_text(content.get("cert_chain_pem")).encode())
        elif entry.get("format") == _INTEL:
            for response in map(as_object, as_list(content.get("responses"))):
                url = as_text(response.get("url"))
                name = next((name for part, name in _PCS if part in url), None)
                if name is not None:
                    body = parse_base64(as_text(response.get("body_base64")))
                    found[name] = _answer(body, as_object(response.get("headers")))
    return MappingProxyType(found)


def _answer(body: bytes, headers: Mapping[str, Json] = MappingProxyType({})) -> HttpResponse:
    named = (
        (name, as_text(value)) for name, listed in headers.items() for value in as_list(listed)
    )
    return HttpResponse(200, tuple(named), body)
