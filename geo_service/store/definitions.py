"""Catalogue and rulebook from TOML, checked whole before anything is judged by them."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

import geo_service
from geo_service.errors import CatalogueError, RulebookError
from geo_service.model.catalogue import Catalogue, CodeSystem, FieldSpec, GeometryKind, LayerSpec
from geo_service.model.enums import (
    ASSESSMENT_OUTCOMES,
    CONSTRAINT_OUTCOMES,
    INDICATOR_OUTCOMES,
    LEVEL_OUTCOMES,
    SERVICE_OUTCOMES,
    Cell,
    Kind,
    NoDataReason,
    Outcome,
    Severity,
)
from geo_service.model.rulebook import (
    AssessmentRule,
    ConstraintRule,
    IndicatorRule,
    LevelRule,
    Match,
    Rulebook,
    ServiceRule,
    Version,
    Words,
)
from geo_service.model.speech import PLACEHOLDERS
from geo_service.model.text import Text
from geo_service.store.digest import digest

M = TypeVar("M", bound=BaseModel)

EVERY_SEVERITY = tuple(Severity)
REQUIRED_OR_NOT = (Severity.BLOCKING, Severity.CONDITIONAL)
ASKED_OR_NOT = (Severity.BLOCKING, Severity.INFO)
OUTCOMES: dict[str, tuple[tuple[Outcome, ...], tuple[Severity, ...]]] = {
    "assessment": (ASSESSMENT_OUTCOMES, REQUIRED_OR_NOT),
    "constraint_avoid": (CONSTRAINT_OUTCOMES, EVERY_SEVERITY),
    "constraint_contain": (CONSTRAINT_OUTCOMES, EVERY_SEVERITY),
    "constraint_match": (CONSTRAINT_OUTCOMES, EVERY_SEVERITY),
    "constraint_parcel": (CONSTRAINT_OUTCOMES, EVERY_SEVERITY),
    "service": (SERVICE_OUTCOMES, ASKED_OR_NOT),
    "level": (LEVEL_OUTCOMES, ASKED_OR_NOT),
    "indicator": (INDICATOR_OUTCOMES, ASKED_OR_NOT),
}
REMARKS: dict[str, tuple[str, ...]] = {
    "assessment": ("noise", "shown_use"),
    "constraint_avoid": ("converted", "noise"),
    "constraint_contain": ("noise", "pending_adjustment"),
    "constraint_match": ("noise",),
    "level": ("claim_only",),
}
CONDITIONS: dict[str, tuple[str, ...]] = {
    "assessment": ("ends_in_window", "excluded_types"),
    "service": ("temporary", "temporary_open"),
}
#: Outcomes that say that something is not known.
UNKNOWING = (Outcome.NO_DATA, Outcome.UNKNOWN, Outcome.REVIEW)
CONDITION_CELLS = (Cell.CONDITION, Cell.CONDITION_IF_ASSURED)
NEEDING_CELLS = (Cell.NOT_READY, Cell.UNDETERMINED, Cell.CONDITION_IF_ASSURED)
PLACES = ("core", "local", "constraints", "readiness", "indicators")
OWN_TABLES = ("assessments", "constraints", "services", "level", "indicators", "sha256")
FAULT_TEXT = {
    "extra_forbidden": "未知的键 / unknown key",
    "unexpected_keyword_argument": "未知的键 / unknown key",
    "missing": "缺少必填的键 / required key missing",
    "missing_argument": "缺少必填的键 / required key missing",
}


def bundled() -> tuple[Path, Path]:
    """Return the directories of the layers and assessments that come with the program.

    Examples
    --------
    >>> [directory.name for directory in bundled()]
    ['layers', 'assessments']
    """
    package = Path(geo_service.__file__).parent
    home = package / "data" if (package / "data" / "layers").is_dir() else package.parent
    return home / "layers", home / "assessments"


def load_catalogue(directory: Path) -> Catalogue:
    """Read ``<id>.toml`` of every layer and ``codes/<system>.toml`` of every land-use classification.

    Raises
    ------
    CatalogueError
        One line a fault, each with file and key.
    """
    faults: list[str] = []
    layers: dict[str, LayerSpec] = {}
    systems: dict[str, CodeSystem] = {}
    # The demo's manifest lies beside the layers it fills; it describes no layer.
    files = {name: path for name, path in _toml_files(directory).items() if not name.startswith("demo/")}
    if not files:
        raise CatalogueError(f"{directory}: 没有图层定义文件 / no layer definitions (*.toml) here")
    for name, path in files.items():
        if "/" not in name:
            layer = _read(LayerSpec, path, name, faults)
            if layer is not None:
                layers[path.stem] = layer
                faults += _layer_faults(name, path.stem, layer)
        elif name.startswith("codes/") and name.count("/") == 1:
            system = _read(CodeSystem, path, name, faults)
            if system is not None:
                systems[path.stem] = system
                faults += _system_faults(name, path.stem, system)
        else:
            faults.append(f"{name}: 不在规定目录 / not in a directory that is read (., codes)")
    faults += _reference_faults(systems)
    if faults:
        raise CatalogueError("\n".join(faults))
    return Catalogue(layers=layers, code_systems=systems, sha256=_digest(files))


def load_rulebook(directory: Path) -> Rulebook:
    """Read ``rulebook.toml`` and one TOML a rule, and check that everything that can be concluded can be said.

    Raises
    ------
    RulebookError
        One line a fault, each with file and key.
    """
    main = directory / "rulebook.toml"
    if not main.is_file():
        raise RulebookError(f"{main}: 没有该文件 / no such file")
    faults: list[str] = []
    files = _toml_files(directory)
    data = _parse(main, main.name, faults)
    if data is None:
        raise RulebookError("\n".join(faults))
    faults += [f"rulebook.toml: {key}: {FAULT_TEXT['extra_forbidden']}" for key in OWN_TABLES if key in data]
    for name in files:
        if name != main.name and (name.count("/") != 1 or name.split("/")[0] not in PLACES):
            faults.append(f"{name}: 不在规定目录 / not in a directory that is read ({', '.join(PLACES)})")
    order = data.get("order", {})
    level_code = str(order.get("level", "")) if isinstance(order, dict) else ""
    core = _rules(AssessmentRule, files, "core", faults)
    local = _rules(AssessmentRule, files, "local", faults)
    constraints = _rules(ConstraintRule, files, "constraints", faults)
    level = _rules(LevelRule, files, "readiness", faults, only=level_code)
    services = _rules(ServiceRule, files, "readiness", faults, but=level_code)
    indicators = _rules(IndicatorRule, files, "indicators", faults)
    found: dict[str, Mapping[str, BaseModel]] = {
        "core": core,
        "local": local,
        "constraints": constraints,
        "services": services,
        "indicators": indicators,
    }
    faults += _order_faults(order, found, files, level_code)
    if faults or level_code not in level:
        raise RulebookError("\n".join(faults or [f"readiness/{level_code}.toml: 没有该文件 / no such file"]))
    try:
        book = Rulebook.model_validate(
            {key: value for key, value in data.items() if key not in OWN_TABLES}
            | {
                "sha256": _digest(files),
                "assessments": _in_order((*order["core"], *order["local"]), core | local),
                "constraints": _in_order(order["constraints"], constraints),
                "services": _in_order(order["services"], services),
                "level": level[level_code],
                "indicators": _in_order(order["indicators"], indicators),
            }
        )
    except ValidationError as error:
        raise RulebookError("\n".join(_lines("rulebook.toml", error))) from error
    faults += [*_book_faults(book), *_word_faults(book), *_decision_faults(book)]
    if not faults:
        faults += _speech_faults(book)
    if faults:
        raise RulebookError("\n".join(faults))
    return book


def check_against(rulebook: Rulebook, catalogue: Catalogue) -> None:
    """Check that every layer, field and code that a rule names stands in the catalogue.

    Raises
    ------
    RulebookError
        One line a fault, each with file and key.
    """
    faults = [
        f"rulebook.toml: {key}: 图层目录中没有“{layer}” / no layer {layer!r} in the catalogue"
        for key, layer in (("zones_layer", rulebook.zones_layer), ("parcels_layer", rulebook.parcels_layer))
        if layer not in catalogue.layers
    ]
    for file, key, layer, fields in _layers_read(rulebook):
        spec = catalogue.layers.get(layer)
        if spec is None:
            faults.append(f"{file}: {key}: 图层目录中没有“{layer}” / no layer {layer!r} in the catalogue")
            continue
        for where, name, values in fields:
            faults += _field_faults(file, where, spec, name, values)
    ground = catalogue.layers.get(rulebook.level.ground_layer)
    if ground is not None and ground.geometry is not GeometryKind.RASTER:
        faults.append(f"readiness/{rulebook.order.level}.toml: ground_layer: 须为栅格图层 / must be a raster layer")
    if faults:
        raise RulebookError("\n".join(faults))


# --- reading -------------------------------------------------------------------------------------------------------


def _toml_files(directory: Path) -> dict[str, Path]:
    return {path.relative_to(directory).as_posix(): path for path in sorted(directory.rglob("*.toml"))}


def _digest(files: Mapping[str, Path]) -> str:
    return digest(part for name in sorted(files) for part in (name.encode(), files[name].read_bytes()))


def _parse(path: Path, name: str, faults: list[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{name}: TOML格式有误 / not valid TOML: {error}")
    except UnicodeDecodeError as error:
        faults.append(f"{name}: 须为UTF-8编码 / must be UTF-8: {error.reason} at byte {error.start}")
    return None


def _read(model: type[M], path: Path, name: str, faults: list[str]) -> M | None:
    data = _parse(path, name, faults)
    if data is None:
        return None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults += _lines(name, error)
        return None


def _lines(name: str, error: ValidationError) -> list[str]:
    lines = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(step) for step in fault["loc"]) or "."
        text = FAULT_TEXT.get(fault["type"]) or f"值不符合要求 / {fault['msg']}"
        given = "" if fault["type"] in FAULT_TEXT or isinstance(fault["input"], dict) else f" ({fault['input']!r:.80})"
        lines.append(f"{name}: {key}: {text}{given}")
    return lines


def _rules(
    model: type[M], files: Mapping[str, Path], place: str, faults: list[str], *, only: str = "", but: str = ""
) -> dict[str, M]:
    rules: dict[str, M] = {}
    for name, path in files.items():
        if name != f"{place}/{path.name}" or (only and path.stem != only) or (but and path.stem == but):
            continue
        rule = _read(model, path, name, faults)
        if rule is not None:
            rules[path.stem] = rule
    return rules


def _in_order(codes: Iterable[str], rules: Mapping[str, M]) -> dict[str, M]:
    return {code: rules[code] for code in codes}


# --- catalogue -----------------------------------------------------------------------------------------------------


def _layer_faults(name: str, stem: str, layer: LayerSpec) -> Iterator[str]:
    if layer.id != stem:
        yield f"{name}: id: 文件名须与图层编号一致 / file name must be the id ({layer.id!r})"
    names = [field.name for field in layer.fields]
    for doubled in _doubled(names):
        yield f"{name}: fields.{doubled}: 字段重复 / field given twice"
    for doubled in _doubled(_readings((field.name, *field.aliases) for field in layer.fields)):
        yield f"{name}: fields.aliases: 别名“{doubled}”属于多个字段 / alias {doubled!r} belongs to several fields"
    for key, field_name in (("class_field", layer.class_field), ("geometry_from", layer.geometry_from)):
        if field_name is not None and field_name not in names:
            yield f"{name}: {key}: 没有字段“{field_name}” / no field {field_name!r}"
    for field in layer.fields:
        entries = ((code, entry.zh, *entry.aliases) for code, entry in field.codes.items())
        for doubled in _doubled(_readings(entries)):
            yield (f"{name}: fields.{field.name}.codes: “{doubled}”对应多个代码 / {doubled!r} is read as several codes")
    class_field = layer.field(layer.class_field) if layer.class_field else None
    if layer.surveyed_class is not None and not _can_be(class_field, layer.surveyed_class):
        yield f"{name}: surveyed_class: 类别字段没有该代码 / not a code of the class field ({layer.surveyed_class!r})"


def _system_faults(name: str, stem: str, system: CodeSystem) -> Iterator[str]:
    if system.id != stem:
        yield f"{name}: id: 文件名须与体系编号一致 / file name must be the id ({system.id!r})"
    try:
        pattern = re.compile(system.pattern)
    except re.error as error:
        yield f"{name}: pattern: 正则表达式有误 / not a regular expression: {error}"
        return
    for code in system.codes:
        if not pattern.fullmatch(code):
            yield f"{name}: codes.{code}: 与pattern不符 / does not look like the pattern {system.pattern!r}"


def _reference_faults(systems: Mapping[str, CodeSystem]) -> Iterator[str]:
    references = [system for system in systems.values() if system.reference]
    if not systems:
        return
    if len(references) != 1:
        yield f"codes: reference: 须有且只有一个参照体系 / exactly one system must be the reference ({len(references)})"
        return
    for name in _doubled([name for system in systems.values() for name in {system.id, *system.aliases}]):
        yield f"codes: aliases: “{name}”属于多个体系 / {name!r} belongs to several systems"
    for stem, system in systems.items():
        for code, entry in system.codes.items():
            for other in entry.same_as:
                if other not in references[0].codes:
                    yield (
                        f"codes/{stem}.toml: codes.{code}.same_as: 参照体系没有“{other}” / "
                        f"no code {other!r} in {references[0].id}"
                    )


def _readings(groups: Iterable[Iterable[str]]) -> list[str]:
    """Names as an import compares them: width and case do not tell two names apart."""
    return [name for group in groups for name in {unicodedata.normalize("NFKC", name).casefold() for name in group}]


def _doubled(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _can_be(field: FieldSpec | None, value: str) -> bool:
    return field is not None and (not field.codes or field.open_codes or value in field.codes)


# --- rulebook ------------------------------------------------------------------------------------------------------


def _order_faults(
    order: Any, found: Mapping[str, Mapping[str, BaseModel]], files: Mapping[str, Path], level_code: str
) -> list[str]:
    if not isinstance(order, dict) or not all(_is_list_of_text(order.get(key)) for key in found):
        return [f"rulebook.toml: order: 须列出 / must list {', '.join((*found, 'level'))}"]
    faults = []
    for key, rules in found.items():
        place = "readiness" if key == "services" else key
        for code in order[key]:
            if f"{place}/{code}.toml" not in files:
                faults.append(
                    f"rulebook.toml: order.{key}: “{code}”没有文件 / {code!r} has no file {place}/{code}.toml"
                )
        for code in _doubled(order[key]):
            faults.append(f"rulebook.toml: order.{key}: “{code}”重复 / {code!r} stands there twice")
        for stem, rule in rules.items():
            if stem not in order[key]:
                faults.append(f"{place}/{stem}.toml: 未列入rulebook.toml的order.{key} / not in order.{key}")
            faults += _name_faults(f"{place}/{stem}.toml", stem, rule)
            if isinstance(rule, AssessmentRule) and rule.group != place:
                faults.append(
                    f"{place}/{stem}.toml: group: 与目录不一致 / does not match its directory ({rule.group!r})"
                )
    if f"readiness/{level_code}.toml" not in files:
        faults.append(f"rulebook.toml: order.level: “{level_code}”没有文件 / {level_code!r} has no file")
    return faults


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _name_faults(name: str, stem: str, rule: BaseModel) -> Iterator[str]:
    code = getattr(rule, "code", stem)
    if code != stem:
        yield f"{name}: code: 文件名须与代码一致 / file name must be the code ({code!r})"


def _book_faults(book: Rulebook) -> Iterator[str]:
    if book.level.code != book.order.level:
        yield f"readiness/{book.order.level}.toml: code: 文件名须与代码一致 / file name must be the code"
    if book.defaults.readiness_standard not in book.standards:
        yield (
            "rulebook.toml: defaults.readiness_standard: 没有该通平标准 / no such standard "
            f"({book.defaults.readiness_standard!r})"
        )
    for name, standard in book.standards.items():
        for code in standard.required:
            if code not in book.services:
                yield f"rulebook.toml: standards.{name}.required: 没有“{code}” / no service {code!r}"
        for code in standard.temporary:
            if code not in standard.required:
                yield f"rulebook.toml: standards.{name}.temporary: “{code}”不在required中 / {code!r} is not required"
    for code, constraint in book.constraints.items():
        name = f"constraints/{code}.toml"
        if constraint.assessment is not None and constraint.assessment not in book.assessments:
            yield f"{name}: assessment: 没有“{constraint.assessment}” / no assessment {constraint.assessment!r}"
        other = constraint.outside_only_of
        if other is not None and (other not in book.constraints or book.constraints[other].kind is not Kind.CONTAIN):
            yield f"{name}: outside_only_of: “{other}”不是范围类要素 / {other!r} is not a contain constraint"
        for index, version in enumerate(constraint.versions):
            for doubled in _doubled([part.cls for part in version.parts]):
                yield f"{name}: versions.{index}.parts: 类别“{doubled}”重复 / class {doubled!r} given twice"
    for code, indicator in book.indicators.items():
        for index, asked in enumerate(indicator.versions):
            where = f"indicators/{code}.toml: versions.{index}"
            if asked.units.get(asked.unit) != (1, 1):
                yield f"{where}.units: 须含本单位且换算为1 / must hold {asked.unit!r} = [1, 1]"
            if any(numerator <= 0 or denominator <= 0 for numerator, denominator in asked.units.values()):
                yield f"{where}.units: 换算比须为正整数 / ratios must be positive whole numbers"


def _decision_faults(book: Rulebook) -> Iterator[str]:
    wanted: dict[tuple[Outcome, Severity], str] = {}
    for kind, (outcomes, severities) in OUTCOMES.items():
        for outcome in outcomes:
            for severity in severities:
                wanted.setdefault((outcome, severity), kind)
    for (outcome, severity), kind in wanted.items():
        if severity not in book.decision.get(outcome, {}):
            yield (
                f"rulebook.toml: decision.{outcome.value}.{severity.value}: "
                f"判定表缺此格 / the decision table lacks this cell ({kind})"
            )
    for outcome in UNKNOWING:
        for severity, cell in book.decision.get(outcome, {}).items():
            if cell is Cell.PASS or (cell is Cell.NOTE and severity is not Severity.INFO):
                yield (
                    f"rulebook.toml: decision.{outcome.value}.{severity.value}: "
                    "没有资料不得当作通过 / absence of data must not pass"
                )


def _spoken(book: Rulebook) -> Iterator[tuple[str, str, Version, str, tuple[Mapping[str, Words], ...]]]:
    """Yield file, kind, version, key and own words, once a version and once a part of it."""
    groups: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("constraints", book.constraints),
        ("readiness", book.services | {book.level.code: book.level}),
        ("indicators", book.indicators),
    )
    for code, rule in book.assessments.items():
        for index, version in enumerate(rule.versions):
            yield f"{rule.group}/{code}.toml", "assessment", version, f"versions.{index}", (version.words,)
    for place, rules in groups:
        for code, rule in rules.items():
            for index, version in enumerate(rule.versions):
                key = f"versions.{index}"
                yield f"{place}/{code}.toml", _kind(rule), version, key, (version.words,)
                for part in getattr(version, "parts", ()):
                    yield (
                        f"{place}/{code}.toml",
                        _kind(rule),
                        version,
                        f"{key}.parts.{part.cls}",
                        (part.words, version.words),
                    )


def _kind(rule: Any) -> str:
    if isinstance(rule, ConstraintRule):
        return f"constraint_{rule.kind.value}" if rule.layer else "constraint_parcel"
    if isinstance(rule, LevelRule):
        return "level"
    return "service" if isinstance(rule, ServiceRule) else "indicator"


def _keys(kind: str) -> tuple[str, ...]:
    """Outcomes, the reasons they may have, remarks and conditions: all that a kind may have words for."""
    said = (*(outcome.value for outcome in OUTCOMES[kind][0]), *REMARKS.get(kind, ()), *CONDITIONS.get(kind, ()))
    return (*said, *(reason.value for reason in NoDataReason))


def _word_faults(book: Rulebook) -> Iterator[str]:
    for kind, words in book.words.items():
        if kind not in OUTCOMES:
            yield f"rulebook.toml: words.{kind}: 未知的种类 / unknown kind"
            continue
        yield from _text_faults("rulebook.toml", f"words.{kind}", kind, words)
    for file, kind, _, key, own in _spoken(book):
        yield from _text_faults(file, f"{key}.words", kind, own[0])


def _text_faults(file: str, key: str, kind: str, words: Mapping[str, Words]) -> Iterator[str]:
    for outcome, said in words.items():
        if outcome not in _keys(kind):
            yield f"{file}: {key}.{outcome}: 未知的键 / unknown key"
        for name, text in (("message", said.message), ("clause", said.clause), ("needed", said.needed)):
            if text is not None:
                yield from (f"{file}: {key}.{outcome}.{name}: {fault}" for fault in _template_faults(text))


def _template_faults(text: Text) -> Iterator[str]:
    for sentence in (text.zh, text.en):
        if not sentence.strip():
            yield "不得为空 / must not be empty"
        try:
            names = [name for _, name, _, _ in Formatter().parse(sentence) if name is not None]
        except ValueError as error:
            yield f"花括号不配对 / {error}"
            continue
        for name in names:
            if name not in PLACEHOLDERS:
                yield f"未知的占位符 / unknown placeholder {{{name}}}"


def _speech_faults(book: Rulebook) -> Iterator[str]:
    seen: set[str] = set()
    for file, kind, version, key, own in _spoken(book):
        outcomes, severities = OUTCOMES[kind]
        faults = [
            f"{file}: {key}.words.{outcome.value}.{name}: {text}"
            for outcome in outcomes
            for name, text in _unsaid(
                book.say(kind, outcome.value, *own), {book.decision[outcome][severity] for severity in severities}
            )
        ]
        for extra in (*REMARKS.get(kind, ()), *CONDITIONS.get(kind, ())):
            cells = {Cell.CONDITION} if extra in CONDITIONS.get(kind, ()) else set()
            faults += [
                f"{file}: {key}.words.{extra}.{name}: {text}"
                for name, text in _unsaid(book.say(kind, extra, *own), cells)
            ]
        if not version.owner.strip():
            faults.append(f"{file}: {key.split('.parts')[0]}.owner: 缺责任部门 / an owner is needed")
        yield from (fault for fault in faults if fault not in seen)
        seen.update(faults)


def _unsaid(words: Words, cells: Iterable[Cell]) -> Iterator[tuple[str, str]]:
    decided = set(cells)
    if words.message is None:
        yield "message", "缺说明文字 / no message"
    if decided & set(CONDITION_CELLS):
        if words.clause is None:
            yield "clause", "判定为附条件却无条款 / a condition without a clause"
        if words.stage is None:
            yield "stage", "判定为附条件却无办理阶段 / a condition without a stage"
    if decided & set(NEEDING_CELLS) and words.needed is None:
        yield "needed", "缺“需办理事项” / what is needed is not said"


# --- rulebook against catalogue ------------------------------------------------------------------------------------

Asked = tuple[str, str, tuple[Match, ...]]


def _layers_read(book: Rulebook) -> Iterator[tuple[str, str, str, Sequence[Asked]]]:
    for code, assessment in book.assessments.items():
        yield f"{assessment.group}/{code}.toml", "layer", assessment.layer, [("layer", "code", (code,))]
    for code, constraint in book.constraints.items():
        if constraint.layer is not None:
            asked = [
                (f"versions.{index}.parts.{part.cls}.when", name, _alternatives(value))
                for index, version in enumerate(constraint.versions)
                for part in version.parts
                for name, value in part.when.items()
            ]
            yield f"constraints/{code}.toml", "layer", constraint.layer, asked
    for code, service in book.services.items():
        if service.layer is not None:
            yield f"readiness/{code}.toml", "layer", service.layer, list(_served(service))
    level = f"readiness/{book.order.level}.toml"
    yield level, "ground_layer", book.level.ground_layer, []
    if book.level.platforms_layer is not None:
        yield level, "platforms_layer", book.level.platforms_layer, []
    if book.level.design_layer is not None:
        yield level, "design_layer", book.level.design_layer, []


def _served(service: ServiceRule) -> Iterator[Asked]:
    for index, version in enumerate(service.versions):
        yield f"versions.{index}.states", "state", version.states
        if version.capacity_field is not None:
            yield f"versions.{index}.capacity_field", version.capacity_field, ()
        for name in version.minimum:
            yield f"versions.{index}.minimum", name, ()


def _alternatives(value: Match) -> tuple[Match, ...]:
    return value if isinstance(value, tuple) else (value,)


def _field_faults(file: str, key: str, spec: LayerSpec, name: str, values: Iterable[Match]) -> Iterator[str]:
    field = spec.field(name)
    if field is None:
        yield f"{file}: {key}: 图层{spec.id}没有字段“{name}” / layer {spec.id} has no field {name!r}"
        return
    for value in values:
        if isinstance(value, str) and value and "*" not in value and not _can_be(field, value):
            yield (
                f"{file}: {key}: 字段{name}没有代码“{value}” / {value!r} is not a code of {spec.id}.{name} "
                f"({', '.join(field.codes)})"
            )


__all__ = ["bundled", "check_against", "load_catalogue", "load_rulebook"]
