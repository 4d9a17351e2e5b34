"""A relay that hands bytes on and remembers what a TLS client offered. Threads, for a few requests only."""

import socket
import threading

CLIENT_HELLO_LIMIT = 16_384  # one record
ALPN = 16  # RFC 7301


class Witness:
    """Stands before `target` on a port of its own; as the backend of a Running it sees that one's connections."""

    def __init__(self, target):
        self.target, self.seen = target, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.pids = self.listener.getsockname()[1], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        first = True
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            called = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.hand_on, args=(caller, called, first), daemon=True).start()
            threading.Thread(target=self.hand_on, args=(called, caller, False), daemon=True).start()
            first = False

    def hand_on(self, source, target, remembers):
        try:
            while data := source.recv(65_536):
                if remembers and len(self.seen) < CLIENT_HELLO_LIMIT:
                    self.seen += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()

    def offered(self):
        return offered_protocols(self.seen)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # A close alone wouldn't wake the thread that accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def offered_protocols(record):
    """The ALPN names in a record that begins with a ClientHello (RFC 8446 section 4.1.2), in their order."""
    if record[:1] != b"\x16":
        raise SystemExit("a proxy that should speak TLS to the other begins with " + record[:16].hex())
    rest = record[5 + 4 + 2 + 32 :]  # after the record's head, the handshake's, the version and the random number
    for size in (1, 2, 1):  # session id, cipher suites, compression methods
        _, rest = counted(rest, size)
    extensions, _ = counted(rest, 2)
    while extensions:
        kind, (value, extensions) = int.from_bytes(extensions[:2], "big"), counted(extensions[2:], 2)
        if kind == ALPN:
            return names(counted(value, 2)[0])
    return []


def counted(data, size):
    """(what a length of `size` bytes counts, the rest)"""
    end = size + int.from_bytes(data[:size], "big")
    return data[size:end], data[end:]


def names(data):
    found = []
    while data:
        name, data = counted(data, 1)
        found.append(name.decode())
    return found
