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
    """Accepts until stopped. `with RawServer(script) as server`. `host` may be an IPv6 address; a text in place of the
    port is the path of a Unix socket."""

    def __init__(self, script=answer_all, port=0, host="127.0.0.1"):
        self.script = script
        self.is_unix = isinstance(port, str)
        if self.is_unix:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(port)
            self.listener.listen(128)
            self.address = f"unix:{port}"
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.listener = socket.create_server((host, port), family=family, backlog=1024)
            self.port = self.listener.getsockname()[1]
            self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
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
            if not self.is_unix:
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

    def wait(self, condition, what="what the server waits for", limit=10):
        """Waits until `condition()` of this server holds; woken by each connection and each end of a script."""
        with self.changed:
            assert self.changed.wait_for(condition, limit), f"{what} didn't come within {limit} s"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Without the shutdown a blocked accept() would keep the socket, and with it the port, alive.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()
