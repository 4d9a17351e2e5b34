"""One exchange on a connection of its own, in every way the scenarios speak: for the first answer, for what was
negotiated, and for connections that then wait. Slow and small on purpose; load comes from other programs."""

import functools
import select
import socket
import ssl

from wires import Http, Tls

SECONDS = 2  # for each step of an exchange
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32
STATUS_200 = 0x88  # RFC 7541 appendix A, index 8


class NoAnswer(OSError):
    """The connection ended, or what came is no 200."""


def connect_and_get(port, leg, certificates=None, session=None):
    """A connection whose first answer, a 200, has been read."""
    connection = connect(port, leg, certificates, session)
    try:
        (get_h2 if leg.http is Http.TWO else get_h1)(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(port, leg, certificates=None, session=None, alpn=None):
    """`alpn`: the names to offer; else those of the leg."""
    connection = socket.create_connection(("127.0.0.1", port), SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if leg.tls is Tls.NONE:
        return connection
    try:
        offered = tuple(alpn if alpn is not None else ["h2"] if leg.http is Http.TWO else [])
        context = client_context(leg.tls, offered, certificates)
        return context.wrap_socket(connection, server_hostname="127.0.0.1", session=session)
    except BaseException:
        connection.close()
        raise


@functools.cache  # a session is resumed only within its context
def client_context(tls, alpn, certificates):
    context = ssl.create_default_context(cafile=certificates.authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if tls is Tls.MUTUAL:
        context.load_cert_chain(certificates.chain, certificates.key)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def is_ended(connection):
    """Whether the other side ends it; waits for that or for something else to come."""
    try:
        return not connection.recv(1)
    except TimeoutError:
        return False


def is_hung_up(connection):
    """Whether the other side has ended it already; what came before the end doesn't matter."""
    poller = select.poll()
    poller.register(connection, select.POLLRDHUP)
    return bool(poller.poll(0))


def get_h1(connection, more=""):
    connection.sendall(f"GET /s HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += received(connection, 4096)
    head, body = head.split(b"\r\n\r\n", 1)
    if not head.startswith(b"HTTP/1.1 200"):
        raise NoAnswer(head.split(b"\r\n")[0].decode("latin-1"))
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0]) - len(body) if lengths else 0
    while missing > 0:
        missing -= len(received(connection, missing))


def received(connection, most):
    data = connection.recv(most)
    if not data:
        raise NoAnswer("the connection was closed")
    return data


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def literal(index, text):
    """A field whose name is in the static table, not indexed, without Huffman code."""
    return bytes((index, len(text))) + text.encode()


def get_h2(connection):
    """A GET on stream 1 of a new HTTP/2 connection, by prior knowledge."""
    request = b"\x82\x86" + literal(4, "/s") + literal(1, "x")  # GET, http
    first = frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS | END_STREAM, 1, request)
    connection.sendall(PREFACE + first)
    good = False
    while True:
        kind, flags, stream, payload = next_frame(connection)
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            connection.sendall(frame(PING, ACK, 0, payload))
        elif kind in (GOAWAY, RST_STREAM):
            raise NoAnswer(f"frame {kind} with {payload.hex()}")
        elif kind == HEADERS:
            good = is_200(flags, payload)
        if stream == 1 and kind in (HEADERS, DATA) and flags & END_STREAM:
            if not good:
                raise NoAnswer("an HTTP/2 answer that isn't 200")
            return


def next_frame(connection):
    head = exactly(connection, 9)
    payload = exactly(connection, int.from_bytes(head[:3], "big"))
    return head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload


def exactly(connection, count):
    data = b""
    while len(data) < count:
        data += received(connection, count - len(data))
    return data


def is_200(flags, block):
    """Whether a response's first field is the static table's `:status: 200`, as every encoder here writes it."""
    block = block[1:] if flags & PADDED else block
    block = block[5:] if flags & PRIORITY else block
    while block and block[0] & 0xE0 == 0x20:  # a change of the table's size, of one byte unless it ends in ones
        more = block[0] & 0x1F == 0x1F
        block = block[1:]
        while more:
            more, block = bool(block[0] & 0x80), block[1:]
    return block[:1] == bytes((STATUS_200,))
