"""WebSockets by the byte (RFC 6455), over HTTP/1.1 and over HTTP/2 (RFC 8441): frames are made and read here, and
nothing is checked, so that what a case sends and sees is exactly what passes the proxy."""

import select
import socket
import time
from collections import deque

import h2.config
import h2.connection
import h2.events

LIMIT = 30  # seconds until what a case waits for must have come
PIECE = 65536
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x17\x2a\x39\x4b"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def frame(opcode, payload=b"", final=True, reserved=0, mask=MASK):
    """A frame as clients send it; reserved is the number that its three reserved bits make."""
    size = len(payload)
    short = size if size < 126 else 126 if size < 65536 else 127
    head = bytes([final << 7 | reserved << 4 | opcode, 0x80 | short])
    head += size.to_bytes({126: 2, 127: 8}[short], "big") if short > 125 else b""
    return head + mask + masked(payload, mask)


def masked(payload, mask):
    cover = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(cover, "big")).to_bytes(len(payload), "big")


class FrameReader:
    """The frames that a server sends, as (opcode, first byte's high bits, payload)."""

    def __init__(self):
        self.frames = []
        self.rest = bytearray()

    def take(self, data):
        self.rest += data
        while (whole := self.size_of_next()) and len(self.rest) >= whole[0] + whole[1]:
            head, size = whole
            self.frames.append((self.rest[0] & 15, self.rest[0] >> 4, bytes(self.rest[head : head + size])))
            del self.rest[: head + size]

    def size_of_next(self):
        """(bytes before the payload, bytes of it), or None before they are known."""
        if len(self.rest) < 2:
            return None
        short = self.rest[1] & 127
        head = {126: 4, 127: 10}.get(short, 2)
        if len(self.rest) < head:
            return None
        return head, int.from_bytes(self.rest[2:head], "big") if short > 125 else short


class Wire:
    """One WebSocket over one connection of its own. Sends and receives at once: neither waits for the other."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.reader = FrameReader()
        self.pieces = deque()  # of the tunnel, each to be sent as one
        self.outgoing = b""  # of the connection
        self.opened = self.ended = False
        self.status = None  # of the handshake

    def __enter__(self):
        self.pump(lambda: self.opened or self.ended, "an answer to the handshake")
        assert self.opened, f"the handshake gave {self.status}"
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data, size=PIECE):
        """In pieces of so many bytes."""
        self.pieces.extend(data[at : at + size] for at in range(0, len(data), size))

    def pump(self, condition, what):
        """Sends what is left and takes what comes until the condition holds."""
        end = time.monotonic() + LIMIT
        while not condition():
            self.fill()
            left = end - time.monotonic()
            assert left > 0, f"{what} didn't come; so far {len(self.reader.frames)} frames, {len(self.pieces)} to send"
            ready = select.select([self.socket], [self.socket] if self.outgoing else [], [], left)
            if ready[1]:
                self.flush()
            if ready[0]:
                self.receive()

    def flush(self):
        try:
            self.outgoing = self.outgoing[self.socket.send(self.outgoing) :]
        except (BrokenPipeError, ConnectionResetError):
            self.outgoing = b""
            self.pieces.clear()

    def receive(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if data:
            self.took(data)
        else:
            self.ended = True

    def fill(self):
        """Moves pieces to `outgoing`, when it is empty."""
        raise NotImplementedError

    def took(self, data):
        raise NotImplementedError


class Http1Wire(Wire):
    def __init__(self, port):
        super().__init__(port)
        self.head = b""
        self.outgoing = (f"GET /chat HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                         "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                         f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n").encode()

    def fill(self):
        if self.opened and not self.outgoing and self.pieces:
            self.outgoing = self.pieces.popleft()

    def took(self, data):
        if self.opened:
            self.reader.take(data)
            return
        self.head += data
        head, end, rest = self.head.partition(b"\r\n\r\n")
        if end:
            self.status = int(head.split()[1])
            self.opened, self.ended = self.status == 101, self.status != 101
            self.reader.take(rest)


class Http2Wire(Wire):
    def __init__(self, port):
        super().__init__(port)
        self.authority = f"127.0.0.1:{port}"
        self.stream = None
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.connection.initiate_connection()

    def fill(self):
        if not self.outgoing and self.opened and self.pieces and not self.ended:
            room = min(self.connection.local_flow_control_window(self.stream), self.connection.max_outbound_frame_size)
            piece = self.pieces.popleft()
            if len(piece) > room:
                self.pieces.appendleft(piece[room:])
                piece = piece[:room]
            if piece:
                self.connection.send_data(self.stream, piece)
        self.outgoing += self.connection.data_to_send()

    def took(self, data):
        for event in self.connection.receive_data(data):
            if isinstance(event, h2.events.RemoteSettingsChanged) and self.stream is None:
                self.ask()
            elif isinstance(event, h2.events.ResponseReceived):
                self.status = int(dict(event.headers)[b":status"])
                self.opened, self.ended = self.status == 200, self.status != 200
            elif isinstance(event, h2.events.DataReceived):
                self.reader.take(event.data)
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)):
                self.ended = True

    def ask(self):
        assert self.connection.remote_settings.enable_connect_protocol == 1, "no extended CONNECT (RFC 8441 section 3)"
        self.stream = self.connection.get_next_available_stream_id()
        fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"),
                  (":authority", self.authority), ("sec-websocket-version", "13")]
        self.connection.send_headers(self.stream, fields)
