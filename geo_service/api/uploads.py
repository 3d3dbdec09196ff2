"""Files that come as fields of a form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from geo_service.api.errors import Problem
from geo_service.api.guard import MULTIPART
from geo_service.model.text import Text

FIELD = "file"
#: Fields of a form that are read at all.
MOST_FIELDS = 8


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
        415 when the body is no form, 400 when it cannot be read, has no file, or other fields.
    """
    if media_of(request) != MULTIPART:
        raise Problem(
            415,
            "unsupported-media-type",
            Text("内容类型应为 multipart/form-data", "the content type must be multipart/form-data"),
            step=Text("文件用 multipart 字段 file 上传", "send the file as multipart field 'file'"),
            value=media_of(request),
        )
    try:
        # More than there may be, so that what is too much can be named.
        form = await request.form(max_files=MOST_FIELDS, max_fields=MOST_FIELDS)
    except HTTPException as error:
        raise _refused(
            "form-unreadable",
            Text(f"multipart 表单无法读取，或字段超过 {MOST_FIELDS} 个", f"no form of at most {MOST_FIELDS} fields"),
        ) from error
    try:
        yield _found(form, optional)
    finally:
        await form.close()


def _found(form: FormData, optional: tuple[str, ...]) -> dict[str, Upload]:
    if FIELD not in form:
        raise _refused("field-missing", Text("缺少 multipart 字段 file", "the multipart field 'file' is missing"))
    found: dict[str, Upload] = {}
    for name, file in form.multi_items():
        shown = name[:64]
        if name in found:
            words = Text(f"multipart 字段 {shown} 重复", f"the multipart field {shown!r} is there twice")
            raise _refused("field-repeated", words, name)
        if name not in (FIELD, *optional):
            words = Text(f"multipart 字段 {shown} 不在此处使用", f"the multipart field {shown!r} has no place here")
            raise _refused("field-unknown", words, name)
        if not isinstance(file, UploadFile):
            words = Text(f"multipart 字段 {shown} 不是文件", f"the multipart field {shown!r} is no file")
            raise _refused("field-no-file", words, name)
        found[name] = Upload(file.file, _plain_name(file.filename or ""))
    return found


def _refused(code: str, words: Text, value: str | None = None) -> Problem:
    return Problem(
        400, code, words, step=Text("请以字段 file 上传一个文件", "upload one file as field 'file'"), value=value
    )


def _plain_name(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name[:200] or "upload"
