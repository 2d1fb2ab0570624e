"""What was probably meant by a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Return the known names that `name` may be a slip of, the likeliest first; () for none."""
    import difflib  # where nothing is misspelt, nothing pays for it

    by_case = {other.casefold(): other for other in known}
    found = difflib.get_close_matches(name.casefold(), by_case, n=most, cutoff=0.6)
    return tuple(by_case[other] for other in found)
