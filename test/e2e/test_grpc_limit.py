"""A rate_limit that a gRPC rate limit service counts for several remoras, and what comes of it when that is killed or
hangs. test/interop/test_rate_limit_service.py does the same with Envoy's own."""

import hashlib

import pytest
from support import shared_limits
from support.rate_limit_service import WAIT, RateLimitService
from support.running import free_port
from support.shared_limits import ORDERS, Client, ask_all, results
from support.shared_limits import counted_by_grpc as limited


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


def test_two_remoras_share_one_limit_exactly(start_remora, start_service):
    limit, each, clients = 300, 100, 8
    service = start_service(limit)
    remoras = [start_remora(limited(service)) for _ in range(2)]
    got = ask_all(remoras, goes_on=lambda asked: asked < each, clients=clients)
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


def test_several_descriptors_go_in_one_question(start_remora, start_service):
    """The service counts what came together: it refuses when any descriptor came too often."""
    service = start_service(limit=2)
    remora = start_remora(limited(service, [ORDERS], [{"key": "user", "header": "X-User"}, {"key": "path", "path": True}]))
    client = Client(remora)
    assert client.ask("/a", **{"X-User": "anna"})[0] == 200
    assert client.ask("/a")[0] == 200, "without a user it is counted by the other"
    status, headers = client.ask("/b", **{"X-User": "bob"})
    assert (status, headers["Retry-After"]) == (429, str(WAIT)), "that one has come three times"
    both = [[["generic_key", "orders"]], [["user", "anna"], ["path", "/a"]]]
    assert [question["descriptors"] for question in service.questions()] == [
        both, both[:1], [both[0], [["user", "bob"], ["path", "/b"]]]]
    assert "and by user = header x-user, path = the path" in remora.admin("/explain?url=http://localhost/a")


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
    shared_limits.check_one_that_is_killed_and_comes_back(remora, service, on_failure)


def test_one_that_hangs_costs_no_more_than_its_timeout(start_remora, start_service):
    service = start_service()
    remora = start_remora(limited(service, **shared_limits.HASTY))
    shared_limits.check_one_that_hangs_costs_no_more_than_its_timeout(remora, service)
