"""Who may ask what: every route declares its role, and is asked for it before anything of a request is read.

Whoever asks shows a key (``Authorization: Bearer`` or ``X-API-Key``, never in the address), or the cookie that a
browser got for one on the sign-in page. Without either there is what the `Policy` leaves open: nothing, by default.
What a key for some zones may see is settled in one place: the service that a route is handed has nothing else in it.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import iscoroutinefunction
from threading import Lock
from typing import Any, cast
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from geo_service.api.answers import prefers_html
from geo_service.api.errors import Problem
from geo_service.api.signing import sign_in_page
from geo_service.errors import GeoServiceError
from geo_service.kept import Kept
from geo_service.model.access import Caller, Key, Role
from geo_service.model.text import Text
from geo_service.store.keys import Keys

COOKIE = "geo_service_session"
SESSION_BYTES = 8
_SESSION = re.compile(r"([a-z2-7]{8})\.([0-9]{1,14})\.([0-9a-f]{16})")
#: How long a key that was taken back may still be good in a process that has just seen it.
REMEMBERED_S = 5.0
REMEMBERED_KEYS = 10_000
GUESSES_WITHIN_S = 60.0
#: Headers in which somebody may show something.
SHOWING = frozenset({b"authorization", b"x-api-key", b"cookie"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
#: Somebody to whom nothing is open but what is open to everybody.
NOBODY = Caller("nobody", Role.VIEWER, frozenset())
ANONYMOUS = Caller("anonymous", Role.VIEWER)
LOCAL = Caller("local", Role.PLANNER)


@dataclass(frozen=True)
class Policy:
    """What is open without a key.

    Attributes
    ----------
    anonymous : bool
        Whether everybody may read.
    local : bool
        Whether whoever sits at this machine counts as a planner.
    guesses : int
        Wrong keys that one address may show in a minute.
    session_s : float
        How long a browser stays signed in, in seconds.
    """

    anonymous: bool = False
    local: bool = False
    guesses: int = 10
    session_s: float = 12 * 3600.0


@dataclass(frozen=True)
class Need:
    """What a route asks for.

    Attributes
    ----------
    role : Role or None
        ``None``: it is open to everybody.
    whole : bool
        Whether it is only for those who are not bound to some zones.
    """

    role: Role | None
    whole: bool = False

    async def __call__(self) -> None:
        """Do nothing: `Guarded` has asked already."""


#: Looks at a request, and refuses it or makes something of it.
Look = Callable[[Request], Coroutine[Any, Any, Any]]


def needs(role: Role, *, whole: bool = False) -> Any:
    """Declare that a route, or every route of a router, is for a role.

    A route that is under several declarations asks for all of them.

    Parameters
    ----------
    whole : bool
        Whether it touches the whole workspace, so that a key for some zones is not enough.
    """
    return Depends(Need(role, whole))


#: Declares that a route is open to everybody, with a key or without.
PUBLIC: Any = Depends(Need(None))


class Guarded(APIRoute):
    """A route that looks at who asks before it looks at what is asked.

    Attributes
    ----------
    needs : tuple of Need
        Every declaration of the route; empty where none was made.
    """

    needs: tuple[Need, ...]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler behind the gate."""
        self.needs, looks = self._set_apart()
        answer, needed, template = super().get_route_handler(), self.needs, self.path_format
        plain = _plain(self.dependant)

        async def guarded(request: Request) -> Response:
            request.scope["state"]["route"] = template
            try:
                access: Access = request.app.state.access
                await access.admit(request, needed)
            except Problem as refused:
                if (
                    refused.status == 401
                    and request.method == "GET"
                    and prefers_html(request.headers.get("accept", ""))
                ):
                    return sign_in_page(request, refused)
                raise
            for look in looks:
                await look(request)
            if plain is not None and not request.scope["query_string"]:
                return cast(Response, await plain(request))
            return await answer(request)

        return guarded

    def _set_apart(self) -> tuple[tuple[Need, ...], tuple[Look, ...]]:
        """Take out what stands beside the route and gives it nothing.

        The framework would put each together anew for every request, which takes longer than most look-ups.
        """
        beside = [one for one in self.dependant.dependencies if one.name is None]
        self.dependant.dependencies = [one for one in self.dependant.dependencies if one.name is not None]
        looks = [one for one in beside if not isinstance(one.call, Need)]
        assert all(one.request_param_name == "request" and not one.dependencies for one in looks)
        needs = tuple(one.call for one in beside if isinstance(one.call, Need))
        return needs, tuple(cast(Look, one.call) for one in looks)


def _plain(taken: Dependant) -> Look | None:
    """Return how something is called without a query: nothing is left to read then but names in the path.

    The framework goes through all that a route declares, for half of the time that a known answer takes. ``None``
    where more than that could be given, or it is not awaited.
    """
    call = taken.call
    below = [(cast(str, one.name), _plain(one)) for one in taken.dependencies]
    if (
        not iscoroutinefunction(call)
        or taken.header_params
        or taken.cookie_params
        or taken.body_params
        or any(one.field_info.annotation is not str or one.field_info.metadata for one in taken.path_params)
        or any(one.field_info.is_required() for one in taken.query_params)
        or any(compose is None for _, compose in below)
    ):
        return None
    unsaid = {one.name: one.get_default() for one in taken.query_params}
    texts = tuple(one.name for one in taken.path_params)
    composed = tuple((name, cast(Look, compose)) for name, compose in below)
    requested = taken.request_param_name

    async def plain(request: Request) -> Any:
        given = {**unsaid, **{name: request.path_params[name] for name in texts}}
        for name, compose in composed:
            given[name] = await compose(request)
        if requested is not None:
            given[requested] = request
        return await call(**given)

    return plain


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


def declared_needs(routers: Iterable[APIRouter]) -> dict[tuple[str, str], tuple[Need, ...]]:
    """Return what the routes ask for, by method and path."""
    return {
        (method, route.path_format): route.needs
        for router in routers
        for route in router.routes
        if isinstance(route, Guarded)
        for method in route.methods or ()
    }


def caller_of(request: Request) -> Caller:
    """Return who asks; nobody before the gate."""
    found: Caller = request.scope["state"].get("caller", NOBODY)
    return found


def require_role(request: Request, role: Role) -> None:
    """Refuse a part of what a route does to those who may only do the rest.

    Raises
    ------
    Problem
        403, when the role is too small.
    """
    if not caller_of(request).role.may(role):
        raise _role_too_small((Need(role),), caller_of(request))


class Access:
    """The gate of one application.

    Parameters
    ----------
    keys : Keys
        The keys there are.
    """

    def __init__(self, keys: Keys, policy: Policy) -> None:
        self.policy = policy
        self._keys = keys
        self._seen: Kept[str, tuple[Key, float]] = Kept(REMEMBERED_KEYS)
        self._guesses = _Guesses(policy.guesses)
        # Held by those who wait, and gone with them.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def admit(self, request: Request, needed: tuple[Need, ...]) -> None:
        """Let a request in, or raise a problem; a route without a declaration lets nobody in.

        Raises
        ------
        Problem
            401 without a key that holds, 403 where its role or its zones are too small or another site's page asks,
            429 after many wrong keys.
        """
        state = request.scope["state"]
        state["caller"] = NOBODY
        if needed and all(need.role is None for need in needed):
            return
        caller = await self._caller(request)
        state["caller"] = caller
        if not needed or not all(need.role is None or caller.role.may(need.role) for need in needed):
            raise _role_too_small(needed, caller)
        if caller.zones is not None and any(need.whole for need in needed):
            raise _zones_too_few()

    async def _caller(self, request: Request) -> Caller:
        shows = any(name in SHOWING for name, _ in request.scope["headers"])
        shown = shown_key(request) if shows else None
        if shown is not None:
            return (await self.holder(request, shown)).caller
        session = request.cookies.get(COOKIE) if shows else None
        if session is not None:
            key = await self._remembered(f"session {session}", lambda: self._of_session(session))
            if key is not None:
                require_own_page(request)
                return key.caller
        if self.policy.local and this_machine(request):
            require_own_page(request)
            return LOCAL
        if self.policy.anonymous:
            return ANONYMOUS
        raise _key_needed()

    async def holder(self, request: Request, shown: str) -> Key:
        """Return the key that somebody shows.

        Raises
        ------
        Problem
            401 when it opens nothing, 429 when too many did not.
        """
        address = request.client.host if request.client else ""
        key = self._known(f"key {shown}")
        if key is not None:
            return key
        # Keys of an address that nobody knows yet are looked up one after the other: of many at once, all would be
        # looked up before the first is counted.
        turn = nullcontext() if self._was_right(shown) else self._turns.setdefault(address, asyncio.Lock())
        async with turn:
            waits_s = self._guesses.waits_s(address)
            # Whoever has shown a right one goes on, whatever others behind the same address do.
            if waits_s > 0.0 and not self._was_right(shown):
                raise _too_many_guesses(waits_s)
            key = await self._remembered(f"key {shown}", lambda: self._keys.shown(shown, _now()))
            if key is None:
                self._guesses.note(address)
                raise _wrong_key()
            return key

    def _was_right(self, shown: str) -> bool:
        return self._seen.get(_hidden(f"key {shown}")) is not None

    def session(self, key: Key) -> str:
        """Return what a browser shows instead of a key; it ends when the key does, at the latest."""
        until = int(min(_now().timestamp() + self.policy.session_s, key.expires_at.timestamp()))
        said = f"{key.id}.{until}.{secrets.token_hex(SESSION_BYTES)}"
        return f"{said}.{self._keys.sealed(f'session {said}')}"

    def end(self, session: str) -> None:
        """End what a browser shows, wherever a copy of it lies; other processes know within `REMEMBERED_S`."""
        found = self._sealed(session)
        if found is not None:
            _, until, number = found
            self._keys.end_session(number, until, _now())
            hidden = _hidden(f"session {session}")
            self._seen.drop(lambda kept: kept == hidden)

    def _sealed(self, session: str) -> tuple[str, int, str] | None:
        """Return key, end and number of a session that was given out here and is not over."""
        said, _, seal = session.rpartition(".")
        match = _SESSION.fullmatch(said)
        if match is None or int(match[2]) <= _now().timestamp() or not self._keys.is_sealed(f"session {said}", seal):
            return None
        return match[1], int(match[2]), match[3]

    def _of_session(self, session: str) -> Key | None:
        found = self._sealed(session)
        if found is None or self._keys.session_ended(found[2]):
            return None
        key = self._keys.key(found[0])
        return key if key is not None and key.holds(_now()) else None

    def _known(self, what: str) -> Key | None:
        found = self._seen.get(_hidden(what))
        if found is None or time.monotonic() - found[1] > REMEMBERED_S or not found[0].holds(_now()):
            return None
        return found[0]

    async def _remembered(self, what: str, look: Callable[[], Key | None]) -> Key | None:
        key = self._known(what)
        if key is None:
            key = await run_in_threadpool(look)
            if key is not None:
                self._seen.put(_hidden(what), (key, time.monotonic()), 1)
        return key


class _Guesses:
    """Wrong keys of the last minute, by address."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._of: Kept[str, deque[float]] = Kept(REMEMBERED_KEYS)

    def waits_s(self, address: str) -> float:
        """Seconds after which an address may show another one."""
        now = time.monotonic()
        with self._lock:
            times = self._of.get(address)
            if times is None or len(times) < self._most:
                return 0.0
            return max(0.0, GUESSES_WITHIN_S - (now - times[0]))

    def note(self, address: str) -> None:
        """Count a wrong key."""
        with self._lock:
            times = self._of.get(address) or deque(maxlen=self._most)
            times.append(time.monotonic())
            self._of.put(address, times, 1)


def _hidden(what: str) -> str:
    """Keep nothing in memory that opens anything."""
    return hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)


def shown_key(request: Request) -> str | None:
    """Return the key that stands in the headers, ``None`` when there is none."""
    scheme, _, credentials = request.headers.get("authorization", "").strip().partition(" ")
    if scheme:
        # Another scheme is a key that nobody has.
        return credentials.strip() if scheme.lower() == "bearer" else ""
    return request.headers.get("x-api-key")


def this_machine(request: Request) -> bool:
    """Tell whether this machine's own user asks.

    The name by which the server is called counts as well: a page of another host may have its name lead here.
    """
    return all(
        is_loopback(host) for host in (request.client.host if request.client else "", request.url.hostname or "")
    )


def is_loopback(host: str) -> bool:
    """Tell whether a name or address leads to this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_own_page(request: Request) -> None:
    """Refuse a change that a page of another site sends: its browser vouches for whoever sits there, not for the page.

    Raises
    ------
    Problem
        403, when a page of another origin asks for more than to read.
    """
    if request.method in READING:
        return
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not own or site not in (None, "same-origin", "none"):
        raise Problem(
            403,
            "other-origin",
            Text("不接受其他网站页面的提交", "pages of other sites cannot send anything here"),
            step=Text("请从本服务的页面或程序提交", "send it from a page of this service, or from a program"),
            value=origin,
        )


def _refused(code: str, detail: Text, step: Text, challenge: str) -> Problem:
    return Problem(401, code, detail, step=step, headers={"WWW-Authenticate": challenge})


def _key_needed() -> Problem:
    return _refused(
        "key-needed",
        Text("需要密钥", "a key is needed"),
        Text(
            "程序以 Authorization: Bearer 出示密钥，浏览器请先登录 /sign-in",
            "programs show a key as Authorization: Bearer; a browser signs in at /sign-in",
        ),
        'Bearer realm="geo-service"',
    )


def _wrong_key() -> Problem:
    return _refused(
        "wrong-key",
        Text("密钥无效、已到期或已吊销", "the key is wrong, has ended or was taken back"),
        Text("请核对密钥，或向管理员申请新密钥", "look at the key, or ask the administrator for a new one"),
        'Bearer realm="geo-service", error="invalid_token"',
    )


def _too_many_guesses(waits_s: float) -> Problem:
    seconds = max(1, round(waits_s + 0.5))
    return Problem(
        429,
        "too-many-wrong-keys",
        Text(f"错误密钥过多，请{seconds}秒后再试", f"too many wrong keys; try again in {seconds} seconds"),
        step=Text("请核对密钥后再试", "look at the key before you try again"),
        headers={"Retry-After": str(seconds)},
    )


def _role_too_small(needed: tuple[Need, ...], caller: Caller) -> Problem:
    there = ", ".join(
        sorted({need.role for need in needed if need.role is not None and not caller.role.may(need.role)})
    )
    return Problem(
        403,
        "role-too-small",
        Text(f"此项操作需要角色 {there}", f"this needs the role {there}"),
        step=Text("请向管理员申请相应角色的密钥", "ask the administrator for a key with that role"),
    )


def _zones_too_few() -> Problem:
    return Problem(
        403,
        "zones-too-few",
        Text("此项操作涉及全部开发区，密钥只限部分开发区", "this concerns every zone, and the key is for some"),
        step=Text("请由不限开发区的密钥操作", "have it done with a key for all zones"),
    )
