"""The tables of a vault. A change here is a new version in `migrate` and a fixture in the tests.

Internal ids are integers in the order of arrival, and everything is ordered by them, never by the
clock. `ulid` columns hold the ids that the rest of Troth sees. Times are microseconds since 1970
UTC. Messages are written once and never updated.
"""

from __future__ import annotations

VERSION = 1
APPLICATION_ID = 0x54726F74
"""`Trot` in ASCII: what `file` and a curious hex dump after decryption would show."""

TABLES = """
CREATE TABLE meta(
    id INTEGER PRIMARY KEY CHECK (id = 1),
    vault_id TEXT NOT NULL,
    commit_seq INTEGER NOT NULL,
    head_hash BLOB NOT NULL,
    row_sum BLOB NOT NULL
) STRICT;

CREATE TABLE folder(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    keep_days INTEGER
) STRICT;

CREATE TABLE conversation(
    id INTEGER PRIMARY KEY,
    ulid TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    head TEXT,
    message_count INTEGER NOT NULL,
    provider TEXT,
    model TEXT,
    persona TEXT NOT NULL,
    policy TEXT NOT NULL,
    settings TEXT,
    is_titled INTEGER NOT NULL,
    is_pinned INTEGER NOT NULL,
    is_archived INTEGER NOT NULL,
    is_incognito INTEGER NOT NULL,
    folder_id INTEGER REFERENCES folder(id) ON DELETE SET NULL,
    trashed_at INTEGER
) STRICT;
CREATE INDEX conversation_order ON conversation(is_archived, is_pinned, updated_at)
    WHERE trashed_at IS NULL;
CREATE INDEX conversation_folder ON conversation(folder_id) WHERE folder_id IS NOT NULL;

CREATE TABLE tag(
    conversation_id INTEGER NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (conversation_id, name)
) STRICT;
CREATE INDEX tag_name ON tag(name);

CREATE TABLE message(
    id INTEGER PRIMARY KEY,
    ulid TEXT NOT NULL UNIQUE,
    conversation_id INTEGER NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
    parent_id INTEGER,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    provider TEXT,
    model TEXT,
    flags INTEGER NOT NULL,
    text TEXT NOT NULL,
    parts TEXT,
    details TEXT,
    raw_digest BLOB,
    exchange_digest BLOB,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX message_conversation ON message(conversation_id);

CREATE TABLE raw_item(
    message_id INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
    ord INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    wire TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (message_id, ord)
) STRICT;

CREATE TABLE exchange(
    message_id INTEGER PRIMARY KEY REFERENCES message(id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    request_headers TEXT NOT NULL,
    request_pieces BLOB NOT NULL,
    request_tail BLOB NOT NULL,
    status INTEGER NOT NULL,
    response_headers TEXT NOT NULL,
    response_body BLOB NOT NULL,
    sent_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    is_complete INTEGER NOT NULL,
    outer_sha256 TEXT NOT NULL
) STRICT;

CREATE TABLE piece(
    id INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
    sha256 BLOB NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (conversation_id, sha256)
) STRICT;

CREATE TABLE verdict(
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
    is_newest INTEGER NOT NULL,
    is_simulated INTEGER NOT NULL,
    state TEXT NOT NULL,
    scheme TEXT NOT NULL,
    verifier TEXT NOT NULL,
    checked_at INTEGER NOT NULL,
    signed_at INTEGER,
    key_fingerprint TEXT NOT NULL,
    checks TEXT NOT NULL
) STRICT;
CREATE INDEX verdict_message ON verdict(message_id);
CREATE INDEX verdict_state ON verdict(state, message_id) WHERE is_newest;

CREATE TABLE evidence(
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    request_headers TEXT NOT NULL,
    request_body BLOB NOT NULL,
    status INTEGER NOT NULL,
    response_headers TEXT NOT NULL,
    response_body BLOB NOT NULL
) STRICT;
CREATE INDEX evidence_message ON evidence(message_id);

CREATE TABLE blob(
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE blob_chunk(
    blob_id INTEGER NOT NULL REFERENCES blob(id) ON DELETE CASCADE,
    ord INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (blob_id, ord)
) STRICT;
CREATE TABLE message_blob(
    message_id INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
    blob_id INTEGER NOT NULL REFERENCES blob(id),
    PRIMARY KEY (message_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_message ON message_blob(blob_id);

CREATE TABLE draft(conversation TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE state(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE secret(name TEXT PRIMARY KEY, nonce BLOB NOT NULL, ciphertext BLOB NOT NULL) STRICT;

CREATE VIEW message_words(id, text) AS SELECT id, cut_words(text) FROM message;
CREATE VIRTUAL TABLE message_fts USING fts5(
    text, content='message_words', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
INSERT INTO message_fts(message_fts, rank) VALUES ('secure-delete', 1);
CREATE VIRTUAL TABLE conversation_fts USING fts5(
    title, tokenize='unicode61 remove_diacritics 2'
);
INSERT INTO conversation_fts(conversation_fts, rank) VALUES ('secure-delete', 1);
"""
