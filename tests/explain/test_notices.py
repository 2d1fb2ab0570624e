"""Everything that a vault has to say about how it was opened is said in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import troth.vault
from troth.explain import notice_words

SOURCES = [path.read_text("utf-8") for path in Path(troth.vault.__path__[0]).glob("*.py")]
SLUGS = sorted(
    {slug for text in SOURCES for slug in re.findall(r'notices\.append\("([^"]+)"', text)}
)


def test_there_are_notices_to_look_at() -> None:
    assert len(SLUGS) >= 8


@pytest.mark.parametrize("slug", SLUGS)
def test_each_notice_of_a_vault_has_a_sentence(slug: str) -> None:
    words = notice_words(slug)
    assert words != slug.replace("-", " ")
    assert words.endswith(".")
