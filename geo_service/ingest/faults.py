"""Refusals that more than one reader gives."""

from __future__ import annotations

from collections.abc import Iterable

from geo_service.errors import Fault, InputError


def unreadable(name: str, zh: str, en: str, *, value: str | None = None, code: str = "file_unreadable") -> InputError:
    """The file is damaged or is not what it says it is."""
    return InputError(
        Fault(
            code,
            zh,
            en,
            "请核对文件是否完整，重新导出后再试",
            "check that the file is complete, export it again and retry",
            where=name,
            value=value,
        )
    )


def refuse_many(count: int, most: int | None, name: str) -> None:
    """Refuse more rows than may be looked at in one go, before anything is said of each.

    Raises
    ------
    InputError
        ``too-many``.
    """
    if most is not None and count > most:
        raise InputError(
            Fault(
                "too-many",
                f"共{count}个界址，一次最多核查{most}个",
                f"{count} boundaries; one request checks at most {most}",
                "请分批提交，或用命令行 check",
                "send them in parts, or use the command 'check'",
                where=name,
                value=str(count),
            )
        )


def several_layers(name: str, layers: Iterable[str]) -> InputError:
    """The file holds several layers and none was named."""
    listed = ", ".join(sorted(layers))
    return InputError(
        Fault(
            "several_layers",
            f"文件含多个图层：{listed}",
            f"the file holds several layers: {listed}",
            "导入时可用 --layer-name（HTTP 为 layer=）指定其中一个；否则每个单独导出",
            "an import can name one of them, with --layer-name (over HTTP: layer=); otherwise export each by itself",
            where=name,
        )
    )


def no_such_layer(name: str, wanted: str, layers: Iterable[str]) -> InputError:
    """The layer that was named is not in the file."""
    listed = ", ".join(sorted(layers))
    return InputError(
        Fault(
            "no_such_layer",
            f"文件中没有该图层，现有：{listed}",
            f"no such layer in the file; it has: {listed}",
            where=name,
            value=wanted,
        )
    )


def choose_layer(name: str, layers: Iterable[str], wanted: str | None) -> str:
    """Return the layer to read: the one that was named, or the only one there is.

    Raises
    ------
    InputError
        ``no_layers``, ``several_layers`` or ``no_such_layer``.

    Examples
    --------
    >>> choose_layer("a.gpkg", ["parcels"], None)
    'parcels'
    """
    found = list(layers)
    if wanted is not None:
        if wanted not in found:
            raise no_such_layer(name, wanted, found)
        return wanted
    if not found:
        raise unreadable(name, "文件中没有矢量图层", "the file holds no vector layer", code="no_layers")
    if len(found) > 1:
        raise several_layers(name, found)
    return found[0]
