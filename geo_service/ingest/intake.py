"""One file from bytes to features: read, judge the place, mend, type, name. Runs in the process that can be killed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault, InputError, RejectedRows, TooComplex
from geo_service.ingest import archive, gate, gdal, placement
from geo_service.ingest.crs import resolve
from geo_service.ingest.faults import choose_layer, refuse_many, unreadable
from geo_service.ingest.fields import BadValue, convert, id_of, match_columns
from geo_service.ingest.formats import boundary_txt, delimited, drawing, geojson, geopackage, kml, shapefile
from geo_service.ingest.job import GridResult, Job, Purpose, VectorResult
from geo_service.ingest.sniff import Format, format_of, head_of
from geo_service.ingest.source import Source, from_bytes, from_path
from geo_service.ingest.table import RawGrid, RawTable
from geo_service.model.catalogue import Catalogue, FieldSpec, GeometryKind, LayerSpec
from geo_service.model.layer import Value
from geo_service.model.parcel import Repair
from geo_service.model.report import ImportReport
from geo_service.model.units import M2_PER_HA
from geo_service.projection import codes, coincide, crs_of, project

#: A TXT whose area differs from its head line by more than this contradicts itself.
AREA_CONFLICT_M2, AREA_CONFLICT_SHARE = 1.0, 0.001
_WHOLE_FILE = frozenset(
    {"axes_swapped", "wrong_zone", "metres_as_degrees", "degrees_as_metres", "outside_jurisdiction"}
)
#: Suffixes of a zip: of what belongs to other files, of the files of one shapefile, and of what must be vectors.
_COMPANIONS = (".prj", ".cpg")
_PARTS = (".shp", ".shx", ".dbf", *_COMPANIONS)
_VECTORS = (".shp", ".shx", ".gdb", ".gpkg", ".geojson", ".kml", ".dxf")
#: One of these stands near the beginning of every GeoJSON, and not in what else is written as JSON.
_GEOJSON_MARKS = (b'"features"', b'"coordinates"', b'"geometry"', b'"geometries"')
_CODE_FIELDS = (("code", "code_system"), ("land_use", "land_use_system"))
#: What the parcels of a zone are measured in.
_WORKING_CRS = "working_crs"


def run(job: Job) -> VectorResult | GridResult:
    """Read one file.

    Raises
    ------
    InputError
        What is wrong with it; ``RejectedRows`` and ``TooComplex`` are kinds of it.
    """
    if job.gdal_skip is not None:
        gdal.prepare(job.gdal_skip)
    # Numbers from outside may overflow; the gate judges what comes of it, so NumPy need not warn.
    with np.errstate(all="ignore"):
        source = _source(job)
        if job.spec.geometry is GeometryKind.RASTER:
            return _grid(job, source)
        return _vector(job, source, _table(job, source))


def _source(job: Job) -> Source:
    if job.data is not None:
        return from_bytes(job.data, job.name, job.folder, Format.GEOJSON if job.only_geojson else None)
    assert job.path is not None
    return from_path(job.path, job.folder, job.name)


def _members(source: Source) -> tuple[list[archive.Member], list[str]]:
    folder = source.folder / "members"
    folder.mkdir()
    return archive.unpack(source.on_disk(), folder, source.name)


def _data_sets(members: Iterable[archive.Member]) -> dict[str, list[archive.Member]]:
    """Return the data sets of a zip by name, the file that says what it is first; each is a file but for two formats.

    Where nothing tells where anything lies, what has a format at all is returned, so that it is said what it lacks.
    """
    grouped: dict[Path, list[archive.Member]] = {}
    for member in sorted(members, key=lambda member: (member.suffix != ".shp", member.suffix != ".shx")):
        key = member.file
        if member.suffix == ".gdb":
            key = member.file.parent
        elif member.suffix in _PARTS:
            key = member.file.with_suffix(".shp")
        grouped.setdefault(key, []).append(member)
    groups = list(grouped.values())
    chosen = [group for group in groups if _locates(group[0])] or [group for group in groups if _format(group[0])]
    # The shortest names that tell them apart.
    named: dict[str, list[archive.Member]] = {}
    for name in (lambda path: path.stem, lambda path: path.name, str):
        named = {name(PurePosixPath(group[0].path)): group for group in chosen}
        if len(named) == len(chosen):
            break
    return named


def _format(member: archive.Member) -> Format | None:
    if member.suffix in _COMPANIONS:
        return None
    try:
        return format_of(head_of(member.file), member.path)
    except InputError:
        return None


def _locates(member: archive.Member) -> bool:
    """Tell whether a file says where something lies; what is named so counts even when it is damaged."""
    found = _format(member)
    if member.suffix in _VECTORS or found is None:
        return member.suffix in _VECTORS
    if found is Format.GEOJSON:
        return any(mark in head_of(member.file) for mark in _GEOJSON_MARKS)
    if found is Format.DELIMITED:
        return delimited.locates(head_of(member.file))
    return found is not Format.GEOTIFF


def _table(job: Job, source: Source) -> RawTable:
    if source.format is Format.ZIP:
        return _from_zip(job, source)
    if source.format is Format.SHAPEFILE and not source.files:
        raise unreadable(
            job.name,
            "只收到 .shp，缺少 .shx 和 .dbf",
            "only the .shp arrived, without .shx and .dbf",
            code="incomplete_shapefile",
        )
    return _read(job, source, job.layer_name)


def _from_zip(job: Job, source: Source) -> RawTable:
    members, others = _members(source)
    found = _data_sets(members)
    if not found:
        raise unreadable(
            job.name, "压缩包内没有可读取的数据", "the zip holds no data that can be read", code="no_layers"
        )
    inner = job.layer_name
    label = choose_layer(job.name, found, inner) if inner in found or len(found) > 1 else next(iter(found))
    group = found[label]
    within = inner if inner != label else None
    if group[0].suffix == ".gdb":
        table = gdal.read_layer(group[0].file.parent, job.name, gdal.GEODATABASE, within)
    else:
        main = group[0].file
        kind = format_of(head_of(main), f"{job.name}/{label}")
        if kind is Format.ZIP:
            raise unreadable(
                job.name, "压缩包内不能再有压缩包", "a zip inside a zip is not read", code="unsupported_format"
            )
        files = {member.suffix: member.file for member in group}
        name = PurePosixPath(group[0].path).name
        table = _read(job, replace(source, name=name, format=kind, data=None, file=main, files=files), within)
        table.layer = table.layer or label
    table.notes.extend(_not_read(members, group, others))
    return table


def _not_read(members: Iterable[archive.Member], group: Collection[archive.Member], others: Iterable[str]) -> list[str]:
    """Say what else lies in a zip, beside the group that was read."""
    left = {member.path for member in members if member not in group and member.suffix not in _COMPANIONS}
    listed = ", ".join(sorted(left.union(others)))
    return [f"压缩包内未读取：{listed} / not read in the zip: {listed}"[:500]] if listed else []


def _read(job: Job, source: Source, layer: str | None) -> RawTable:
    if source.format is Format.GEOJSON:
        return geojson.read(source.read(), job.name, job.most)
    if source.format is Format.BOUNDARY_TXT:
        return boundary_txt.read(source.read(), job.name, source.stem, job.jurisdiction, job.encoding, job.crs)
    if source.format is Format.DELIMITED:
        return delimited.read(source.read(), job.name, job.encoding)
    if source.format is Format.GEOPACKAGE:
        return geopackage.read(source.on_disk(), job.name, layer)
    if source.format is Format.SHAPEFILE:
        return shapefile.read(source.files, job.name, job.encoding)
    if source.format is Format.DXF:
        return drawing.read(source.on_disk(), job.name, job.spec.geometry)
    if source.format is Format.KML:
        return _kml(source, job.name, layer)
    raise unreadable(
        job.name,
        f"{source.format.value} 不是矢量数据",
        f"{source.format.value} is not vector data",
        code="wrong_geometry_kind",
    )


def _kml(source: Source, name: str, layer: str | None) -> RawTable:
    if b"<!DOCTYPE" in source.read().upper():
        raise unreadable(name, "KML 含 DOCTYPE，已拒绝", "a KML with a DOCTYPE is refused", code="unsupported_format")
    # GDAL takes some of its cues from the suffix; the content has been looked at already.
    file = source.folder / "document.kml"
    file.write_bytes(kml.as_text(source.read()))
    kml.check(file, name)
    return gdal.read_layer(file, name, "KML", layer)


@dataclass
class _Rows:
    """Rows under judgement: one fault a row, the first that was found."""

    table: RawTable
    bad: dict[int, Fault] = field(default_factory=dict)

    def blame(self, position: int, fault: Fault) -> None:
        """Reject a row, unless it is rejected already."""
        self.bad.setdefault(position, fault)

    def good(self) -> list[int]:
        """Positions of the rows that stand so far."""
        return [position for position in range(len(self.table.rows)) if position not in self.bad]


def _vector(job: Job, source: Source, table: RawTable) -> VectorResult:
    refuse_many(table.read, job.most, job.name)
    code, how, note = resolve(job.crs, table.declared_crs, table.crs_how, job.jurisdiction, job.name)
    if note is not None:
        table.warnings.append(note)
    if not crs_of(code).is_projected:
        _note_equal(code, job, table)
    rows = _Rows(table)
    shapes = _gated(job, table, rows)
    located = [position for position in rows.good() if shapes[position] is not None]
    for index, fault in placement.misplaced(
        [shapes[position] for position in located],
        [table.rows[position] for position in located],
        code,
        job.jurisdiction,
    ):
        rows.blame(located[index], fault)
    mapping, dropped = match_columns(job.spec, table.columns, truncated=table.truncated_names)
    ids = _ids(job, table, mapping, rows)
    repairs = _mend(job, table, rows, shapes, code, ids)
    attributes = _attributes(job, table, mapping, rows)
    _check_codes(job, table, attributes, rows, shapes)
    _check_working_crs(job, table, attributes, rows)
    attributes = {name: [values[position] for position in rows.good()] for name, values in attributes.items()}
    if dropped:
        table.notes.append(f"未采用的列：{', '.join(dropped)} / columns left out: {', '.join(dropped)}"[:500])
    kept = rows.good()
    faults = [*table.faults, *(_told(fault, ids.get(position)) for position, fault in rows.bad.items())]
    faults.sort(key=lambda fault: fault.row or 0)
    _refuse_rows(job, faults, len(kept), table.read)
    _refuse_far(job, [shapes[position] for position in kept], code, table)
    stored = [table.rows[position] for position in kept]
    final = [shapes[position] for position in kept]
    _note_areas(table, stored)
    extent = _extent(job, code, table.warnings)
    if not stored and not faults and extent is None:
        if job.purpose is Purpose.CHECK:
            raise unreadable(job.name, "没有可核查的界址", "there is no boundary to check", code="no_features")
        raise unreadable(
            job.name,
            "文件中没有要素；若调查结果确为“无”，请用 --extent 给出调查范围",
            "the file holds no feature; if the survey found nothing, give its extent with --extent",
            code="no_features",
        )
    chosen = [ids[position] for position in kept]
    if "id" in attributes:
        attributes["id"] = list(chosen)
    standing = set(stored)
    report = ImportReport(
        job.name,
        table.driver,
        table.layer,
        code,
        how,
        table.encoding,
        table.encoding_how,
        table.read,
        len(stored),
        table.deleted,
        tuple(faults),
        tuple(repair for repair in repairs if repair.row in standing),
        tuple(dict.fromkeys(table.warnings)),
        tuple(dict.fromkeys(table.notes)),
        _total_area(final, code, job),
    )
    return VectorResult(
        code,
        tuple(stored),
        tuple(chosen),
        tuple(shapely.to_wkb(np.asarray(final, dtype=object)).tolist()) if final else (),
        {name: tuple(values) for name, values in attributes.items()},
        None if extent is None else shapely.to_wkb(extent),
        source.sha256,
        report,
    )


def _note_equal(code: str, job: Job, table: RawTable) -> None:
    """Say which geographic CRSs are taken as one, where the jurisdiction admits several that are."""
    west, south, east, north = job.jurisdiction.box_degrees
    centre = (west + east) / 2, (south + north) / 2
    equal = [other for other in job.jurisdiction.geographic_crs if coincide(code, other, *centre)]
    if any(other != code for other in equal):
        listed = "、".join(equal)
        table.notes.append(f"{listed} 视为相同，未作转换 / {listed} are taken as equal, nothing was converted")


def _told(fault: Fault, feature: str | None) -> Fault:
    return fault if fault.id is not None or feature is None else replace(fault, id=feature)


def _gated(job: Job, table: RawTable, rows: _Rows) -> NDArray[np.object_]:
    """Refuse what must not reach an algorithm; a missing geometry stands where the layer lets a field stand in."""
    shapes = np.asarray(table.geometries, dtype=object).copy()
    stand_in = job.spec.geometry_from is not None and job.purpose is Purpose.LAYER
    for position in np.flatnonzero(~gate.plain(shapes, job.spec.geometry)):
        shape, row = shapes[position], table.rows[position]
        if shape is not None and shape.is_empty:
            shape = shapes[position] = None
        if shape is None and stand_in:
            continue
        fault = gate.refused(shape, job.spec.geometry, row)
        if fault is not None:
            if fault.code == "geometry_too_complex" and job.purpose is Purpose.LAYER and not job.quarantine:
                raise TooComplex(replace(fault, where=job.name))
            rows.blame(int(position), fault)
    return shapes


def _mend(
    job: Job, table: RawTable, rows: _Rows, shapes: NDArray[np.object_], crs: str, ids: dict[int, str]
) -> list[Repair]:
    repairs = list(table.repairs)
    located = [position for position in rows.good() if shapes[position] is not None]
    sound = gate.sound([shapes[position] for position in located], crs, job.jurisdiction)
    for position, nothing_to_do in zip(located, sound, strict=True):
        shape, row = shapes[position], table.rows[position]
        if nothing_to_do:
            _compare_area(table, rows, position, shape)
            continue
        found = gate.mended(shape, row, crs, job.jurisdiction, table.point_names.get(row))
        if isinstance(found, Fault):
            if found.code == "geometry_too_complex" and job.purpose is Purpose.LAYER and not job.quarantine:
                raise TooComplex(replace(found, where=job.name, id=ids.get(position)))
            rows.blame(position, found)
            continue
        shapes[position], repair = found
        if repair is not None:
            repair = replace(repair, id=ids.get(position))
            area = float(gate.areas_m2([shapes[position]], crs, job.jurisdiction)[0])
            if job.spec.id != _parcels(job) and gate.changed_too_much(repair, area):
                rows.blame(
                    position,
                    Fault(
                        "repair_too_large",
                        f"{repair.zh}，超过允许的变化",
                        f"{repair.en}, more than is allowed",
                        "请数据提供单位修正图形",
                        "ask the publisher to correct the geometry",
                        row=row,
                    ),
                )
                continue
            repairs.append(repair)
        _compare_area(table, rows, position, shapes[position])
    by_row = {row: ids.get(position) for position, row in enumerate(table.rows)}
    return [replace(repair, id=by_row.get(repair.row or 0)) for repair in repairs]


def _parcels(job: Job) -> str | None:
    """Return the id of the layer whose features may be mended whatever their area loses: the surveyor will look."""
    return job.spec.id if job.purpose is Purpose.CHECK or job.spec.group == "parcel" else None


def _compare_area(table: RawTable, rows: _Rows, position: int, shape: BaseGeometry) -> None:
    row = table.rows[position]
    stated = table.areas_declared_m2.get(row)
    if stated is None:
        return
    stated_ha, found_ha = stated / M2_PER_HA, shape.area / M2_PER_HA
    difference = shape.area - stated
    zh = f"面积与表头相差{abs(found_ha - stated_ha):.4f}公顷（表头{stated_ha:.4f}，坐标{found_ha:.4f}）"
    en = f"the head line says {stated_ha:.4f} ha, the points make {found_ha:.4f} ha"
    if abs(difference) > max(AREA_CONFLICT_M2, AREA_CONFLICT_SHARE * shape.area):
        rows.blame(
            position,
            Fault(
                "area_conflict",
                zh,
                en,
                "请核对界址点或表头面积",
                "check the points or the area of the head line",
                row=row,
            ),
        )
    elif abs(difference) > boundary_txt.AREA_ROUNDING_M2:
        table.warnings.append(f"第{row}行{zh}，以坐标为准 / row {row}: {en}; the points hold")
    else:
        table.areas_agreed.append(row)


def _note_areas(table: RawTable, stored: list[int]) -> None:
    """Say for how many rows the area that the file states is the one its points make, to its last digit."""
    agreed = len(set(table.areas_agreed) & set(stored))
    if agreed:
        table.notes.append(f"{agreed}个地块的面积与表头一致 / areas that agree with their head lines: {agreed}")


def _ids(job: Job, table: RawTable, mapping: dict[str, str], rows: _Rows) -> dict[int, str]:
    """Find the id of each row: the column asked for, the id column, the feature's own, else its number."""
    column = job.id_field or mapping.get("id")
    if column is None:
        column = next((name for name in table.columns if name.casefold() == "id"), None)
    if column is not None and column not in table.columns:
        raise InputError(
            Fault(
                "id_field_missing",
                f"没有编号列 {column}",
                f"there is no column {column!r}",
                f"现有列：{', '.join(table.columns)}"[:300],
                f"the columns are: {', '.join(table.columns)}"[:300],
                where=job.name,
            )
        )
    prefix = "check-" if job.purpose is Purpose.CHECK else ""
    ids: dict[int, str] = {}
    for position, row in enumerate(table.rows):
        try:
            found = id_of(table.columns[column][position]) if column is not None else None
            if found is None and table.feature_ids is not None:
                found = id_of(table.feature_ids[position])
        except BadValue as error:
            rows.blame(position, Fault(error.code, error.zh, error.en, row=row, value=error.value))
            continue
        named = column is not None or table.feature_ids is not None
        if found is None and named and job.purpose is Purpose.LAYER:
            rows.blame(position, Fault("id_missing", "编号为空", "the id is empty", row=row, where=column or "id"))
            continue
        ids[position] = found or f"{prefix}{row}"
    places: dict[str, list[int]] = {}
    for position, found in ids.items():
        places.setdefault(found, []).append(position)
    for found, several in places.items():
        if len(several) > 1:
            listed = "、".join(str(table.rows[position]) for position in several[:20])
            for position in several:
                rows.blame(
                    position,
                    Fault(
                        "duplicate_id",
                        f"编号重复（第{listed}行）",
                        f"the id stands in rows {listed}",
                        "请改为唯一编号",
                        "give each its own id",
                        row=table.rows[position],
                        id=found,
                    ),
                )
    return ids


def _attributes(job: Job, table: RawTable, mapping: dict[str, str], rows: _Rows) -> dict[str, list[Value]]:
    out: dict[str, list[Value]] = {}
    for spec in job.spec.fields:
        column = mapping.get(spec.name)
        values: list[Value] = [None] * len(table.rows)
        if column is not None and spec.name != "id":
            for position, raw in enumerate(table.columns[column]):
                try:
                    values[position] = convert(spec, raw)
                except BadValue as error:
                    rows.blame(position, _field_fault(error, spec, column, table.rows[position]))
        out[spec.name] = values
    for spec in job.spec.fields:
        if not spec.required or spec.name == "id" or job.purpose is Purpose.CHECK:
            continue
        for position in range(len(table.rows)):
            if out[spec.name][position] is None and not _survey_only(job.spec, out, position):
                rows.blame(
                    position,
                    Fault(
                        "field_missing",
                        f"缺少{spec.title.zh}（{spec.name}）",
                        f"{spec.title.en} ({spec.name}) is missing",
                        f"列名可用：{'、'.join((spec.name, *spec.aliases))}"[:200],
                        f"the column may be called {', '.join((spec.name, *spec.aliases))}"[:200],
                        row=table.rows[position],
                        where=mapping.get(spec.name, ""),
                    ),
                )
    return out


def _survey_only(spec: LayerSpec, attributes: dict[str, list[Value]], position: int) -> bool:
    """Tell whether a row only says where was surveyed."""
    if spec.class_field is None or spec.surveyed_class is None:
        return False
    column = attributes.get(spec.class_field)
    return column is not None and column[position] == spec.surveyed_class


def _field_fault(error: BadValue, spec: FieldSpec, column: str, row: int) -> Fault:
    return Fault(
        error.code,
        f"{spec.title.zh}：{error.zh}",
        f"{spec.title.en}: {error.en}",
        "请更正该字段",
        "correct the field",
        where=column,
        row=row,
        value=error.value,
    )


def _check_codes(
    job: Job,
    table: RawTable,
    attributes: dict[str, list[Value]],
    rows: _Rows,
    shapes: NDArray[np.object_],
) -> None:
    """A bare land-use code means different things in different systems: a layer must say which."""
    for code_field, system_field in _CODE_FIELDS:
        if code_field not in attributes or system_field not in attributes:
            continue
        systems = attributes[system_field]
        for position in rows.good():
            code, system = attributes[code_field][position], systems[position]
            if not isinstance(code, str) or system is not None or job.catalogue.meaning(code, None):
                continue
            if code_field == "code":
                rows.blame(
                    position,
                    Fault(
                        "code_system_missing",
                        f"用地代码{code}缺代码体系（用地用海/三调/城市用地）",
                        f"land-use code {code} lacks its code system",
                        "请补充代码体系列",
                        "add the column with the code system",
                        row=table.rows[position],
                        value=code,
                    ),
                )
                continue
            systems[position] = _told_by_name(job.catalogue, code, _purpose(attributes, position))
            if systems[position] is None:
                table.notes.append(
                    f"第{table.rows[position]}行用地代码{code}缺代码体系 / "
                    f"row {table.rows[position]}: land-use code {code} lacks its code system"
                )


def _check_working_crs(job: Job, table: RawTable, attributes: dict[str, list[Value]], rows: _Rows) -> None:
    """What a zone is measured in must be a CRS that is admitted for that: every parcel of it would fail otherwise."""
    values = attributes.get(_WORKING_CRS, [])
    if not any(values):
        return
    admitted = set(codes((*job.jurisdiction.working_crs, *job.jurisdiction.projected_crs)))
    for position, value in enumerate(values):
        if value is not None and value not in admitted:
            listed = ", ".join(job.jurisdiction.working_crs)
            rows.blame(
                position,
                Fault(
                    "crs_not_admitted",
                    f"工作坐标系“{str(value)[:64]}”不可用，可用：{listed}",
                    f"{str(value)[:64]!r} is no CRS to measure in; there are {listed}",
                    "请改为可用的坐标系代码，或留空按经度确定",
                    "write one of these codes, or leave it empty: then the longitude decides",
                    row=table.rows[position],
                    where=_WORKING_CRS,
                    value=str(value)[:200],
                ),
            )


def _purpose(attributes: dict[str, list[Value]], position: int) -> str | None:
    value = attributes["purpose"][position] if "purpose" in attributes else None
    return value if isinstance(value, str) else None


def _told_by_name(catalogue: Catalogue, code: str, title: str | None) -> str | None:
    """Return the one code system in which a code has the name that stands beside it."""
    if title is None:
        return None
    found = [
        system.id
        for system in catalogue.code_systems.values()
        if code in system.codes and system.codes[code].zh in (title, title.removesuffix("用地"), f"{title}用地")
    ]
    return found[0] if len(found) == 1 else None


def _refuse_rows(job: Job, faults: list[Fault], stored: int, read: int) -> None:
    if not faults or job.purpose is Purpose.CHECK:
        return
    codes = {fault.code for fault in faults}
    if not stored and len(codes) == 1 and codes <= _WHOLE_FILE and len(faults) > 1:
        first = faults[0]
        raise InputError(
            replace(
                first,
                zh=f"{first.zh}，全部{len(faults)}行如此",
                en=f"{first.en}; so in all {len(faults)} rows",
                where=job.name,
                row=None,
                id=None,
            )
        )
    if not job.quarantine or not stored:
        raise RejectedRows(*(replace(fault, where=fault.where or job.name) for fault in faults), read=read)


def _refuse_far(job: Job, shapes: list[BaseGeometry | None], crs: str, table: RawTable) -> None:
    """Refuse a file that lies nowhere near a zone, or remark on it when nothing is stored."""
    located = [shape for shape in shapes if shape is not None]
    if not job.zones or job.anywhere or not located:
        return
    distance = placement.nearest_zone_m(located, crs, job.zones)
    limit = job.jurisdiction.zone_distance_max_m
    if distance <= limit:
        return
    zh = f"数据距最近的开发区{distance / 1000:.0f}公里，超过{limit / 1000:.0f}公里"
    en = f"the data lie {distance / 1000:.0f} km from the nearest zone, more than {limit / 1000:.0f} km"
    if job.purpose is Purpose.CHECK:
        table.warnings.append(f"{zh} / {en}")
        return
    raise InputError(
        Fault(
            "far_from_zones",
            zh,
            en,
            "请核对坐标系；确属本工作区时用 --anywhere",
            "check the CRS; use --anywhere when it does belong here",
            where=job.name,
        )
    )


def _total_area(shapes: list[BaseGeometry | None], crs: str, job: Job) -> float | None:
    areas = [shape for shape in shapes if shape is not None and shape.geom_type in {"Polygon", "MultiPolygon"}]
    return float(gate.areas_m2(areas, crs, job.jurisdiction).sum()) if areas else None


def _extent(job: Job, crs: str, warnings: list[str]) -> BaseGeometry | None:
    """Read the surveyed extent given beside the file, as one area in the CRS of the features; add what it warns of."""
    if job.extent is None:
        return None
    folder = job.folder / "extent"
    folder.mkdir()
    spec = LayerSpec(id="extent", title=job.spec.title, geometry=GeometryKind.POLYGON, group="")
    part = replace(
        job,
        spec=spec,
        name=job.extent.name,
        path=job.extent,
        data=None,
        folder=folder,
        crs=None,
        encoding=None,
        id_field=None,
        layer_name=None,
        extent=None,
        quarantine=False,
        anywhere=True,
    )
    source = _source(part)
    table = _table(part, source)
    table.columns, table.feature_ids = {}, None
    result = _vector(part, source, table)
    warnings.extend(f"{part.name}: {words}" for words in result.report.warnings)
    whole = shapely.union_all(shapely.from_wkb(list(result.wkb)))
    return project(whole, result.crs, crs)


def _grid(job: Job, source: Source) -> GridResult:
    file = source.on_disk()
    notes: list[str] = []
    if source.format is Format.ZIP:
        members, others = _members(source)
        tiffs = [member for member in members if member.suffix in {".tif", ".tiff"}]
        if len(tiffs) != 1:
            raise unreadable(
                job.name,
                f"压缩包内应有1个 GeoTIFF，实际{len(tiffs)}个",
                f"expected one GeoTIFF in the zip, found {len(tiffs)}",
                code="no_layers",
            )
        file = tiffs[0].file
        notes = _not_read(members, tiffs, others)
        if format_of(head_of(file), job.name) is not Format.GEOTIFF:
            raise unreadable(job.name, "不是 GeoTIFF", "not a GeoTIFF", code="unsupported_format")
    elif source.format is not Format.GEOTIFF:
        raise unreadable(
            job.name, "栅格图层应为 GeoTIFF", "a raster layer must be a GeoTIFF", code="wrong_geometry_kind"
        )
    grid = gdal.read_grid(file, job.name, job.folder)
    code, how, note = resolve(job.crs, grid.declared_crs, grid.crs_how, job.jurisdiction, job.name)
    _place_grid(job, grid, code)
    report = ImportReport(
        job.name,
        "GTiff",
        "",
        code,
        how,
        "",
        "",
        1,
        1,
        warnings=(*grid.warnings, *((note,) if note else ())),
        notes=(*grid.notes, *notes),
    )
    return GridResult(code, Path(grid.file).name, grid.transform, source.sha256, report)


def _place_grid(job: Job, grid: RawGrid, crs: str) -> None:
    x0, dx, _, y0, _, dy = grid.transform
    height, width = grid.shape
    frame = shapely.box(x0, y0 + dy * height, x0 + dx * width, y0)
    for _, fault in placement.misplaced([frame], [1], crs, job.jurisdiction):
        raise InputError(replace(fault, row=None, where=job.name))
    if job.zones and not job.anywhere:
        table = RawTable("", "", None, "", "", "", [], np.empty(0, dtype=object), {}, 0)
        _refuse_far(job, [frame], crs, table)
