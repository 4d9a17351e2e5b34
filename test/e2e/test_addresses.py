"""IPv6 and Unix sockets, on both sides and for the admin pages; what the application is told about where requests come
from."""

import os
import stat

import pytest
from support.fixtures import inbound
from support.raw_client import RawClient
from support.raw_server import RawServer, answer_all
from support.running import Program, binary, free_port, wait_until


@pytest.fixture
def socket_folder(tmp_path_factory):
    """A short one: a socket's path has at most 107 bytes."""
    return str(tmp_path_factory.mktemp("s"))


def test_unix_sockets_on_both_sides(socket_folder, start_server, start_remora):
    server = start_server(port=f"{socket_folder}/app")
    path = f"{socket_folder}/remora"
    remora = start_remora({"inbound": [{"listen": f"unix:{path}", "app": server.address, "unix_mode": "0600"}]})
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with RawClient(remora.port) as client:
        for _ in range(20):
            assert client.get().body == b"ok"
    assert len(server.connections) == 1
    assert server.requests[0].values("X-Forwarded-For") == []  # a Unix socket's peer has no address
    remora.stop()
    assert not os.path.exists(path)


def test_an_abstract_socket(socket_folder, start_server, start_remora):
    remora = start_remora({"inbound": [{"listen": f"unix:@remora-test-{os.getpid()}", "app": start_server().address}]})
    with RawClient(remora.port) as client:
        assert client.get().status == 200


def test_a_socket_file_that_a_killed_process_left_is_no_obstacle(socket_folder, start_server, start_remora):
    path = f"{socket_folder}/remora"
    with RawServer(port=path):
        pass  # closed, and its file stays
    assert os.path.exists(path)
    remora = start_remora({"inbound": [{"listen": f"unix:{path}", "app": start_server().address}]})
    with RawClient(remora.port) as client:
        assert client.get().status == 200


def test_a_unix_socket_where_nobody_listens(socket_folder, start_remora):
    remora = start_remora({"inbound": [inbound(f"unix:{socket_folder}/nobody")]})
    with RawClient(remora.port) as client:
        response = client.get()
        assert response.status == 503 and "connection_refused" in response.get("Proxy-Status")


def test_an_app_on_a_unix_socket_that_closes_idle_connections(socket_folder, start_server, start_remora):
    def answer_one_and_close(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server = start_server(answer_one_and_close, port=f"{socket_folder}/app")
    remora = start_remora({"inbound": [inbound(server)]})
    with RawClient(remora.port) as client:
        for _ in range(100):
            assert client.get().status == 200


def test_ipv6_on_both_sides(start_server, start_remora):
    server = start_server(answer_all, host="::1")
    port = free_port()
    remora = start_remora({"inbound": [{"listen": f"[::1]:{port}", "app": server.address, "forwarded": True}]})
    with RawClient(port, host="::1") as client:
        assert client.get(host=f"[::1]:{port}").status == 200
    request = server.requests[0]
    assert request.get("Host") == f"[::1]:{port}"
    assert request.get("X-Forwarded-For") == "::1"
    assert 'for="[::1]' in request.get("Forwarded")
    assert remora.access_log()[0]["remote"].startswith("[::1]:")


def test_the_admin_pages_on_a_unix_socket(socket_folder, start_server, start_remora):
    remora = start_remora({"inbound": [inbound(start_server())], "admin": f"unix:{socket_folder}/admin"})
    assert remora.admin_status("/live") == 200
    with RawClient(remora.port) as client:
        client.get("/seen")
    assert "/seen" in remora.admin("/recent")


def test_the_admin_side_refuses_what_changes_by_get_and_names_of_others(start_server, start_remora):
    remora = start_remora({"inbound": [inbound(start_server())]})
    assert remora.admin_status("/drain") == 405
    assert remora.ask_admin("/metrics", headers={"Host": "evil.example"})[0] in (400, 403, 421)
    assert remora.ask_admin("/drain", "POST", {"Origin": "http://evil.example"})[0] == 403
    assert remora.admin_status("/ready") == 200


def test_the_log_level_can_be_changed_while_remora_runs(start_server, start_remora):
    remora = start_remora({"inbound": [inbound(start_server())]})
    assert remora.admin("/log-level").strip() == "info"
    remora.admin("/log-level?level=debug", "POST")
    assert remora.admin("/log-level").strip() == "debug"
    assert remora.ask_admin("/log-level?level=loud", "POST")[0] == 400


def test_drain_by_the_admin_side_ends_the_process(start_server, start_remora):
    remora = start_remora({"inbound": [inbound(start_server())]})
    assert remora.ask_admin("/drain", "POST")[0] == 202
    assert remora.process.wait(20) == 0


@pytest.mark.parametrize(
    "hops, believed", [(0, "127.0.0.1"), (1, "10.0.0.2"), (2, "10.0.0.1"), (3, "127.0.0.1")], ids=str
)
def test_trusted_hops_decide_which_client_is_believed(hops, believed, start_server, start_remora):
    """By a route for the believed address: what rules see is what counts. With fewer entries than hops somebody came
    past a proxy, so only the connection itself is believed."""
    server = start_server()
    routes = [{"match": {"source": f"{believed}/32"}, "answer": {"status": 200, "body": "believed"}}]
    remora = start_remora({"inbound": [{**inbound(server), "trusted_hops": hops, "routes": routes}]})
    with RawClient(remora.port) as client:
        assert client.get(headers="X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n").body == b"believed"
        assert client.get().body == (b"believed" if believed == "127.0.0.1" else b"ok")


def test_forwarded_and_via_are_added_when_asked_for(start_server, start_remora):
    server = start_server()
    remora = start_remora({"inbound": [{**inbound(server), "forwarded": True, "via": "edge"}]})
    with RawClient(remora.port) as client:
        response = client.get(headers="Forwarded: for=10.0.0.1\r\nVia: 1.1 other\r\n")
    request = server.requests[0]
    forwarded = ", ".join(request.values("Forwarded"))
    assert forwarded.startswith("for=10.0.0.1, ") and "127.0.0.1" in forwarded
    assert ", ".join(request.values("Via")) == "1.1 other, 1.1 edge"
    assert response.get("Via") == "1.1 edge"


def test_an_id_and_a_trace_are_continued(start_server, start_remora):
    server = start_server()
    remora = start_remora({"inbound": [inbound(server)]})
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with RawClient(remora.port) as client:
        client.get(headers=f"X-Request-Id: mine\r\ntraceparent: {parent}\r\ntracestate: a=b\r\n")
        client.get(headers="traceparent: nonsense\r\ntracestate: a=b\r\n")
    continued, begun = server.requests
    assert continued.get("X-Request-Id") == "mine"
    assert continued.get("traceparent").startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert continued.get("traceparent") != parent and continued.get("tracestate") == "a=b"
    assert begun.get("traceparent") != "nonsense" and begun.get("tracestate") is None
    lines = remora.access_log(at_least=2)
    assert lines[0]["request_id"] == "mine" and lines[0]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("length, is_kept", [(128, True), (129, False), (4000, False)])
def test_a_request_id_that_would_only_fill_logs_is_replaced(length, is_kept, start_server, start_remora):
    server = start_server()
    remora = start_remora({"inbound": [inbound(server)]})
    with RawClient(remora.port) as client:
        client.get(headers=f"X-Request-Id: {'a' * length}\r\n")
    assert (server.requests[0].get("X-Request-Id") == "a" * length) == is_kept


def test_a_listener_that_cannot_be_bound_says_why(start_server, start_remora):
    server = start_server()
    with pytest.raises(AssertionError, match="another process listens there"):
        start_remora({"inbound": [{"listen": server.address, "app": "127.0.0.1:1"}]})


def test_remora_may_also_be_started_without_any_file(start_server, tmp_path):
    server, port, admin = start_server(), free_port(), free_port()
    arguments = ["run", "--inbound", f"{port}={server.port}", "--admin", f"127.0.0.1:{admin}"]
    program = Program([binary(), *arguments], str(tmp_path / "log"), ready_port=port)
    try:
        with RawClient(port) as client:
            assert client.get("/hello").body == b"ok"
        wait_until(lambda: '"path":"/hello"' in program.output(), what="an access log on stdout")
    finally:
        assert program.end() == 0
