"""One transport for each test, blind to the environment."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from troth.transport import Transport


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport(use_environment=False)
    yield transport
    await transport.close()
