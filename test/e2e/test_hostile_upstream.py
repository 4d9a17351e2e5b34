"""Applications that break the protocol: the client gets a clean failure, and what was broken is never used again."""

import pytest
from support.fixtures import outbound
from support.raw_client import RawClient
from support.raw_server import answer

# Whatever stands here must become a 502: passed on, it would desynchronise the client.
BROKEN = {
    "no status line": "hello\r\n\r\n",
    "bare LF": "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bad version": "HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "bad status": "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "signed length": "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
    "length and coding": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
    "space before colon": "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nab",
    "folded line": "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": "HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 0\r\n\r\n",
    "101 that nobody asked for": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "head without end": "HTTP/1.1 200 OK\r\n" + "X-A: b\r\n" * 20_000,
}


def first_breaks(broken, then="hold"):
    """A script whose first request of all gets `broken`, and every later one `ok`."""
    state = {"broken": False}

    def script(connection):
        while True:
            connection.read_request()
            if state["broken"]:
                connection.send(answer("ok"))
                continue
            state["broken"] = True
            connection.send(broken)
            if then == "close":
                return
            if then == "reset":
                connection.reset()
                return

    return script


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_malformed_response_is_502_and_its_connection_is_not_reused(broken, remora_before, start_server):
    server = start_server(first_breaks(broken))
    with RawClient(remora_before(server).port) as client:
        assert client.get().status == 502
    with RawClient(server.port) as unaffected:
        assert unaffected.get().body == b"ok"
    assert len(server.connections[0].requests) == 1


def test_interim_answers_without_end_are_cut(remora_before, start_server):
    def hints(count):
        def script(connection):
            connection.read_request()
            connection.send("HTTP/1.1 103 Early Hints\r\n\r\n" * count + answer("at last"))

        return script

    with RawClient(remora_before(start_server(hints(100))).port) as client:
        response = client.get()
        assert len(response.interim) == 100 and response.body == b"at last"
    with RawClient(remora_before(start_server(hints(101))).port) as client:
        assert client.get().status == 502


def test_bytes_behind_an_answer_are_never_the_next_answer(remora_before, start_server):
    def answers_too_much(connection):
        connection.read_request()
        connection.send(answer("mine") + answer("stolen"))
        connection.wait_for_end()

    server = start_server(answers_too_much)
    with RawClient(remora_before(server).port) as client:
        assert client.get("/first").body == b"mine"
        assert client.get("/second").body == b"mine"
    assert len(server.connections) == 2


def test_an_answer_of_head_with_a_body_ends_its_connection(remora_before, start_server):
    def answers_head_with_a_body(connection):
        request = connection.read_request()
        connection.send(answer("body of " + request.target))
        connection.wait_for_end()

    with RawClient(remora_before(start_server(answers_head_with_a_body)).port) as client:
        client.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.read_response("HEAD").status == 200
        assert client.get("/b").body == b"body of /b"


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_truncated_answer_is_cut_for_the_client_too(ending, remora_before, start_server):
    server = start_server(first_breaks(answer("0123456789")[:-5], ending))
    remora = remora_before(server)
    with RawClient(remora.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        received = client.read_to_end()
    assert received.endswith(b"01234") or received.startswith(b"HTTP/1.1 502")
    assert remora.access_log()[0]["reason"] in ("response_truncated", "upstream_reset", "upstream_closed")


def test_a_truncated_chunked_answer_has_no_last_chunk(remora_before, start_server):
    server = start_server(first_breaks("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "close"))
    remora = remora_before(server)
    with RawClient(remora.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"0\r\n\r\n" not in client.read_to_end()
    assert remora.access_log()[0]["reason"] == "response_truncated"


def test_a_post_that_may_have_run_is_not_sent_again(remora_before, start_server):
    def reads_and_closes(connection):
        connection.read_request()

    server = start_server(reads_and_closes)
    remora = remora_before(server)
    with RawClient(remora.port) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        assert client.read_response().status == 502
    assert len(server.requests) == 1
    assert remora.access_log()[0]["reason"] in ("upstream_closed", "upstream_reset")


def test_a_slow_app_meets_the_route_s_timeout(start_remora, start_server):
    def silent(connection):
        connection.read_request()
        connection.wait_for_end()

    routes = [{"match": {"host": "slow"}, "to": "slow", "timeout": "200ms"}]
    services = {"slow": {"endpoints": [start_server(silent).address]}}
    remora = start_remora({"outbound": [outbound(routes)], "services": services})
    with RawClient(remora.port) as client:
        response = client.get(host="slow")
        assert response.status == 504 and "http_response_timeout" in response.get("Proxy-Status")
    assert remora.access_log()[0]["reason"] == "exchange_timeout"
