"""A machine that proves itself as Tinfoil's do, for `ScriptedServer`; it can be made to lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from servers import (
    Answer,
    Certificate,
    RecordedRequest,
    json_answer,
    make_certificate,
    openai_chat_stream,
)
from verifiers.amd import Amd, Guest
from verifiers.attested import key_of, sev_v2, sev_v3

AMD = Amd()
FOREIGN = Amd()
GUEST = Guest()
DOCUMENT_PATH = "/.well-known/tinfoil-attestation"


@dataclass
class Machine:
    """Answers as a Tinfoil machine does; what it says of itself can be changed."""

    certificate: Certificate = field(default_factory=make_certificate)
    amd: Amd = field(default_factory=lambda: AMD)
    guest: Guest = GUEST
    is_v3: bool = True
    key: bytes = b""
    """What its report binds instead of its own TLS key."""
    document: Callable[[RecordedRequest], Answer] | None = None
    asked: list[str] = field(default_factory=list[str])
    prompts: list[bytes] = field(default_factory=list[bytes])

    def answer(self, request: RecordedRequest) -> Answer:
        url = urlsplit(request.path)
        self.asked.append(url.path)
        if request.method == "POST":
            self.prompts.append(request.body)
            return openai_chat_stream(["It never ", "left."])
        if url.path != DOCUMENT_PATH:
            return json_answer({"data": []})
        if self.document is not None:
            return self.document(request)
        key = self.key or key_of(self.certificate.der)
        nonce = bytes.fromhex(parse_qs(url.query)["nonce"][0])
        if self.is_v3:
            return body_of(sev_v3(self.amd, key, nonce, self.guest))
        return body_of(sev_v2(self.amd, key, self.guest))


def body_of(content: bytes) -> Answer:
    return Answer(200, (("content-type", "application/json"),), (content,))


def write_home(home: Path, authorities: list[Certificate], *, more_trust: str = "") -> None:
    folder = home / "config"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "authorities.pem").write_bytes(b"".join(one.pem for one in authorities))
    (folder / "config.toml").write_text(f'ca_file = "{folder / "authorities.pem"}"\n', "utf-8")
    (folder / "trust.toml").write_text(
        "version = 1\n"
        f'[[root]]\nname = "our AMD"\nplatform = "amd"\nsha256 = "{AMD.root_sha256}"\n{more_trust}',
        "utf-8",
    )
