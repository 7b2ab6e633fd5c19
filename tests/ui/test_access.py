"""Who may do what: each address and socket, for each kind of person."""

from __future__ import annotations

import base64
import itertools
import re
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.cache import cache
from django.test import AsyncClient, Client

from dashboard import urls
from dashboard.access import asking, sockets
from dashboard.access.addresses import read_networks, visitor
from dashboard.access.models import AccessToken, User
from dashboard.access.person import Right
from dashboard.access.rights import RIGHT_OF
from dashboard.actions import people
from webapp.asgi import application

pytestmark = pytest.mark.django_db
AWAY = {"SERVER_NAME": "traces.example", "REMOTE_ADDR": "10.9.8.7"}
PASSWORD = "lorry-mildew-42"
ALLOWED = {
    "nobody": {Right.OPEN},
    "guest": {Right.OPEN, Right.READ, Right.VIEW},
    "viewer": {Right.OPEN, Right.READ, Right.VIEW},
    "sharer": {Right.OPEN, Right.READ, Right.VIEW, Right.SHARE},
    "admin": set(Right),
    "local": set(Right),
    "read": {Right.OPEN, Right.READ},
    "ingest": {Right.OPEN, Right.INGEST},
}


@pytest.fixture(autouse=True)
def far(settings: Any) -> None:
    """The host under which strangers ask, and no tries counted yet."""
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "traces.example"]
    cache.clear()


def client_of(kind: str, settings: Any) -> Client:
    """A client that asks as this kind of person."""
    if kind == "local":
        return Client(SERVER_NAME="localhost")
    client = Client(**AWAY)
    if kind == "guest":
        settings.SPANBOARD_ANONYMOUS = "viewer"
    elif kind in ("viewer", "sharer", "admin"):
        client.force_login(people.add_user(kind, PASSWORD, kind))
    elif kind in ("read", "ingest"):
        token = people.add_token(kind, kind, None)
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def path_of(pattern: Any) -> str:
    """An address of a pattern, with values of the right kinds."""
    values = {"int": "1", "str": "ab" * 16, "path": "reviews"}
    return "/" + re.sub(r"<(\w+):\w+>", lambda m: values[m[1]], str(pattern.pattern))


def test_every_address_has_a_right() -> None:
    names = [pattern.name for pattern in urls.urlpatterns]
    assert not set(names) - set(RIGHT_OF)


@pytest.mark.parametrize("kind", sorted(ALLOWED))
def test_each_kind_of_person_gets_what_is_theirs(kind: str, settings: Any) -> None:
    client = client_of(kind, settings)
    for pattern in urls.urlpatterns:
        if pattern.name == "sign-out":
            continue
        right = RIGHT_OF[pattern.name]
        for method in (client.get, client.post):
            status = method(path_of(pattern), headers={"X-Probe": "1"}).status_code
            if right in ALLOWED[kind]:
                assert status != 401, pattern.name
                assert status != 403 or pattern.name == "sign-in", pattern.name
            else:
                assert status in (401, 403), f"{pattern.name} {status}"


def test_a_browser_is_led_to_the_sign_in_and_back() -> None:
    client = Client(**AWAY)
    answer = client.get("/graph?lookback=1h", headers={"Accept": "text/html"})
    assert answer.status_code == 302
    assert answer["Location"] == "/sign-in?next=%2Fgraph%3Flookback%3D1h"
    people.add_user("ada", PASSWORD, "viewer")
    form = {"username": "ada", "password": PASSWORD, "next": "/graph?lookback=1h"}
    answer = client.post("/sign-in", form)
    assert (answer.status_code, answer["Location"]) == (302, "/graph?lookback=1h")
    assert client.get("/graph").status_code == 200
    assert client.session.get_expiry_age() > 0
    client.post("/sign-out")
    assert client.get("/graph").status_code == 401


@pytest.mark.parametrize(
    "there", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_site(there: str) -> None:
    people.add_user("ada", PASSWORD, "viewer")
    form = {"username": "ada", "password": PASSWORD, "next": there}
    assert Client(**AWAY).post("/sign-in", form)["Location"] == "/"


def test_guessing_passwords_ends_soon_from_anywhere() -> None:
    people.add_user("ada", PASSWORD, "viewer")
    statuses = []
    for number in range(12):
        client = Client(SERVER_NAME="traces.example", REMOTE_ADDR=f"10.0.0.{number}")
        form = {"username": "Ada", "password": f"wrong-{number}"}
        statuses.append(client.post("/sign-in", form).status_code)
    assert statuses == [403] * 10 + [429] * 2
    form = {"username": "ada", "password": PASSWORD}
    assert Client(**AWAY).post("/sign-in", form).status_code == 429


def test_one_visitor_of_a_trusted_proxy_locks_out_nobody_else(settings: Any) -> None:
    settings.SPANBOARD_TRUSTED_PROXIES = read_networks(["10.9.8.7"])
    settings.SPANBOARD_LINK_RATE = "3/m"

    def tried(came_for: str) -> int:
        # What stands before the proxy's word is the visitor's own, and of no use.
        claim = f"198.51.100.{next(numbers)}, {came_for}"
        headers = {"X-Forwarded-For": claim}
        return Client(**AWAY).get("/s/guess", headers=headers).status_code

    numbers = itertools.count()
    statuses = [tried("203.0.113.9") for _ in range(6)]
    assert statuses[0] == 404
    assert statuses[-1] == 429
    assert tried("203.0.113.10") == 404


@pytest.mark.parametrize(
    ("peer", "came_for", "found"),
    [
        ("10.9.8.7", "", "10.9.8.7"),
        ("10.9.8.7", "1.2.3.4", "1.2.3.4"),
        ("10.9.8.7", "9.9.9.9, 1.2.3.4, 10.9.8.7", "1.2.3.4"),
        ("10.9.8.8", "1.2.3.4", "10.9.8.8"),
        ("", "1.2.3.4", ""),
    ],
)
def test_a_visitor_is_who_no_trusted_proxy_is(
    peer: str, came_for: str, found: str
) -> None:
    headers = {"x-forwarded-for": came_for}
    assert visitor(peer, headers, read_networks(["10.9.8.7"])) == found


@pytest.mark.parametrize(
    ("host", "peer", "headers", "local"),
    [
        ("localhost", "127.0.0.1", {}, True),
        ("127.0.0.1", "127.0.0.1", {}, True),
        ("localhost", "::1", {}, True),
        ("traces.example", "127.0.0.1", {}, False),  # rebound to us
        ("localhost", "10.0.0.1", {}, False),
        ("localhost", "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False),
        ("localhost", "127.0.0.1", {"Forwarded": "for=1.2.3.4"}, False),
        ("localhost", "127.0.0.1", {"Via": "1.1 tunnel"}, False),
        ("localhost", "127.0.0.1", {"X-Forwarded-Proto": "https"}, False),
        ("localhost", "127.0.0.1", {"X-Real-IP": "127.0.0.1"}, False),
    ],
)
def test_only_this_machine_asks_without_signing_in(
    host: str, peer: str, headers: dict[str, str], local: bool
) -> None:
    client = Client(SERVER_NAME=host, REMOTE_ADDR=peer)
    assert (client.get("/sources", headers=headers).status_code == 200) is local


def test_the_local_user_can_be_switched_off(client: Client, settings: Any) -> None:
    assert client.get("/sources").status_code == 200
    settings.SPANBOARD_LOCAL_USER = False
    assert client.get("/sources").status_code == 401


def test_a_token_works_as_basic_password_and_ends() -> None:
    token = people.add_token("grafana", "read", None)
    basic = base64.b64encode(f"any:{token}".encode()).decode()
    client = Client(**AWAY, HTTP_AUTHORIZATION=f"Basic {basic}")
    assert client.get("/api/services").status_code == 200
    assert AccessToken.objects.get().last_used_at is not None
    people.remove_token("grafana")
    assert client.get("/api/services").status_code == 401


def test_no_token_is_stored_and_older_keys_still_open(settings: Any) -> None:
    settings.SPANBOARD_SHARE_KEYS = ["old"]
    token = people.add_token("t", "read", None)
    assert token not in str(AccessToken.objects.values())
    client = Client(**AWAY, HTTP_AUTHORIZATION=f"Bearer {token}")
    settings.SPANBOARD_SHARE_KEYS = ["new", "old"]
    assert client.get("/api/services").status_code == 200
    settings.SPANBOARD_SHARE_KEYS = ["new"]
    assert client.get("/api/services").status_code == 401


def test_an_ended_token_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    token = people.add_token("short", "read", 1)
    client = Client(**AWAY, HTTP_AUTHORIZATION=f"Bearer {token}")
    assert client.get("/api/services").status_code == 200
    ends = AccessToken.objects.get().expires_at
    monkeypatch.setattr(asking.timezone, "now", lambda: ends)
    assert client.get("/api/services").status_code == 401


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.9.8.7", {}, 401),
        ("10.20.0.4", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "10.20.0.9"}, 200),
        ("127.0.0.1", {"X-Real-IP": "203.0.113.9"}, 401),
        ("127.0.0.1", {"X-Real-IP": "10.20.0.9"}, 200),
        ("127.0.0.1", {"CF-Connecting-IP": "203.0.113.9"}, 401),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 401),
    ],
)
def test_spans_come_without_a_token_from_named_networks_only(
    peer: str, headers: dict[str, str], status: int, settings: Any
) -> None:
    settings.SPANBOARD_RECEIVE_FROM = read_networks(["127.0.0.0/8", "10.20.0.0/16"])
    client = Client(SERVER_NAME="otel_collector", REMOTE_ADDR=peer)
    answer = client.post(
        "/v1/traces",
        b'{"resourceSpans": []}',
        content_type="application/json",
        headers=headers,
    )
    assert answer.status_code == status


def test_a_trusted_proxy_names_people_and_nobody_else_does(settings: Any) -> None:
    settings.SPANBOARD_PROXY_USER_HEADER = "X-Forwarded-User"
    settings.SPANBOARD_TRUSTED_PROXIES = read_networks(["10.9.8.7"])
    headers = {"X-Forwarded-User": "ada", "X-Forwarded-For": "203.0.113.9"}
    proxied = Client(**AWAY)
    assert proxied.get("/sources", headers=headers).status_code == 200
    assert User.objects.get().role == "viewer"
    assert not User.objects.get().has_usable_password()
    assert proxied.get("/shares", headers=headers).status_code == 403
    people.set_role("ada", "sharer")
    assert proxied.get("/shares", headers=headers).status_code == 200
    other = Client(SERVER_NAME="traces.example", REMOTE_ADDR="10.9.8.8")
    assert other.get("/sources", headers=headers).status_code == 401
    local = Client(SERVER_NAME="localhost")
    assert local.get("/sources", headers=headers).status_code == 401
    User.objects.update(is_active=False)
    assert proxied.get("/sources", headers=headers).status_code == 401


def test_another_password_ends_the_sessions() -> None:
    user = people.add_user("ada", PASSWORD, "viewer")
    client = Client(**AWAY)
    client.force_login(user)
    assert client.get("/sources").status_code == 200
    people.set_password("ada", "grouse-lantern-7")
    assert client.get("/sources").status_code == 401


def test_one_changes_ones_own_password() -> None:
    client = Client(**AWAY)
    client.force_login(people.add_user("ada", PASSWORD, "viewer"))
    form = {"old_password": PASSWORD, "new_password1": "1", "new_password2": "1"}
    assert client.post("/account", form).status_code == 400
    fresh = "grouse-lantern-7"
    form = {**form, "new_password1": fresh, "new_password2": fresh}
    assert client.post("/account", form).status_code == 200
    assert client.get("/account").status_code == 200
    assert User.objects.get().check_password(fresh)


@pytest.mark.parametrize("password", ["", "short", "12345678901", "password1", "ada"])
def test_poor_passwords_are_refused_with_a_sentence(password: str) -> None:
    with pytest.raises(ValueError, match=r"password|This"):
        people.add_user("ada", password, "viewer")
    assert not User.objects.exists()


async def test_receivers_take_tokens_on_the_async_way(settings: Any) -> None:
    client = AsyncClient(SERVER_NAME="traces.example", REMOTE_ADDR="10.9.8.7")
    # AsyncClient has no peer of its own choice: this machine's, through a proxy.
    headers = {"X-Forwarded-For": "203.0.113.9"}
    answer = await client.post(
        "/v1/traces", b"{}", content_type="application/json", headers=headers
    )
    assert answer.status_code == 401
    assert "token add" in answer.json()["message"]


async def opened(
    path: str, peer: str, *further: tuple[bytes, bytes], host: bytes = b"localhost"
) -> ApplicationCommunicator:
    """A socket's first answer is waiting: accept or close."""
    headers = [(b"host", host), (b"origin", b"http://" + host), *further]
    scope = {
        "type": "websocket",
        "path": path,
        "query_string": b"",
        "headers": headers,
        "client": (peer, 4000),
        "subprotocols": [],
    }
    socket = ApplicationCommunicator(application, scope)
    await socket.send_input({"type": "websocket.connect"})
    return socket


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "path", ["/ws/search", "/ws/graph", "/ws/sources", "/ws/trace/ab"]
)
@pytest.mark.parametrize("peer", ["127.0.0.1", "10.9.8.7"])
async def test_sockets_ask_for_the_same_right(path: str, peer: str) -> None:
    socket = await opened(path, peer)
    first = await socket.receive_output(10)
    wanted = "accept" if peer == "127.0.0.1" else "close"
    assert first["type"] == f"websocket.{wanted}"
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})


@pytest.mark.django_db(transaction=True)
async def test_an_accounts_socket_must_ask_again(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def sign_in() -> bytes:
        client = Client(**AWAY)
        client.force_login(people.add_user("ada", PASSWORD, "viewer"))
        return client.cookies["spanboard_session"].value.encode()

    cookie = (b"cookie", b"spanboard_session=" + await sync_to_async(sign_in)())
    socket = await opened("/ws/sources", "10.9.8.7", cookie)
    assert (await socket.receive_output(10))["type"] == "websocket.accept"
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    monkeypatch.setattr(sockets, "ACCOUNT_FOR_S", 0.0)
    again = await opened("/ws/sources", "10.9.8.7", cookie)
    seen = [await again.receive_output(10)]
    while seen[-1]["type"] != "websocket.close":
        seen.append(await again.receive_output(10))
    assert seen[-1]["code"] == sockets.AGAIN
