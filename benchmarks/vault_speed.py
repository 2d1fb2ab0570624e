"""What encryption costs: the same vault code on the same library, with a key and without one.

    python benchmarks/vault_speed.py [--messages 100000] [--folder DIR] [--json]

Both databases are filled and asked in turns within one run, so that a busy machine slows both.
Times are CPU of the whole process; "open to first list" is what stands between a derived key and
the chat list: connect, migrate check, sidecar, 100 chats and the last 50 messages of the newest.
Exit code 1 where a bar is missed; the bars are for the default size or more.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from troth.domain.conversation import Conversation
from troth.domain.message import Finish, Message, Role, TextPart
from troth.domain.model import ModelRef
from troth.domain.usage import Timing, Usage
from troth.vault import conversations, messages, migrate, opening
from troth.vault.files import make_private_file
from troth.vault.freshness import SeenFile
from troth.vault.intake import Arrival, take_in
from troth.vault.kdf import Keys, new_key
from troth.vault.opening import Access
from troth.vault.search import search
from troth.vault.store import Store, checkpoint, connect, writing
from troth.vault.tally import Tally

VAULT_ID = "00" * 16
START = datetime(2025, 1, 1, tzinfo=UTC)
MODEL = ModelRef("openai", "gpt-5.5")
CHAT_MESSAGES = 50
BARS = {"import": 1.25, "size": 1.06, "ranked word": 1.6, "last page": 2.0}
"""At most so many times what plain SQLite takes."""
LIMITS_MS = {
    "newest first, any word": 5,
    "ranked word": 30,
    "phrase": 50,
    "rare word": 5,
    "open to first list": 20,
}
"""At most so much CPU at a million messages: the 95th percentile, or the median of a start."""


class Words:
    """Text whose words are as unequally common as in a language (Zipf)."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        letters = "abcdefghijklmnopqrstuvwxyz"
        drawn = (
            "".join(self._random.choices(letters, k=self._random.randint(2, 9)))
            for _ in range(30_000)
        )
        self.vocabulary = sorted(set(drawn))
        self._random.shuffle(self.vocabulary)
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(len(self.vocabulary))))

    def text(self) -> str:
        count = self._random.randint(20, 180)
        return " ".join(self._random.choices(self.vocabulary, cum_weights=self._weights, k=count))


@dataclass
class Side:
    """One of the two databases."""

    name: str
    path: Path
    access: Access
    store: Store
    import_s: float = 0.0


def make_side(name: str, folder: Path, *, is_encrypted: bool) -> Side:
    path = folder / name / "vault.db"
    path.parent.mkdir(mode=0o700)
    make_private_file(path)
    keys = Keys.derive(new_key(), VAULT_ID)
    store = Store(connect(path, keys.database if is_encrypted else None), keys, VAULT_ID, path)
    migrate.create(store)
    store.tally = Tally(store.connection, keys.rows)
    store.seen = SeenFile(path.parent / "vault.seen", keys.freshness)
    return Side(name, path, Access(VAULT_ID, keys, path), store)


def chats(words: Words, count: int) -> Iterator[tuple[Conversation, list[Message]]]:
    for number in range(count // CHAT_MESSAGES):
        chat_id, at = f"01CHAT{number:020}", START + timedelta(minutes=number)
        title = " ".join(words.text().split()[:5])
        parent, listed = None, []
        for place in range(CHAT_MESSAGES):
            is_reply = place % 2 == 1
            message = Message(
                f"01MSG{number:013}{place:08}",
                chat_id,
                parent,
                Role.ASSISTANT if is_reply else Role.USER,
                at + timedelta(seconds=place),
                (TextPart(words.text()),),
                MODEL if is_reply else None,
                usage=Usage(900, 120) if is_reply else None,
                timing=Timing(3200.5, 410.25) if is_reply else None,
                finish=Finish.STOP if is_reply else None,
            )
            parent = message.id
            listed.append(message)
        yield Conversation(chat_id, title, at, at, head_id=parent), listed


def fill(sides: list[Side], words: Words, count: int) -> None:
    for number, (conversation, listed) in enumerate(chats(words, count)):
        for side in sides if number % 2 else reversed(sides):
            before = time.process_time()
            with writing(side.store):
                arrivals = [Arrival(message) for message in listed]
                take_in(side.store, conversation, arrivals, "bench", is_new=True)
            side.import_s += time.process_time() - before
    for side in sides:
        before = time.process_time()
        checkpoint(side.store)
        side.import_s += time.process_time() - before


def compare(
    sides: list[Side], work: Callable[[Store, int], object], rounds: int
) -> dict[str, list[float]]:
    """Return CPU milliseconds of each round on each side, taken in turns."""
    taken: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 else reversed(sides):
            before = time.process_time()
            work(side.store, number)
            taken[side.name].append((time.process_time() - before) * 1000)
    return taken


def searches(words: Words) -> dict[str, Callable[[Store, int], object]]:
    """Common words come from the head of the vocabulary, rare ones from its tail."""
    common, middle, rare = words.vocabulary[:50], words.vocabulary[300:800], words.vocabulary[-500:]

    def ask(choose: Callable[[int], str], order: str) -> Callable[[Store, int], object]:
        return lambda store, n: search(store, choose(n), 50, None, order)  # type: ignore[arg-type]

    return {
        "newest first, any word": ask(lambda n: f"{common[n % 50]} ", "newest"),
        "ranked word": ask(lambda n: f"{middle[n % 500]} ", "best"),
        "ranked common word, capped": ask(lambda n: f"{common[n % 50]} ", "best"),
        "phrase": ask(lambda n: f'"{common[n % 50]} {common[(n + 1) % 50]}"', "newest"),
        "prefix": ask(lambda n: middle[n % 500][:3], "newest"),
        "rare word": ask(lambda n: f"{rare[n % 500]} ", "newest"),
    }


def open_to_first_list(side: Side) -> float:
    """Return CPU milliseconds from a derived key to the chat list and the newest chat's end."""
    opening.close_writer(side.store)
    taken: list[float] = []
    for _ in range(7):
        before = time.process_time()
        store = opening.open_writer(side.access)
        listed = conversations.listed(store, is_archived=False, limit=100)
        messages.newest_on_path(store, listed[0].id, listed[0].head_id, 50)
        taken.append((time.process_time() - before) * 1000)
        opening.close_writer(store)
    return statistics.median(taken)


def measure(count: int, folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    words = Words(1)
    plain = make_side("plain", folder, is_encrypted=False)
    vault = make_side("vault", folder, is_encrypted=True)
    sides = [plain, vault]
    fill(sides, words, count)
    rows: dict[str, dict[str, float]] = {}

    def add(name: str, left: float, right: float, **more: float) -> None:
        rows[name] = {"plain": left, "vault": right, "ratio": right / left if left else 0.0, **more}

    add("import", plain.import_s * 1000, vault.import_s * 1000)
    add("size", plain.path.stat().st_size / 1e6, vault.path.stat().st_size / 1e6)
    last = max(0, count // CHAT_MESSAGES - 1)
    work = {
        "last page": lambda store, n: messages.newest_on_path(
            store,
            f"01CHAT{(n * 7919) % (last + 1):020}",
            f"01MSG{(n * 7919) % (last + 1):013}{CHAT_MESSAGES - 1:08}",
            50,
        ),
        "list 100 chats": lambda store, n: conversations.listed(
            store, is_archived=False, limit=100
        ),
        "list all chats": lambda store, n: conversations.listed(
            store, is_archived=False, limit=None
        ),
        **searches(words),
    }
    for name, step in work.items():
        taken = compare(sides, step, rounds if name != "list all chats" else 5)
        left, right = (statistics.median(taken[side.name]) for side in sides)
        p95 = sorted(taken["vault"])[int(len(taken["vault"]) * 0.95) - 1]
        add(name, left, right, p95=p95)
    plain.store.close()
    rows["open to first list"] = {"vault": open_to_first_list(vault)}
    return rows


def print_rows(rows: dict[str, dict[str, float]], count: int) -> None:
    print(f"{count:,} messages; milliseconds of CPU (size: MB), medians\n")
    print(f"{'':28}{'plain':>10}{'vault':>10}{'p95':>9}{'ratio':>8}   bar")
    for name, row in rows.items():
        cells = [
            f"{row[column]:.2f}" if column in row else ""
            for column in ("plain", "vault", "p95", "ratio")
        ]
        words = "   ".join(verdicts(name, row))
        print(f"{name:28}{cells[0]:>10}{cells[1]:>10}{cells[2]:>9}{cells[3]:>8}   {words}")


def verdicts(name: str, row: dict[str, float]) -> Iterator[str]:
    """Yield each bar of a row and whether it was reached."""
    if name in BARS:
        yield f"{BARS[name]}x {'ok' if row['ratio'] <= BARS[name] else 'MISSED'}"
    if name in LIMITS_MS:
        taken = row.get("p95", row["vault"])
        yield f"{LIMITS_MS[name]} ms {'ok' if taken <= LIMITS_MS[name] else 'MISSED'}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="where the databases go; default: temporary")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="troth-vault-", dir=options.folder))
    try:
        rows = measure(options.messages, folder, options.rounds)
    finally:
        shutil.rmtree(folder)
    if options.json:
        print(json.dumps({"messages": options.messages, "rows": rows}, indent=1))
    else:
        print_rows(rows, options.messages)
    told = (words for name, row in rows.items() for words in verdicts(name, row))
    return 1 if any("MISSED" in words for words in told) else 0


if __name__ == "__main__":
    raise SystemExit(main())
