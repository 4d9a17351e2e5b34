"""Bodies of any size in constant memory, and attempts that end with their client."""

import os
import select
import socket
import threading

import pytest
from support.fixtures import inbound
from support.raw_client import RawClient
from support.raw_server import answer
from support.running import is_sanitized

MIB = 1 << 20
PIECE = bytes(MIB)
STALLS = 20
# What remora may hold of one body: its buffers, and what malloc makes of them. Far below what a stalled body would
# gather if remora read on.
MOST_GROWTH = 4 * MIB
PATIENCE = 60


class Flow:
    """One body: a sender that tells when it is held back, and a reader that reads in bursts, each only after the sender
    was held back. So that buffers are full again and again, and nobody has to sleep."""

    def __init__(self, size, framing):
        self.size = size
        self.framing = framing
        self.held_back = threading.Event()
        self.received = 0
        self.resident = []

    def head_field(self):
        return f"Content-Length: {self.size}\r\n" if self.framing == "length" else "Transfer-Encoding: chunked\r\n"

    def send_body(self, connection):
        connection.setblocking(False)
        frame = PIECE if self.framing == "length" else b"%x\r\n%s\r\n" % (len(PIECE), PIECE)
        for _ in range(self.size // MIB):
            self.send(connection, frame)
        if self.framing == "chunked":
            self.send(connection, b"0\r\n\r\n")

    def send(self, connection, data):
        view = memoryview(data)
        while view:
            try:
                view = view[connection.send(view) :]
            except BlockingIOError:
                self.held_back.set()
                assert select.select([], [connection], [], PATIENCE)[1], "the sender is stuck"

    def read_body(self, connection, begun, measure):
        """`begun` bytes of the body came with the head."""
        self.received = begun
        buffer = memoryview(bytearray(MIB))
        for _ in range(STALLS):
            assert self.held_back.wait(PATIENCE), "the sender was never held back"
            self.resident.append(measure())
            self.held_back.clear()
            self.read_until(connection, self.received + 8 * MIB, buffer)
        self.read_until(connection, None, buffer)
        self.resident.append(measure())

    def read_until(self, connection, most, buffer):
        tail = b""
        while (most is None and not self.is_complete(tail)) or (most is not None and self.received < most):
            count = connection.recv_into(buffer)
            assert count, f"cut after {self.received} bytes"
            self.received += count
            tail = (tail + bytes(buffer[max(0, count - 7) : count]))[-7:]

    def is_complete(self, tail):
        if self.framing == "length":
            return self.received >= self.size
        return tail == b"\r\n0\r\n\r\n"


def start_measured(start_remora, server):
    # Freed memory that the sanitizer keeps aside would count as remora's.
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    remora = start_remora({"inbound": [inbound(server)], "cores": 1}, env={"ASAN_OPTIONS": options})
    with RawClient(remora.port) as client:
        client.get("/warm")
    return remora


def check_memory(flow, before):
    growth = max(flow.resident) - before
    print(f"{flow.size >> 20} MiB, {flow.framing}: resident memory {before >> 10} KiB before, at most {growth >> 10} KiB more")
    assert flow.received >= flow.size
    assert growth <= MOST_GROWTH * (8 if is_sanitized() else 1), f"{growth >> 10} KiB more"


SIZES = [256 * MIB, pytest.param(10 << 30, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])]


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size >> 20}MiB")
def test_a_large_answer_to_a_slow_reader_takes_constant_memory(size, framing, start_remora, start_server):
    flow = Flow(size, framing)

    def sends(connection):
        while connection.read_request().target == "/warm":
            connection.send(answer("warm"))
        connection.send(f"HTTP/1.1 200 OK\r\n{flow.head_field()}\r\n")
        flow.send_body(connection.socket)
        connection.socket.setblocking(True)
        connection.wait_for_end()

    remora = start_measured(start_remora, start_server(sends))
    before = remora.resident()
    with RawClient(remora.port, receive_buffer=256 << 10, patience=PATIENCE) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while b"\r\n\r\n" not in client.received:
            assert client.receive()
        head, body = client.received.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 200 ")
        flow.read_body(client.socket, len(body), remora.resident)
    check_memory(flow, before)


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size >> 20}MiB")
def test_a_large_request_to_a_slow_app_takes_constant_memory(size, framing, start_remora, start_server):
    flow = Flow(size, framing)
    box = []

    def reads_slowly(connection):
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 << 10)
        while connection.read_head().method == "GET":  # a body that can't be sent again gets a connection of its own
            connection.read_request()
            connection.send(answer("warm"))
        body = connection.recorded[connection.taken :].split(b"\r\n\r\n", 1)[1]
        flow.read_body(connection.socket, len(body), box[0].resident)
        connection.send(answer("thanks"))
        connection.wait_for_end()

    remora = start_measured(start_remora, start_server(reads_slowly))
    box.append(remora)
    before = remora.resident()
    with RawClient(remora.port, patience=PATIENCE) as client:
        client.send(f"POST / HTTP/1.1\r\nHost: a\r\n{flow.head_field()}\r\n")
        flow.send_body(client.socket)
        client.socket.settimeout(PATIENCE)
        assert client.read_response().body == b"thanks"
    check_memory(flow, before)


def endless(connection):
    connection.read_request()
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.send("5\r\nmore\n\r\n" * 1000)


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_that_leaves_an_answer_cancels_it(leave, remora_before, start_server):
    server = start_server(endless)
    remora = remora_before(server)
    client = RawClient(remora.port).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.receive()
    getattr(client, leave)()
    # The script of the server ends with an error once remora closed the connection: its socket is closed then.
    server.wait(lambda: server.connections[0].socket.fileno() < 0, "the end of the attempt")
    assert remora.access_log()[0]["reason"] in ("client_gone", "client_reset")


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_that_leaves_its_upload_cancels_it(leave, remora_before, start_server):
    def reads(connection):
        connection.read_request()
        connection.send(answer("never"))

    server = start_server(reads)
    remora = remora_before(server)
    client = RawClient(remora.port).send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegin")
    server.wait(lambda: server.connections, "the attempt")
    getattr(client, leave)()
    server.wait(lambda: server.connections[0].ended, "the end of the attempt")
    assert remora.access_log()[0]["reason"] in ("client_gone", "client_reset")
    assert server.requests == []


def test_a_half_closed_client_gets_its_answer_when_the_listener_says_so(remora_before, start_server):
    gone_on = threading.Event()

    def waits(connection):
        connection.read_request()
        assert gone_on.wait(10)
        connection.send(answer("after all"))

    with RawClient(remora_before(start_server(waits), client_fin="answer").port) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").half_close()
        gone_on.set()
        assert client.read_response().body == b"after all"


@pytest.mark.parametrize("request_text", ["GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"])
def test_a_half_close_of_a_client_that_wants_no_more_is_not_the_end(request_text, remora_before, start_server):
    gone_on = threading.Event()

    def waits(connection):
        connection.read_request()
        assert gone_on.wait(10)
        connection.send(answer("after all"))

    with RawClient(remora_before(start_server(waits)).port) as client:
        client.send(request_text).half_close()
        gone_on.set()
        assert client.read_response().body == b"after all"


def test_a_thousand_pipelined_requests(remora_before, start_server):
    def echo_target(connection):
        while True:
            request = connection.read_request()
            connection.send(answer(request.target + request.body.decode()))

    server = start_server(echo_target)
    with RawClient(remora_before(server).port, patience=30) as client:
        text = "".join(
            f"GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n" if number % 2 else
            f"POST /{number} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n-ab\r\n0\r\n\r\n"
            for number in range(1000)
        )
        client.send(text)
        bodies = [client.read_response().body.decode() for _ in range(1000)]
    assert bodies == [f"/{number}" + ("" if number % 2 else "-ab") for number in range(1000)]


def test_heads_that_dribble_keep_nobody_else_waiting_and_meet_their_time(start_remora, start_server):
    """Slowloris: many connections, each a byte now and then."""
    remora = start_remora({"inbound": [inbound(start_server())], "timeouts": {"header": "1500ms"}})
    slow = [RawClient(remora.port).send("GET / HTTP/1.1\r\nHost: a\r\nX: ") for _ in range(300)]
    open_ones, served = set(slow), 0
    with RawClient(remora.port) as client:
        while open_ones:
            assert client.get().status == 200
            served += 1
            readable = select.select([each.socket for each in open_ones], [], [], 0)[0]
            for each in list(open_ones):
                if each.socket in readable:
                    assert each.read_response().status == 408
                    open_ones.remove(each)
                    continue
                try:
                    each.socket.send(b"x")
                except OSError:
                    pass  # closed a moment ago: the next round finds its answer
    assert served > 1
    for each in slow:
        each.close()
    assert remora.metric("remora_requests_total", reason="header_timeout") == len(slow)
