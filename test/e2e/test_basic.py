"""Ordinary HTTP/1.1 through remora, with the clients and servers that people use."""

import hashlib
import json
import re
import threading

import pytest
from support.fixtures import inbound, outbound, parsed
from support.raw_client import RawClient
from support.raw_server import answer, answer_all

KILOBYTES_300 = b"0123456789abcdef" * 19200


def url(remora, path="/"):
    return f"http://127.0.0.1:{remora.port}{path}"


def sent_by_app(headers, name):
    return [value for key, value in headers if key.lower() == name.lower()]


def test_get_reaches_the_app_and_the_answer_comes_back(remora_before, python_app, curl):
    remora = remora_before(python_app)
    status, _, body = curl(url(remora, "/orders?id=7"))
    about = parsed(body)
    assert (status, about["method"], about["target"]) == (200, "GET", "/orders?id=7")


def test_the_app_gets_forwarding_fields_an_id_and_a_trace_context(remora_before, python_app, curl):
    remora = remora_before(python_app)
    headers = parsed(curl(url(remora))[2])["headers"]
    assert sent_by_app(headers, "X-Forwarded-For") == ["127.0.0.1"]
    assert sent_by_app(headers, "X-Forwarded-Proto") == ["http"]
    assert len(sent_by_app(headers, "X-Request-Id")) == 1
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", sent_by_app(headers, "traceparent")[0])


def test_hop_by_hop_fields_stop_at_remora(remora_before, start_server):
    server = start_server()
    with RawClient(remora_before(server).port) as client:
        client.get(headers="Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\nTE: gzip\r\nX-Kept: 1\r\n")
    names = [name.lower() for name, _ in server.requests[0].headers]
    assert "x-kept" in names
    assert not {"x-secret", "keep-alive", "te"} & set(names)


def test_header_case_and_order_are_kept(remora_before, start_server):
    server = start_server()
    with RawClient(remora_before(server).port) as client:
        client.get(headers="X-b: 1\r\nx-A: 2\r\nX-B: 3\r\n")
    assert [field for field in server.requests[0].headers if field[0].lower() in ("x-a", "x-b")] == [
        ("X-b", "1"),
        ("x-A", "2"),
        ("X-B", "3"),
    ]


def test_post_with_a_length(remora_before, python_app, curl):
    about = parsed(curl(url(remora_before(python_app)), "--data-binary", "@-", data=KILOBYTES_300)[2])
    assert about["body_sha256"] == hashlib.sha256(KILOBYTES_300).hexdigest()


def test_post_in_chunks(remora_before, python_app, curl):
    chunked = ("-H", "Transfer-Encoding: chunked", "--data-binary", "@-")
    about = parsed(curl(url(remora_before(python_app)), *chunked, data=KILOBYTES_300)[2])
    assert about["body_sha256"] == hashlib.sha256(KILOBYTES_300).hexdigest()


def test_head_has_the_length_and_no_body(remora_before, start_server):
    def answer_head(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        connection.read_request()
        connection.send(answer("next"))

    with RawClient(remora_before(start_server(answer_head)).port) as client:
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.read_response("HEAD").get("Content-Length") == "1000"
        assert client.get().body == b"next"


def test_statuses_without_a_body(remora_before, python_app):
    with RawClient(remora_before(python_app).port) as client:
        for status in (204, 304, 200):
            assert client.get(f"/status?{status}").status == status


def test_a_large_answer(remora_before, python_app, curl):
    assert len(curl(url(remora_before(python_app), "/bytes?20000000"))[2]) == 20_000_000


def test_a_chunked_answer_with_trailers(remora_before, python_app):
    with RawClient(remora_before(python_app).port) as client:
        response = client.get("/chunks?50", headers="TE: trailers\r\n")
    assert response.body.count(b"\n") == 50
    assert response.trailers == [("X-Count", "50")]


def test_connections_are_kept_on_both_sides(remora_before, start_server):
    server = start_server()
    with RawClient(remora_before(server).port) as client:
        for _ in range(20):
            assert client.get().body == b"ok"
    assert len(server.requests) == 20 and len(server.connections) == 1


def test_pipelined_requests_are_answered_in_order(remora_before, python_app):
    with RawClient(remora_before(python_app).port) as client:
        client.send("".join(f"GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n" for number in range(10)))
        targets = [parsed(client.read_response().body)["target"] for _ in range(10)]
    assert targets == [f"/{number}" for number in range(10)]


def test_a_request_may_come_byte_by_byte(remora_before, start_server):
    server = start_server()
    with RawClient(remora_before(server).port) as client:
        client.send_split("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        assert client.read_response().status == 200
    assert server.requests[0].body == b"abc"


def test_expect_continue_is_passed_on_and_answered(remora_before, start_server):
    def continue_then_answer(connection):
        head = connection.read_head()
        assert head.get("Expect") == "100-continue"
        connection.send("HTTP/1.1 100 Continue\r\n\r\n")
        connection.send(answer(connection.read_request().body.decode()))

    with RawClient(remora_before(start_server(continue_then_answer)).port) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        while b"\r\n\r\n" not in client.received:
            assert client.receive()
        assert client.received == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send("body")
        assert client.read_response().body == b"body"


def test_curl_waits_for_continue(remora_before, python_app, curl):
    expecting = ("-H", "Expect: 100-continue", "--data-binary", "@-")
    assert parsed(curl(url(remora_before(python_app)), *expecting, data=KILOBYTES_300)[2])["body_bytes"] == 307_200


def test_other_interim_answers_are_passed_on(remora_before, start_server):
    def hint_then_answer(connection):
        connection.read_request()
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + answer("ok"))

    with RawClient(remora_before(start_server(hint_then_answer)).port) as client:
        response = client.get()
    assert [interim.status for interim in response.interim] == [103]
    assert response.body == b"ok"


def test_an_early_answer_comes_while_the_body_is_still_sent(remora_before, start_server):
    def refuse_early(connection):
        connection.read_head()
        connection.send(answer("too much", "413 Content Too Large", "Connection: close\r\n"))
        connection.wait_for_end()

    with RawClient(remora_before(start_server(refuse_early)).port) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin")
        assert client.read_response().status == 413


def test_websocket_bytes_flow_both_ways(remora_before, python_app):
    key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    with RawClient(remora_before(python_app).port) as client:
        response = client.get("/websocket", headers=key + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
        assert response.status == 101
        assert response.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        client.send(b"\x81\x05hello")
        while len(client.received) < 7:
            assert client.receive()
        assert client.received == b"\x81\x05hello"
        # A tunnel passes a half-close on, and the other side's end comes back.
        client.received = b""
        assert client.half_close().is_closed_by_peer()


def test_a_tunnel_that_the_app_ends_first_still_takes_the_clients_last_bytes(remora_before, start_server):
    last_bytes = b"x" * 3_000_000  # more than fits into the kernel's buffers, so that they are still on their way

    def says_goodbye(connection):
        connection.read_request()
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nbye")
        connection.half_close()
        heard_goodbye.wait(10)
        connection.recorded = b""
        connection.wait_for_end()

    heard_goodbye = threading.Event()
    server = start_server(says_goodbye)
    with RawClient(remora_before(server).port) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
        assert client.read_response().status == 101
        assert client.read_to_end() == b"bye"
        sender = threading.Thread(target=lambda: client.send(last_bytes).half_close())
        sender.start()
        heard_goodbye.set()
        sender.join()
        server.wait(lambda: server.connections[0].socket.fileno() < 0, "the end of the tunnel")
    assert server.connections[0].recorded == last_bytes


def test_an_upgrade_that_is_refused_stays_http(remora_before, start_server):
    with RawClient(remora_before(start_server()).port) as client:
        assert client.get(headers="Upgrade: websocket\r\nConnection: Upgrade\r\n").status == 200
        assert client.get().status == 200


def test_http_1_0_is_answered_and_closed(remora_before, start_server):
    with RawClient(remora_before(start_server()).port) as client:
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        response = client.read_response()
        assert (response.status, response.body) == (200, b"ok")
        assert client.is_closed_by_peer()


def test_a_body_that_ends_with_the_connection(remora_before, start_server):
    def until_close(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\n\r\nuntil the end")

    remora = remora_before(start_server(until_close))
    with RawClient(remora.port) as client:
        assert client.get().body == b"until the end"


def test_a_client_that_goes_away_cancels_its_attempt(remora_before, start_server):
    def never_answer(connection):
        connection.read_request()
        connection.wait_for_end()

    server = start_server(never_answer)
    remora = remora_before(server)
    with RawClient(remora.port) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        with server.changed:
            assert server.changed.wait_for(lambda: server.connections, 10)
    with server.changed:
        assert server.changed.wait_for(lambda: server.connections[0].ended, 10)
    assert remora.access_log()[0]["reason"] == "client_gone"


def test_an_app_that_is_down_gives_a_reply_that_describes_itself(start_remora):
    remora = start_remora({"inbound": [inbound("127.0.0.1:1")]})
    with RawClient(remora.port) as client:
        response = client.get()
        assert response.status == 503
        assert "connection_refused" in response.get("Proxy-Status")
        problem = json.loads(response.body)
        assert response.get("Content-Type") == "application/problem+json"
        assert "connect_refused" in json.dumps(problem)
        # The failure is the app's; the client's connection lives on.
        assert client.get().status == 503
    assert remora.access_log()[0]["reason"] == "connect_refused"


def test_no_route(start_remora, start_server):
    server = start_server()
    config = {
        "outbound": [outbound([{"match": {"host": "orders"}, "to": "orders"}])],
        "services": {"orders": {"endpoints": [server.address]}},
    }
    with RawClient(start_remora(config).port) as client:
        assert client.get(host="orders").status == 200
        assert client.get(host="nobody").status == 404
    assert len(server.requests) == 1


def test_an_idle_connection_closed_by_the_app_is_never_the_clients_problem(remora_before, start_server):
    def answer_one_and_close(connection):
        connection.read_request()
        connection.send(answer("ok"))  # and closes without having said so

    with RawClient(remora_before(start_server(answer_one_and_close)).port) as client:
        for _ in range(200):
            assert client.get().status == 200


def test_a_server_in_node(remora_before, start_node_app, wrk):
    app = start_node_app(keep_alive_millis=50)
    remora = remora_before(app)
    with RawClient(remora.port) as client:
        assert parsed(client.get("/a").body)["target"] == "/a"
    done, errors = wrk(remora.port, seconds=2)
    assert done > 0 and errors == 0


@pytest.mark.threads
def test_load_from_wrk(remora_before, start_server, wrk):
    done, errors = wrk(remora_before(start_server(answer_all)).port, seconds=2, connections=32)
    assert done > 0 and errors == 0


@pytest.mark.threads
def test_two_listeners_and_two_cores(start_remora, start_server):
    server = start_server()
    remora = start_remora({"inbound": [inbound(server), inbound(server)], "cores": 2})
    clients = [RawClient(port) for port in remora.ports for _ in range(8)]
    for _ in range(10):
        for client in clients:
            assert client.get().body == b"ok"
    for client in clients:
        client.close()
    assert len(server.requests) == 160


def test_ready_metrics_recent_and_config_are_served(remora_before, start_server):
    remora = remora_before(start_server())
    with RawClient(remora.port) as client:
        client.get("/seen")
    assert remora.admin_status("/live") == 200
    assert "/seen" in remora.admin("/recent")
    assert "# TYPE" in remora.admin("/metrics")
    assert remora.admin("/config")
