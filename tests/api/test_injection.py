"""What is asked for is looked for as it is written: it is no part of a statement, of a pattern or of a program."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import shapely
from openpyxl import load_workbook

from geo_service.api.app import create_app
from geo_service.model.access import Role
from geo_service.projection import lon_lat
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests import world
from tests.api.serving import AS_OF, OPEN, Served, build, report_of, running

GEOJSON = {"Content-Type": "application/geo+json"}
INJECTED = (
    # Ends of a literal, and a condition that always or never holds.
    "' OR '1'='1",
    "' OR '1'='1' -- -",
    "' OR '1'='1' /*",
    "') OR ('1'='1",
    "')) OR (('1'='1",
    '" OR "1"="1',
    '") OR ("1"="1" -- ',
    "` OR `1`=`1",
    "] OR [1]=[1",
    "1 OR 1=1",
    "1) OR (1=1",
    "P' AND 8462=8462 AND 'a'='a",
    "P' AND 8462=8463 AND 'a'='a",
    "P' AND ASCII(SUBSTR((SELECT digest FROM keys LIMIT 1),1,1))>64 -- ",
    "P'/**/OR/**/'x'/**/LIKE/**/'x",
    "P'||'",
    "P' || (SELECT '') || '",
    "\\' OR 1=1 -- ",
    "\\",
    "'",
    '"',
    "';",
    # A second statement.
    "'; DROP TABLE editions;--",
    "'; DROP TABLE editions;--\x00",
    "1; DELETE FROM claims",
    "'; UPDATE keys SET role='admin';--",
    "'; INSERT INTO audit(action) VALUES ('x');--",
    "'; ATTACH DATABASE 'attached.sqlite' AS a; CREATE TABLE a.b(c);--",
    "'; PRAGMA writable_schema=ON;--",
    "'; VACUUM INTO 'copied.sqlite';--",
    "'; COPY parcels TO PROGRAM 'id';--",
    "'; EXEC xp_cmdshell('id');--",
    # Another table beside.
    "' UNION SELECT NULL,NULL,NULL--",
    "%' ESCAPE '!' UNION SELECT sql FROM sqlite_master --",
    "' UNION ALL SELECT digest,2,3 FROM keys#",
    "-1 UNION SELECT 1,load_extension('x.so')",
    "') ORDER BY 99--",
    "P' GROUP BY 1 HAVING 1=1--",
    # Functions of a database that take long, fill its memory, or tell by an error.
    'x"||(SELECT hex(zeroblob(1000000000)))||"',
    "' AND 1=LIKE('ABCDEFG',UPPER(HEX(RANDOMBLOB(500000000/2)))) --",
    "'; SELECT pg_sleep(30);--",
    "' AND SLEEP(30)#",
    "'; WAITFOR DELAY '0:0:30'--",
    "' AND EXTRACTVALUE(1,CONCAT(0x5c,(SELECT version()))) -- ",
    "' AND 1=CAST((SELECT version()) AS integer) -- ",
    # As filters of other servers were answered with; signs that a folding or a second decoding makes into others.
    "strStartsWith(name,'x'') = true and 1=(SELECT CAST((SELECT version()) AS integer)) -- ') = true",
    "exec(java.lang.Runtime.getRuntime(),'touch x')",
    "__import__('os').system('touch x')",
    "＇ OR １＝１ －－ {{7*7}}${7*7}",
    "%27%20OR%20%271%27%3D%271",
)
#: A tenth of all questions is asked every time, another of each parameter and each text; all of them where CI runs.
PARTS = 10
REAL = {
    "parcel_id": "P",
    "collection_id": "parcels",
    "feature_id": "P",
    "tms": "WebMercatorQuad",
    "zoom": "0",
    "row": "0",
    "col": "0",
}


@dataclass(frozen=True)
class Asked:
    """A server over parcels of which each is called like one of the texts, and a key for every role that reads."""

    served: Served
    workspace: Workspace
    auditor: dict[str, str]
    #: Properties by id, by collection.
    all: dict[str, dict[str, dict[str, Any]]]

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.served.get(path, params=query, headers=self.auditor if path == "/audit" else {})


@pytest.fixture(scope="module")
def asked(tmp_path_factory, catalogue_dir) -> Iterator[Asked]:
    workspace = build(tmp_path_factory.mktemp("injected") / "ws", catalogue_dir)
    common = {"zone": "Z", "land_use": "100102", "land_use_system": "landsea_2023", "project_type": "通用设备制造"}
    rows = [
        {"id": f"I-{place:02}", "name": text, "geometry": world.box(60 * place, 400, 60 * place + 50, 450), **common}
        for place, text in enumerate(INJECTED)
    ]
    parcels = world.features("parcels", [{"id": "P", "geometry": world.box(*world.PARCEL), **common}, *rows])
    data = replace(parcels.data, spec=workspace.catalogue.layers["parcels"])
    workspace.publish(data, report_of(data))
    key, _ = workspace.keys.add(Role.AUDITOR, None, "test", 1, datetime.now(UTC))
    service = Service(workspace, lambda: AS_OF)
    with running(create_app(service, policy=OPEN), service) as served:
        everything = {
            name: {
                one["id"]: one["properties"]
                for one in served.get(f"/collections/{name}/items?limit=1000").json()["features"]
            }
            for name in ("parcels", "verdicts", "assessment_scopes")
        }
        yield Asked(served, workspace, {"Authorization": f"Bearer {key}"}, everything)


def parameters(asked: Asked) -> Iterator[tuple[str, str]]:
    """Every path and every parameter of its query; of many alike one."""
    for path, operations in asked.served.get("/api").json()["paths"].items():
        own = path.split("/")[2] if path.startswith("/collections/") else ""
        if "get" not in operations or own not in ("", "{collection_id}", "verdicts", "assessment_scopes"):
            continue
        for parameter in operations["get"].get("parameters", ()):
            name = parameter["name"]
            if parameter["in"] == "query" and ("_" not in name or name.startswith("SWC_") or name.islower()):
                yield path.format_map(REAL), name


def stored(workspace: Workspace) -> dict[str, str]:
    """Digests of all that is in the register, and of every file of every edition."""
    with closing(sqlite3.connect(workspace.directory / "register.sqlite")) as opened:
        found = {"register": hashlib.sha256("\n".join(opened.iterdump()).encode()).hexdigest()}
    for file in sorted((workspace.directory / "editions").rglob("*")):
        if file.is_file():
            found[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def ids(answer: httpx.Response) -> list[str]:
    return [one["id"] for one in answer.json()["features"]]


def literal(asked: Asked, path: str, name: str, text: str, answer: httpx.Response) -> bool:
    """Tell whether an answer is that to a text which means nothing but itself."""
    if path == "/parcels" or path.endswith("/items"):
        rows = asked.all["verdicts" if path == "/parcels" else path.split("/")[2]]
        if name == "after":
            expected = sorted(id_ for id_ in rows if id_ > text)
            return ids(answer) == expected[: answer.json()["numberReturned"]]
        return ids(answer) == sorted(id_ for id_, row in rows.items() if name in row and row[name] == text)
    if path == "/map/list":
        return found_by_search(asked, text) == [row["id"] for row in answer.json()["rows"]]
    if path == "/map/list.xlsx":
        sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
        return found_by_search(asked, text) == [row[0] for row in sheet.iter_rows(2, values_only=True)]
    if name == "project_type":
        record = answer.json()
        plain = asked.get(path, **{name: "none"}).json()
        own, other = record.pop("parcel"), plain.pop("parcel")
        record["provenance"].pop("digest"), plain["provenance"].pop("digest")
        return record == plain and own == other | {"project_type": text}
    if path == "/sign-in":
        return 'name="after" value="/map"' in answer.text
    return False


def found_by_search(asked: Asked, text: str) -> list[str]:
    """Ids of parcels in whose name a text stands, whatever its blanks, its case and the width of its signs."""
    folded: Callable[[str], str] = lambda words: "".join(  # noqa: E731
        chr(ord(one) - 0xFEE0) if "！" <= one <= "～" else one for one in words.lower() if not one.isspace()
    )
    return sorted(id_ for id_, row in asked.all["parcels"].items() if folded(text) in folded(row["name"] or ""))


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, PARTS))], ids=str
)
def test_what_is_asked_for_is_never_part_of_a_statement(asked, part):
    before, counted = stored(asked.workspace), {"refused": 0, "literal": 0}
    for number, (path, name) in enumerate(parameters(asked)):
        for place, text in enumerate(INJECTED):
            if (number + place) % PARTS != part:
                continue
            answer = asked.get(path, **{name: text})
            if answer.status_code == 200:
                assert literal(asked, path, name, text, answer), (path, name, text, answer.text[:300])
            else:
                assert answer.status_code in (400, 404, 422), (path, name, text, answer.text[:300])
            counted["literal" if answer.status_code == 200 else "refused"] += 1
    assert counted["literal"] > 70 and counted["refused"] > 300, counted
    assert stored(asked.workspace) == before


def test_what_is_really_called_so_is_found_and_nothing_else(asked):
    found = 0
    for place, text in enumerate(INJECTED):
        condition = {"op": "=", "args": [{"property": "name"}, text]}
        quoted = text.replace("'", "''")
        filters = [{"filter": json.dumps(condition), "filter-lang": "cql2-json"}]
        # A backslash before a quote makes another text of it in that language.
        filters += [{"filter": f"name = '{quoted}'"}] if "\\" not in text else []
        for query in ({"name": text}, *filters):
            answer = asked.get("/collections/verdicts/items", **query)
            if "filter" in query and answer.status_code == 400:
                # Three signs one after the other are refused wherever they stand.
                assert "---" in text.replace(" ", ""), query
                continue
            assert (answer.status_code, ids(answer)) == (200, [f"I-{place:02}"]), (query, answer.text[:300])
            found += 1
    assert found > 120


def test_what_is_asked_for_beside_a_boundary_is_never_part_of_a_statement(asked):
    before = stored(asked.workspace)
    body = shapely.to_geojson(lon_lat(world.box(*world.PARCEL), world.CRS))
    expected = {"zone": 422, "crs": 422, "assessments": 400, "project_type": 200}
    for number, (name, status) in enumerate(expected.items()):
        for text in INJECTED[number :: 2 * len(expected)]:
            answer = asked.served.client.post("/check", params={name: text}, content=body, headers=GEOJSON)
            assert answer.status_code == status, (name, text, answer.text[:300])
    assert stored(asked.workspace) == before
