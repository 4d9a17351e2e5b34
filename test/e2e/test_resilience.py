"""Endpoints that die, hang or fail while requests run: what the route's retry and the service's outlier save."""

import collections
import http.client
import threading

import pytest
from support.apps import python_app
from support.raw_server import RawServer, answer
from support.running import free_port, wait_until

RETRY = {"on": ["connect-failure", "reset", "gateway-error", "timeout"], "try_timeout": "500ms"}


def routed(service, **route):
    return {"inbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": [{"to": "app", **route}]}],
            "services": {"app": service}}


class Load:
    """Clients that ask one after the other, and keep what each got."""

    def __init__(self, port, clients=8):
        self.port, self.got, self.is_over = port, collections.Counter(), False
        self.threads = [threading.Thread(target=self.ask) for _ in range(clients)]

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self.is_over:
            try:
                connection.request("GET", "/hello")
                response = connection.getresponse()
                response.read()
                self.got[response.status] += 1
            except OSError as error:
                connection.close()
                self.got[type(error).__name__] += 1
        connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join()


def test_endpoints_that_are_killed_fail_no_request(start_remora, tmp_path):
    """One of three is killed and started anew, again and again."""
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    apps = [python_app(folder) for folder in folders]
    remora = start_remora(routed({"endpoints": [app.address for app in apps], "outlier": True}, retry=RETRY))
    try:
        with Load(remora.port) as load:
            for number in range(6):
                before = sum(load.got.values())
                wait_until(lambda: sum(load.got.values()) > before + 200, what="requests between two kills")
                apps[number % 3].kill_and_restart()
        assert set(load.got) == {200}, load.got
    finally:
        for app in apps:
            app.end()
    assert remora.metric("remora_upstream_retries_total") + remora.metric("remora_upstream_replays_total") > 0


@pytest.mark.parametrize("fault", ["hangs", "says 503", "resets"])
def test_an_endpoint_that_fails_is_left_out(start_remora, python_app, fault):
    def script(connection):
        while connection.read_request():
            if fault == "says 503":
                connection.send(answer(status="503 Service Unavailable"))
            elif fault == "resets":
                return connection.reset()
            else:
                return connection.wait_for_end()

    with RawServer(script) as bad:
        endpoints = [bad.address, python_app.address]
        service = {"endpoints": endpoints, "balance": "round_robin", "outlier": {"eject": "1m"}}
        remora = start_remora(routed(service, retry={**RETRY, "try_timeout": "200ms"}))
        connection = http.client.HTTPConnection("127.0.0.1", remora.port, timeout=20)
        for _ in range(40):
            connection.request("GET", "/hello")
            response = connection.getresponse()
            assert response.read() and response.status == 200
        connection.close()
        assert remora.metric("remora_upstream_ejections_total") == 1


def test_a_refused_retry_is_told(start_remora, start_server, curl):
    server = start_server(lambda connection: connection.send(answer(status="503 Service Unavailable")))
    remora = start_remora(routed(server.address, retry={"on": "gateway-error", "attempts": 1}))
    status, _, _ = curl(f"http://127.0.0.1:{remora.port}/")
    assert status == 503
    assert "retry_denied all attempts that the route allows are used" in remora.admin("/recent")
