"""A rate_limit that a gRPC rate limit service counts for several remoras, and what comes of it when that is killed or
hangs. test/interop/test_rate_limit_service.py does the same with Envoy's own."""

import collections
import hashlib
import http.client
import signal
import threading
import time

import pytest
from support.rate_limit_service import WAIT, RateLimitService
from support.running import free_port, wait_until

SERVICE = {"grpc": "limits", "domain": "shop", "timeout": "5s", "stall": "10s"}
ORDERS = {"key": "generic_key", "value": "orders"}


@pytest.fixture
def start_service(tmp_path):
    started = []

    def start(limit=1_000_000):
        folder = tmp_path / f"service-{len(started)}"
        folder.mkdir()
        started.append(RateLimitService(str(folder), limit))
        return started[-1]

    yield start
    for service in started:
        service.end()


def limited(service, *descriptors, **options):
    """One that answers by itself what the service lets through."""
    limit = {"service": "shared", "descriptors": list(descriptors) or [ORDERS]}
    route = {"name": "all", "answer": 200, "rate_limit": limit}
    return {"inbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": [route]}],
            "services": {"limits": {"endpoints": service.address, "protocol": "http2"}},
            "rate_limit_services": {"shared": {**SERVICE, **options}}}


class Client:
    def __init__(self, remora):
        self.connection = http.client.HTTPConnection("127.0.0.1", remora.port, timeout=20)

    def ask(self, path="/", **headers):
        """(status, headers)"""
        self.connection.request("GET", path, headers=headers)
        response = self.connection.getresponse()
        response.read()
        return response.status, response.headers

    def status(self):
        return self.ask()[0]


def results(remora, result):
    return remora.metric("remora_rate_limit_service_requests_total", service="shared", result=result)


def test_two_remoras_share_one_limit_exactly(start_remora, start_service):
    limit, each, clients = 300, 100, 8
    service = start_service(limit)
    remoras = [start_remora(limited(service)) for _ in range(2)]
    got, lock = collections.Counter(), threading.Lock()

    def load(remora):
        client, mine = Client(remora), collections.Counter()
        for _ in range(each):
            mine[client.status()] += 1
        with lock:
            got.update(mine)

    threads = [threading.Thread(target=load, args=(remoras[number % 2],)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {200: limit, 429: each * clients - limit}
    assert sum(results(remora, "allowed") for remora in remoras) == limit
    assert sum(results(remora, "limited") for remora in remoras) == got[429]
    assert min(results(remora, "allowed") + results(remora, "limited") for remora in remoras) > 0
    assert len(service.questions()) == each * clients


def test_the_service_gets_the_descriptors(start_remora, start_service):
    service = start_service(limit=2)
    remora = start_remora(limited(service, ORDERS, {"key": "user", "header": "X-User"}, {"key": "path", "path": True},
                                  {"key": "remote_address", "source": True}))
    client = Client(remora)
    assert [client.ask("/a", **{"X-User": "anna"})[0] for _ in range(3)] == [200, 200, 429]
    assert client.ask("/a?x=1", **{"X-User": "bob"})[0] == 200
    assert client.ask("/b", **{"X-User": "anna"})[0] == 200
    latin = "J\xF6rg"
    assert client.ask("/a", **{"X-User": latin})[0] == 200
    assert client.ask("/a")[0] == 200, "it has no descriptor"

    def asked(user, path="/a"):
        return {"domain": "shop", "hits": 1,
                "descriptors": [[["generic_key", "orders"], ["user", user], ["path", path],
                                 ["remote_address", "127.0.0.1"]]]}

    digest = "#" + hashlib.sha256(latin.encode("latin-1")).hexdigest()
    assert service.questions() == [*[asked("anna")] * 3, asked("bob"), asked("anna", "/b"), asked(digest)]
    assert results(remora, "uncounted") == 1
    assert results(remora, "failed") == 0
    recent = remora.admin("/recent")
    assert "the request lacks a value that its rate_limit is counted by, so that it isn't limited" in recent
    assert "the service that counts says that it is one too many; asking took" in recent

    status, headers = client.ask("/a", **{"X-User": "anna"})
    assert status == 429
    assert headers["Retry-After"] == str(WAIT)
    assert headers["RateLimit-Policy"] == '"route";q=2;w=3600'
    assert headers["RateLimit"] == f'"route";r=0;t={WAIT}'


def test_over_tls(start_remora, start_service, authority, server):
    """The service as a remora with TLS before it has it."""
    service = start_service()
    front = start_remora({"inbound": [{"listen": f"127.0.0.1:{free_port()}", "tls": server,
                                       "app": {"endpoints": service.address, "protocol": "http2"}}]})
    config = limited(service)
    config["services"]["limits"] = {"endpoints": f"localhost:{front.port}", "protocol": "http2",
                                    "tls": {"ca": authority.certificate}}
    remora = start_remora(config)
    assert Client(remora).status() == 200
    assert results(remora, "allowed") == 1
    assert service.questions()[0]["descriptors"] == [[["generic_key", "orders"]]]


@pytest.mark.parametrize("on_failure", ["open", "closed"])
def test_one_that_is_killed_and_comes_back(start_remora, start_service, on_failure):
    service = start_service()
    remora = start_remora(limited(service, on_failure=on_failure, backoff="10ms"))
    client = Client(remora)
    assert client.status() == 200
    service.kill()
    for _ in range(50):
        assert client.status() == (200 if on_failure == "open" else 503)
    assert results(remora, "away") == 50
    words = "let through, since its on_failure is open" if on_failure == "open" else "since its on_failure is closed"
    assert words in remora.admin("/recent")
    if on_failure == "closed":
        assert remora.access_log(51)[-1]["reason"] == "rate_limit_away"
    service.start()
    before = results(remora, "allowed")
    wait_until(lambda: client.status() == 200 and results(remora, "allowed") > before, what="being asked again")


def test_one_that_hangs_costs_no_more_than_its_timeout(start_remora, start_service):
    service = start_service()
    options = {"timeout": "50ms", "stall": "500ms", "on_failure": "closed", "backoff": "50ms", "backoff_most": "100ms"}
    remora = start_remora(limited(service, **options))
    client = Client(remora)
    wait_until(lambda: client.status() == 200, what="a first answer")
    late_before = results(remora, "late")
    service.send_signal(signal.SIGSTOP)
    spans = []

    def ask():
        began = time.monotonic()
        assert client.status() == 503
        spans.append(time.monotonic() - began)
        return results(remora, "away") >= 20

    wait_until(ask, what="the connection being given up")
    late = results(remora, "late") - late_before
    assert 1 <= late <= 12, "none waits any more once the stall is over"
    # What is beyond the timeout is the machine's: half of all took no time at all.
    assert sorted(spans)[len(spans) // 2] < 0.5 and max(spans) < 2, spans
    service.send_signal(signal.SIGCONT)
    wait_until(lambda: client.status() == 200, what="being asked again")
