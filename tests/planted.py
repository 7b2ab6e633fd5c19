"""Secrets for tests of redaction: what they are, where they hide, how they are written."""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple
from urllib.parse import quote


class Planted(NamedTuple):
    """A secret in a tag; ``marks`` are texts of which none may stay anywhere."""

    name: str
    key: str
    value: Any
    marks: tuple[str, ...]


def b64(text: str) -> str:
    """Standard base64."""
    return base64.b64encode(text.encode()).decode()


def b64url(text: str) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def jwt(subject: str) -> str:
    """A signed token of a subject."""
    head, body = b64url('{"alg":"HS256"}'), b64url(json.dumps({"sub": subject}))
    return f"{head}.{body}.dozjgNryP4J3jVmNHl0w5N_{subject}"


def nested(text: str, layers: int) -> str:
    """JSON in JSON in JSON."""
    for _ in range(layers):
        text = json.dumps({"inner": text})
    return text


def one(name: str, key: str, value: Any, *marks: str) -> Planted:
    """A secret; its marks are the value itself unless they are given."""
    return Planted(name, key, value, marks or (str(value),))


M = "message"
BASIC = b64("plant01:hunter01")
MAIL02 = "mail02@planted.example"
SERVICE_ACCOUNT = jwt("system:serviceaccount:plant")
IN_TAGS = [
    one("basic", "http.request.header.authorization", f"Basic {BASIC}", BASIC),
    one("header array", "request.headers", '["authorization: Bearer plant02tok"]', "plant02tok"),
    one("header pairs", "rpc.metadata", '["authorization","plant03tok","te","trailers"]', "plant03tok"),
    one("header object", "headers", '{"X-Api-Key":["plant04key"]}', "plant04key"),
    one("name and value", "attributes", '[{"name":"Authorization","value":"plant05tok"}]', "plant05tok"),
    one("numbered header", "http.request.header.authorization.0", "plant06tok"),
    one("camel case", "authToken", "plant07tok"),
    one("part of a token", "token.part1", "plant08tok"),
    one("session by its key", "user.session.id", "3f1c7a52-1111-4aaa-9aaa-plant09aaaaa"),
    one("cookie attributes", "set-cookie", "id=plant10; Path=/; HttpOnly", "plant10"),
    one("cookie in text", M, "sent Cookie: a=plant11; b=2", "plant11"),
    one("jwt", M, f"got {jwt('plant12')}", jwt("plant12"), "plant12"),
    one("service account", M, SERVICE_ACCOUNT, SERVICE_ACCOUNT),
    one("json", "body", '{"user":{"password":"plant13pw"}}', "plant13pw"),
    one("json in json", "body", nested('{"pin":"plant14pin"}', 3), "plant14pin"),
    one("escaped json", M, 'was {\\"secret\\":\\"plant15\\"}', "plant15"),
    one("json in text", M, 'body {"cvv": "plant16", "a": [1, {"ssn": "plant17"}]} end', "plant16", "plant17"),
    one("json number", "body", '{"pin": 918273645, "n": 1}', "918273645"),
    one("repeated member", "body", '{"x":"dup18@planted.example","x":"fine"}', "dup18@planted"),
    one("list under a name", "body", '{"tokens":1,"token":["plant19a","plant19b"]}', "plant19a", "plant19b"),
    one("base64", M, f"data {b64('mail=mail20@planted.example')} end", b64("mail=mail20@planted.example")),
    one("base64 in a path", "http.route", f"/u/{b64('mail21@planted.example')}/x", b64("mail21@planted.example").rstrip("=")),
    one("base64url", M, b64url("password=plant22??>>~~"), b64url("password=plant22??>>~~")),
    one("base64 twice", M, b64(b64("token=plant23value")), b64(b64("token=plant23value"))),
    one("base64 of json", M, b64('{"password":"plant24"}'), b64('{"password":"plant24"}')),
    one("base64 in lines", M, "\n".join([b64("x" * 60 + "password=plant25" + "y" * 60)[i : i + 76] for i in (0, 76, 152)]), b64("x" * 60 + "password=plant25" + "y" * 60)[76:100]),
    one("hex", M, b"mail26@planted.example".hex()),
    one("percent", M, quote("mail27@planted.example", safe=""), "mail27%40planted", "mail27@planted"),
    one("percent twice", M, quote(quote("to mail28@planted.example", safe="")), "mail28"),
    one("percent thrice", M, quote(quote(quote("password=plant29", safe=""), safe="")), "plant29"),
    one("unicode escapes", M, "mail30\\u0040planted.example", "mail30"),
    one("hex escapes", M, "password\\x3dplant31", "plant31"),
    one("entities", M, "mail32&#64;planted.example and &quot;", "mail32"),
    one("entity by name", M, "mail33&commat;planted.example", "mail33"),
    one("full width", M, "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff1dplant34", "plant34"),
    one("zero width", M, "pass\u200bword=plant35", "plant35"),
    one("zero width in a key", "pass\u200bword", "plant36"),
    one("unicode domain", M, "to mail37@pl\u00e4nted.example", "mail37", "pl\u00e4nted"),
    one("ipv6 with zone", M, "from fe80::38:1234%eth0 on", "fe80::38:1234"),
    one("ipv6 in brackets", M, "http://[2001:db8::39:1]:8080/x", "2001:db8::39:1"),
    one("ipv6 mapped", M, "peer ::ffff:203.0.113.40", "203.0.113.40"),
    one("ip", "client.address", "203.0.113.41"),
    one("ip in a host", M, "ip-203-0-113-42.eu.internal", "203-0-113-42"),
    one("ip of a pod", "server.address", "203-0-113-43.shop.pod", "203-0-113-43"),
    one("node id", "node_id", "sidecar~203.0.113.44~web-1.shop~shop.svc", "203.0.113.44"),
    one("forwarded for", "http.request.header.x-forwarded-for", "client45host, proxy45", "client45host"),
    one("card", M, "paid with 4111 1111 1111 1111", "4111 1111 1111 1111"),
    one("card as a number", "payment.ref", 5555555555554444, "5555555555554444"),
    one("iban", M, "from DE89 3704 0044 0532 0130 00 on", "3704 0044 0532"),
    one("phone", M, "call +49 (30) 901820-46", "901820"),
    one("query", "http.url", "https://shop/p?session=plant47&x=1", "plant47"),
    one("fragment", "http.url", "https://shop/cb#access_token=plant48&x=1", "plant48"),
    one("matrix", "http.target", "/cart;user=plant49;v=1/items", "plant49"),
    one("jsessionid", "http.target", "/cart;jsessionid=PLANT50", "PLANT50"),
    one("path token", "http.target", "/reset/a8Xplant51Zk29QwErT7/ok", "a8Xplant51Zk29QwErT7"),
    one("mail in a path", "http.target", "/users/mail52@planted.example/cart", "mail52@planted"),
    one("url with password", M, "postgres://ann:plant53/pw@db/x", "plant53"),
    one("url with token", M, "https://plant54token@git.example/x.git", "plant54token"),
    one("user and password", M, "ann55:plant55pw@db:5432", "plant55pw"),
    one("ado", M, "Server=db;User Id=sa;Password=plant56;Encrypt=1", "plant56"),
    one("account key", M, "AccountName=a;AccountKey=plant57+/key==;Suffix=x", "plant57"),
    one("aws id", M, "AKIAIOSFODNN7PLANT58", "AKIAIOSFODNN7PLANT58"),
    one("gcp", M, "key AIzaSyPlant59_abcdefghijklmnopqrstuvw", "Plant59"),
    one("github", M, "ghp_plant60abcdefghijklmnopqrstuvwxyz0", "plant60"),
    one("github fine", M, "github_pat_plant61abcdefghijklmnopqrst", "plant61"),
    one("gitlab", M, "glpat-plant62-abcdefghijkl", "plant62"),
    one("slack", M, "xox" + "b-1234567890-plant63abcdef", "plant63"),
    one("stripe", M, "sk_" + "live_plant64abcdefghijkl", "plant64"),
    one("npm", M, "npm_plant65abcdefghijklmnopqrstuvwxyz0", "plant65"),
    one("model key", M, "sk-proj-plant66-abcdefghijklmnop", "plant66"),
    one("twilio", M, "SK" + "0123456789abcdef0123456789abc67d", "0123456789abc67d"),
    one("sendgrid", M, "SG.plant68abcdefghijklmn.opqrstuvwxyz012345", "plant68"),
    one("pem", M, "-----BEGIN EC PRIVATE KEY-----\nplant69secret\n-----END EC PRIVATE KEY-----", "plant69secret"),
    one("ssh", M, "ssh-ed25519 AAAAC3plant70NzaC1lZDI1 ann@host", "AAAAC3plant70NzaC1lZDI1"),
    one("bcrypt", M, "$2b$12$plant71.N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68", "plant71"),
    one("ldap", M, "bind uid=plant72,ou=people,dc=example,dc=com", "plant72"),
    one("ldap filter", M, "search (&(objectClass=person)(cn=Plant Seventythree))", "Plant Seventythree"),
    one("baggage", "http.request.header.baggage", "userId=plant74,tenant=plant75;p=1", "plant74", "plant75"),
    one("trace state", "w3c.tracestate", "vendor=plant76,other=plant77", "plant76", "plant77"),
    one("options", "process.command_args", '["app","--password","plant78"]', "plant78"),
    one("command line", "process.command_line", "app --token plant79 --fast", "plant79"),
    one("sql", "db.statement", "SELECT a FROM users WHERE name = 'plant80' AND z = 80180", "plant80", "80180"),
    one("redis", "db.query.text", "SET session plant81value", "plant81value"),
    one("many lines", M, "first\r\nX-Api-Key: plant82\r\nlast", "plant82"),
    one("multipart", M, 'form-data; name="password"\r\n\r\nplant83', "plant83"),
    one("xml", M, "<auth><password>plant84</password></auth>", "plant84"),
    one("stack trace", "exception.stacktrace", "Error: mail85@planted.example\n  at a.b(c.js:1)", "mail85@planted"),
    one("very long", M, "x " * 20_000 + "password=plant86", "plant86"),
    one("personal by its key", "user.full_name", "Plant Eightyseven"),
    one("mail in a key", "seen.mail88@planted.example", "yes", "mail88@planted"),
    one("array of texts", "emails", '["mail89@planted.example","b"]', "mail89@planted"),
    one("list of a language", M, "{'token': ['plant93a', 'plant93b']}", "plant93a", "plant93b"),
    one("json cut off", "body", '{"a":{"token":["plant94a","plant94', "plant94"),
    one("binary header", "grpc.metadata", f"authorization-bin: {b64('plant95')}", b64("plant95")),
    one("user of a command", M, "curl -u ann:plant96pw https://x.example", "plant96pw"),
    one("quoted mail", M, 'to "ann plant97"@planted.example', "plant97"),
    one("ipv6 with port", M, "2001:db8:1:2:3:4:98:9898:443", "98:9898"),
    one("a sentence", M, "reset the password to plant99word now", "plant99word"),
    one("auth key", M, "X-Auth-Key: plant100key", "plant100key"),
    one("signature", M, "X-Amz-Signature=plant90deadbeef", "plant90"),
]  # fmt: skip
# Parts that are nothing alone.
SPLIT = {
    "payload.0": "user mail91@plan",
    "payload.1": "ted91.example bought",
    "chunk[0]": "pay 4012 8888 ",
    "chunk[1]": "8888 1881 now",
    "header.name": "X-Api-Key",
    "header.value": "plant92value",
}
SPLIT_MARKS = ("mail91@plan", "ted91.example", "4012 8888", "plant92value")
