"""A sheet as it comes out of the printer: opened in Chromium, printed to PDF, read as text and as a picture."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

POINTS_PER_MM = 72 / 25.4
NUMBERS = count()


@dataclass(frozen=True)
class Printed:
    """A PDF."""

    file: Path

    @property
    def pages(self) -> int:
        return int(re.search(r"^Pages:\s+(\d+)", _run("pdfinfo", self.file), re.MULTILINE)[1])

    @property
    def size_mm(self) -> tuple[int, int]:
        """Width and height of the first page."""
        found = re.search(r"^Page size:\s+([\d.]+) x ([\d.]+)", _run("pdfinfo", self.file), re.MULTILINE)
        return tuple(round(float(value) / POINTS_PER_MM) for value in found.groups())

    def text(self, page: int | None = None) -> str:
        """All words, without line breaks and blanks, as these differ with the layout."""
        only = [] if page is None else ["-f", str(page), "-l", str(page)]
        return re.sub(r"\s", "", _run("pdftotext", *only, self.file, "-"))

    def picture(self, page: int, dpi: int, *, grey: bool = False) -> NDArray[np.uint8]:
        """Pixels of one page: rows, columns, and colours unless grey."""
        stem = self.file.with_suffix("")
        arguments = ["pdftoppm", "-r", str(dpi), "-f", str(page), "-l", str(page), "-singlefile", "-png"]
        subprocess.run([*arguments, *(["-gray"] if grey else []), self.file, stem], check=True)
        return pixels(Path(f"{stem}.png").read_bytes(), grey=grey)


def pixels(png: bytes, *, grey: bool) -> NDArray[np.uint8]:
    """Pixels of a picture: rows, columns, and colours unless grey, which is what a black-and-white printer sees."""
    with catch_warnings(), MemoryFile(png) as file:
        simplefilter("ignore", NotGeoreferencedWarning)
        with file.open() as image:
            bands = image.read()
    if len(bands) == 1 or not grey:
        return bands[0] if grey else np.moveaxis(bands[:3], 0, -1)
    return np.tensordot((0.299, 0.587, 0.114), bands[:3].astype(float), axes=1)


def _run(*command: object) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


class Press:
    """A browser that opens sheets; afterwards nothing was blocked, nothing failed and nobody else was asked."""

    def __init__(self, browser: Any, base: str, folder: Path) -> None:
        self._browser, self._base, self._folder = browser, base, folder

    @contextmanager
    def open(self, address: str, **options: Any) -> Iterator[Any]:
        page = self._browser.new_page(**options)
        page.set_default_timeout(120_000)
        problems: list[str] = []
        asked: list[str] = []
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.add_init_script(
            "window.blocked = []; document.addEventListener('securitypolicyviolation', "
            "(event) => window.blocked.push(event.violatedDirective + ' ' + event.blockedURI));"
        )
        page.emulate_media(media="print")
        response = page.goto(address if "://" in address else self._base + address, wait_until="load")
        assert response.status == 200, response.text()
        yield page
        assert page.evaluate("window.blocked") == []
        assert problems == []
        assert [url for url in asked if not url.startswith((self._base, "data:"))] == []
        page.close()

    def print(self, address: str) -> Printed:
        """Print a sheet as Ctrl+P does, without the printer's option for backgrounds."""
        file = self._folder / f"{next(NUMBERS)}.pdf"
        with self.open(address) as page:
            page.pdf(path=str(file), prefer_css_page_size=True, print_background=False)
        return Printed(file)


def skip_without_poppler() -> None:
    from shutil import which

    if which("pdftotext") is None:
        pytest.skip("poppler's tools are not installed")
