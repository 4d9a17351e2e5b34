"""HTTP/2 frames by hand (RFC 9113, RFC 7541), right ones and wrong ones, and peers on a socket that speak them."""

import os
import select
import socket
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 2, 7, 8, 11
MAX_STREAMS, INITIAL_WINDOW = 3, 4  # settings
FRAME = 16_384  # bytes of payload that everybody must take
STATUS_200 = b"\x88"  # indexed in the static table, as everybody sends it

PATIENCE = 20  # seconds until a missing byte fails the test; never waited for when all is well


def frame(kind, stream=0, payload=b"", flags=0):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def settings(*pairs, flags=0):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs), flags=flags)


def ping(payload=bytes(8), flags=0):
    return frame(PING, payload=payload, flags=flags)


def goaway(last=0, code=NO_ERROR):
    return frame(GOAWAY, payload=struct.pack(">II", last, code))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, stream, struct.pack(">I", code))


def window_update(stream, by):
    return frame(WINDOW_UPDATE, stream, struct.pack(">I", by))


def priority(stream, on=0):
    return frame(PRIORITY, stream, struct.pack(">IB", on, 15))


def data(stream, body=b"", end=False, padding=None):
    """`padding` of 0 or more bytes makes it a padded frame."""
    padded = padding is not None
    payload = bytes((padding,)) + body + bytes(padding) if padded else body
    return frame(DATA, stream, payload, END_STREAM * end | PADDED * padded)


def head(stream, block, end=True):
    """HEADERS, and CONTINUATION where one frame isn't enough."""
    pieces = [block[at : at + FRAME] for at in range(0, len(block), FRAME)] or [b""]
    frames = []
    for number, piece in enumerate(pieces):
        last = END_HEADERS * (number == len(pieces) - 1)
        flags = last if number else last | END_STREAM * end
        frames.append(frame(CONTINUATION if number else HEADERS, stream, piece, flags))
    return b"".join(frames)


def integer(value, prefix, first):
    """RFC 7541 section 5.1; `first` has the bits above the prefix."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes((first | value,))
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def text(value):
    raw = value.encode("latin-1") if isinstance(value, str) else value
    return integer(len(raw), 7, 0) + raw


def field(name, value, store=False):
    """A literal without Huffman; `store` puts it into the dynamic table, where the newest entry is STORED."""
    return bytes((0x40 if store else 0,)) + text(name) + text(value)


STORED = b"\xbe"


def fields(*pairs):
    return b"".join(field(*pair) for pair in pairs)


def request_block(path="/", authority="app", method="GET", more=b""):
    pseudo = ((":method", method), (":scheme", "http"), (":path", path), (":authority", authority))
    return fields(*pseudo) + more


def request(stream, path="/", end=True, **about):
    return head(stream, request_block(path, **about), end)


class Ended(Exception):
    """The other side closed, reset, or took nothing for as long as PATIENCE."""


class Peer:
    """Either side of a connection. Whatever it sends, it reads meanwhile; SETTINGS and PING are answered."""

    def __init__(self, connected):
        self.socket = connected
        self.socket.settimeout(PATIENCE)
        self.received = b""  # and not yet a whole frame
        self.frames = []  # (type, flags, stream, payload) but DATA, whose bytes are in `bodies`
        self.bodies = {}  # by stream
        self.ended = set()  # streams whose END_STREAM came
        self.goaway = None  # its code
        self.pongs = []  # payloads
        self.answers = b""  # to SETTINGS and PING, unsent
        self.is_sending = False
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *pieces):
        rest, self.is_sending = memoryview(b"".join(pieces)), True
        while rest:
            readable, writable, _ = select.select([self.socket], [self.socket], [], PATIENCE)
            if readable:
                self.receive()
            elif writable:
                rest = rest[self.send_some(rest) :]
            else:
                raise Ended
        self.is_sending = False
        self.answer()
        return self

    def send_some(self, rest):
        try:
            return self.socket.send(rest[: 1 << 18], socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            while True:  # what it said before it went
                self.receive()

    def receive(self):
        try:
            piece = self.socket.recv(1 << 18)
        except OSError:
            piece = b""
        if not piece:
            self.closed = True
            raise Ended
        self.received += piece
        at = 0
        while len(self.received) - at >= 9:
            length = int.from_bytes(self.received[at : at + 3], "big")
            if len(self.received) - at < 9 + length:
                break
            kind, flags, stream = struct.unpack_from(">BBI", self.received, at + 3)
            self.take(kind, flags, stream, self.received[at + 9 : at + 9 + length])
            at += 9 + length
        self.received = self.received[at:]
        if not self.is_sending:  # else it would stand inside of a frame
            self.answer()

    def answer(self):
        try:
            self.socket.sendall(self.answers)
        except OSError:
            pass  # what else it said is still read
        self.answers = b""

    def take(self, kind, flags, stream, payload):
        if kind in (SETTINGS, PING) and not flags & ACK:
            self.answers += frame(kind, payload=payload if kind == PING else b"", flags=ACK)
        elif kind == PING:
            self.pongs.append(payload)
        elif kind == GOAWAY:
            self.goaway = struct.unpack_from(">I", payload, 4)[0]
        if kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + payload
        else:
            self.frames.append((kind, flags, stream, payload))
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self.ended.add(stream)

    def streams(self, kind):
        """Of the frames of this type so far."""
        return [stream for seen, _, stream, _ in self.frames if seen == kind]

    def wait(self, condition):
        """Reads until `condition()` holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"not within {PATIENCE} s; so far {self.frames[-5:]}"
            self.receive()

    def settle(self):
        """Returns when all that was sent before has been looked at."""
        mark = os.urandom(8)
        self.send(ping(mark))
        self.wait(lambda: mark in self.pongs)
        self.pongs.clear()

    def read_to_end(self):
        """Until the other side closes, however much it sends."""
        end = time.monotonic() + PATIENCE
        while True:
            assert time.monotonic() < end, f"still open after {PATIENCE} s"
            self.receive()


class Client(Peer):
    def __init__(self, port, *first_settings, receive_buffer=0):
        connected = socket.socket()
        if receive_buffer:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connected.settimeout(PATIENCE)
        connected.connect(("127.0.0.1", port))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(connected)
        self.next_stream = 1
        connected.sendall(PREFACE + settings(*first_settings))

    def get(self, path="/", **about):
        """(the block of the answer's head, its body), once it is complete."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        self.send(request(stream, path, **about))
        self.wait(lambda: stream in self.ended or stream in self.streams(RST_STREAM))
        assert stream in self.ended, "the stream was reset"
        block = next(payload for kind, _, of, payload in self.frames if kind == HEADERS and of == stream)
        self.frames.clear()
        return block, self.bodies.pop(stream, b"")


class Server(Peer):
    """On an accepted connection."""

    def __init__(self, accepted, *first_settings):
        super().__init__(accepted)
        self.answered = set()
        while len(self.received) < len(PREFACE):
            piece = accepted.recv(1 << 16)
            if not piece:
                raise Ended
            self.received += piece
        assert self.received.startswith(PREFACE), self.received[:60]
        self.received = self.received[len(PREFACE) :]
        accepted.sendall(settings(*first_settings))

    def next_request(self):
        """The stream of the oldest request that wasn't returned before."""
        self.wait(lambda: set(self.streams(HEADERS)) - self.answered)
        stream = min(set(self.streams(HEADERS)) - self.answered)
        self.answered.add(stream)
        return stream
