"""Values brought to the type of their field."""

from __future__ import annotations

import pytest

from geo_service.ingest.fields import TEXT_MAX, BadValue, convert
from geo_service.model.catalogue import FieldSpec
from geo_service.model.text import Text

NAME = FieldSpec(name="name", title=Text("名称", "name"))


def test_a_text_longer_than_any_name_is_refused() -> None:
    assert convert(NAME, "名" * TEXT_MAX) == "名" * TEXT_MAX
    with pytest.raises(BadValue, match="10000"):
        convert(NAME, "名" * (TEXT_MAX + 1))
