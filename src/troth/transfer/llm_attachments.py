"""What `llm` keeps of an attachment: its bytes, or only where it once was.

A path or an address in somebody's database is never opened: only bytes that are in it count.
"""

from __future__ import annotations

import hashlib
from functools import partial

from troth.domain.message import Blob, BlobPart
from troth.transfer.assets import MAX_BLOB_BYTES, media_type_of
from troth.transfer.database import Row
from troth.transfer.drafting import Draft
from troth.transfer.loose import name, text


def attach(draft: Draft, row: Row) -> None:
    """Add the attachment of a row with `type`, `path`, `url` and `content`."""
    content = row["content"]
    where = text(row["path"]) or text(row["url"])
    shown = name(where.replace("\\", "/").rpartition("/")[2]) or "attachment"
    if not isinstance(content, bytes) or not 0 < len(content) <= MAX_BLOB_BYTES:
        draft.missing.append(shown)
        return
    media_type = media_type_of(content, text(row["type"]))
    blob = Blob(hashlib.sha256(content).hexdigest(), media_type, len(content), shown)
    draft.attach(BlobPart(blob), partial(bytes, content))
