"""Everything that a client controls has a bound: sizes, counts and times; and paths and forwarding fields are what
remora says they are."""

import pytest
from support.fixtures import inbound
from support.raw_client import RawClient
from support.raw_server import answer
from support.running import wait_until

GET = "GET / HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    "request_text, status",
    [
        (GET + "X: " + "a" * 70_000 + "\r\n\r\n", 431),
        (GET + "X: 1\r\n" * 150 + "\r\n", 431),
        ("GET /" + "a" * 9_000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ("GET / HTTP/2.5\r\nHost: a\r\n\r\n", 505),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405),
        (GET + "Expect: 200-maybe\r\n\r\n", 417),
        (GET + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        # Not chunked in the end: RFC 9112 section 6.3 wants 400, since nobody can know where the body ends.
        (GET + "Transfer-Encoding: gzip\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /../../etc HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a/../etc HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, str) else str(value),
)
def test_what_is_refused_and_with_which_status(request_text, status, remora_before, start_server):
    server = start_server()
    with RawClient(remora_before(server).port) as client:
        client.send(request_text)
        assert client.read_response().status == status
        if status != 200:
            assert client.is_closed_by_peer()
    assert len(server.requests) == (1 if status == 200 else 0)


@pytest.mark.parametrize(
    "sent, received",
    [("/a/./b/../c", "/a/c"), ("//a///b", "/a/b"), ("/%61%7Eb", "/a~b"), ("/a%2Fb", "/a%2Fb"), ("/a/..", "/")],
)
def test_inbound_the_app_gets_the_path_that_rules_see(sent, received, remora_before, start_server):
    server = start_server()
    with RawClient(remora_before(server).port) as client:
        assert client.get(sent + "?q=/../x").status == 200
    assert server.requests[0].target == received + "?q=/../x"


def test_a_head_that_never_ends_meets_its_time(remora_before, start_server):
    remora = remora_before(start_server(), timeouts={"header": "200ms"})
    with RawClient(remora.port) as client:
        client.send("GET / HTTP/1.1\r\nHost:")
        assert client.read_response().status == 408
        assert client.is_closed_by_peer()
    assert remora.access_log()[0]["reason"] == "header_timeout"


def test_a_body_that_never_ends_meets_its_time(remora_before, start_server):
    def waits(connection):
        connection.read_head()
        connection.wait_for_end()

    remora = remora_before(start_server(waits), timeouts={"body_stall": "200ms"})
    with RawClient(remora.port) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        assert client.read_response().status == 408
    assert remora.access_log()[0]["reason"] == "request_stalled"


def test_a_client_that_reads_nothing_is_cut(remora_before, start_server):
    def sends_much(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            connection.send("x" * 100_000)

    remora = remora_before(start_server(sends_much), timeouts={"write_stall": "300ms"})
    with RawClient(remora.port, receive_buffer=4096) as client:
        client.send(GET + "\r\n")
        assert remora.access_log()[0]["reason"] == "client_stalled"


def test_a_quiet_connection_is_closed(remora_before, start_server):
    remora = remora_before(start_server(), timeouts={"idle": "200ms"})
    with RawClient(remora.port) as client:
        assert client.get().status == 200
        assert client.is_closed_by_peer()


def test_connections_over_the_limit_are_shed_and_the_others_served(start_remora, start_server):
    config = {"inbound": [inbound(start_server())], "limits": {"connections": 4}, "cores": 1}
    remora = start_remora(config)
    held = [RawClient(remora.port) for _ in range(4)]
    assert all(client.get().status == 200 for client in held)
    with RawClient(remora.port) as late:
        # It sends nothing, so that no reset can destroy what it is told.
        assert late.read_response().status == 503
        assert late.is_closed_by_peer()
    assert all(client.get().status == 200 for client in held)
    assert remora.admin_status("/live") == 200
    for client in held:
        client.close()


def test_at_an_edge_forwarding_fields_are_remoras_own(remora_before, start_server):
    forged = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: bank\r\nX_Forwarded_For: 7.7.7.7\r\n"
    server = start_server()
    with RawClient(remora_before(server, edge=True).port) as client:
        client.get(headers=forged)
    request = server.requests[0]
    assert request.get("X-Forwarded-For").split(",")[-1].strip() == "127.0.0.1"
    assert (request.get("X-Forwarded-Proto"), request.get("X-Forwarded-Host")) == ("http", "app")
    assert request.values("X_Forwarded_For") == []


def test_inside_received_proto_and_host_are_kept(remora_before, start_server):
    server = start_server()
    with RawClient(remora_before(server).port) as client:
        client.get(headers="X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\n")
    request = server.requests[0]
    assert ", ".join(request.values("X-Forwarded-For")) == "10.0.0.1, 127.0.0.1"
    assert (request.get("X-Forwarded-Proto"), request.get("X-Forwarded-Host")) == ("https", "shop")


def test_a_slow_reader_holds_the_app_back(remora_before, start_server):
    """Back-pressure: what the client doesn't read the application can't send, but for what buffers hold."""
    sent = []

    def sends_until_it_blocks(connection):
        connection.read_request()
        connection.socket.settimeout(1)
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            for _ in range(10_000):
                connection.send("x" * 100_000)
                sent.append(100_000)
        except TimeoutError:
            sent.append("held back")

    remora = remora_before(start_server(sends_until_it_blocks))
    with RawClient(remora.port, receive_buffer=65536) as client:
        client.send(GET + "\r\n")
        wait_until(lambda: "held back" in sent, what="the application to be held back")
        assert sum(sent[:-1]) < 50_000_000


def test_answers_of_any_size_arrive_whole(remora_before, start_server):
    def by_target(connection):
        while True:
            size = int(connection.read_request().target[1:])
            connection.send(answer("x" * size))

    with RawClient(remora_before(start_server(by_target)).port) as client:
        for size in (0, 1, 4095, 16_384, 65_535, 65_536, 65_537, 1_000_000, 5_000_000):
            assert len(client.get(f"/{size}").body) == size
