"""Intel TDX quotes taken apart: exact lengths, known versions, nothing left over but zero padding.

Nothing here is proven: `tdx` checks the signatures. Only ECDSA P-256 quotes of version 4 and 5
with their certificates inside are read; SGX enclaves' own quotes are not.

Source: Intel TDX DCAP Quote Generation Library and Quote Verification Library, revision 0.9,
appendix A.3 (version 4) and A.4 (version 5). All numbers are little-endian.

    0    2  version: 4 or 5              48   2  (5 only) kind of report: 2 = TD 1.0, 3 = TD 1.5
    2    2  kind of key: 2 = ECDSA P-256 50   4  (5 only) its size: 584 or 648
    4    4  kind of machine: 0x81 = TDX
    8    4  reserved                     then the report, and after it
    12  16  maker of the quoting enclave  +0  4  size of what follows
    28  20  user data                     +4 64  signature over all bytes before +0
                                         +68 64  attestation key, x || y
                                        +132  6  kind 6 and size of the rest: the quoting
                                                 enclave's report (384), its signature (64),
                                                 authentication data (2 + n), kind 5 and size
                                                 (6), the certificates as PEM
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_QUOTE_BYTES = 32_768
_HEADER_BYTES = 48
_TDX, _ECDSA_P256 = 0x81, 2
_INTEL = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
"""Who made the quoting enclave: Intel."""
_TD10, _TD15 = 584, 648
_BODIES = {2: _TD10, 3: _TD15}
_QE_REPORT_BYTES = 384
_QE_DATA, _PCK_CHAIN = 6, 5
_MOST_AUTH_BYTES = 1024
_SEPT_VE_DISABLE, _PERFMON = 1 << 28, 1 << 63


class QuoteInvalid(ValueError):
    """The quote does not hold together; the argument is a whole sentence for people."""


@dataclass(frozen=True, slots=True)
class TdReport:
    """What a trust domain said of itself (TDREPORT); measurements are 48 bytes each."""

    tee_tcb_svn: bytes
    mr_seam: bytes
    mr_signer_seam: bytes
    seam_attributes: bytes
    td_attributes: bytes
    mr_td: bytes
    mr_config_id: bytes
    mr_owner: bytes
    mr_owner_config: bytes
    rtmr: tuple[bytes, bytes, bytes, bytes]
    report_data: bytes
    """64 bytes that the program inside chose."""

    second_tcb_svn: bytes = b""
    """TD 1.5 only: of the TDX module that runs now, where it was renewed under the machine."""
    mr_service_td: bytes = b""
    """TD 1.5 only: a service that may move the machine elsewhere; zero for none."""

    @property
    def is_debug(self) -> bool:
        """Whether the machine's owner can read its memory (TD_ATTRIBUTES, bits 0 to 7: TUD)."""
        return self.td_attributes[0] != 0

    @property
    def is_hardened(self) -> bool:
        """Whether the other attributes are as they must be: SEPT_VE_DISABLE, and no unknown bit.

        Without it the machine's host can feed the program pages of its own.
        """
        bits = int.from_bytes(self.td_attributes, "little")
        return bits & ~_PERFMON == _SEPT_VE_DISABLE and not any(self.mr_service_td)


@dataclass(frozen=True, slots=True)
class EnclaveReport:
    """The report of the quoting enclave (SGX REPORT body)."""

    misc_select: bytes
    attributes: bytes
    mr_signer: bytes
    isv_prod_id: int
    isv_svn: int
    report_data: bytes


@dataclass(frozen=True, slots=True)
class TdxQuote:
    """A quote taken apart; claims, all of them."""

    version: int
    signed: bytes
    """Header and report: what the attestation key signed."""
    report: TdReport
    signature: bytes
    attestation_key: bytes
    """x || y on P-256."""
    enclave_signed: bytes
    enclave: EnclaveReport
    enclave_signature: bytes
    enclave_data: bytes
    certificates: bytes
    """PEM: the processor's certificate, its authority, the root."""


class _Reader:
    """Takes exact pieces off the front."""

    def __init__(self, content: bytes, what: str) -> None:
        self._rest = content
        self._what = what

    def take(self, size: int) -> bytes:
        if len(self._rest) < size:
            raise QuoteInvalid(f"The hardware quote is cut off in {self._what}.")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def rest(self) -> bytes:
        return self._rest

    def end(self) -> None:
        if self._rest:
            raise QuoteInvalid(f"The hardware quote holds more than it says in {self._what}.")


def parse_quote(content: bytes) -> TdxQuote:
    """Take a quote apart; raise QuoteInvalid for what is not exactly one.

    Zero bytes at the end are allowed: drivers hand out their whole buffer.
    """
    if len(content) > MAX_QUOTE_BYTES:
        raise QuoteInvalid("The hardware quote is far too large.")
    reader = _Reader(content, "its head")
    header = reader.take(_HEADER_BYTES)
    version, body_bytes, prefix = _check_header(header), _TD10, b""
    if version == 5:
        prefix = reader.take(6)
        kind, body_bytes = (
            int.from_bytes(prefix[:2], "little"),
            int.from_bytes(prefix[2:], "little"),
        )
        if _BODIES.get(kind) != body_bytes:
            raise QuoteInvalid("The hardware quote holds a report of an unknown kind.")
    body = reader.take(body_bytes)
    signing = _Reader(reader.take(reader.number(4)), "its signature")
    if any(reader.rest()):
        raise QuoteInvalid("The hardware quote has something behind its end.")
    signature, attestation_key = signing.take(64), signing.take(64)
    if signing.number(2) != _QE_DATA:
        raise QuoteInvalid("The hardware quote does not carry its quoting enclave's report.")
    enclave = _Reader(signing.take(signing.number(4)), "the quoting enclave's report")
    signing.end()
    enclave_signed, enclave_signature = enclave.take(_QE_REPORT_BYTES), enclave.take(64)
    auth_bytes = enclave.number(2)
    if auth_bytes > _MOST_AUTH_BYTES:
        raise QuoteInvalid("The hardware quote's authentication data is far too large.")
    enclave_data = enclave.take(auth_bytes)
    if enclave.number(2) != _PCK_CHAIN:
        raise QuoteInvalid("The hardware quote does not carry its processor's certificates.")
    certificates = enclave.take(enclave.number(4))
    enclave.end()
    return TdxQuote(
        version=version,
        signed=header + prefix + body,
        report=_parse_report(body),
        signature=signature,
        attestation_key=attestation_key,
        enclave_signed=enclave_signed,
        enclave=_parse_enclave(enclave_signed),
        enclave_signature=enclave_signature,
        enclave_data=enclave_data,
        certificates=certificates,
    )


def _check_header(header: bytes) -> int:
    version = int.from_bytes(header[:2], "little")
    if version not in {4, 5}:
        raise QuoteInvalid(f"The hardware quote has version {version}, which is not known here.")
    if int.from_bytes(header[2:4], "little") != _ECDSA_P256:
        raise QuoteInvalid(
            "The hardware quote is signed with a kind of key that is not known here."
        )
    if int.from_bytes(header[4:8], "little") != _TDX:
        raise QuoteInvalid("The hardware quote is not of an Intel TDX machine.")
    if header[12:28] != _INTEL:
        raise QuoteInvalid("The hardware quote was not made by Intel's quoting enclave.")
    return version


def _parse_report(body: bytes) -> TdReport:
    reader = _Reader(body, "its report")
    tee_tcb_svn, mr_seam, mr_signer_seam = reader.take(16), reader.take(48), reader.take(48)
    seam_attributes, td_attributes, _xfam = reader.take(8), reader.take(8), reader.take(8)
    mr_td, mr_config_id, mr_owner = reader.take(48), reader.take(48), reader.take(48)
    mr_owner_config = reader.take(48)
    rtmr = (reader.take(48), reader.take(48), reader.take(48), reader.take(48))
    report_data = reader.take(64)
    second_svn, service = b"", b""
    if len(body) == _TD15:
        second_svn, service = reader.take(16), reader.take(48)
    reader.end()
    return TdReport(
        tee_tcb_svn=tee_tcb_svn,
        mr_seam=mr_seam,
        mr_signer_seam=mr_signer_seam,
        seam_attributes=seam_attributes,
        td_attributes=td_attributes,
        mr_td=mr_td,
        mr_config_id=mr_config_id,
        mr_owner=mr_owner,
        mr_owner_config=mr_owner_config,
        rtmr=rtmr,
        report_data=report_data,
        second_tcb_svn=second_svn,
        mr_service_td=service,
    )


def _parse_enclave(report: bytes) -> EnclaveReport:
    """Read an SGX report body: Intel SDM volume 3D, table 36-21 (offsets in bytes)."""
    return EnclaveReport(
        misc_select=report[16:20],
        attributes=report[48:64],
        mr_signer=report[128:160],
        isv_prod_id=int.from_bytes(report[256:258], "little"),
        isv_svn=int.from_bytes(report[258:260], "little"),
        report_data=report[320:384],
    )
