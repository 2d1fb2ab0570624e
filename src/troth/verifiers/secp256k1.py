"""Who signed an Ethereum message: EIP-191 hashing and the address that a signature leads to.

`cryptography` verifies secp256k1 but does not recover keys, so the one point that ECDSA leaves open
is computed here (SEC 1, section 4.1.6) and then checked by `cryptography` like any other key: a
mistake in the arithmetic can refuse a signature, never accept one. All numbers in it are public.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from troth.verifiers.keccak import keccak256

_P = 2**256 - 2**32 - 977
_N = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_G = (
    0x79BE667E_F9DCBBAC_55A06295_CE870B07_029BFCDB_2DCE28D9_59F2815B_16F81798,
    0x483ADA77_26A3C465_5DA4FBFC_0E1108A8_FD17B448_A6855419_9C47D08F_FB10D4B8,
)
SIGNATURE_BYTES = 65

Point = tuple[int, int] | None


class NotSigned(ValueError):
    """The signature leads to no key; the argument says why, for people."""


def eip191(message: bytes) -> bytes:
    """Return what a wallet signs for a text (EIP-191, version 0x45)."""
    return keccak256(b"\x19Ethereum Signed Message:\n%d%s" % (len(message), message))


def recover_address(message: bytes, signature: bytes) -> str:
    """Return the address that signed a text: `0x` and 40 lower-case hex digits; raise NotSigned.

    `signature` is r, s, v. Only the lower s counts and v is 27 or 28 (0 and 1 are another form):
    else each signature would have a twin that the replay memory does not know.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise NotSigned("it has the wrong length")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    v = signature[64]
    if v not in {27, 28}:
        raise NotSigned("its recovery number is neither 27 nor 28")
    if not 0 < r < _N or not 0 < s <= _N // 2:
        raise NotSigned("its numbers are out of range, or its s is the higher one")
    digest = eip191(message)
    point = _recover(int.from_bytes(digest, "big"), r, s, is_odd=v == 28)
    encoded = b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), encoded)
        signed = utils.encode_dss_signature(r, s)
        # Keccak is a digest that `cryptography` does not know; its length is all that counts here.
        key.verify(signed, digest, ec.ECDSA(utils.Prehashed(SHA256())))
    except (ValueError, InvalidSignature) as error:
        raise NotSigned("it does not fit any key") from error
    return "0x" + keccak256(encoded[1:])[-20:].hex()


def _recover(digest: int, r: int, s: int, *, is_odd: bool) -> tuple[int, int]:
    y_squared = (pow(r, 3, _P) + 7) % _P
    y = pow(y_squared, (_P + 1) // 4, _P)
    if y * y % _P != y_squared:
        raise NotSigned("it does not fit any key")
    if (y & 1) != is_odd:
        y = _P - y
    inverse = pow(r, -1, _N)
    ours = _multiply(_G, -digest * inverse % _N)
    theirs = _multiply((r, y), s * inverse % _N)
    point = _add(ours, theirs)
    if point is None:
        raise NotSigned("it does not fit any key")
    return point


def _add(one: Point, two: Point) -> Point:
    if one is None or two is None:
        return two if one is None else one
    if one[0] == two[0]:
        if (one[1] + two[1]) % _P == 0:
            return None
        slope = 3 * one[0] * one[0] * pow(2 * one[1], -1, _P)
    else:
        slope = (two[1] - one[1]) * pow(two[0] - one[0], -1, _P)
    x = (slope * slope - one[0] - two[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


def _multiply(point: Point, factor: int) -> Point:
    result: Point = None
    while factor:
        if factor & 1:
            result = _add(result, point)
        point = _add(point, point)
        factor >>= 1
    return result
