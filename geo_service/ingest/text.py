"""What text the bytes of a file are: UTF-8, GBK and their kin, and how that is known."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from functools import cache

from geo_service.errors import Fault, InputError

# Two accented Latin letters in a row, or a control character: what GBK bytes look like when they are read as Latin-1.
_LATIN_PAIRS = re.compile("[À-ÿ]{2}|[\x80-\x9f]")
_CHINESE = re.compile("[\u4e00-\u9fff]")
_LATIN_SIGNS = range(0xA0, 0x100)

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


def spelled(text: str) -> str:
    """Spell out the halves of characters that JSON can escape and that no answer can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def cut(piece: bytes, codec: str) -> str:
    """Decode a text that may have been cut at a width in bytes: half a letter at its end is left out.

    Examples
    --------
    >>> cut("宗地编号".encode()[:10], "utf-8")
    '宗地编'
    """
    return codecs.getincrementaldecoder(codec)().decode(piece)


def _doubtful(name: str, zh: str, en: str) -> InputError:
    """The text of a file can be read in more than one way, and what it says of itself does not settle it."""
    return InputError(
        Fault(
            "encoding",
            f"{zh}，请指定编码（GBK/UTF-8）",
            en,
            "请更正或删除 .cpg，或用 --encoding 指定",
            "correct or delete the .cpg, or name the encoding with --encoding",
            where=name,
        )
    )


def _decodes(pieces: list[bytes], codec: str) -> str | None:
    try:
        text = "\n".join(cut(piece, codec) for piece in pieces)
    except (UnicodeDecodeError, LookupError):
        return None
    return None if _LATIN_PAIRS.search(text) or "\ufffd" in text else text


def _common(text: str) -> float:
    """Return the share of everyday Chinese characters and of signs among all that are not ASCII."""
    letters = [letter for letter in text if not letter.isascii()]
    return sum(map(_everyday, letters)) / len(letters) if letters else 0.0


@cache
def _everyday(letter: str) -> bool:
    # The first level of GB 2312, before which its signs stand, is what names are made of; Latin-1 has more signs.
    try:
        return letter.encode("gb2312") < b"\xd8"
    except UnicodeEncodeError:
        return ord(letter) in _LATIN_SIGNS


def _likelier(utf8: str | None, gbk: str | None) -> str | None:
    """Return the encoding in which text that may be UTF-8 and may be GBK makes more sense; ``None`` when in doubt."""
    if utf8 is None or gbk is None:
        return "utf-8" if gbk is None else "gb18030"
    one, other = _common(utf8), _common(gbk)
    if _CHINESE.search(utf8):
        # GBK is hardly ever valid in UTF-8's three bytes, while of names in UTF-8 GBK makes rare characters.
        return None if other == 1.0 > one else "utf-8"
    return "gb18030" if other > one else None


def detect(
    pieces: Iterable[bytes], name: str, *, asked: str | None = None, declared: Iterable[Known] = ()
) -> tuple[str, str, str | None]:
    """Find the encoding in which all pieces are text.

    Parameters
    ----------
    pieces : iterable of bytes
        The texts of the file; each may be cut at its end, one that ends in a blank was not.
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
        ``encoding``, when nothing fits, or when a declaration fits and the text is Chinese in another encoding.

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
    utf8, gbk = _decodes(texts, "utf-8"), _decodes(texts, "gb18030")
    chinese = {codec for codec, text in (("utf-8", utf8), ("gb18030", gbk)) if text and _CHINESE.search(text)}
    likelier = _likelier(utf8, gbk)
    wrong: str | None = None
    doubtful: str | None = None
    for codec, how in known:
        fits = _decodes(texts, codec) is not None
        if fits and (codec in chinese or not chinese) and (codec, likelier) != ("gb18030", "utf-8"):
            return codec, how, wrong
        if fits and codec != "gb18030":
            doubtful = doubtful or f"{how}: {codec}"
        wrong = f"{how} 声明编码为 {codec}，与内容不符 / {how} declares {codec}, which does not fit the content"
    if utf8 is None and gbk is None:
        raise undecodable(name)
    if doubtful is not None and "utf-8" not in chinese:
        raise _doubtful(
            name,
            f"声明的编码（{doubtful}）与内容矛盾：内容也可读作中文",
            f"the declared encoding ({doubtful}) contradicts the text, which can be read as Chinese",
        )
    if likelier is None:
        raise _doubtful(name, "内容既可读作GBK也可读作UTF-8", "the text makes as much sense in GBK as it does in UTF-8")
    return likelier, "sniffed", wrong


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
