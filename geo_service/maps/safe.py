"""Text that others turn into markup or script."""

from __future__ import annotations

import re

_KEPT = re.compile(r"[0-9A-Za-z \u3400-\u4dbf\u4e00-\u9fff]")


def safe_text(text: str) -> str:
    """Write every character but letters, digits, blanks and Chinese as a numeric entity.

    The map library puts names into template literals and ``innerHTML``; escaping ``<`` alone leaves ``${…}`` alive.

    Examples
    --------
    >>> safe_text("水 ${a}")
    '水 &#36;&#123;a&#125;'
    """
    return "".join(char if _KEPT.match(char) else f"&#{ord(char)};" for char in text)
