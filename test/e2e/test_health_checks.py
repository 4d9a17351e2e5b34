"""Active health checks: endpoints that turn ill by their check while they answer everything else, and come back."""

import concurrent.futures
import http.client
import threading

import grpc
import pytest
from support.raw_server import RawServer, answer
from support.running import free_port, wait_until

FAST = {"interval": "50ms", "timeout": "500ms", "jitter": 0}


class Shop:
    """A server that answers every path, and /healthz by what the test says."""

    def __init__(self, name):
        self.name, self.is_well, self.served = name, True, 0
        self.server = RawServer(self.script)
        self.address = self.server.address

    def script(self, connection):
        while request := connection.read_request():
            if request.target == "/healthz":
                connection.send(answer(status="200 OK" if self.is_well else "503 Service Unavailable"))
                return
            self.served += 1
            connection.send(answer(self.name))


@pytest.fixture
def shops():
    both = [Shop("one"), Shop("two")]
    yield both
    for shop in both:
        shop.server.__exit__()
        assert shop.server.problems == []


def before(service):
    return {"inbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": [{"to": "shop"}]}],
            "services": {"shop": service}}


def ask(remora, times=20):
    """The bodies of so many answers."""
    connection = http.client.HTTPConnection("127.0.0.1", remora.port, timeout=10)
    bodies = set()
    for _ in range(times):
        connection.request("GET", "/orders")
        response = connection.getresponse()
        bodies.add(response.read().decode())
        assert response.status == 200
    connection.close()
    return bodies


def healthy(remora):
    return remora.metric("remora_healthy_endpoints", service="shop")


def test_one_that_turns_ill_gets_nothing_until_it_is_well(start_remora, shops):
    service = {"endpoints": [shop.address for shop in shops], "balance": "round_robin",
               "health_check": {"http": "/healthz", **FAST}}
    remora = start_remora(before(service))
    assert healthy(remora) == 2
    assert ask(remora) == {"one", "two"}

    shops[0].is_well = False
    wait_until(lambda: healthy(remora) == 1, what="three failed checks")
    assert ask(remora, times=100) == {"two"}
    page = remora.admin("/clusters")
    assert f"{shops[0].address} failed its check" in page
    assert "GET /healthz was answered with status 503, not 200..299" in page
    assert f"shop: {shops[0].address} is unhealthy and gets no requests: GET /healthz" in remora.output()
    assert remora.metric("remora_health_checks_total", service="shop", result="failed") >= 3

    shops[0].is_well = True
    wait_until(lambda: healthy(remora) == 2, what="two passed checks")
    assert ask(remora) == {"one", "two"}
    assert "is healthy again (2 passed in a row)" in remora.output()


def test_when_nobody_is_well_all_are_tried_and_the_trail_says_so(start_remora, shops):
    for shop in shops:
        shop.is_well = False
    remora = start_remora(before({"endpoints": [shop.address for shop in shops], "health_check": "/healthz"}))
    wait_until(lambda: healthy(remora) == 0, what="the first checks")
    assert ask(remora, times=50) == {"one", "two"}
    assert "panicked no endpoint is well, so all of them are tried; see /clusters" in remora.admin("/recent")


def test_a_reload_keeps_what_is_known(start_remora, shops):
    """With the default interval: another first check would take 5 s to change anything."""
    shops[0].is_well = False
    config = before({"endpoints": [shop.address for shop in shops], "health_check": "/healthz"})
    remora = start_remora(config)
    wait_until(lambda: remora.metric("remora_health_checks_total") == 2, what="the first checks")
    remora.config["services"]["shop"]["panic"] = 10
    remora.write_config()
    wait_until(lambda: remora.metric("remora_reloads_total") == 1, what="a reload")
    assert healthy(remora) == 1
    assert ask(remora) == {"two"}
    assert remora.metric("remora_health_checks_total") <= 4, "no new beginning"

    del remora.config["services"]["shop"]["health_check"]
    remora.write_config()
    wait_until(lambda: remora.metric("remora_reloads_total") == 2, what="a reload")
    assert ask(remora) == {"one", "two"}


def test_a_port_that_takes_no_connections_is_ill(start_remora, shops):
    """Another port than that of the requests."""
    port = free_port()
    service = {"endpoints": [shops[0].address], "health_check": {"tcp": True, "port": port, **FAST}}
    remora = start_remora(before(service))
    wait_until(lambda: healthy(remora) == 0, what="the first check")
    assert "it refuses connections: is the application listening there?" in remora.admin("/clusters")
    ask(remora, times=1)
    with RawServer(lambda connection: connection.wait_for_end(), port=port):
        wait_until(lambda: healthy(remora) == 1, what="two connections")


def test_one_that_hangs_has_one_check_at_a_time(start_remora):
    open_now, most, lock = [0], [0], threading.Lock()

    def hang(connection):
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
        connection.read_request()
        connection.wait_for_end()
        with lock:
            open_now[0] -= 1

    with RawServer(hang) as server:
        check = {"http": "/healthz", **FAST, "interval": "1ms", "timeout": "50ms"}
        remora = start_remora(before({"endpoints": [server.address], "health_check": check}))
        server.wait(lambda: len(server.connections) >= 10, what="ten checks")
        assert "connected, but no answer within 50 ms" in remora.admin("/clusters")
    assert most[0] <= 2, "the next may come before this server has seen the end of the last"


class Health(grpc.GenericRpcHandler):
    """The standard health protocol, with its messages by hand."""

    def __init__(self):
        self.asked, self.status = [], 1

    def service(self, details):
        if details.method == "/grpc.health.v1.Health/Check":
            return grpc.unary_unary_rpc_method_handler(self.check)
        return None

    def check(self, request, context):
        self.asked.append(request)
        if self.status is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return bytes([8, self.status])


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["cleartext", "tls"])
def test_the_health_service_of_grpc(start_remora, authority, server, is_encrypted):
    health = Health()
    endpoint = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    endpoint.add_generic_rpc_handlers((health,))
    service = {"protocol": "http2", "health_check": {"grpc": "shop.Orders", **FAST}}
    if is_encrypted:
        with open(server["key"], "rb") as key, open(server["certificate"], "rb") as certificate:
            credentials = grpc.ssl_server_credentials([(key.read(), certificate.read())])
        port = endpoint.add_secure_port("127.0.0.1:0", credentials)
        service |= {"protocol": "auto", "tls": {"ca": authority.certificate}}
    else:
        port = endpoint.add_insecure_port("127.0.0.1:0")
    endpoint.start()
    try:
        remora = start_remora(before({"endpoints": [f"127.0.0.1:{port}"], **service}))
        wait_until(lambda: healthy(remora) == 1 and remora.metric("remora_health_checks_total", result="passed") >= 1,
                   what="a check that passed")
        assert health.asked[0] == b"\x0a\x0bshop.Orders"
        health.status = 2
        wait_until(lambda: healthy(remora) == 0, what="three failed checks")
        assert "it says that 'shop.Orders' is NOT_SERVING" in remora.admin("/clusters")
        health.status = None
        wait_until(lambda: "doesn't know 'shop.Orders' (NOT_FOUND)" in remora.admin("/clusters"), what="another reason")
        health.status = 1
        wait_until(lambda: healthy(remora) == 1, what="two passed checks")
    finally:
        endpoint.stop(None).wait()
