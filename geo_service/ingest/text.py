"""What text the bytes of a file are: UTF-8, GBK and their kin, and how that is known."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from geo_service.errors import Fault, InputError

# Two accented Latin letters in a row: what GBK bytes look like when they are read as Latin-1.
_LATIN_PAIRS = re.compile("[À-ÿ]{2}")
_CHINESE = re.compile("[\u4e00-\u9fff]")
# Letters that UTF-8 writes in two bytes: GBK text that happens to be valid UTF-8 turns into these.
_TWO_BYTE = re.compile("[\u0080-\u07ff]")

Known = tuple[str, str]


def codec_of(name: str) -> str | None:
    """Return Python's name of an encoding, code page numbers and the GB family included.

    Examples
    --------
    >>> codec_of("936"), codec_of("GBK"), codec_of("65001"), codec_of("nonsense")
    ('gb18030', 'gb18030', 'utf-8', None)
    """
    plain = name.strip().strip("\x00").lower().replace("ansi", "").replace("oem", "").strip(" _-")
    if plain in {"936", "cp936", "54936", "gbk", "gb2312", "gb18030", "euc-cn"}:
        return "gb18030"
    if plain in {"65001", "utf8", "utf-8"}:
        return "utf-8"
    try:
        found = codecs.lookup(f"cp{plain}" if plain.isdigit() else plain)
    except (LookupError, ValueError):
        return None
    return found.name if found._is_text_encoding else None


def undecodable(name: str, value: str | None = None) -> InputError:
    """The text of a file cannot be read in any encoding."""
    return InputError(
        Fault(
            "encoding",
            "属性乱码，请指定编码（GBK/UTF-8）",
            "the text cannot be decoded",
            "用 --encoding GBK 或 --encoding UTF-8 指定",
            "name it with --encoding GBK or --encoding UTF-8",
            where=name,
            value=value,
        )
    )


def cut(piece: bytes, codec: str) -> str:
    """Decode a text that may have been cut at a width in bytes: half a letter at its end is left out.

    Examples
    --------
    >>> cut("宗地编号".encode()[:10], "utf-8")
    '宗地编'
    """
    return codecs.getincrementaldecoder(codec)().decode(piece)


def _decodes(pieces: list[bytes], codec: str) -> str | None:
    try:
        text = "\n".join(cut(piece, codec) for piece in pieces)
    except (UnicodeDecodeError, LookupError):
        return None
    return None if _LATIN_PAIRS.search(text) or "\ufffd" in text else text


def detect(
    pieces: Iterable[bytes], name: str, *, asked: str | None = None, declared: Iterable[Known] = ()
) -> tuple[str, str, str | None]:
    """Find the encoding in which all pieces are text.

    Parameters
    ----------
    pieces : iterable of bytes
        The texts of the file; each may be cut at its end.
    asked : str, optional
        The encoding given by the user; nothing else is tried then.
    declared : iterable of (encoding, where it is declared)
        What the file says of itself, most trusted first.

    Returns
    -------
    codec, how, warning
        ``how`` says how the encoding is known; the warning tells of a declaration that is wrong.

    Raises
    ------
    InputError
        ``encoding``, when nothing fits.

    Examples
    --------
    >>> detect(["长治".encode("gbk")], "a.dbf", declared=[("UTF-8", "cpg")])[:2]
    ('gb18030', 'sniffed')
    >>> detect(["长治".encode()], "a.dbf", declared=[("GBK", "cpg")])[:2]
    ('utf-8', 'sniffed')
    >>> detect([b"plain"], "a.dbf")[:2]
    ('utf-8', 'ascii')
    """
    texts = [piece for piece in pieces if not piece.isascii()]
    if asked is not None:
        codec = codec_of(asked)
        if codec is None or any(_fails(piece, codec) for piece in texts):
            raise undecodable(name, asked)
        return codec, "option", None
    known = [(codec, how) for entry, how in declared if (codec := codec_of(entry)) is not None]
    if not texts:
        return (known[0][0], known[0][1], None) if known else ("utf-8", "ascii", None)
    utf8 = _decodes(texts, "utf-8")
    surely_utf8 = utf8 is not None and _CHINESE.search(utf8) is not None and _TWO_BYTE.search(utf8) is None
    wrong: str | None = None
    for codec, how in known:
        if _decodes(texts, codec) is not None and (codec == "utf-8" or not surely_utf8):
            return codec, how, wrong
        wrong = f"{how} 声明编码为 {codec}，与内容不符 / {how} declares {codec}, which does not fit the content"
    if surely_utf8:
        return "utf-8", "sniffed", wrong
    for codec in ("gb18030", "utf-8"):
        if _decodes(texts, codec) is not None:
            return codec, "sniffed", wrong
    raise undecodable(name)


def _fails(piece: bytes, codec: str) -> bool:
    try:
        cut(piece, codec)
    except (UnicodeDecodeError, LookupError):
        return True
    return False


def decode(data: bytes, name: str, asked: str | None = None) -> tuple[str, str, str]:
    """Decode a whole text file: byte-order mark, strict UTF-8, else GB18030.

    Returns
    -------
    text, encoding, how

    Examples
    --------
    >>> decode("带号=38".encode("gbk"), "a.txt")
    ('带号=38', 'gb18030', 'sniffed')
    """
    if asked is None:
        for mark, codec in (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if data.startswith(mark):
                try:
                    return data.decode(codec), codec.removesuffix("-sig"), "bom"
                except UnicodeDecodeError as error:
                    raise undecodable(name) from error
    codec, how, _ = detect([data], name, asked=asked)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        raise undecodable(name) from error
    if "\x00" in text:
        raise undecodable(name, "NUL")
    return text.removeprefix("\ufeff"), codec, how
