"""Editions are named for what they hold, read back as they were stored, and never half there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import date
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from shapely.geometry import box

from geo_service.errors import NotFound, WorkspaceError
from geo_service.model.catalogue import FieldSpec, FieldType
from geo_service.model.layer import Features, Grid
from geo_service.model.text import Text
from geo_service.store import cog, editions
from geo_service.store.workspace import Workspace

from .conftest import CRS, MakeFeatures, X, Y, same


@pytest.fixture
def parcels(make_features: MakeFeatures) -> Features:
    return make_features(
        name=("示例地块二", None),
        registered_area_m2=(10000.0, None),
        planned_notice_on=(date(2026, 12, 1), None),
    )


def test_a_layer_reads_back_as_it_was_stored(workspace, parcels, make_report):
    edition = workspace.publish(parcels, make_report())
    again = Workspace.open(workspace.directory).layer_set().editions["parcels"]
    assert (again.name, again.sha256, again.edition_date) == (edition.name, edition.sha256, date(2026, 11, 18))
    assert same(again.data, parcels)
    assert again.data.value(0, "name") == "示例地块二"
    assert again.data.value(1, "name") is None
    assert again.data.value(0, "planned_notice_on") == date(2026, 12, 1)
    assert again.data.value(0, "land_use") is None


def test_an_id_stays_the_text_it_was(workspace, make_features, make_report):
    ids = ("0140400001002000300040005006", "１２", "CZGX-2024-001")
    workspace.publish(make_features(ids=ids), make_report(rows=3))
    features = Workspace.open(workspace.directory).layer_set().features("parcels")
    assert features.ids == ids
    assert tuple(features.value(row, "id") for row in range(3)) == ids


def test_every_type_of_field_survives(workspace, make_features, make_report):
    features = make_features()
    fields = tuple(FieldSpec(name=f"f_{type_}", title=Text("", ""), type=type_) for type_ in FieldType)
    columns = {
        "f_text": ("=1+1", ""),
        "f_number": (0.1, -0.0),
        "f_integer": (2**60 + 1, None),
        "f_boolean": (False, True),
        "f_date": (date(1999, 2, 28), None),
    }
    features = replace(features, spec=features.spec.model_copy(update={"fields": fields}), attributes=columns)
    edition = editions.write(workspace.directory, features, make_report())
    assert edition.data.attributes == columns
    assert [type(value) for value in edition.data.attributes["f_integer"]] == [int, type(None)]


def test_the_surveyed_extent_travels_with_the_layer(workspace, make_features, make_report):
    farmland = replace(make_features("farmland"), extent=box(X - 1000, Y - 1000, X + 5000, Y + 5000))
    workspace.publish(farmland, make_report("farmland"))
    extent = Workspace.open(workspace.directory).layer_set().features("farmland").extent
    assert extent.equals_exact(farmland.extent, 0)


def test_a_report_for_a_zone_version_needs_no_geometry(workspace, make_features, make_report):
    scopes = make_features("assessment_scopes", ids=("S1", "S2"), code=("EIA", "SWC"))
    assert scopes.spec.geometry_from
    geometries = scopes.geometries.copy()
    geometries[0] = None
    workspace.publish(replace(scopes, geometries=geometries), make_report("assessment_scopes"))
    stored = Workspace.open(workspace.directory).layer_set().features("assessment_scopes")
    assert stored.geometries[0] is None
    assert stored.geometries[1].area == pytest.approx(10000)


def test_same_content_has_the_same_name_and_bytes_in_two_workspaces(tmp_path, parcels, grid, make_report):
    one, two = Workspace.create(tmp_path / "1"), Workspace.create(tmp_path / "2")
    for data in (parcels, grid):
        first, second = one.publish(data, make_report(data.spec.id)), two.publish(data, make_report(data.spec.id))
        assert (first.name, first.sha256) == (second.name, second.sha256)
        assert first.name == f"{data.spec.id}@{first.sha256[:12]}"
        files = [editions.path(where.directory, first.name, data.spec) for where in (one, two)]
        assert files[0].read_bytes() == files[1].read_bytes()


def changed(features: Features, what: str) -> Features:
    geometries = features.geometries.copy()
    geometries[0] = shapely.transform(geometries[0], lambda xy: xy + np.array([0.001, 0.0]))
    return {
        "a millimetre": replace(features, geometries=geometries),
        "a name": replace(features, attributes={**features.attributes, "name": ("示例地块二", "")}),
        "an id": replace(features, ids=("P2", "P3")),
        "the order": replace(features, ids=("P1", "P2")),
        "the CRS": replace(features, crs="EPSG:4548"),
        "the date": replace(features, origin=replace(features.origin, edition_date=date(2026, 11, 19))),
        "the licence": replace(features, origin=replace(features.origin, licence="public")),
        "the extent": replace(features, extent=box(X, Y, X + 1, Y + 1)),
    }[what]


@pytest.mark.parametrize(
    "what", ["a millimetre", "a name", "an id", "the order", "the CRS", "the date", "the licence", "the extent"]
)
def test_other_content_has_another_name(workspace, parcels, make_report, what):
    first = workspace.publish(parcels, make_report())
    assert workspace.publish(changed(parcels, what), make_report()).name != first.name


def test_a_field_added_to_the_description_later_does_not_rename_an_edition(workspace, parcels, make_report):
    first = workspace.publish(parcels, make_report())
    spec = parcels.spec
    wider = spec.model_copy(update={"fields": (*spec.fields, FieldSpec(name="park", title=Text("园区", "Park")))})
    again = editions.read(editions.path(workspace.directory, first.name, spec), wider)
    assert again.name == first.name
    assert again.data.value(0, "park") is None


def test_a_field_of_another_type_asks_for_a_new_import(workspace, parcels, make_report):
    first = workspace.publish(parcels, make_report())
    fields = tuple(
        field.model_copy(update={"type": FieldType.NUMBER}) if field.name == "name" else field
        for field in parcels.spec.fields
    )
    spec = parcels.spec.model_copy(update={"fields": fields})
    with pytest.raises(WorkspaceError, match="import the layer again"):
        editions.read(editions.path(workspace.directory, first.name, spec), spec)


def test_the_newest_import_is_read_and_the_older_stays_for_replay(workspace, parcels, make_report):
    old = workspace.publish(parcels, make_report())
    new = workspace.publish(changed(parcels, "a millimetre"), make_report())
    assert workspace.layer_set().editions["parcels"].name == new.name
    replay = workspace.layer_set({"parcels": old.name})
    assert same(replay.features("parcels"), parcels)
    assert [(row.name, row.published) for row in workspace.editions()] == [(old.name, False), (new.name, True)]


def test_importing_the_same_again_changes_nothing(workspace, parcels, make_report):
    workspace.publish(parcels, make_report())
    before = workspace.editions(), workspace.register.audit()
    workspace.publish(parcels, make_report())
    assert (workspace.editions(), workspace.register.audit()) == before


def test_importing_an_older_content_again_makes_it_the_one_that_is_read(workspace, parcels, make_report):
    old = workspace.publish(parcels, make_report())
    workspace.publish(changed(parcels, "a name"), make_report())
    workspace.publish(parcels, make_report())
    assert workspace.layer_set().editions["parcels"].name == old.name
    assert len(workspace.editions()) == 2


def test_a_withdrawn_layer_is_missing_and_can_be_replayed(workspace, parcels, make_report):
    edition = workspace.publish(parcels, make_report())
    workspace.withdraw("parcels")
    assert workspace.layer_set().features("parcels") is None
    assert workspace.layer_set({"parcels": edition.name}).features("parcels") is not None
    with pytest.raises(NotFound, match="no published edition"):
        workspace.withdraw("parcels")


def test_replay_of_what_never_was_is_refused(workspace, parcels, make_report):
    edition = workspace.publish(parcels, make_report())
    with pytest.raises(NotFound, match="no edition"):
        workspace.layer_set({"parcels": "parcels@000000000000"})
    with pytest.raises(NotFound, match="no edition"):
        workspace.layer_set({"parcels": "../../etc/passwd"})
    with pytest.raises(NotFound, match="not of layer"):
        workspace.layer_set({"zones": edition.name})


def test_another_process_publishes_and_the_open_workspace_sees_it(workspace, parcels, make_report):
    reader = Workspace.open(workspace.directory)
    assert reader.layer_set().features("parcels") is None
    workspace.publish(parcels, make_report())
    first = reader.layer_set().features("parcels")
    assert first is reader.layer_set().features("parcels")


def test_the_import_report_comes_back_whole(workspace, parcels, make_report):
    report = make_report(warnings=("无 .cpg",), notes=("EPSG:4326 视同 4490",), area_m2=20000.0)
    workspace.publish(parcels, report)
    assert Workspace.open(workspace.directory).editions()[0].report == report


def test_geopandas_reads_the_file_with_its_crs(workspace, parcels, make_report):
    edition = workspace.publish(parcels, make_report())
    frame = geopandas.read_parquet(editions.path(workspace.directory, edition.name, parcels.spec))
    assert frame.crs.to_string() == CRS
    assert frame["id"].tolist() == ["P2", "P1"]
    assert frame.total_bounds.tolist() == [X, Y, X + 300, Y + 100]


def test_no_clock_enters_the_file(workspace, parcels, make_report):
    edition = workspace.publish(parcels, make_report())
    data = editions.path(workspace.directory, edition.name, parcels.spec).read_bytes()
    assert str(date.today().year).encode() + b"-" not in data.replace(b"2026-11-18", b"")  # noqa: DTZ011


# Rasters


def test_a_grid_reads_back_to_the_last_bit(workspace, grid, make_report):
    workspace.publish(grid, make_report("ground_elevation"))
    again = Workspace.open(workspace.directory).layer_set().grid("ground_elevation")
    assert np.array_equal(again.values, grid.values, equal_nan=True)
    assert (again.transform, again.crs, again.origin) == (grid.transform, grid.crs, grid.origin)


def test_the_grid_is_a_cloud_optimised_geotiff(workspace, grid, make_report):
    edition = workspace.publish(grid, make_report("ground_elevation"))
    with rasterio.open(editions.path(workspace.directory, edition.name, grid.spec)) as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.crs.to_epsg() == 4547
        assert np.isnan(source.nodata)
        assert source.profile["tiled"]


def test_a_small_grid_is_stored_too(workspace, grid, make_report):
    small = replace(grid, values=np.array([[1.0, np.nan]]))
    assert workspace.publish(small, make_report("ground_elevation")).data.values.shape == (1, 2)


def test_writing_a_grid_leaves_the_lock_of_the_register_alone(workspace, grid, tmp_path):
    """A register closed through GDAL's SQLite would lose our lock: another process could then write under us."""
    attempt = textwrap.dedent(
        f"""
        import sqlite3
        connection = sqlite3.connect({str(workspace.directory / editions.REGISTER)!r}, timeout=0.1)
        try:
            connection.execute("BEGIN IMMEDIATE")
            print("written")
        except sqlite3.OperationalError as error:
            print(error)
        """
    )

    def other() -> str:
        return subprocess.run(
            [sys.executable, "-c", attempt], capture_output=True, text=True, check=True
        ).stdout.strip()

    assert other() == "written"
    with workspace.register._database.writing():
        cog.write(grid, tmp_path / "grid.tif")
        cog.read(tmp_path / "grid.tif", grid.spec)
        assert other() == "database is locked"


def test_vector_layers_and_the_register_need_no_gdal(workspace, parcels, make_report):
    workspace.publish(parcels, make_report())
    program = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from geo_service.store.workspace import Workspace
        workspace = Workspace.open(Path({str(workspace.directory)!r}))
        assert len(workspace.layer_set().features("parcels")) == 2
        print(sorted({{"rasterio", "pyogrio", "fiona", "osgeo"}} & sys.modules.keys()))
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Damage


@pytest.mark.parametrize("kind", ["vector", "raster"])
def test_a_changed_byte_is_noticed_or_changes_nothing(workspace, parcels, grid, make_report, kind):
    data = parcels if kind == "vector" else replace(grid, values=grid.values[:30, :40])
    edition = workspace.publish(data, make_report(data.spec.id))
    file = editions.path(workspace.directory, edition.name, data.spec)
    whole = file.read_bytes()
    noticed = 0
    for at in range(0, len(whole), len(whole) // 97):
        content = bytearray(whole)
        content[at] ^= 0xFF
        file.write_bytes(content)
        try:
            found = editions.read(file, data.spec)
            assert found.sha256 == edition.sha256
            if isinstance(found.data, Grid):
                # A block is looked at when it is asked for.
                assert np.array_equal(found.data.values[:, :], data.values, equal_nan=True)
        except WorkspaceError as error:
            noticed += 1
            assert "restore it from a backup" in str(error)
    assert noticed > 30


@pytest.mark.parametrize("kind", ["vector", "raster"])
def test_an_exchanged_file_is_noticed(workspace, parcels, grid, make_report, kind):
    one = parcels if kind == "vector" else grid
    other = replace(one, origin=replace(one.origin, source_name="other"))
    first, second = workspace.publish(one, make_report(one.spec.id)), workspace.publish(other, make_report(one.spec.id))
    files = [editions.path(workspace.directory, edition.name, one.spec) for edition in (first, second)]
    files[1].write_bytes(files[0].read_bytes())
    with pytest.raises(WorkspaceError, match="not what its name says"):
        Workspace.open(workspace.directory).layer_set()


@pytest.mark.parametrize("kind", ["vector", "raster"])
def test_a_missing_or_cut_file_says_what_to_do_and_an_import_mends_it(workspace, parcels, grid, make_report, kind):
    data = parcels if kind == "vector" else grid
    edition = workspace.publish(data, make_report(data.spec.id))
    file = editions.path(workspace.directory, edition.name, data.spec)
    whole = file.read_bytes()
    for damage in (lambda: file.write_bytes(whole[: len(whole) // 2]), lambda: file.write_bytes(b""), file.unlink):
        damage()
        with pytest.raises(WorkspaceError, match="import it again"):
            Workspace.open(workspace.directory).layer_set()
    workspace.publish(data, make_report(data.spec.id))
    assert Workspace.open(workspace.directory).layer_set().editions[data.spec.id].sha256 == edition.sha256


@pytest.mark.parametrize(
    "window", [(slice(0, 10), slice(0, 10)), (slice(250, 300), slice(200, 420)), (slice(0, 0), slice(3, 9))]
)
def test_a_window_of_a_grid_is_what_was_written_there(workspace, grid, make_report, window):
    values = workspace.publish(grid, make_report("ground_elevation")).data.values
    for _ in range(2):
        assert np.array_equal(values[window], grid.values[window], equal_nan=True)


def test_a_damaged_block_is_noticed_where_it_is_needed_and_hurts_nobody_else(workspace, grid, make_report):
    edition = workspace.publish(grid, make_report("ground_elevation"))
    file = editions.path(workspace.directory, edition.name, grid.spec)
    with rasterio.open(file) as source:
        offset, size = (int(source.get_tag_item(f"BLOCK_{what}_1_0", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE"))
    content = bytearray(file.read_bytes())
    content[offset : offset + size] = bytes(size)
    file.write_bytes(content)
    values = Workspace.open(workspace.directory).layer_set().grid("ground_elevation").values
    west, north_east = (slice(100, 300), slice(0, 256)), (slice(100, 120), slice(250, 260))
    assert np.array_equal(values[west], grid.values[west], equal_nan=True)
    with pytest.raises(WorkspaceError, match="restore it from a backup"):
        values[north_east]


def test_a_tif_that_is_something_else_is_not_followed(workspace, grid, make_report, tmp_path):
    edition = workspace.publish(grid, make_report("ground_elevation"))
    file = editions.path(workspace.directory, edition.name, grid.spec)
    copy = tmp_path / "secret.tif"
    copy.write_bytes(file.read_bytes())
    file.write_text(f'<VRTDataset rasterXSize="1" rasterYSize="1"><SourceFilename>{copy}</SourceFilename></VRTDataset>')
    with pytest.raises(WorkspaceError, match="damaged"):
        Workspace.open(workspace.directory).layer_set()


def test_leftovers_of_a_broken_off_import_are_removed(workspace, parcels, make_report):
    edition = workspace.publish(parcels, make_report())
    folder = workspace.directory / editions.FOLDER
    for name in ("parcels.partial", "ground_elevation.partial.ovr.tmp"):
        (folder / name).write_bytes(b"half")
    again = Workspace.open(workspace.directory)
    assert not list(folder.glob("*.partial*"))
    assert again.layer_set().editions["parcels"].name == edition.name


def test_an_import_killed_at_any_moment_leaves_the_old_or_the_new(tmp_path, workspace, parcels, make_report):
    old = workspace.publish(parcels, make_report())
    program = textwrap.dedent(
        f"""
        import sys, shapely
        from dataclasses import replace
        from pathlib import Path
        from geo_service.store.workspace import Workspace
        workspace = Workspace.open(Path({str(workspace.directory)!r}))
        row = workspace.editions()[0]
        data = workspace.layer_set().features("parcels")
        print("go", flush=True)
        for n in range(10_000):
            moved = replace(data, geometries=shapely.transform(data.geometries, lambda xy: xy + n))
            print(workspace.publish(moved, row.report).name, flush=True)
        """
    )
    acknowledged: list[str] = [old.name]
    for delay in (0.01, 0.03, 0.08, 0.15):
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "go\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(delay)
        os.kill(child.pid, signal.SIGKILL)
        acknowledged += child.stdout.read().split()
        child.wait()
        child.stdout.close()
        again = Workspace.open(workspace.directory)
        names = [row.name for row in again.editions()]
        assert set(acknowledged) <= set(names)
        assert again.layer_set().features("parcels") is not None
        assert sum(row.published for row in again.editions()) == 1
        assert not list((workspace.directory / editions.FOLDER).glob("*.partial*"))


def test_a_full_disk_leaves_nothing_under_the_final_name(workspace, make_features, make_report):
    """The size limit of a process stands in for a full disk: both end a write in the middle."""
    small = workspace.publish(make_features(), make_report())
    program = textwrap.dedent(
        f"""
        import resource, signal
        from dataclasses import replace
        from pathlib import Path
        import numpy as np
        from geo_service.store.workspace import Workspace
        workspace = Workspace.open(Path({str(workspace.directory)!r}))
        data = workspace.layer_set().features("parcels")
        n = 20_000
        rng = np.random.default_rng(1)
        import shapely
        xy = rng.uniform(0, 1000, (n, 2))
        big = replace(data, ids=tuple(f"P{{i}}" for i in range(n)), attributes={{}},
                      geometries=shapely.box(xy[:, 0], xy[:, 1], xy[:, 0] + 9.7, xy[:, 1] + 9.3))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        try:
            workspace.publish(big, workspace.editions()[0].report)
        except OSError as error:
            print("refused")
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "refused"
    again = Workspace.open(workspace.directory)
    assert again.layer_set().editions["parcels"].name == small.name
    folder = workspace.directory / editions.FOLDER
    assert {file.name for file in folder.iterdir()} == {f"{small.name}.parquet", editions.LOCK}


def test_what_the_file_says_beside_the_standard(workspace, parcels, make_report):
    import pyarrow.parquet as pq

    edition = workspace.publish(parcels, make_report())
    metadata = pq.read_schema(editions.path(workspace.directory, edition.name, parcels.spec)).metadata
    own = json.loads(metadata[b"geo_service"])
    assert own["layer"] == "parcels"
    assert own["crs"] == CRS
    assert own["origin"]["source_name"] == "宗地.gpkg"
    assert set(metadata) == {b"geo", b"geo_service"}


def test_a_grid_and_features_are_told_apart_by_the_layer(grid, catalogue):
    assert isinstance(grid, Grid)
    assert editions.path(Path("w"), "ground_elevation@1", grid.spec).suffix == ".tif"
    assert editions.path(Path("w"), "parcels@1", catalogue.layers["parcels"]).suffix == ".parquet"
