"""Which way a request goes, and what it becomes on the way; and that `explain` says the same, from the command line and
from the admin side."""

import json
import subprocess
import urllib.parse
from dataclasses import dataclass

import pytest
from support.fixtures import outbound
from support.raw_client import RawClient
from support.raw_server import answer
from support.running import binary

ROUTES = [
    {"name": "exact", "match": {"path": "/exact"}, "to": "a"},
    {"name": "prefix", "match": {"path": "/v2/*"}, "to": "a"},
    {"name": "longer-prefix", "match": {"path": "/v2/deep/*"}, "to": "b"},
    {
        "name": "template",
        "match": {"path": "/users/{id}/orders/{rest=**}"},
        "to": "a",
        "rewrite": {"path": "/orders/of/{id}/{rest}"},
    },
    {"name": "regex", "match": {"path": r"~ ^/report-[0-9]{4}\.csv$"}, "to": "b"},
    {"name": "post-only", "match": {"path": "/method", "methods": ["POST", "PUT"]}, "to": "b"},
    {"name": "method-any", "match": {"path": "/method"}, "to": "a"},
    {"name": "header-exact", "match": {"path": "/h", "headers": {"x-canary": "true"}}, "to": "b"},
    {"name": "header-none", "match": {"path": "/h"}, "to": "a"},
    {"name": "header-regex", "match": {"path": "/hr", "headers": {"user-agent": {"regex": ".*Mobile.*"}}}, "to": "b"},
    {"name": "header-absent", "match": {"path": "/ha", "headers": {"x-debug": {"absent": True}}}, "to": "b"},
    {"name": "header-present", "match": {"path": "/ha", "headers": {"x-debug": {"present": True}}}, "to": "a"},
    {"name": "query", "match": {"path": "/q", "query": {"page": {"prefix": "1"}}}, "to": "b"},
    {"name": "cookie", "match": {"path": "/c", "cookies": {"tier": {"suffix": "-gold"}}}, "to": "b"},
    {"name": "source", "match": {"path": "/s", "source": ["127.0.0.2/32"]}, "to": "b"},
    {"name": "source-any", "match": {"path": "/s"}, "to": "a"},
    {"name": "host-exact", "match": {"host": "shop.example"}, "to": "b"},
    {"name": "host-suffix", "match": {"host": "*.example"}, "to": "a"},
    {
        "name": "prefix-rewrite",
        "match": {"path": {"prefix": "/old"}},
        "to": "a",
        "rewrite": {"path_prefix": "/new", "host": "orders.internal"},
    },
    {
        "name": "headers-changed",
        "match": {"path": "/headers"},
        "to": "a",
        "request_headers": {"set": {"x-from": "sidecar"}, "add": {"x-tag": ["1", "2"]}, "remove": ["x-internal"]},
        "response_headers": {"set": {"x-set": "yes"}, "remove": ["server"]},
    },
    {"name": "moved", "match": {"path": "/moved/*"}, "redirect": {"status": 301, "path_prefix": "/here"}},
    {
        "name": "moved-host",
        "match": {"host": "old.test"},
        "redirect": {"status": 308, "scheme": "https", "host": "new.test"},
    },
    {"name": "health", "match": {"path": "/healthz", "method": "GET"}, "answer": {"status": 200, "body": "fine\n"}},
    {"name": "forbidden", "match": {"path": "/forbidden/*"}, "answer": 403},
    {"name": "down", "match": {"path": "/down"}, "to": "down"},
]


@dataclass
class Row:
    """A request, and what must become of it."""

    target: str
    route: str = ""
    to: str = ""  # a service that must answer
    status: int = 200
    method: str = "GET"
    host: str = "app"
    headers: tuple = ()
    source: str = "127.0.0.1"
    arrives_as: str = ""  # the target that the service gets; as sent when empty
    location: str = ""

    @property
    def id(self):
        words = [self.method, self.host + self.target, *(f"{name}={value}" for name, value in self.headers), self.source]
        return " ".join(words)


ROWS = [
    Row("/exact", "exact", "a"),
    Row("/exact?x=1", "exact", "a"),
    Row("/exact/", status=404),
    Row("/v2", "prefix", "a"),
    Row("/v2/x/y", "prefix", "a"),
    Row("/v22", status=404),
    Row("/v2/deep/x", "longer-prefix", "b"),
    Row("/v2/%64eep/x", "longer-prefix", "b"),
    Row("/v2/a/../deep/x", "longer-prefix", "b"),
    Row("/v2/deep%2Fx", "prefix", "a"),
    Row("/users/7/orders/1/2?q=%2F", "template", "a", arrives_as="/orders/of/7/1/2?q=%2F"),
    Row("/users/7/orders", "template", "a", arrives_as="/orders/of/7/"),
    Row("/users//orders/1", status=404),
    Row("/report-2026.csv", "regex", "b"),
    Row("/report-26.csv", status=404),
    Row("/method", "post-only", "b", method="POST"),
    Row("/method", "method-any", "a"),
    Row("/h", "header-exact", "b", headers=(("X-Canary", "true"),)),
    Row("/h", "header-none", "a", headers=(("X-Canary", "truer"),)),
    Row("/hr", "header-regex", "b", headers=(("User-Agent", "A Mobile B"),)),
    Row("/hr", status=404, headers=(("User-Agent", "Desktop"),)),
    Row("/ha", "header-absent", "b"),
    Row("/ha", "header-present", "a", headers=(("X-Debug", ""),)),
    Row("/q?a=b&page=12", "query", "b"),
    Row("/q?page=21&page=12", "query", "b"),
    Row("/q?page=21", status=404),
    Row("/q", status=404),
    Row("/c", "cookie", "b", headers=(("Cookie", "a=b; tier=extra-gold"),)),
    Row("/c", status=404, headers=(("Cookie", "tier=gold-ish"),)),
    Row("/s", "source", "b", source="127.0.0.2"),
    Row("/s", "source-any", "a"),
    Row("/", "host-exact", "b", host="shop.example"),
    Row("/", "host-exact", "b", host="SHOP.example:8080"),
    Row("/", "host-suffix", "a", host="a.b.example"),
    Row("/", status=404, host="example"),
    Row("/old/x?y", "prefix-rewrite", "a", arrives_as="/new/x?y"),
    Row("/old", "prefix-rewrite", "a", arrives_as="/new"),
    Row("/headers", "headers-changed", "a"),
    Row("/moved/a?b=c", "moved", status=301, location="http://app/here/a?b=c"),
    Row("/any/path?q", "moved-host", status=308, host="old.test", location="https://new.test/any/path?q"),
    Row("/healthz", "health"),
    Row("/healthz", status=404, method="POST"),
    Row("/forbidden/x", "forbidden", status=403),
    Row("/down", "down", status=503),
    Row("/a\\b", status=400),
    Row("/%00", status=400),
    Row("/../x", status=400),
]


def says_who(name):
    def script(connection):
        while True:
            request = connection.read_request()
            connection.send(answer(f"{name} {request.target}", headers="Server: app\r\n"))

    return script


@pytest.fixture
def world(start_remora, start_server):
    servers = {name: start_server(says_who(name)) for name in ("a", "b")}
    services = {name: {"endpoints": [server.address]} for name, server in servers.items()}
    services["down"] = {"endpoints": ["127.0.0.1:1"]}
    return start_remora({"outbound": [outbound(ROUTES)], "services": services}), servers


def ask(remora, row):
    lines = "".join(f"{name}: {value}\r\n" for name, value in row.headers)
    length = "Content-Length: 0\r\n" if row.method == "POST" else ""
    with RawClient(remora.port, source=row.source) as client:
        client.send(f"{row.method} {row.target} HTTP/1.1\r\nHost: {row.host}\r\n{lines}{length}\r\n")
        return client.read_response(row.method)


def explained_by_command(remora, row):
    command = [binary(), "explain", "--json", "-c", remora.config_path, "--source", row.source]
    command += [part for name, value in row.headers for part in ("-H", f"{name}: {value}")]
    result = subprocess.run(
        [*command, row.method, f"http://{row.host}{row.target}"], capture_output=True, text=True, timeout=60
    )
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def explained_by_admin(remora, row):
    query = [("url", f"http://{row.host}{row.target}"), ("method", row.method), ("source", row.source)]
    query += [("header", f"{name}:{value}") for name, value in row.headers]
    return json.loads(remora.admin("/explain?format=json&" + urllib.parse.urlencode(query)))


def test_requests_go_where_the_table_says_and_explain_knew_it(world):
    """One remora for the whole table; every row is judged before the test says which were wrong."""
    remora, servers = world
    wrong = []
    for row in ROWS:
        before = {name: len(server.requests) for name, server in servers.items()}
        response = ask(remora, row)
        expected = f"{row.to} {row.arrives_as or row.target}".encode() if row.to else b""
        if response.status != row.status:
            wrong.append(f"{row.id}: status {response.status} instead of {row.status}")
        if row.to and response.body != expected:
            wrong.append(f"{row.id}: {response.body} instead of {expected}")
        if row.location and response.get("Location") != row.location:
            wrong.append(f"{row.id}: Location {response.get('Location')} instead of {row.location}")
        if not row.to and any(len(server.requests) != before[name] for name, server in servers.items()):
            wrong.append(f"{row.id}: reached a service")
        wrong += disagreements(row, response, explained_by_admin(remora, row), "admin")
    assert not wrong, "\n".join(wrong)


def test_the_command_explains_as_the_admin_page_does(world):
    remora, _ = world
    wrong = []
    for row in ROWS:
        by_command, by_admin = explained_by_command(remora, row), explained_by_admin(remora, row)
        for key in ("verdict", "reason", "status", "route", "location", "answer", "request", "considered", "decisions"):
            if by_command.get(key) != by_admin.get(key):
                wrong.append(f"{row.id}: {key} is {by_command.get(key)} by command and {by_admin.get(key)} by admin")
    assert not wrong, "\n".join(wrong)


def disagreements(row, response, explanation, by):
    """What the explanation says against what happened."""
    wrong = []

    def compare(what, said, happened):
        if said != happened:
            wrong.append(f"{row.id}: {by} explains {what} {said!r}, and it was {happened!r}")

    if row.to:
        compare("the verdict", explanation["verdict"], "forwarded")
        compare("the services", [service["name"] for service in explanation["services"]], [row.to])
        head = explanation["upstream_head"].splitlines()[0].split()[1]
        compare("the target", head, row.arrives_as or row.target)
    elif row.route != "down":  # nothing knows beforehand that nobody listens there
        compare("the status", explanation["status"], response.status)
    if row.route:
        compare("the route", explanation["route"]["name"], row.route)
    if row.location:
        compare("the location", explanation["location"], response.get("Location"))
    return wrong


def test_the_access_log_and_recent_name_the_route_that_explain_names(world):
    remora, _ = world
    for row in ROWS:
        ask(remora, row)
    logged = remora.access_log(at_least=len(ROWS))
    for row in ROWS:
        lines = [line for line in logged if line["path"] == row.target and line["method"] == row.method]
        assert lines, f"no line for {row.id}"
        assert any(line["status"] == row.status and line["route"] == row.route for line in lines), (row.id, lines)


def test_headers_are_set_added_and_removed(world):
    remora, servers = world
    with RawClient(remora.port) as client:
        response = client.get("/headers", headers="X-From: client\r\nX-Internal: secret\r\nX-Tag: 0\r\n")
    request = servers["a"].requests[-1]
    assert request.values("X-From") == ["sidecar"]
    assert request.values("X-Tag") == ["0", "1", "2"]
    assert request.values("X-Internal") == []
    assert response.values("X-Set") == ["yes"] and response.values("Server") == []


def test_a_rewritten_host_reaches_the_service(world):
    remora, servers = world
    with RawClient(remora.port) as client:
        client.get("/old/x")
    assert servers["a"].requests[-1].get("Host") == "orders.internal"


def test_outbound_the_bytes_of_the_path_are_kept(world):
    """Signed URLs sign bytes; only matching uses the normalised path."""
    remora, _ = world
    with RawClient(remora.port) as client:
        assert client.get("/v2/./%7ea//b/../c").body == b"a /v2/./%7ea//b/../c"


def test_a_split_follows_its_weights(start_remora, start_server):
    light, heavy = start_server(says_who("light")), start_server(says_who("heavy"))
    routes = [{"match": {"host": "app"}, "split": [{"to": "light", "weight": 10}, {"to": "heavy", "weight": 90}]}]
    services = {"light": light.address, "heavy": heavy.address, "never": "127.0.0.1:1"}
    routes[0]["split"].append({"to": "never", "weight": 0})
    remora = start_remora({"outbound": [outbound(routes)], "services": services})
    count = 2000
    with RawClient(remora.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n" * count)
        answers = [client.read_response() for _ in range(count)]
    assert {response.status for response in answers} == {200}
    # Six standard deviations of a binomial distribution on either side: one wrong alarm in half a billion runs.
    share = sum(response.body.startswith(b"light") for response in answers) / count
    assert abs(share - 0.1) < 6 * (0.1 * 0.9 / count) ** 0.5, share
    assert remora.metric("remora_requests_total", service="light", status_class="2xx") == round(share * count)


@pytest.mark.parametrize("balance", ["round_robin", "least_request", "random"])
def test_every_endpoint_gets_its_share(balance, start_remora, start_server):
    servers = [start_server(says_who(str(number))) for number in range(3)]
    services = {"app": {"endpoints": [server.address for server in servers], "balance": balance}}
    remora = start_remora({"outbound": [outbound([{"to": "app"}])], "services": services, "cores": 1})
    with RawClient(remora.port) as client:
        for _ in range(300):
            assert client.get().status == 200
    counts = [len(server.requests) for server in servers]
    assert min(counts) >= (95 if balance == "round_robin" else 30), counts


def test_a_refused_endpoint_is_not_the_client_s_problem(start_remora, start_server):
    services = {"app": {"endpoints": ["127.0.0.1:1", start_server().address], "balance": "round_robin"}}
    remora = start_remora({"outbound": [outbound([{"to": "app"}])], "services": services, "cores": 1})
    with RawClient(remora.port) as client:
        statuses = [client.get().status for _ in range(50)]
    assert statuses == [200] * 50
