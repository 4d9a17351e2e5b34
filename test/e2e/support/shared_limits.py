"""What holds of a rate_limit whichever service counts it: Redis, a gRPC rate limit service, Envoy's own."""

import collections
import http.client
import signal
import threading
import time

from support.running import free_port, wait_until

ORDERS = {"key": "generic_key", "value": "orders"}
# For who hangs: none waits longer than the timeout, and none at all once the stall is over.
HASTY = {"timeout": "50ms", "stall": "500ms", "on_failure": "closed", "backoff": "50ms", "backoff_most": "100ms"}


def counted_by(services, limit, **service):
    """A configuration that answers by itself what the limit lets through."""
    route = {"name": "all", "answer": 200, "rate_limit": {"service": "shared", **limit}}
    return {"inbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": [route]}], "services": services,
            "rate_limit_services": {"shared": {"timeout": "5s", "stall": "10s", **service}}}


def counted_by_grpc(service, *descriptors, **options):
    limit = {"descriptors": list(descriptors) or [ORDERS]}
    services = {"limits": {"endpoints": service.address, "protocol": "http2"}}
    return counted_by(services, limit, grpc="limits", domain="shop", **options)


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


def ask_all(remoras, goes_on, clients=8):
    """How often each status came to clients of these remoras, each of which asks while goes_on(how often it asked)."""
    got, lock = collections.Counter(), threading.Lock()

    def load(remora):
        client, mine = Client(remora), collections.Counter()
        while goes_on(sum(mine.values())):
            mine[client.status()] += 1
        with lock:
            got.update(mine)

    threads = [threading.Thread(target=load, args=(remoras[number % len(remoras)],)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def check_one_that_is_killed_and_comes_back(remora, service, on_failure):
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


def check_one_that_hangs_costs_no_more_than_its_timeout(remora, service):
    """With HASTY."""
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
    assert remora.metric("remora_rate_limit_service_seconds_total", service="shared") >= late * 0.05
    service.send_signal(signal.SIGCONT)
    wait_until(lambda: client.status() == 200, what="being asked again")
