"""A client that sends exactly the bytes it is told to, in the pieces it is told to, and reads answers strictly."""

import socket
import struct

from support import strict

PATIENCE = 10  # seconds until a missing byte fails the test; never waited for when all is well


class RawClient:
    """A connection. `with RawClient(port) as client` closes it. A text in place of the port is the path of a Unix
    socket, with "\\0" before an abstract name. `source` is the address to come from."""

    def __init__(self, port, patience=PATIENCE, receive_buffer=0, host="127.0.0.1", source=None):
        is_unix = isinstance(port, str)
        family = socket.AF_UNIX if is_unix else socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(patience)
        self.socket.connect(port if is_unix else (host, port))
        if not is_unix:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""  # and not taken by read_response
        self.closed = False  # the other side sent its end

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def send_split(self, data, size=1):
        """In pieces of `size` bytes, each a segment of its own."""
        data = data.encode("latin-1") if isinstance(data, str) else data
        for at in range(0, len(data), size):
            self.socket.sendall(data[at : at + size])
        return self

    def get(self, target="/", host="app", headers=""):
        return self.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").read_response()

    def receive(self):
        """Appends what comes next to `received`. False at the end of the stream."""
        if self.closed:
            return False
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.received += data
        self.closed = not data
        return not self.closed

    def read_response(self, method="GET"):
        while True:
            try:
                response, used = strict.read_response(self.received, method, self.closed)
                self.received = self.received[used:]
                return response
            except strict.Incomplete:
                if not self.receive():
                    raise AssertionError(f"closed within an answer, after {self.received[-300:]!r}") from None

    def read_to_end(self):
        """Everything up to the close by the other side."""
        while self.receive():
            pass
        data, self.received = self.received, b""
        return data

    def is_closed_by_peer(self):
        """Waits for the end of the stream; False when bytes come instead."""
        return not self.receive() and not self.received

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        """Closes with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.socket.close()
