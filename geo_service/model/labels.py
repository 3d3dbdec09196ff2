"""Chinese and English names of wire values that stand inside sentences."""

from __future__ import annotations

from geo_service.model.enums import Design, Effect, NoDataReason
from geo_service.model.register import ClaimKind
from geo_service.model.text import Text

REASONS = {
    NoDataReason.LAYER_MISSING: Text("未导入该图层", "layer not imported"),
    NoDataReason.WITHHELD: Text("涉密/敏感，未提供", "withheld"),
    NoDataReason.STALE: Text("资料已过时", "data out of date"),
    NoDataReason.FAILED: Text("计算未完成", "measuring did not finish"),
    NoDataReason.OUTSIDE_SURVEYED_EXTENT: Text("超出资料覆盖范围", "outside the surveyed extent"),
    NoDataReason.PARTLY_SURVEYED: Text("部分超出资料覆盖范围", "partly outside the surveyed extent"),
    NoDataReason.ATTRIBUTE_MISSING: Text("缺属性", "attribute missing"),
    NoDataReason.NO_CLAIM: Text("缺证明材料", "no supporting document"),
    NoDataReason.NO_DOCUMENT: Text("缺文号", "no document number"),
}

EFFECTS = {
    Effect.REPLACES: Text("单项不再开展", "no separate assessment"),
    Effect.SIMPLIFIES: Text("单项仍须办理，可简化", "still needed for the project, simplified"),
    Effect.COMMITMENT: Text("承诺/登记备案", "commitment or filing"),
    Effect.PARAMETERS_ONLY: Text("仅提供设计参数", "design parameters only"),
}

CLAIM_KINDS = {
    ClaimKind.PERMANENT: Text("永久", "permanent"),
    ClaimKind.TEMPORARY: Text("临时", "temporary"),
}

DESIGNS = {
    Design.PLATFORMS: Text("台地设计标高", "platform levels"),
    Design.RASTER: Text("设计标高面", "design surface"),
    Design.NONE: Text("无设计标高", "no design levels"),
}
