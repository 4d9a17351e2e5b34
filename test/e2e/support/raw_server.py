"""A server that records every byte and answers as a script says: the application at its worst.

A script is a function of one Connection, run in a thread for each accepted connection:

    def half_an_answer(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nhalf")
        connection.reset()
"""

import socket
import struct
import threading

from support import strict

PATIENCE = 20  # seconds; a script that waits longer ends, and with it its connection


class Closed(Exception):
    """The other side ended the connection where the script wanted more."""


class Connection:
    def __init__(self, accepted):
        self.socket = accepted
        self.socket.settimeout(PATIENCE)
        self.recorded = b""  # everything that came
        self.taken = 0  # of it, by read_request
        self.requests = []  # taken so far
        self.ended = False  # the other side sent its end, or reset
        self.was_reset = False

    def receive(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data, self.was_reset = b"", True
        except OSError:
            data = b""
        self.recorded += data
        self.ended = not data
        if self.ended:
            raise Closed

    def read_request(self):
        """The next complete request."""
        return self.read_with(strict.read_request, keep=True)

    def read_head(self):
        """The head of the next request; its body stays unread."""
        return self.read_with(strict.read_request_head, keep=False)

    def read_with(self, reader, keep):
        while True:
            try:
                request, used = reader(self.recorded[self.taken :])
            except strict.Incomplete:
                self.receive()
                continue
            if keep:
                self.taken += used
                self.requests.append(request)
            return request

    def wait_for_end(self):
        """Reads on until the other side closes."""
        try:
            while True:
                self.receive()
        except Closed:
            pass

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def answer(body="ok", status="200 OK", headers=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}"


def answer_all(connection):
    """The script of a well-behaved application: answers every request with `ok`, and keeps the connection."""
    while True:
        request = connection.read_request()
        connection.send(answer("" if request.method == "HEAD" else "ok"))
        if request.has_token("Connection", "close"):
            return


def answer_once(text):
    """A script that sends `text` for the first request of each connection, and closes."""

    def script(connection):
        connection.read_request()
        connection.send(text)

    return script


class RawServer:
    """Accepts until stopped. `with RawServer(script) as server`."""

    def __init__(self, script=answer_all, port=0):
        self.script = script
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        self.problems = []  # what went wrong in scripts: malformed requests above all
        self.changed = threading.Condition()
        threading.Thread(target=self.accept_all, daemon=True).start()

    def accept_all(self):
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(accepted)
            with self.changed:
                self.connections.append(connection)
                self.changed.notify_all()
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        try:
            self.script(connection)
        except (Closed, OSError):
            pass
        except strict.Malformed as problem:
            self.problems.append(f"{problem} in {connection.recorded[-300:]!r}")
        finally:
            connection.close()
            with self.changed:
                self.changed.notify_all()

    @property
    def requests(self):
        """Every complete request, by connection and then by time."""
        return [request for connection in list(self.connections) for request in connection.requests]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Without the shutdown a blocked accept() would keep the socket, and with it the port, alive.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()
