"""What a route does with its requests besides sending them on once: hedges, mirrors, faults, cookies, deadlines."""

import http.client
import json
import signal
import socket
import time

import pytest
from support.raw_client import RawClient
from support.raw_server import answer
from support.running import free_port, wait_until


def routed(services, listener=None, **route):
    return {"inbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": [{"to": "app", **route}], **(listener or {})}],
            "services": services}


def get(remora, path="/", **headers):
    """(status, headers, body)"""
    connection = http.client.HTTPConnection("127.0.0.1", remora.port, timeout=20)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, response.headers, body


def named(name):
    """An application that says its name."""

    def script(connection):
        while connection.read_request():
            connection.send(answer(name))

    return script


def hangs(connection):
    connection.read_request()
    connection.wait_for_end()


@pytest.mark.parametrize("protocol", ["http1", "http2"])
def test_a_hedge_answers_where_an_endpoint_hangs(protocol, start_remora, start_server, start_app):
    quick = start_app("h2c") if protocol == "http2" else start_server(named("quick"))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts, and nobody answers
        endpoints = [quick.address, f"127.0.0.1:{silent.getsockname()[1]}"]
        service = {"endpoints": endpoints, "balance": "round_robin", "protocol": protocol}
        remora = start_remora(routed({"app": service}, hedge={"after": "50ms", "percent": 100}))
        for _ in range(10):
            assert get(remora, "/hello")[0] == 200
        assert remora.metric("remora_upstream_hedges_won_total") >= 3
        assert "hedge_won" in remora.admin("/recent")


def test_a_mirror_gets_a_copy_and_the_request_notices_nothing(start_remora, start_server):
    copies = []

    def shadow(connection):
        while request := connection.read_request():
            copies.append(request)
            connection.send(answer("x" * 100_000, status="500 Shadow"))

    services = {"app": start_server(named("real")).address, "shadow": start_server(shadow).address}
    remora = start_remora(routed(services, mirror="shadow"))
    with RawClient(remora.port) as client:
        client.send("POST /a?b=c HTTP/1.1\r\nHost: shop\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello")
        response = client.read_response()
    assert (response.status, response.body) == (200, b"real")
    wait_until(lambda: copies and remora.metric("remora_mirror_failures_total") == 1, what="the copy's end")
    copy = copies[0]
    assert (copy.method, copy.target, copy.body) == ("POST", "/a?b=c", b"hello")
    assert remora.metric("remora_requests_total") == 1


def test_mirrors_that_hang_hold_nobody_up(start_remora, start_server):
    services = {"app": start_server(named("real")).address, "shadow": start_server(hangs).address}
    remora = start_remora(routed(services, mirror={"to": "shadow", "percent": 100}))
    began = time.monotonic()
    for _ in range(50):
        assert get(remora)[2] == "real"
    assert time.monotonic() - began < 10
    assert remora.metric("remora_mirrored_total") == 50


def test_a_fault_comes_on_purpose_and_says_so(start_remora, start_server):
    services = {"app": start_server(named("real")).address}
    remora = start_remora(routed(services, fault={"abort": 503, "delay": "20ms", "header": "x-fault"}))
    assert get(remora)[0] == 200
    status, _, body = get(remora, **{"X-Fault": "1"})
    assert status == 503 and json.loads(body)["reason"] == "fault_injected"
    decisions = remora.admin("/recent")
    assert "on purpose: the route's fault.abort" in decisions and "on purpose: the route's fault.delay" in decisions


def test_a_sticky_cookie_keeps_a_client_until_its_endpoint_is_gone(start_remora, start_server):
    servers = {name: start_server(named(name)) for name in ("a", "b", "c")}
    service = {"endpoints": [server.address for server in servers.values()], "sticky": {"cookie": "at", "ttl": "1h"}}
    remora = start_remora(routed({"app": service}))
    _, headers, first = get(remora)
    cookie = headers["Set-Cookie"].split(";")[0]
    for _ in range(20):
        _, headers, name = get(remora, Cookie=cookie)
        assert name == first and "Set-Cookie" not in headers
    left = [server.address for name, server in servers.items() if name != first]
    remora.config["services"]["app"]["endpoints"] = left
    remora.write_config()
    remora.send_signal(signal.SIGHUP)
    wait_until(lambda: remora.metric("remora_snapshot_generation") == 2, what="the reload")
    _, headers, name = get(remora, Cookie=cookie)
    assert name != first and headers["Set-Cookie"].split(";")[0] != cookie


def test_time_that_the_caller_gives_is_kept_and_sent_on(start_remora, start_server):
    seen = []

    def script(connection):
        while request := connection.read_request():
            seen.append(request.get("x-deadline-ms"))
            if request.target == "/slow":
                return connection.wait_for_end()
            connection.send(answer("ok"))

    services = {"app": start_server(script).address}
    remora = start_remora(routed(services, {"deadline_header": "X-Deadline-Ms"}, timeout="10s"))
    assert get(remora, **{"X-Deadline-Ms": "5000"})[0] == 200
    assert get(remora)[0] == 200
    assert get(remora, "/slow", **{"X-Deadline-Ms": "100"})[0] == 504
    assert 4500 < int(seen[0]) <= 5000 and 9500 < int(seen[1]) <= 10_000 and int(seen[2]) <= 100
    status, _, body = get(remora, **{"X-Deadline-Ms": "0"})
    assert status == 504 and json.loads(body)["reason"] == "deadline_expired"
    assert len(seen) == 3, "work that nobody waits for isn't begun"
