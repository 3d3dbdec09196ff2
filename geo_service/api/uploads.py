"""Files that come as fields of a form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from fastapi import Request
from starlette.datastructures import UploadFile

from geo_service.api.errors import Problem
from geo_service.api.guard import MULTIPART
from geo_service.model.text import Text

FIELD = "file"


@dataclass(frozen=True)
class Upload:
    """An uploaded file with the last part of the name it came with, because only messages use that."""

    file: BinaryIO
    name: str


def media_of(request: Request) -> str:
    """Return the media type of the body without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def form_schema(**files: str) -> dict[str, Any]:
    """Describe a form of files for OpenAPI; the first must be there.

    Parameters
    ----------
    files : str
        What each is, by field.
    """
    return {
        "schema": {
            "type": "object",
            "required": [next(iter(files))],
            "properties": {
                name: {"type": "string", "format": "binary", "description": what} for name, what in files.items()
            },
            "additionalProperties": False,
        }
    }


@asynccontextmanager
async def uploads(request: Request, *optional: str) -> AsyncIterator[Mapping[str, Upload]]:
    """Lend the files of a form: the field ``file``, and those of the optional ones that came.

    Raises
    ------
    Problem
        415 when the body is no form, 400 when it has no file, or other fields.
    """
    if media_of(request) != MULTIPART:
        raise Problem(
            415,
            "unsupported-media-type",
            Text("内容类型应为 multipart/form-data", "the content type must be multipart/form-data"),
            step=Text("文件用 multipart 字段 file 上传", "send the file as multipart field 'file'"),
            value=media_of(request),
        )
    async with request.form(max_files=1 + len(optional), max_fields=0) as form:
        found = {}
        for name, file in form.multi_items():
            if name not in (FIELD, *optional) or name in found or not isinstance(file, UploadFile):
                raise _wrong_field(name)
            found[name] = Upload(file.file, _plain_name(file.filename or ""))
        if FIELD not in found:
            raise Problem(
                400,
                "field-missing",
                Text("缺少 multipart 字段 file", "the multipart field 'file' is missing"),
                step=Text("请以字段 file 上传一个文件", "upload one file as field 'file'"),
            )
        yield found


def _wrong_field(name: str) -> Problem:
    return Problem(
        400,
        "field-missing" if name != FIELD else "field-repeated",
        Text(f"multipart 字段 {name[:64]} 不在此处使用", f"the multipart field {name[:64]!r} has no place here"),
        step=Text("请以字段 file 上传一个文件", "upload one file as field 'file'"),
        value=name,
    )


def _plain_name(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name[:200] or "upload"
