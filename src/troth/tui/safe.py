"""Make foreign text safe to draw, print, export or copy: the one door for others' words.

What can steer a terminal or deceive a reader is dropped; what a script or an emoji needs is kept.
Works on a stream in any cuts. Must import neither textual nor rich: the plain command line uses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST_SEQUENCE = 4096
"""Characters of a control string's payload that are dropped with it. A longer or unfinished one
is not believed: its start is dropped and its payload shown, so that nothing can swallow a reply."""

MOST_MARKS = 8
"""Combining marks kept on one base: more than any orthography stacks, few enough not to paint
over the lines above and below."""

_LONGEST_RUN = 64

# Grammar: ECMA-48 5th edition, 5.3 to 5.6 (escape sequences, control sequences, control strings).
_TEXT = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]"
_STRING_START = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])"
_CSI_START = r"(?:\x1b\[|\x9b)"
_STRING = rf"{_STRING_START}{_TEXT}{{0,{LONGEST_SEQUENCE}}}(?:\x07|\x9c|\x1b\\)"
_CSI = rf"{_CSI_START}[0-?]{{0,64}}[ -/]{{0,8}}[@-~]"
_ESCAPE = r"\x1b[ -/]{0,8}[0-~]"

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_INVISIBLES = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SURROGATES = "\ud800-\udfff"

_SUSPECT = re.compile(f"[{_CONTROLS}{_INVISIBLES}{_SURROGATES}]")
_SEQUENCE_START = re.compile(r"[\x1b\x90\x98\x9b\x9d-\x9f]")
_SEQUENCE = re.compile(rf"{_CSI}|{_STRING}|{_ESCAPE}")
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SURROGATE = re.compile(f"[{_SURROGATES}]")
_REST = re.compile(f"[{_CONTROLS}{_INVISIBLES}]+")
_UNWANTED = re.compile(
    rf"\r\n?|[\ud800-\udbff][\udc00-\udfff]|{_STRING}|{_CSI}|{_ESCAPE}"
    rf"|[{_CONTROLS}{_INVISIBLES}{_SURROGATES}]"
)
_UNFINISHED = re.compile(
    rf"(?:\r|[\ud800-\udbff]|{_STRING_START}{_TEXT}{{0,{LONGEST_SEQUENCE}}}\x1b?"
    rf"|{_CSI_START}[0-?]{{0,64}}[ -/]{{0,8}}|\x1b[ -/]{{0,8}})\Z"
)
_UNFINISHED_START = re.compile(r"[\r\x1b\x90\x98\x9b\x9d-\x9f\ud800-\udbff]")

_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf"
    "\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_JOINING_SCRIPTS = "\u0600-\u0dff"
"""Arabic to Sinhala: there a joiner or non-joiner between two letters is spelling."""
_COMBINING = (
    "\u0300-\u034e\u0350-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_MARKS = f"{_COMBINING}\u200c\u200d\ufe0e\ufe0f"

_MARK = re.compile(f"[{_MARKS}]")
_TRAILING_MARKS = re.compile(f"[{_MARKS}]+\\Z")
_STRAY_SELECTOR = re.compile(f"(?<![{_EMOJI}0-9#*])[\ufe0e\ufe0f]")
_STRAY_JOINER = re.compile(
    f"(?:(?<![{_EMOJI}\ufe0e\ufe0f{_JOINING_SCRIPTS}])"
    f"|(?<=[{_EMOJI}\ufe0e\ufe0f])(?!\u200d[{_EMOJI}])"
    f"|(?<=[{_JOINING_SCRIPTS}])(?![\u200c\u200d][{_JOINING_SCRIPTS}]))[\u200c\u200d]"
)
_TOO_MANY_MARKS = re.compile(f"(?<=[{_COMBINING}]{{{MOST_MARKS}}})[{_COMBINING}]+")

_LINE_ENDS = {"\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"}
_C0_NAMES = (
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR",
    "SO", "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC",
    "FS", "GS", "RS", "US",
)  # fmt: skip
_NAMES = {
    "\x7f": "DEL",
    "\x90": "DCS",
    "\x98": "SOS",
    "\x9b": "CSI",
    "\x9c": "ST",
    "\x9d": "OSC",
    "\x9e": "PM",
    "\x9f": "APC",
    "\u00ad": "soft hyphen",
    "\u061c": "ALM",
    "\u200b": "ZWSP",
    "\u200c": "ZWNJ",
    "\u200d": "ZWJ",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2060": "WJ",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufeff": "BOM",
}


def clean(text: str) -> str:
    """Return `text` without anything that steers a terminal or hides from a reader.

    Kept: tab, newline, a joiner inside an emoji or an Arabic or Indic word. Other line ends become
    a newline, half a surrogate becomes U+FFFD. Idempotent.
    """
    cleaner = Cleaner()
    return cleaner.feed(text) + cleaner.close()


def reveal(text: str) -> str:
    """Return `text` as `clean` does, with the name of each removed thing in its place: `‹RLO›`."""
    cleaner = Cleaner(show_hidden=True)
    return cleaner.feed(text) + cleaner.close()


def clean_line(text: str) -> str:
    """Return `text` cleaned and as one line: for titles, model names, badges, errors in a row."""
    return clean(text).strip().replace("\n", " ").replace("\t", " ")


class Cleaner:
    """The same as `clean` for text that arrives in pieces, cut anywhere.

    What could still become part of a sequence (at most a few thousand characters) is held back
    until the next `feed` or `close`.
    """

    __slots__ = ("_held", "_held_marks", "_previous", "_stray", "_strip")

    def __init__(self, *, show_hidden: bool = False) -> None:
        self._held = ""
        self._held_marks = ""
        self._previous = ""
        self._strip: Callable[[str], str] = _name_unwanted if show_hidden else _drop_unwanted
        self._stray: str | Callable[[re.Match[str]], str] = _name if show_hidden else ""

    def feed(self, text: str) -> str:
        """Take the next piece and return what is certain by now."""
        if self._held:
            text = self._held + text
            self._held = ""
        if _SUSPECT.search(text):
            if _UNFINISHED_START.search(text) and (unfinished := _UNFINISHED.search(text)):
                self._held = text[unfinished.start() :]
                text = text[: unfinished.start()]
            text = self._strip(text)
        return self._settle_marks(text, is_last=False)

    def close(self) -> str:
        """Return what was held back, judged as the end of the text."""
        text = self._strip(self._held)
        self._held = ""
        return self._settle_marks(text, is_last=True)

    def _settle_marks(self, text: str, *, is_last: bool) -> str:
        """Judge joiners, selectors and combining marks by what stands before and after them."""
        if self._held_marks:
            text = self._held_marks + text
            self._held_marks = ""
        if not text:
            return ""
        if text.isascii() or not _MARK.search(text):
            self._previous = text[-1]
            return text
        window = self._previous + text
        if not is_last and (trailing := _TRAILING_MARKS.search(window, len(self._previous))):
            # Nothing far into a run is ever kept: a hostile endless run costs no memory.
            self._held_marks = trailing.group() if self._stray else trailing.group()[:_LONGEST_RUN]
            window = window[: trailing.start()]
        known = len(self._previous)
        if len(window) == known:
            return ""
        window = _STRAY_SELECTOR.sub(self._stray, window)
        window = _STRAY_JOINER.sub(self._stray, window)
        window = _TOO_MANY_MARKS.sub("", window)
        self._previous = window[-1:]
        return window[known:]


def _drop_unwanted(text: str) -> str:
    """Pass by pass: plain templates are several times faster than a callback."""
    if _SURROGATE.search(text):  # Rare, and only one pass keeps halves apart that were apart.
        return _UNWANTED.sub(_drop, text)
    text = _LINE_END.sub("\n", text)
    if _SEQUENCE_START.search(text):
        text = _SEQUENCE.sub("", text)
    return _REST.sub("", text)


def _drop(match: re.Match[str]) -> str:
    found = match.group()
    if found in _LINE_ENDS:
        return "\n"
    return _join_surrogates(found) if "\ud800" <= found[0] <= "\udfff" else ""


def _name_unwanted(text: str) -> str:
    return _UNWANTED.sub(_name, text)


def _name(match: re.Match[str]) -> str:
    found = match.group()
    if found in _LINE_ENDS:
        return "\n"
    if "\ud800" <= found[0] <= "\udfff":
        return _join_surrogates(found)
    if len(found) > 1:
        return f"‹{_sequence_name(found)}›"
    return f"‹{_character_name(found)}›"


def _join_surrogates(found: str) -> str:
    """Two halves that arrived as two code points are one character; one half alone is none."""
    if len(found) == 2:
        return chr(0x10000 + ((ord(found[0]) - 0xD800) << 10) + (ord(found[1]) - 0xDC00))
    return "\ufffd"


def _character_name(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return _C0_NAMES[code]
    if 0xE0020 <= code <= 0xE007E:
        return f"tag {chr(code - 0xE0000)}"
    return _NAMES.get(character, f"U+{code:04X}")


def _sequence_name(sequence: str) -> str:
    """Spell a whole escape sequence with its payload; the payload is foreign text too."""
    return "".join(
        f" {_character_name(character)} " if _SUSPECT.match(character) else character
        for character in sequence
    ).strip()
