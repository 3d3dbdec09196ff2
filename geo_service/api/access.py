"""Who may ask what: every route declares its role, and is asked for it before anything of a request is read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response

from geo_service.api.errors import Problem
from geo_service.errors import GeoServiceError
from geo_service.model.access import Caller, Role
from geo_service.model.text import Text


@dataclass(frozen=True)
class Need:
    """A role that a route asks for; ``None``: it is open to everybody."""

    role: Role | None

    async def __call__(self) -> None:
        """Do nothing: `Guarded` has asked already."""


def needs(role: Role) -> Any:
    """Declare that a route, or every route of a router, is for a role.

    A route that is under several declarations asks for all of them.
    """
    return Depends(Need(role))


#: Declares that a route is open to everybody, with a key or without.
PUBLIC: Any = Depends(Need(None))


class Guarded(APIRoute):
    """A route that looks at who asks before it looks at what is asked."""

    @property
    def needs(self) -> tuple[Role | None, ...]:
        """Every declaration of the route; empty where none was made."""
        return tuple(_needs(self.dependant))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler behind the gate."""
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            await _admit(request, self.needs)
            return await answer(request)

        return guarded


def _needs(dependant: Dependant) -> Iterator[Role | None]:
    for below in dependant.dependencies:
        if isinstance(below.call, Need):
            yield below.call.role
        yield from _needs(below)


def require_declared(routers: Iterable[APIRouter]) -> None:
    """Refuse to serve a route that does not say whom it is for.

    Raises
    ------
    GeoServiceError
        Naming the route.
    """
    for router in routers:
        for route in router.routes:
            if not isinstance(route, Guarded) or not route.needs:
                path = getattr(route, "path", "?")
                raise GeoServiceError(f"路由 {path} 未声明所需角色 / the route {path} declares no role")


async def _admit(request: Request, needed: tuple[Role | None, ...]) -> None:
    """Let a request in, or raise a problem; a route without a declaration lets nobody in."""
    caller = Caller("anonymous", Role.PLANNER)
    request.state.caller = caller
    if not needed or not all(role is None or caller.role.may(role) for role in needed):
        raise _role_too_small(needed)


def caller_of(request: Request) -> Caller:
    """Return who asks."""
    found: Caller = request.state.caller
    return found


def _role_too_small(needed: tuple[Role | None, ...]) -> Problem:
    there = ", ".join(role for role in needed if role is not None)
    return Problem(
        403,
        "role-too-small",
        Text(f"此项操作需要角色 {there}", f"this needs the role {there}"),
        step=Text("请向管理员申请相应角色的密钥", "ask the administrator for a key with that role"),
    )
