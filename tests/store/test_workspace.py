"""A workspace is one folder: made once, opened again as it was, refused when it is something else."""

from __future__ import annotations

import shutil
import threading
from datetime import date

import pytest

from geo_service.errors import CatalogueError, RulebookError, WorkspaceError
from geo_service.store import editions
from geo_service.store.definitions import bundled
from geo_service.store.lock import exclusive
from geo_service.store.workspace import Workspace


def test_reopening_gives_the_same(workspace, catalogue, rulebook):
    again = Workspace.open(workspace.directory)
    assert again.as_of == date(2026, 12, 1)
    assert again.catalogue == catalogue
    assert again.rulebook == rulebook
    assert {entry.name for entry in workspace.directory.iterdir()} == {
        "workspace.toml",
        "register.sqlite",
        "register.sqlite.lock",
        "editions",
    }


def test_no_date_is_no_date(tmp_path):
    assert Workspace.create(tmp_path / "ws").as_of is None


def test_init_twice_is_harmless(workspace):
    register = workspace.register
    register.note("a", "b")
    again = Workspace.create(workspace.directory)
    assert again.as_of == date(2026, 12, 1)
    assert len(again.register.audit()) == 1


def test_init_with_other_settings_is_refused(workspace):
    with pytest.raises(WorkspaceError, match="other settings"):
        Workspace.create(workspace.directory, as_of=date(2027, 1, 1))


def test_an_empty_folder_will_do(tmp_path):
    (tmp_path / "volume").mkdir()
    Workspace.create(tmp_path / "volume")


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_holds_something_else_is_left_alone(tmp_path, kind):
    place = tmp_path / "documents"
    if kind == "folder":
        place.mkdir()
        (place / "合同.docx").write_text("x")
    else:
        place.write_text("x")
    with pytest.raises(WorkspaceError, match="choose another folder"):
        Workspace.create(place)
    assert (place / "合同.docx" if kind == "folder" else place).read_text() == "x"


def test_no_workspace_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(WorkspaceError, match="geo-service init"):
        Workspace.open(tmp_path / "nowhere")


def test_a_newer_schema_is_refused_whatever_else_it_holds(workspace):
    file = workspace.directory / "workspace.toml"
    file.write_text("schema = 2\nshards = 4\n")
    with pytest.raises(WorkspaceError, match="upgrade"):
        Workspace.open(workspace.directory)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "schema = 0\ncatalogue = 'bundled'\nrulebook = 'bundled'",
        "schema = 1\ncatalogue = 'bundled'",
        "schema = 1\ncatalogue = '/etc'\nrulebook = 'bundled'",
        "schema = 1\ncatalogue = 'bundled'\nrulebook = 'bundled'\ncolour = 'red'",
        "schema = 'one'\ncatalogue = 'bundled'\nrulebook = 'bundled'",
        "schema = ",
    ],
)
def test_a_damaged_description_is_refused(workspace, text):
    (workspace.directory / "workspace.toml").write_text(text)
    with pytest.raises(WorkspaceError, match=r"workspace\.toml"):
        Workspace.open(workspace.directory)


@pytest.mark.parametrize("content", [None, b"", b"not a database at all" * 100])
def test_a_damaged_register_asks_for_the_backup(workspace, content):
    register = workspace.directory / "register.sqlite"
    register.unlink()
    if content is not None:
        register.write_bytes(content)
    with pytest.raises(WorkspaceError, match="restore it from a backup"):
        Workspace.open(workspace.directory)


def test_a_workspace_may_bring_its_own_definitions(tmp_path, catalogue):
    layers, assessments = bundled()
    own = shutil.copytree(layers, tmp_path / "own")
    text = (own / "goaf.toml").read_text(encoding="utf-8")
    (own / "goaf.toml").write_text(text + '\n[[fields]]\nname = "seam"\ntitle = {zh = "煤层", en = "Seam"}\n', "utf-8")
    workspace = Workspace.create(tmp_path / "ws", layers_dir=own, assessments_dir=assessments)
    shutil.rmtree(own)
    again = Workspace.open(workspace.directory)
    assert again.catalogue.layers["goaf"].field("seam") is not None
    assert catalogue.layers["goaf"].field("seam") is None
    assert again.rulebook.edition


def test_wrong_definitions_make_no_workspace(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "goaf.toml").write_text("id = 3")
    with pytest.raises(CatalogueError):
        Workspace.create(tmp_path / "ws", layers_dir=tmp_path / "bad")
    with pytest.raises(RulebookError):
        Workspace.create(tmp_path / "ws", assessments_dir=tmp_path / "bad")
    assert not (tmp_path / "ws").exists()


def test_a_layer_the_catalogue_lost_is_named(tmp_path, make_features, make_report):
    own = shutil.copytree(bundled()[0], tmp_path / "own")
    workspace = Workspace.create(tmp_path / "ws", layers_dir=own)
    workspace.publish(make_features("soil"), make_report("soil"))
    (workspace.directory / "layers" / "soil.toml").unlink()
    again = Workspace.open(workspace.directory)
    with pytest.raises(WorkspaceError, match="no longer has soil"):
        again.layer_set()
    again.withdraw("soil")
    assert not again.layer_set().editions


def test_opening_during_an_import_leaves_its_file_alone(workspace):
    folder = workspace.directory / editions.FOLDER
    with exclusive(folder / editions.LOCK, 1):
        (folder / "parcels.partial").write_bytes(b"half")
        Workspace.open(workspace.directory)
        assert (folder / "parcels.partial").exists()


def test_a_second_writer_waits_and_then_says_so(tmp_path):
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with exclusive(tmp_path / "lock", 1):
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    with pytest.raises(WorkspaceError, match="try again"), exclusive(tmp_path / "lock", 0.05):
        pass
    leave.set()
    with exclusive(tmp_path / "lock", 5):
        pass
    holder.join()
