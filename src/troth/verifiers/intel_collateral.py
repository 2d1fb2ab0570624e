"""What Intel says of processors: security levels, the quoting enclave, and who is revoked.

Four answers of Intel's service (or of a cache that the user names), each signed by Intel. They say
how up to date a genuine machine is; without them it is genuine, and nobody knows how sound.

    intel-tcb          GET /tdx/certification/v4/tcb?fmspc=<12 hex>
    intel-enclave      GET /tdx/certification/v4/qe/identity
    intel-pck-crl      GET /sgx/certification/v4/pckcrl?ca=<platform|processor>&encoding=der
    intel-root-crl     GET /sgx/certification/v4/rootcacrl      (a cache: hexadecimal)
                       GET https://certificates.trustedservices.intel.com/IntelSGXRootCA.der

Source: Intel PCS API version 4 (api.portal.trustedservices.intel.com, read 2026-11-22). The TCB
levels are matched as its page "TDX TCB info" says, component by component.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from troth.domain.exchange import HttpRequest, HttpResponse
from troth.domain.model import Json
from troth.verifiers.base import Evidence, Wanted
from troth.verifiers.intel_certificates import (
    TCB_SIGNER,
    CertificateInvalid,
    Chain,
    Processor,
    RevocationList,
    common_name,
    parse_chain,
    parse_revocations,
    public_key,
    to_pem,
    verify_raw,
)
from troth.verifiers.strict_bytes import parse_hex
from troth.verifiers.strict_json import NotStrict, as_list, as_object, as_text, parse_object
from troth.verifiers.tdx_quote import EnclaveReport, TdReport
from troth.verifiers.trust import INTEL_HOST

TCB, ENCLAVE, PCK_CRL, ROOT_CRL = "intel-tcb", "intel-enclave", "intel-pck-crl", "intel-root-crl"
_ROOT_CRL_URL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
_SIGNED = re.compile(
    rb'\{"(tcbInfo|enclaveIdentity)":(\{.*\}),"signature":"([0-9a-f]{128})"\}\s*\Z', re.S
)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_HEX_CRL = re.compile(rb"(?:[0-9A-Fa-f]{2})+\s*\Z")
_TIME = "%Y-%m-%dT%H:%M:%SZ"

ORDER = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
)
"""Best first; what is not in it counts as the last."""


class CollateralInvalid(ValueError):
    """An answer of Intel's does not hold; the argument is a whole sentence for people."""


class CollateralMissing(ValueError):
    """An answer of Intel's is not there; the argument is a whole sentence for people."""


@dataclass(frozen=True, slots=True)
class Level:
    """How up to date a part is: a TCB status, with Intel's advisories for what it lacks."""

    status: str
    advisories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """One of Intel's signed JSON documents whose signature holds."""

    fields: dict[str, Json]
    issued_at: datetime
    next_at: datetime
    chain: Chain


@dataclass(frozen=True, slots=True)
class Collateral:
    """All four, each signed up to `root_sha256`."""

    tcb: Signed
    enclave: Signed
    pck_revoked: RevocationList
    root_revoked: RevocationList
    root_sha256: str

    @property
    def issued_at(self) -> datetime:
        lists = self.pck_revoked, self.root_revoked
        return max(self.tcb.issued_at, self.enclave.issued_at, *(one.issued_at for one in lists))

    @property
    def valid_until(self) -> datetime:
        lists = self.pck_revoked, self.root_revoked
        chains = self.tcb.chain.valid_until, self.enclave.chain.valid_until
        ends = self.tcb.next_at, self.enclave.next_at, *(one.next_at for one in lists)
        return min(*ends, *chains)


def wanted_collateral(base_url: str, processor: Processor, authority: str) -> tuple[Wanted, ...]:
    """Return what to ask of Intel, or of a cache of its answers at `base_url`, of a processor."""
    base = base_url.rstrip("/")
    tdx, sgx = f"{base}/tdx/certification/v4", f"{base}/sgx/certification/v4"
    root = _ROOT_CRL_URL if base == INTEL_HOST else f"{sgx}/rootcacrl"
    asked = {
        TCB: f"{tdx}/tcb?fmspc={processor.fmspc.hex()}",
        ENCLAVE: f"{tdx}/qe/identity",
        PCK_CRL: f"{sgx}/pckcrl?ca={authority}&encoding=der",
        ROOT_CRL: root,
    }
    return tuple(
        Wanted(name, HttpRequest("GET", url), is_live=False) for name, url in asked.items()
    )


def has_collateral(evidence: Evidence) -> bool:
    """Whether anything of Intel's was fetched."""
    return any(name in evidence for name in (TCB, ENCLAVE, PCK_CRL, ROOT_CRL))


def open_collateral(evidence: Evidence, quote_chain: Chain) -> Collateral:
    """Check all signatures of Intel's answers for the processor whose chain is `quote_chain`.

    Times and roots are the caller's question. Raises CollateralMissing, CollateralInvalid.
    """
    answers = {name: _answer(evidence, name) for name in (TCB, ENCLAVE, PCK_CRL, ROOT_CRL)}
    root = quote_chain.certificates[-1]
    try:
        tcb = _open_signed(answers[TCB], "tcbInfo", "tcb-info-issuer-chain")
        enclave = _open_signed(
            answers[ENCLAVE], "enclaveIdentity", "sgx-enclave-identity-issuer-chain"
        )
        for chain in (tcb.chain, enclave.chain):
            if chain.root_sha256 != quote_chain.root_sha256:
                raise CollateralInvalid("Intel's answers and the quote lead to different roots.")
        authority = quote_chain.certificates[1]
        pck_revoked = parse_revocations(_crl(answers[PCK_CRL]), to_pem(authority))
        root_revoked = parse_revocations(_crl(answers[ROOT_CRL]), to_pem(root))
    except CertificateInvalid as error:
        raise CollateralInvalid(str(error)) from error
    return Collateral(tcb, enclave, pck_revoked, root_revoked, quote_chain.root_sha256)


def _answer(evidence: Evidence, name: str) -> HttpResponse:
    answer = evidence.get(name)
    if answer is None or answer.status != 200:
        status = f" (it answered {answer.status})" if answer else ""
        raise CollateralMissing(f"Intel's word on this processor could not be fetched{status}.")
    return answer


def _crl(answer: HttpResponse) -> bytes:
    """Return a list's DER; caches hand it out in hexadecimal."""
    if _HEX_CRL.match(answer.body):
        return bytes.fromhex(answer.body.decode("ascii").strip())
    return answer.body


def _open_signed(answer: HttpResponse, what: str, header: str) -> Signed:
    chain_text = answer.header(header) or answer.header(f"sgx-{header}")
    shape = _SIGNED.match(answer.body)
    if shape is None or shape[1].decode() != what or chain_text is None:
        raise CollateralInvalid("An answer of Intel's does not have its form.")
    chain = parse_chain(_unquoted(chain_text))
    if common_name(chain.leaf.subject) != TCB_SIGNER:
        raise CollateralInvalid("An answer of Intel's is signed with a certificate for other uses.")
    signature = bytes.fromhex(shape[3].decode("ascii"))
    if not verify_raw(public_key(chain.leaf), signature, shape[2]):
        raise CollateralInvalid("An answer of Intel's is not what Intel signed.")
    try:
        fields = parse_object(shape[2])
        return Signed(fields, _time(fields, "issueDate"), _time(fields, "nextUpdate"), chain)
    except (NotStrict, ValueError) as error:
        raise CollateralInvalid("An answer of Intel's cannot be read.") from error


def _unquoted(text: str) -> bytes:
    """Return the bytes of a percent-encoded header (RFC 3986, section 2.1)."""
    return _ESCAPE.sub(
        lambda escape: bytes([int(escape[1], 16)]), text.encode("latin-1", "replace")
    )


def _time(fields: Mapping[str, Json], name: str) -> datetime:
    return datetime.strptime(as_text(fields.get(name)), _TIME).replace(tzinfo=UTC)


def machine_level(collateral: Collateral, processor: Processor, report: TdReport) -> Level:
    """Return how up to date a machine is; raise CollateralInvalid where Intel means another one."""
    fields = collateral.tcb.fields
    if fields.get("id") != "TDX" or fields.get("version") != 3:
        raise CollateralInvalid("Intel's levels are not those of TDX machines.")
    same = as_text(fields.get("fmspc")).lower(), as_text(fields.get("pceId")).lower()
    if same != (processor.fmspc.hex(), processor.pce_id.hex()):
        raise CollateralInvalid("Intel's levels are for another kind of processor.")
    levels = [_level_of(fields, processor, report, report.tee_tcb_svn)]
    if report.second_tcb_svn:
        levels.append(_level_of(fields, processor, report, report.second_tcb_svn))
    return worst(*levels)


def _level_of(
    fields: dict[str, Json], processor: Processor, report: TdReport, tdx_svns: bytes
) -> Level:
    module = _module_level(fields, report, tdx_svns)
    # With a versioned module the first two numbers are its own, and were compared just now.
    first = 2 if tdx_svns[1] else 0
    for entry in map(as_object, as_list(fields.get("tcbLevels"))):
        tcb = as_object(entry.get("tcb"))
        least_sgx, least_tdx = _svns(tcb, "sgxtcbcomponents"), _svns(tcb, "tdxtcbcomponents")
        if (
            _covers(processor.sgx_svns, least_sgx)
            and processor.pce_svn >= _number(tcb, "pcesvn")
            and _covers(tdx_svns[first:], least_tdx[first:])
        ):
            return worst(_level(entry), module)
    return Level(ORDER[-1])


def _module_level(fields: dict[str, Json], report: TdReport, tdx_svns: bytes) -> Level:
    """Check who made the TDX module and how up to date it is."""
    version = tdx_svns[1]
    module, level = as_object(fields.get("tdxModule")), Level(ORDER[0])
    if version:
        listed = map(as_object, as_list(fields.get("tdxModuleIdentities")))
        name = f"TDX_{version:02X}"
        nothing: dict[str, Json] = {}
        module = next((one for one in listed if as_text(one.get("id")).upper() == name), nothing)
        for entry in map(as_object, as_list(module.get("tcbLevels"))):
            if tdx_svns[0] >= _number(as_object(entry.get("tcb")), "isvsvn"):
                level = _level(entry)
                break
        else:
            level = Level(ORDER[-1])
    mask = _hex(module, "attributesMask", 8)
    attributes = bytes(a & b for a, b in zip(report.seam_attributes, mask, strict=True))
    maker = _hex(module, "mrsigner", 48)
    if report.mr_signer_seam != maker or attributes != _hex(module, "attributes", 8):
        raise CollateralInvalid("The machine's TDX module is not the one that Intel made.")
    return level


def enclave_level(collateral: Collateral, enclave: EnclaveReport) -> Level:
    """Return how up to date the quoting enclave is; raise CollateralInvalid when it is another."""
    fields = collateral.enclave.fields
    if fields.get("id") != "TD_QE" or fields.get("version") != 2:
        raise CollateralInvalid("Intel's word is of another kind of quoting enclave.")
    misc_mask, mask = _hex(fields, "miscselectMask", 4), _hex(fields, "attributesMask", 16)
    same = (
        enclave.mr_signer == _hex(fields, "mrsigner", 32)
        and enclave.isv_prod_id == _number(fields, "isvprodid")
        and _masked(enclave.misc_select, misc_mask) == _hex(fields, "miscselect", 4)
        and _masked(enclave.attributes, mask) == _hex(fields, "attributes", 16)
    )
    if not same:
        raise CollateralInvalid("The quoting enclave is not the one that Intel made.")
    for entry in map(as_object, as_list(fields.get("tcbLevels"))):
        if enclave.isv_svn >= _number(as_object(entry.get("tcb")), "isvsvn"):
            return _level(entry)
    return Level(ORDER[-1])


def worst(*levels: Level) -> Level:
    """Return the lowest status of some levels with all their advisories."""
    status = max((level.status for level in levels), key=_rank)
    advisories = dict.fromkeys(name for level in levels for name in level.advisories)
    return Level(status, tuple(advisories))


def _rank(status: str) -> int:
    return ORDER.index(status) if status in ORDER else len(ORDER) - 1


def _level(entry: dict[str, Json]) -> Level:
    advisories = tuple(as_text(one)[:40] for one in as_list(entry.get("advisoryIDs")))
    status = as_text(entry.get("tcbStatus"))
    return Level(status if status in ORDER else ORDER[-1], advisories)


def _covers(actual: Sequence[int], least: Sequence[int]) -> bool:
    return len(actual) == len(least) and all(a >= b for a, b in zip(actual, least, strict=True))


def _svns(tcb: dict[str, Json], name: str) -> list[int]:
    listed = [_number(as_object(one), "svn") for one in as_list(tcb.get(name))]
    if len(listed) != 16:
        raise CollateralInvalid("A level of Intel's does not name sixteen numbers.")
    return listed


def _number(fields: dict[str, Json], name: str) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 16:
        raise CollateralInvalid("An answer of Intel's lacks a number.")
    return value


def _hex(fields: dict[str, Json], name: str, size: int) -> bytes:
    try:
        return parse_hex(as_text(fields.get(name)).lower(), size)
    except ValueError as error:
        raise CollateralInvalid("An answer of Intel's lacks a measurement.") from error


def _masked(value: bytes, mask: bytes) -> bytes:
    return bytes(a & b for a, b in zip(value, mask, strict=True))
