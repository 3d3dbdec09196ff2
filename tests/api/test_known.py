"""What is known: layers, editions, assessments, rules."""

from __future__ import annotations


def test_every_layer_of_the_catalogue_is_listed_with_its_edition(served, service):
    found = {entry["id"]: entry for entry in served.get("/layers").json()["layers"]}
    assert set(found) == set(service.catalogue.layers)
    zones = found["zones"]
    assert zones["title"] == {"zh": "开发区范围", "en": "Development zone"}
    assert zones["edition"]["features"] == 1
    assert zones["edition"]["edition_date"] == "2026-11-18"
    assert found["flood_depth"]["edition"] is None and not found["flood_depth"]["imported"]
    assert "holder" not in [field["name"] for field in found["parcels"]["fields"]]
    for link in zones["links"]:
        assert served.get(link["href"]).status_code == 200


def test_an_edition_tells_of_its_import(served, service):
    name = service.layers.editions["parcels"].name
    body = served.get(f"/editions/{name}").json()
    assert (body["id"], body["layer"], body["published"]) == (name, "parcels", True)
    report = body["report"]
    assert report["read"] == report["stored"] + len(report["rejected"]) + report["deleted"] == 30


def test_assessments_come_in_the_order_of_the_record(served):
    listed = served.get("/assessments").json()["assessments"]
    record = served.get("/parcels/P/assessment").json()["assessments"]
    assert [entry["code"] for entry in listed] == [entry["code"] for entry in record]
    for entry in listed:
        assert entry["title"]["zh"] and entry["title"]["en"]
        assert entry["reports"] == 1
        for version in entry["versions"]:
            assert version["since"] and version["basis"] and version["confidence"]


def test_the_rulebook_holds_every_rule_of_the_record(served):
    answer = served.get("/rulebook")
    rules = answer.json()
    record = served.get("/parcels/P/assessment").json()
    assert rules["sha256"] == record["provenance"]["rulebook"]["sha256"]
    codes = [entry["code"] for entry in rules["constraints"]]
    assert [entry["code"] for entry in record["constraints"]] == [
        code for code in codes if code in {entry["code"] for entry in record["constraints"]}
    ]
    assert rules["decision"]["no_data"]["blocking"] == "undetermined"
    assert rules["standards"]["santong_yiping"]["required"] == ["WATER", "POWER", "ROAD"]
    again = served.get("/rulebook", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
