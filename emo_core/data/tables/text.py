"""The text of a table, whatever its encoding."""

import codecs
from dataclasses import dataclass
from pathlib import Path

from emo_core.data.corpus import CorpusError, unreadable_file

MAX_BYTES = 100_000_000  # of a table; 40,000 rows have about 4 MB
MARKS = (  # byte order marks; UTF-32's starts with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
OTHER_FORMATS = (  # first bytes of files that are saved under the name of a table
    (b"PK\x03\x04", "a workbook (.xlsx, .ods or .numbers)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "rich text"),
    (b"\x1f\x8b", "a compressed file (.gz)"),
    (b"SQLite format", "a database"),
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"File type = ", "a TextGrid of Praat"),
    (b"<?xml", "XML"),
)
HOW = {  # to make a table of it; of others "in Excel: Save As, 'CSV UTF-8'"
    "a TextGrid of Praat": "in Praat: Down to Table, then save as comma-separated file",
}
EXCEL = "in Excel: Save As, 'CSV UTF-8'"
WEB = (b"<html", b"<!doctype", b"<table", b"<meta", b"<head")
LEGACY = ("cp1252", "mac_roman", "cp850", "cp1250", "cp1251", "gb18030", "shift_jis", "cp949")
WESTERN = LEGACY[:3]  # the others only where names of files on disk ask for them
LETTERS = frozenset("äöüßÄÖÜéèêëàáâãåçñíìîïóòôõøúùûæœÉÈÀÁÂÇÑÍÓÔØÚÅÆ")


@dataclass(frozen=True)
class DecodedText:
    """One reading of a table's bytes."""

    text: str
    encoding: str


def read_bytes(path: Path, expected: str) -> bytes:
    """The bytes of a table; raises CorpusError where it is missing, too large or no text.

    expected: where the file belongs, in words.
    """
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise unreadable_file(path, expected, error) from error
    if size > MAX_BYTES:
        raise CorpusError(
            "{name} is {size} MB large; expected a table of at most {max_bytes} MB; split it.",
            name=path.name,
            size=size // 1_000_000,
            max_bytes=MAX_BYTES // 1_000_000,
        )
    head = data.lstrip(codecs.BOM_UTF8 + b" \r\n\t")[:200].lower()
    plain = data[:400].replace(b"\0", b"").lstrip(b"\xff\xfe" + codecs.BOM_UTF8)
    starts = ((kind, data.startswith(s) or plain.startswith(s)) for s, kind in OTHER_FORMATS)
    kind = next((kind for kind, found in starts if found), "")
    kind = kind or ("a web page" if head.startswith(WEB) else "")
    if kind:
        raise CorpusError(
            "{name} is {kind}; expected plain text with columns; open it and save it as CSV "
            "({how}).",
            name=path.name,
            kind=kind,
            how=HOW.get(kind, EXCEL),
        )
    return data


def possible_texts(data: bytes, name: str) -> list[DecodedText]:
    """Readings of a table's bytes, the likeliest first; one where a mark or UTF-8 decides.

    Raises CorpusError where there is none.
    """
    encoding = next((code for mark, code in MARKS if data.startswith(mark)), _unmarked_utf16(data))
    try:
        return [DecodedText(data.decode(encoding or "utf-8"), encoding or "utf-8")]
    except UnicodeDecodeError as error:
        if encoding:
            raise CorpusError(
                "{name} starts as {encoding} text but can't be read from byte {start} on; "
                "expected text to its end; copy it again.",
                name=name,
                encoding=encoding,
                start=error.start,
            ) from error
    mixed = _line_by_line(data)
    found = [DecodedText(text, code) for code in LEGACY if (text := _decoded(data, code))]
    western = [each for each in found if each.encoding in WESTERN]
    western.sort(key=lambda each: -sum(map(LETTERS.__contains__, each.text)))
    others = [each for each in found if each not in western]
    if not found or "\0" in found[0].text:
        raise CorpusError(
            "{name} is not text; expected a table in UTF-8; save it again as CSV.", name=name
        )
    return mixed + western + others


def _line_by_line(data: bytes) -> list[DecodedText]:
    """A reading of text that was put together of UTF-8 and Windows' lines; [] = it was not."""
    lines, plain = [], 0
    for line in data.splitlines(keepends=True):
        try:
            text = line.decode("utf-8")
            plain += not text.isascii()
        except UnicodeDecodeError:
            text = _decoded(line, "cp1252")
        if not text or any(not c.isascii() and c not in LETTERS for c in text):
            return []
        lines.append(text)
    return [DecodedText("".join(lines), "UTF-8 and cp1252, line by line")] if plain else []


def _unmarked_utf16(data: bytes) -> str:
    """UTF-16 without a mark, told by its zeros: every second byte of plain letters."""
    head = data[:400]
    zeros = [head[start::2].count(0) for start in (0, 1)]
    for order, (here, other) in (("utf-16-be", zeros), ("utf-16-le", zeros[::-1])):
        if here > len(head) // 4 > other * 2:
            return order
    return ""


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return ""
