"""Fixtures of the verifiers' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from troth.verifiers.trust import Trust
from verifiers.picture_authority import Authority
from verifiers.picture_authority import Signer as PictureSigner
from verifiers.setting import Recorded, load_recorded, load_spki, pinned_trust
from verifiers.signer import Gateway


@pytest.fixture(scope="session")
def gateway_folder(fixtures_dir: Path) -> Path:
    return fixtures_dir / "proofs" / "opengradient-gateway"


@pytest.fixture(scope="session")
def gateway_trust(gateway_folder: Path) -> Trust:
    return pinned_trust(load_spki((gateway_folder / "key.pem").read_bytes()))


@pytest.fixture(scope="session")
def recorded(gateway_folder: Path) -> list[Recorded]:
    return load_recorded(gateway_folder)


@pytest.fixture(scope="session")
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture(scope="session")
def trust(gateway: Gateway) -> Trust:
    return pinned_trust(gateway.spki)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Vouches for those who sign pictures."""
    return Authority()


@pytest.fixture(scope="module")
def signer(authority: Authority) -> PictureSigner:
    return authority.signer()
