"""Opaque TCP over real sockets: whoever speaks first, whoever ends first, as much as fits."""

import contextlib
import hashlib
import os
import signal
import socket
import struct
import threading
import time

import pytest
from support.fixtures import inbound
from support.running import free_port, wait_until


def tcp(app, **options):
    return inbound(app, protocol="tcp", **options)


@pytest.fixture
def tcp_before(start_remora):
    return lambda server, **options: start_remora({"inbound": [tcp(server, **options)]})


@contextlib.contextmanager
def client_of(remora):
    with socket.create_connection(("127.0.0.1", remora.port), timeout=20) as client:
        yield client


def read_all(connection):
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def echo(connection):
    while data := connection.socket.recv(65536):
        connection.send(data)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_the_server_may_speak_first(tcp_before, start_server):
    def greet(connection):
        connection.send(b"220 mail\r\n")
        connection.wait_for_end()

    with client_of(tcp_before(start_server(greet))) as client:
        assert client.recv(100) == b"220 mail\r\n"


def test_items_go_to_endpoints_with_some_labels(start_remora, start_server):
    def says(word):
        def script(connection):
            connection.send(word)
            connection.close()

        return start_server(script).address

    endpoints = [{"address": says(role), "labels": {"role": role}} for role in ("primary", "replica", "replica")]
    ports = {role: free_port() for role in ("primary", "replica", "backup")}
    remora = start_remora({"outbound": [{"listen": f"127.0.0.1:{port}", "tcp": {"to": {"service": "db", "labels": {"role": role}}}}
                                        for role, port in ports.items()],
                           "services": {"db": {"endpoints": endpoints}}})

    def word(role):
        with socket.create_connection(("127.0.0.1", ports[role]), timeout=20) as client:
            return read_all(client).decode()

    assert [word(role) for role in ("primary", "replica") for _ in range(5)] == ["primary"] * 5 + ["replica"] * 5
    with pytest.raises(ConnectionResetError):
        word("backup")
    assert remora.metric("remora_tcp_connections_total", reason="no_matching_endpoint") == 1
    assert "among the 2 endpoints with the labels" in remora.admin("/recent")


def test_each_side_ends_by_itself(tcp_before, start_server):
    def answer_at_the_end(connection):
        connection.wait_for_end()
        connection.send(b"got " + connection.recorded)

    remora = tcp_before(start_server(answer_at_the_end))
    with client_of(remora) as client:
        client.sendall(b"\x00\xffhalf")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"got \x00\xffhalf"
    line = remora.access_log()[0]
    assert (line["protocol"], line["reason"], line["status"]) == ("TCP", "ok", 0)
    assert (line["bytes_received"], line["bytes_sent"]) == (6, 10)
    assert (line["method"], line["service"]) == ("", "app")
    assert "TCP" in remora.admin("/recent")
    assert remora.metric("remora_tcp_connections_total", reason="ok", service="app") == 1
    assert remora.metric("remora_tcp_received_bytes_total") == 6
    assert remora.metric("remora_tcp_sent_bytes_total") == 10
    assert remora.metric("remora_requests_total") == 0
    assert remora.metric("remora_tcp_connections_active") == 0


def test_the_server_may_end_first(tcp_before, start_server):
    got = []

    def end_first(connection):
        connection.send(b"bye")
        connection.half_close()
        connection.wait_for_end()
        got.append(connection.recorded)

    with client_of(tcp_before(start_server(end_first))) as client:
        assert read_all(client) == b"bye"
        client.sendall(b"after the end")
        client.shutdown(socket.SHUT_WR)
        wait_until(lambda: got == [b"after the end"], 10, "what the client sent after the server's end")


def test_64_mib_both_ways_at_once(tcp_before, start_server):
    total = 64 << 20
    piece = os.urandom(1 << 20)
    expected = hashlib.sha256(piece * 64).hexdigest()
    came = hashlib.sha256()
    has_all = threading.Event()

    def both_ways(connection):
        def send():
            for _ in range(64):
                connection.send(piece)
            connection.half_close()

        sender = threading.Thread(target=send)
        sender.start()
        while data := connection.socket.recv(1 << 18):
            came.update(data)
        sender.join()
        has_all.set()

    remora = tcp_before(start_server(both_ways))
    before = remora.resident()
    got = hashlib.sha256()
    with client_of(remora) as client:
        sender = threading.Thread(target=lambda: [client.sendall(piece) for _ in range(64)])
        sender.start()
        received = 0
        while received < total:
            data = client.recv(1 << 18)
            assert data, f"ended after {received} bytes"
            received += len(data)
            got.update(data)
        sender.join()
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert has_all.wait(20)  # the server ended its side before it had read everything
    assert (got.hexdigest(), came.hexdigest()) == (expected, expected)
    assert remora.access_log()[0]["bytes_sent"] == total
    assert remora.resident() - before < 16 << 20  # a piece each way is held, not the stream


def test_who_reads_nothing_makes_the_other_wait(tcp_before, start_server):
    sent = []
    stopped = threading.Event()

    def send_on(connection):
        connection.socket.settimeout(2)
        with contextlib.suppress(TimeoutError):
            while True:
                sent.append(connection.socket.send(b"x" * 65536))
        stopped.set()  # not a byte was taken for 2 s

    remora = tcp_before(start_server(send_on))
    with client_of(remora):
        wait_until(lambda: sent, 10)
        before = remora.resident()
        assert stopped.wait(20)
        assert remora.resident() - before < 8 << 20


def test_resets_are_passed_on_both_ways(tcp_before, start_server):
    def reset_when_told(connection):
        connection.receive()
        if connection.recorded == b"reset":
            connection.reset()
        connection.wait_for_end()

    server = start_server(reset_when_told)
    remora = tcp_before(server)
    with client_of(remora) as client:
        client.sendall(b"reset")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with client_of(remora) as client:
        client.sendall(b"hello")
        server.wait(lambda: len(server.connections) == 2 and server.connections[1].recorded)
        reset(client)
        server.wait(lambda: server.connections[1].was_reset)
    assert [line["reason"] for line in remora.access_log(2)] == ["upstream_reset", "client_reset"]


def test_nobody_listens(tcp_before):
    remora = tcp_before(f"127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionResetError), client_of(remora) as client:  # it may come before connect() has returned
        client.recv(1)
    assert remora.access_log()[0]["reason"] == "connect_refused"


def test_many_connections(tcp_before, start_server):
    remora = tcp_before(start_server(echo))
    clients = []
    with contextlib.ExitStack() as stack:
        for i in range(400):
            clients.append(stack.enter_context(client_of(remora)))
            clients[i].sendall(b"%d;" % i)
        wait_until(lambda: remora.metric("remora_tcp_connections_active") == 400)
        for i, client in enumerate(clients):
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b"%d;" % i
    wait_until(lambda: remora.metric("remora_tcp_connections_total", reason="ok") == 400)
    assert remora.metric("remora_tcp_connections_active") == 0
    assert remora.metric("remora_upstream_connections_active") == 0


def test_a_drain_gives_the_grace_time_then_cuts(start_remora, start_server):
    remora = start_remora(
        {"inbound": [tcp(start_server(echo))], "drain": {"delay": "0s", "grace": "2s"}},
    )
    with client_of(remora) as client:
        client.sendall(b"a")
        assert client.recv(1) == b"a"
        began = time.monotonic()
        remora.send_signal(signal.SIGTERM)
        wait_until(lambda: remora.admin_status("/ready") == 503, what="ready to turn off")
        client.sendall(b"b")
        assert client.recv(1) == b"b"
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert 1.5 < time.monotonic() - began < 10
    assert remora.access_log()[0]["reason"] == "draining"


def test_shed_connections_hear_no_http(start_remora, start_server):
    remora = start_remora({"inbound": [tcp(start_server(echo), limits={"connections": 1})]})
    with client_of(remora) as first, client_of(remora) as second:
        first.sendall(b"a")
        assert first.recv(1) == b"a"
        with contextlib.suppress(ConnectionResetError):
            assert second.recv(100) == b""
