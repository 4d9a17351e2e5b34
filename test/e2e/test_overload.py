"""More load than remora can hold in a small memory: it stays up, refuses in words, finishes what it took, recovers.

Where the test may make a memory cgroup, remora runs in one of 64 MiB and the kernel would kill it for a page more; where
it may not, `overload.memory` is the limit and the peak is looked at afterwards."""

import asyncio
import contextlib
import os
import random
import re
import ssl
import sys
import time

import pytest
from support import load
from support.cgroup import memory_group
from support.fixtures import inbound
from support.http2_load import one_http2_client
from support.raw_client import RawClient
from support.running import Program, free_port, is_sanitized, wait_until

LIMIT = 64 << 20
BIG = 2 << 20  # of an answer or an upload: more than the kernel's buffers take
HEAD = [b"X-Fill-%d: " % i + b"x" * 5000 for i in range(12)]
# One with such a head takes a buffer of 64 KiB, and its frames: about 600 of them fill 64 MiB.
HELD = 600
WORDS = re.compile(r"overloaded: memory \d+ of 64 MiB")

pytestmark = pytest.mark.skipif(is_sanitized(), reason="a sanitizer's memory isn't remora's")


@pytest.fixture
def walled(tmp_path, start_remora, server):
    """walled() -> (remora, its cgroup or None, the port with TLS), before an application that holds what it gets."""
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(memory_group(LIMIT))
        port = free_port()
        app = Program([sys.executable, load.__file__, str(port)], str(tmp_path / "app.log"), ready_port=port)
        stack.callback(app.end)
        listeners = [inbound(port), inbound(port, tls=server)]
        config = {"inbound": listeners, "limits": {"connections": 15_000}, "cores": 2}
        if not group:
            print("no memory cgroup can be made here: overload.memory is the limit")
            config["overload"] = {"memory": "64MiB"}
        running = []

        def start():
            options = {"prefix": group.prefix, "forks": False} if group else {}
            running.append(start_remora(config, **options))
            return running[-1], group, running[-1].ports[1]

        yield start
        for remora in running:
            remora.stop()


def peak(remora, group):
    if group:
        return group.peak()
    with open(f"/proc/{remora.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) << 10


def downloads(port, count, tls=None):
    request = b"GET /big?%d HTTP/1.1\r\nHost: a\r\n\r\n" % BIG
    body = load.pattern(BIG)
    return [lambda hold, out: load.one_client(port, request, b"", body, hold, out, tls) for _ in range(count)]


def heads(port, count, tls=None):
    request = b"GET /hold HTTP/1.1\r\nHost: a\r\n" + b"\r\n".join(HEAD) + b"\r\n\r\n"
    answer = load.upload_answer(0)
    return [lambda hold, out: load.one_client(port, request, b"", answer, hold, out, tls) for _ in range(count)]


def uploads(port, count, tls=None):
    body = load.pattern(BIG)
    request = b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BIG
    answer = load.upload_answer(BIG)
    return [lambda hold, out: load.one_client(port, request, body, answer, hold, out, tls) for _ in range(count)]


def small(port, count, tls):
    request = b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = load.upload_answer(0)
    return [lambda hold, out: load.one_client(port, request, b"", answer, hold, out, tls) for _ in range(count)]


def is_served(remora):
    try:
        with RawClient(remora.port) as client:
            response = client.get()
            return response.status == 200 and not response.has_token("Connection", "close")
    except (OSError, AssertionError):
        return False


def withstand(walled, clients_of, limit):
    remora, group, tls_port = walled()
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    clients = clients_of(remora.port, tls_port, tls)
    random.Random(5).shuffle(clients)
    outcome = asyncio.run(load.storm(clients, hold_seconds=4, limit=limit))
    ended = time.monotonic()
    print(dict(outcome), sorted(outcome.words)[:3], f"peak {peak(remora, group) >> 10} KiB")
    print(dict(outcome.cuts))
    assert remora.process.poll() is None, "it is dead"
    assert peak(remora, group) <= LIMIT
    assert not group or group.kills() == 0
    wait_until(lambda: is_served(remora), 10, "the recovery")
    print(f"all is served again {time.monotonic() - ended:.2f} s after the load")
    # Every answer that began is whole and right, and every refusal says why. Those that were cut had no answer.
    assert set(outcome) <= {"served", "refused", "cut", "unread", "unfinished"}, outcome
    assert outcome["unfinished"] == 0
    assert outcome["served"] > HELD / 4, outcome
    assert outcome["refused"] > 0 and all(WORDS.search(word) for word in outcome.words), outcome.words
    # Whoever sends on past an early answer, and reads it only later, may lose it to a reset (RFC 9112 section 9.6).
    lost = {why: count for why, count in outcome.cuts.items() if not why.startswith("POST /slow")}
    assert not lost, lost
    return remora


@pytest.mark.timeout(60)
def test_in_64_mib_three_times_the_load_is_shed_in_words_and_what_was_taken_is_served(walled):
    remora = withstand(walled, lambda port, _, __: heads(port, HELD * 3), limit=40)
    assert "overloaded: memory" in remora.output() and "overload eases" in remora.output()
    refused = remora.metric("remora_overload_refused_requests_total")
    assert refused > 0
    assert remora.metric("remora_requests_total", reason="overloaded") == refused
    assert remora.metric("remora_overload_stage") == 0
    assert 0 < remora.metric("remora_overload_pressure", resource="memory") < 0.85


@pytest.mark.timeout(120)
def test_in_64_mib_ten_times_the_load_of_every_kind_is_withstood(walled):
    def clients_of(port, tls_port, tls):
        return (heads(port, HELD * 5) + downloads(port, HELD // 2) + uploads(port, HELD // 2) + heads(tls_port, HELD * 2, tls) +
                downloads(tls_port, HELD // 2, tls) + uploads(tls_port, HELD // 2, tls) + small(tls_port, HELD, tls))

    withstand(walled, clients_of, limit=80)


@pytest.mark.timeout(60)
def test_in_64_mib_http2_is_shed_stream_by_stream(walled):
    """Sixteen streams on each connection: those refused say so, and take nothing from the others beside them."""
    def clients_of(port, _, __):
        answer = load.upload_answer(0)
        head = [(b"x-fill-%d" % i, b"x" * 5000) for i in range(12)]
        return [lambda hold, out: one_http2_client(port, "/hold", 16, head, answer, hold, out) for _ in range(HELD * 4 // 16)]

    remora = withstand(walled, clients_of, limit=40)
    assert remora.metric("remora_overload_refused_requests_total") > 0
    assert remora.metric("remora_downstream_http2_connections_total") > 0
    assert remora.metric("remora_downstream_protocol_errors_total") == 0


def test_low_priority_is_refused_first(start_remora, start_server):
    """With limits below what it uses already, but for those of all requests."""
    app, copies = start_server(), start_server()
    routes = [{"match": {"path": "/batch"}, "to": "app", "priority": "low"}, {"to": "app", "mirror": "shadow"}]
    remora = start_remora({"inbound": [{"listen": f"127.0.0.1:{free_port()}", "routes": routes}],
                           "services": {"app": {"endpoints": app.address}, "shadow": {"endpoints": copies.address}},
                           "overload": {"memory": "256KiB", "stop_accepting_requests": 0, "refuse_low_priority": 90,
                                        "stop_accepting_connections": 0}})
    for _ in range(3):
        with RawClient(remora.port) as client:
            assert client.get("/user").status == 200
        with RawClient(remora.port) as client:
            refused = client.get("/batch")
            assert refused.status == 503
            assert re.search(rb"overloaded: memory \d+ of 256 KiB; low priority is refused first", refused.body)
    assert remora.metric("remora_overload_stage") == 2
    assert remora.metric("remora_overload_refused_low_priority_requests_total") == 3
    assert remora.metric("remora_overload_mirrors_skipped_total") == 3
    assert not copies.connections
    recent = remora.admin("/recent")
    assert "requests of low priority, as this one is, are refused before others" in recent
    assert "no copy of the request goes to the route's mirror" in recent
    assert "new requests of low priority are refused with 503" in remora.admin("/ready")


def test_recent_and_ready_tell_of_it(start_remora, start_server):
    """With a limit below what it uses already."""
    app = start_server()
    remora = start_remora({"inbound": [inbound(app)], "overload": {"memory": "256KiB", "stop_accepting_connections": 0}})
    with RawClient(remora.port) as client:
        response = client.get()
    assert response.status == 503
    assert re.search(rb"overloaded: memory \d+ of 256 KiB", response.body)
    assert response.get("Retry-After") == "1"
    recent = remora.admin("/recent?reason=overloaded")
    assert "so the request is refused before anything else is done" in recent
    assert "overloaded: memory" in remora.admin("/ready")
    assert remora.metric("remora_overload_stage") == 3
    remora.config["overload"]["memory"] = "4GiB"
    remora.write_config()
    wait_until(lambda: is_served(remora), what="the recovery")
    assert remora.admin("/ready") == "ready\n"


def test_while_nothing_is_accepted_the_admin_side_answers_and_clients_wait(start_remora, start_server):
    remora = start_remora({"inbound": [inbound(start_server())], "overload": {"memory": "256KiB"}})
    with RawClient(remora.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: remora.metric("remora_overload_accept_pauses_total") == 1, what="a connection that waits")
        assert remora.admin_status("/live") == 200
        remora.config["overload"]["memory"] = "4GiB"
        remora.write_config()
        assert client.read_response().status == 200
