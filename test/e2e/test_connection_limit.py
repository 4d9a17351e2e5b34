"""limits.connections and limits.retries of a service, with real applications and cores."""

import collections
import http.client
import threading
import time

from support.raw_server import answer
from support.running import free_port, wait_until

CLIENTS = 24
EACH = 20


def routed(service, **more):
    return {"cores": 2, "inbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": [{"to": "app", **more}]}],
            "services": {"app": service}}


class Application:
    """Counts its connections; each answer takes a moment."""

    def __init__(self, takes=0.002):
        self.takes, self.lock, self.accepted = takes, threading.Lock(), 0

    def __call__(self, connection):
        with self.lock:
            self.accepted += 1
        while connection.read_request():
            time.sleep(self.takes)
            connection.send(answer())


def load(remora, clients=CLIENTS, each=EACH):
    """How often each status came."""
    got, lock = collections.Counter(), threading.Lock()

    def one():
        connection = http.client.HTTPConnection("127.0.0.1", remora.port, timeout=20)
        mine = collections.Counter()
        for _ in range(each):
            connection.request("GET", "/")
            response = connection.getresponse()
            response.read()
            mine[response.status] += 1
        with lock:
            got.update(mine)

    threads = [threading.Thread(target=one) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_many_clients_share_few_connections(start_remora, start_server):
    app = Application()
    limits = {"connections": 4, "pending_timeout": "20s"}
    remora = start_remora(routed({"endpoints": start_server(app).address, "limits": limits}))
    assert load(remora) == {200: CLIENTS * EACH}
    # Cores hand connections to each other now and then; without the limit there were one a client.
    assert 1 <= app.accepted <= CLIENTS * EACH / 4, app.accepted
    assert remora.metric("remora_upstream_connections_overflowed_total") == 0


def test_http2_connections_are_shared_by_cores_in_turns(start_remora, start_server):
    app = Application()
    inner = start_remora(routed({"endpoints": start_server(app).address}))
    limits = {"connections": 1, "pending_timeout": "20s"}
    outer = start_remora(routed({"endpoints": f"127.0.0.1:{inner.port}", "protocol": "http2", "limits": limits}))
    assert load(outer) == {200: CLIENTS * EACH}


def test_who_finds_no_connection_is_told_of_the_limit(start_remora, start_server):
    go_on = threading.Event()

    def slow(connection):
        connection.read_request()
        go_on.wait(20)
        connection.send(answer())

    limits = {"connections": 1, "pending_timeout": "100ms"}
    remora = start_remora(routed({"endpoints": start_server(slow).address, "limits": limits}))
    first = http.client.HTTPConnection("127.0.0.1", remora.port, timeout=20)
    second = http.client.HTTPConnection("127.0.0.1", remora.port, timeout=20)
    first.request("GET", "/")
    wait_until(lambda: remora.metric("remora_upstream_connections_active") == 1, what="a request under way")
    second.request("GET", "/")
    refused = second.getresponse()
    text = refused.read().decode()
    assert refused.status == 503 and "connections_full" in text and "limit 1" in text
    assert refused.headers["Proxy-Status"].startswith("remora; error=connection_limit_reached")
    assert "the service has as many connections as its limits.connections allows: 1" in remora.admin("/recent")
    assert remora.metric("remora_upstream_connections_overflowed_total") == 1
    go_on.set()
    assert first.getresponse().status == 200


def test_few_are_sent_again_at_once(start_remora, start_server):
    def failing(connection):
        while connection.read_request():
            time.sleep(0.01)
            connection.send(answer(status="503 No"))

    retry = {"on": ["gateway-error"], "attempts": 1}
    service = {"endpoints": start_server(failing).address, "limits": {"retries": 1},
               "retry_budget": {"percent": 100, "floor": 1000}}
    remora = start_remora(routed(service, retry=retry))
    assert load(remora, clients=8, each=10) == {503: 80}
    assert remora.metric("remora_upstream_retries_denied_total") > 0
    assert "as many requests are being sent again as the service's limits.retries allows" in remora.admin("/recent")
