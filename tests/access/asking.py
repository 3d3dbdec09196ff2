"""Every route of the application as a request that can be sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from geo_service.api.access import Need
from geo_service.api.app import ROUTERS, declared_needs


@dataclass(frozen=True)
class Route:
    """A route as it was declared."""

    method: str
    path: str
    needs: tuple[Need, ...]

    @property
    def public(self) -> bool:
        return all(need.role is None for need in self.needs)

    def at(self, **values: str) -> str:
        """Fill in the path; what is not given names nothing."""
        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], "0"), self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


ROUTES = [Route(method, path, needs) for (method, path), needs in sorted(declared_needs(ROUTERS).items())]
