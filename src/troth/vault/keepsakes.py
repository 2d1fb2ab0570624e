"""The small things: unsent drafts, the app's own state, and provider keys.

Provider keys are sealed once more under their own key, bound to their name, so that a bug that
prints a row or copies a table gives nothing away.
"""

from __future__ import annotations

from collections.abc import Mapping

from troth.domain.error import VaultDamaged
from troth.vault import blobs
from troth.vault.kdf import Sealed, seal, unseal
from troth.vault.rows import clean
from troth.vault.store import Store


def draft(store: Store, conversation: str) -> str:
    row = store.one(tuple[str], "SELECT text FROM draft WHERE conversation = ?", (conversation,))
    return "" if row is None else row[0]


def save_draft(store: Store, conversation: str, text: str) -> None:
    """Keep what is typed but not sent; "" removes it."""
    if not text:
        store.run("DELETE FROM draft WHERE conversation = ?", (conversation,))
        return
    store.run(
        "INSERT INTO draft VALUES (?, ?) ON CONFLICT DO UPDATE SET text = excluded.text",
        (conversation, clean(text)),
    )


def state(store: Store, name: str) -> str | None:
    row = store.one(tuple[str], "SELECT value FROM state WHERE name = ?", (name,))
    return None if row is None else row[0]


def states(store: Store, prefix: str) -> dict[str, str]:
    return dict(
        store.all(
            tuple[str, str],
            "SELECT name, value FROM state WHERE substr(name, 1, ?) = ? ORDER BY name",
            (len(prefix), prefix),
        )
    )


def set_state(store: Store, name: str, value: str) -> None:
    store.run(
        "INSERT INTO state VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (name, clean(value)),
    )


def count_up(store: Store, name: str, amount: int, most: int) -> bool:
    """Add to a number kept as state; False, and nothing done, where it would pass `most`."""
    total = int(state(store, name) or "0") + amount
    if total > most:
        return False
    set_state(store, name, str(total))
    return True


def save_queue(store: Store, conversation: str, value: str, contents: Mapping[str, bytes]) -> None:
    """Keep the messages that wait in a chat, and the bytes that go with them; "" removes them."""
    for sha256, content in contents.items():
        blobs.keep(store, sha256, content)
    if value:
        set_state(store, blobs.QUEUE_PREFIX + conversation, value)
    else:
        store.run("DELETE FROM state WHERE name = ?", (blobs.QUEUE_PREFIX + conversation,))


def secret(store: Store, name: str) -> str | None:
    row = store.one(
        tuple[bytes, bytes], "SELECT nonce, ciphertext FROM secret WHERE name = ?", (name,)
    )
    if row is None:
        return None
    plaintext = unseal(store.keys.api_keys, Sealed(*row), secret_place(store.vault_id, name))
    if plaintext is None:
        raise VaultDamaged(str(store.path or ""), f"the stored key {name} is damaged")
    return plaintext.decode("utf-8")


def set_secret(store: Store, name: str, value: str) -> None:
    sealed = seal(store.keys.api_keys, value.encode("utf-8"), secret_place(store.vault_id, name))
    store.run(
        "INSERT INTO secret VALUES (?,?,?) ON CONFLICT DO UPDATE"
        " SET nonce = excluded.nonce, ciphertext = excluded.ciphertext",
        (name, sealed.nonce, sealed.ciphertext),
    )


def delete_secret(store: Store, name: str) -> None:
    store.run("DELETE FROM secret WHERE name = ?", (name,))


def secret_names(store: Store) -> list[str]:
    return [name for (name,) in store.all(tuple[str], "SELECT name FROM secret ORDER BY name")]


def secret_place(vault_id: str, name: str) -> bytes:
    """Return what a stored key is bound to."""
    return f"troth secret v1\n{vault_id}\n{name}".encode()
