"""AMD SEV-SNP attestation reports taken apart: exact length, known versions, reserved bytes zero.

Nothing here is proven: `snp` checks the signature. Source: AMD SEV Secure Nested Paging Firmware
ABI Specification (publication 56860), ATTESTATION_REPORT, guest policy and TCB_VERSION. All numbers
are little-endian.

    0x000   4  version: 2 to 5          0x180   8  reported TCB
    0x004   4  guest's own SVN          0x188   3  (from 3 on) family, model, stepping
    0x008   8  policy of the guest      0x1A0  64  chip
    0x010  32  family and image id      0x1E0   8  committed TCB
    0x030   4  privilege level (VMPL)   0x1E8   3  firmware that runs: build, minor, major
    0x034   4  kind of signature: 1     0x1EC   3  firmware that is committed: the same
    0x038   8  current TCB              0x1F0   8  TCB at launch
    0x040   8  platform                 0x1F8  16  (from 5 on) mitigation vectors
    0x048   4  who signed               0x2A0 144  signature: r, s of 72 bytes each, on P-384 with
    0x050  64  report data                         SHA-384 over the 0x2A0 bytes before it
    0x090  48  launch measurement       0x4A0      end; what is not named is zero
    0x0C0  32  host data, and then ids of keys and of the report
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

REPORT_BYTES, SIGNED_BYTES = 0x4A0, 0x2A0
_RS_BYTES = 72
_VERSIONS = range(2, 6)
_ECDSA_P384 = 1
_VCEK = 0
_POLICY_ALWAYS, _POLICY_KNOWN = 1 << 17, (1 << 26) - 1
_MIGRATE, _DEBUG, _CXL = 1 << 18, 1 << 19, 1 << 21
PRODUCTS = ("Milan", "Genoa", "Turin")
_MODELS = (
    (0x19, range(0x10), "Milan"),
    (0x19, range(0x10, 0x20), "Genoa"),
    (0x19, range(0xA0, 0xB0), "Genoa"),
    (0x1A, range(0x12), "Turin"),
)
"""Family and models, extended ones included, and the name by which AMD signs for such processors.
Source: virtee/sev, `Generation::identify_cpu`."""


class ReportInvalid(ValueError):
    """The report does not hold together; the argument is a whole sentence for people."""


@dataclass(frozen=True, slots=True)
class Tcb:
    """Security version numbers of what AMD can renew in a processor; 0 to 255 each."""

    bootloader: int
    tee: int
    snp: int
    microcode: int
    fmc: int = 0
    """Turin only: the first loader (FMC)."""

    def reaches(self, least: Iterable[tuple[str, int]]) -> bool:
        """Whether no part is older than `least` has it, by the names of the fields."""
        mine = self.parts()
        return all(mine[name] >= svn for name, svn in least)

    def parts(self) -> dict[str, int]:
        return {
            "fmc": self.fmc,
            "bootloader": self.bootloader,
            "tee": self.tee,
            "snp": self.snp,
            "microcode": self.microcode,
        }

    def __str__(self) -> str:
        return ", ".join(f"{name} {svn}" for name, svn in self.parts().items() if svn)


@dataclass(frozen=True, slots=True)
class SnpReport:
    """A report taken apart; claims, all of them."""

    version: int
    product: str
    """`Milan`, `Genoa`, `Turin`; "" where the report does not say (version 2)."""
    policy: int
    vmpl: int
    report_data: bytes
    """64 bytes that the program inside chose."""
    measurement: bytes
    """48 bytes: digest of what the machine was started with."""
    host_data: bytes
    reported_tcb: Tcb
    """What the signing key was derived for."""
    current_tcb: Tcb
    committed_tcb: Tcb
    launch_tcb: Tcb
    is_provisional: bool
    """Whether the firmware that runs can still be taken back to an older one."""
    chip_id: bytes
    """64 bytes; of a Turin only the first 8 are used."""
    signed: bytes
    r: int
    s: int

    @property
    def is_debug(self) -> bool:
        """Whether the machine's host can read its memory."""
        return bool(self.policy & _DEBUG)

    @property
    def is_hardened(self) -> bool:
        """Whether the host can neither move it by an agent of its own nor use memory outside."""
        return not self.policy & (_MIGRATE | _CXL)

    @property
    def hardware_id(self) -> bytes:
        """Return the chip's id as its certificate has it."""
        return self.chip_id[:8] if self.product == "Turin" else self.chip_id


def parse_report(content: bytes) -> SnpReport:
    """Take a report apart; raise ReportInvalid for what is not exactly one."""
    if len(content) != REPORT_BYTES:
        raise ReportInvalid(
            f"The hardware report has {len(content)} bytes, not {REPORT_BYTES}: it is cut off or"
            " something was added."
        )
    version = _number(content, 0x00, 4)
    if version not in _VERSIONS:
        raise ReportInvalid(f"The hardware report has version {version}, which is not known here.")
    if _number(content, 0x34, 4) != _ECDSA_P384:
        raise ReportInvalid("The hardware report is signed in a way that is not known here.")
    policy = _number(content, 0x08, 8)
    if not policy & _POLICY_ALWAYS or policy & ~_POLICY_KNOWN:
        raise ReportInvalid("The hardware report states a policy that is not known here.")
    _check_signer(_number(content, 0x48, 4))
    _check_zeros(content, version)
    product = _product(content) if version > 2 else ""
    return SnpReport(
        version=version,
        product=product,
        policy=policy,
        vmpl=_number(content, 0x30, 4),
        report_data=content[0x50:0x90],
        measurement=content[0x90:0xC0],
        host_data=content[0xC0:0xE0],
        reported_tcb=_tcb(content[0x180:0x188], product),
        current_tcb=_tcb(content[0x38:0x40], product),
        committed_tcb=_tcb(content[0x1E0:0x1E8], product),
        launch_tcb=_tcb(content[0x1F0:0x1F8], product),
        is_provisional=(
            content[0x1E8:0x1EB] != content[0x1EC:0x1EF]
            or content[0x38:0x40] != content[0x1E0:0x1E8]
        ),
        chip_id=content[0x1A0:0x1E0],
        signed=content[:SIGNED_BYTES],
        r=_number(content, SIGNED_BYTES, _RS_BYTES),
        s=_number(content, SIGNED_BYTES + _RS_BYTES, _RS_BYTES),
    )


def _number(content: bytes, offset: int, size: int) -> int:
    return int.from_bytes(content[offset : offset + size], "little")


def _check_signer(signer: int) -> None:
    """Demand a chip's own key (VCEK): a cloud's (VLEK) names no chip, a masked one neither."""
    if signer >> 5 or signer >> 2 & 7 != _VCEK:
        raise ReportInvalid("The hardware report is not signed by a processor's own key (VCEK).")
    if signer & 2:
        raise ReportInvalid("The hardware report hides which processor signed it.")


def _check_zeros(content: bytes, version: int) -> None:
    spans = [
        (0x4C, 0x50),
        (0x188 if version == 2 else 0x18B, 0x1A0),
        (0x1EB, 0x1EC),
        (0x1EF, 0x1F0),
        (0x1F8 if version < 5 else 0x208, SIGNED_BYTES),
        (SIGNED_BYTES + 2 * _RS_BYTES, REPORT_BYTES),
    ]
    if any(any(content[start:end]) for start, end in spans):
        raise ReportInvalid("The hardware report holds something where it must hold nothing.")


def _product(content: bytes) -> str:
    for family, models, product in _MODELS:
        if content[0x188] == family and content[0x189] in models:
            return product
    raise ReportInvalid("The hardware report is of a processor that is not known here.")


def _tcb(raw: bytes, product: str) -> Tcb:
    """Read a TCB_VERSION: which byte is what depends on the processor."""
    if product == "Turin":
        fmc, bootloader, tee, snp, *reserved, microcode = raw
    else:
        bootloader, tee, *reserved, snp, microcode = raw
        fmc = 0
    if any(reserved):
        raise ReportInvalid("The hardware report states security levels that are not known here.")
    return Tcb(bootloader, tee, snp, microcode, fmc)
