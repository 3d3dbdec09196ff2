"""Words for wire values, Chinese first. Data only: what a planner reads instead of a machine name."""

from __future__ import annotations

from geo_service.model.text import Text

STATUS = {
    "ready": Text("具备条件", "Ready (on these data)"),
    "conditional": Text("附条件具备", "Conditional"),
    "not_ready": Text("不具备条件", "Not ready"),
    "undetermined": Text("资料不足", "Undetermined"),
}
STATUS_FULL = {
    "ready": Text("具备供应条件", "Ready to list, on these data"),
    "conditional": Text("附条件具备", "Conditional"),
    "not_ready": Text("暂不具备供应条件", "Not ready"),
    "undetermined": Text("资料不足，暂不能判定", "Undetermined: data missing"),
}
BOUNDARY_SENSITIVE = Text("边界临界", "Boundary-sensitive")
FORCED = Text("未达条件强制导出", "Exported by force, conditions not met")
SYNTHETIC = Text("演示数据", "synthetic demo data")

ASSESSMENT = {
    "covered": Text("已覆盖", "Covered"),
    "partly_covered": Text("部分覆盖", "Partly covered"),
    "not_covered": Text("未覆盖", "Not covered"),
    "waived": Text("免做", "Waived"),
    "expired": Text("已过有效期", "Expired"),
    "pending": Text("编制/评审中（未批复）", "In preparation or review (not approved)"),
    "excluded": Text("本类项目不适用区域成果", "Not for this project type"),
    "not_required": Text("依规无需开展", "Not required by rule"),
    "no_data": Text("无资料", "No data"),
}
# A result for a whole zone applies or does not; it has no outline of its own to lie under.
ASSESSMENT_ZONE_WIDE = ASSESSMENT | {
    "covered": Text("适用", "Applies"),
    "partly_covered": Text("部分适用", "Applies in part"),
    "not_covered": Text("不适用", "Does not apply"),
}
ZONE_WIDE = Text("全区性", "zone-wide")
CONSTRAINT = {
    "avoid": {"clear": Text("未涉及", "Not touched"), "affected": Text("涉及", "Touched")},
    "contain": {
        "clear": Text("全部位于范围内", "Wholly inside"),
        "affected": Text("部分超出/位于范围外", "Partly or wholly outside"),
    },
    "match": {"clear": Text("一致", "Agrees"), "affected": Text("不一致", "Differs")},
}
CONSTRAINT_ANY = {
    "review": Text("待勘测核定", "For a surveyor to settle"),
    "no_data": Text("无资料", "No data"),
}
SERVICE = {
    "met": Text("已通", "Connected"),
    "partial": Text("已通，容量不足", "Connected, capacity short"),
    "planned": Text("在建/已列计划", "Under construction or planned"),
    "not_met": Text("未通", "Not connected"),
    "unknown": Text("情况不明", "Unknown"),
    "review": Text("证明与数据不一致", "Claim and data contradict"),
}
LEVEL = {
    "met": Text("已平整", "Levelled"),
    "partial": Text("部分平整", "Partly levelled"),
    "not_met": Text("未平整", "Not levelled"),
    "unknown": Text("情况不明", "Unknown"),
    "review": Text("证明与地形数据不一致", "Claim and terrain contradict"),
}
INDICATOR = {
    "set": Text("已设定且符合", "Set, meets the standard"),
    "below_standard": Text("低于准入标准", "Below the entry standard"),
    "missing": Text("未设定", "Not set"),
    "no_standard": Text("无准入标准", "No entry standard"),
}
SEVERITY = {
    "blocking": Text("前置必备", "Blocking"),
    "conditional": Text("附条件", "Conditional"),
    "info": Text("提示", "Note"),
}
STAGE = {
    "before_notice": Text("公告前必办", "Before notice"),
    "in_notice": Text("写入公告/须知", "In the notice"),
    "in_contract": Text("写入合同", "In the contract"),
    "before_start": Text("开工前由企业办理", "By the buyer, before start"),
}
KIND = {"permanent": Text("永久", "permanent"), "temporary": Text("临时", "temporary")}
SERVICE_NAME = {
    "ROAD": Text("通路", "Road"),
    "POWER": Text("通电", "Power"),
    "WATER": Text("通水（给水）", "Water"),
    "SEWER": Text("污水", "Sewer"),
    "RAIN": Text("雨水", "Rain drain"),
    "TELECOM": Text("通信", "Telecom"),
    "GAS": Text("燃气", "Gas"),
    "HEAT": Text("供热（蒸汽）", "Heat (steam)"),
    "CATV": Text("有线电视", "Cable TV"),
    "POST": Text("邮政", "Post"),
    "INTERNET": Text("宽带", "Broadband"),
    "LEVEL": Text("场地平整", "Levelling"),
}
READINESS = {
    True: Text("各项均已具备", "All in place"),
    False: Text("未全部具备", "Not all in place"),
    None: Text("情况不明", "Unknown"),
}

# What a planner reads first: constraint code and its name in the list of preconditions. ``None`` is on paper only.
ON_PAPER = Text("人工核对", "check on paper")

# How the CRS of a file is known.
CRS_HOW = {
    "declared": Text("文件写明", "as the file says"),
    "header": Text("文件头写明", "as its head says"),
    "option": Text("您选定", "as you chose"),
    "prefix": Text("由横坐标带号判定", "by the zone before the easting"),
    "default": Text("按格式规定", "as the format has it"),
}
# Parts of the units in which indicators are given; the rules write them in Chinese.
UNIT_PARTS = {"万元": "10 000 CNY", "亩": "mu", "公顷": "ha", "㎡": "m²", "吨标煤": "tce", "吨": "t", "年": "year"}

SECTION = {
    "todo": Text("公告前必办", "To do before notice"),
    "conditions": Text("写入公告和合同的条件", "Conditions for notice and contract"),
    "missing": Text("资料不足", "Data missing"),
    "preconditions": Text("供地前提", "Preconditions"),
    "assessments": Text("区域评估（7+N）", "Regional assessments"),
    "readiness": Text("通平条件", "Infrastructure"),
    "indicators": Text("控制性指标", "Control indicators"),
    "constraints": Text("管控要素", "Constraints"),
    "papers": Text("供地要件（人工核对）", "Papers (checked by hand)"),
    "determinations": Text("人工认定", "Determinations"),
    "provenance": Text("数据版次与规则", "Data editions and rules"),
}

GROUP = {
    "zone": Text("区划", "Zones"),
    "parcel": Text("地块", "Parcels"),
    "assessment": Text("区域评估范围", "Assessment scopes"),
    "constraint": Text("管控要素", "Constraints"),
    "infrastructure": Text("基础设施", "Infrastructure"),
    "terrain": Text("地形与竖向", "Terrain"),
    "context": Text("背景", "Context"),
}
EXTENTS = Text("资料覆盖范围", "Surveyed extents")
