"""A strict HTTP/1.1 reader, written from RFC 9112 alone and sharing nothing with remora: the tests' own opinion of
what a well-formed message is. It works on complete buffers and is slow; nothing here is lenient, on purpose."""

import re
from dataclasses import dataclass, field

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([!-~]+) HTTP/1\.([01])")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9]) ([\t -~\x80-\xff]*)")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*")
QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
EXTENSION = rb"[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"|" + QUOTED + rb"))?"
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:" + EXTENSION + rb")*")
HOST = re.compile(rb"(?:[A-Za-z0-9\-._~%!$&'()*+,;=]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


class Malformed(Exception):
    """The bytes can't be the beginning of a well-formed message."""


class Incomplete(Exception):
    """The bytes are the beginning of a well-formed message, and its end is missing."""


@dataclass
class Message:
    headers: list = field(default_factory=list)  # (name, value) as sent, in order
    body: bytes = b""
    trailers: list = field(default_factory=list)
    minor: int = 1

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name, default=None):
        """The only value of a header; a repeated one is an error of the test's or of remora's."""
        values = self.values(name)
        assert len(values) <= 1, f"{name} is repeated: {values}"
        return values[0] if values else default

    def has_token(self, name, token):
        return any(part.strip().lower() == token for value in self.values(name) for part in value.split(","))


@dataclass
class Request(Message):
    method: str = ""
    target: str = ""


@dataclass
class Response(Message):
    status: int = 0
    phrase: str = ""
    interim: list = field(default_factory=list)  # the 1xx responses before it


def read_request(data):
    """(request, bytes it took). One empty line before it is allowed (RFC 9112 section 2.2)."""
    request, at = read_request_head(data)
    request.body, request.trailers, at = read_request_body(request, data, at)
    return request, at


def read_request_head(data):
    """As read_request, without the body: for what a server knows before the body came."""
    lines, at = read_head(data, 2 if data.startswith(b"\r\n") else 0)
    match = REQUEST_LINE.fullmatch(lines[0])
    if not match:
        raise Malformed(f"request line {lines[0]!r}")
    method, target, minor = match.group(1).decode(), match.group(2).decode(), int(match.group(3))
    request = Request(read_fields(lines[1:]), minor=minor, method=method, target=target)
    check_target(request)
    request_framing(request)
    return request, at


def check_target(request):
    hosts = request.values("Host")
    if len(hosts) > 1 or (request.minor == 1 and not hosts):
        raise Malformed(f"{len(hosts)} Host fields")
    if hosts and not HOST.fullmatch(hosts[0].encode("latin-1")):
        raise Malformed(f"Host {hosts[0]!r}")
    target = request.target
    if "#" in target:
        raise Malformed(f"a fragment in the target {target!r}")
    if request.method == "CONNECT":
        raise Malformed("CONNECT isn't for an origin server")
    if not (target.startswith("/") or re.match(r"https?://[^/?@]+", target) or (request.method, target) == ("OPTIONS", "*")):
        raise Malformed(f"target {target!r}")


def request_framing(request):
    """("none" | "length" | "chunked", length). RFC 9112 section 6.3, with every ambiguity refused."""
    lengths, codings = request.values("Content-Length"), request.values("Transfer-Encoding")
    if codings:
        if len(codings) > 1 or codings[0].lower() != "chunked" or lengths or request.minor == 0:
            raise Malformed(f"Transfer-Encoding {codings!r} with Content-Length {lengths!r}")
        return "chunked", 0
    if not lengths:
        return "none", 0
    if len(lengths) > 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
        raise Malformed(f"Content-Length {lengths!r}")
    return "length", int(lengths[0])


def read_request_body(request, data, at):
    framing, length = request_framing(request)
    if framing == "chunked":
        return read_chunked(data, at)
    return read_length(data, at, length)


def read_response(data, method="GET", closed=False):
    """(response, bytes it took). `closed`: nothing follows, which ends a body without a framing of its own."""
    interim, at = [], 0
    while True:
        lines, at = read_head(data, at)
        match = STATUS_LINE.fullmatch(lines[0])
        if not match:
            raise Malformed(f"status line {lines[0]!r}")
        response = Response(read_fields(lines[1:]), minor=int(match.group(1)), status=int(match.group(2)))
        response.phrase = match.group(3).decode("latin-1")
        if response.status >= 200 or response.status == 101:
            break
        interim.append(response)
    response.interim = interim
    response.body, response.trailers, at = read_response_body(response, method, data, at, closed)
    return response, at


def read_response_body(response, method, data, at, closed):
    lengths, codings = response.values("Content-Length"), response.values("Transfer-Encoding")
    if lengths and codings:
        raise Malformed("Content-Length and Transfer-Encoding in one response")
    if method == "HEAD" or response.status in (101, 204, 304):
        return b"", [], at
    if codings:
        if codings != ["chunked"]:
            raise Malformed(f"Transfer-Encoding {codings!r}")
        return read_chunked(data, at)
    if lengths:
        if len(lengths) > 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
            raise Malformed(f"Content-Length {lengths!r}")
        return read_length(data, at, int(lengths[0]))
    if not closed:
        raise Incomplete("a body that ends with the connection")
    return data[at:], [], len(data)


def read_head(data, at):
    """The lines of a head (or trailer section) from `at`, without their ends, and where it ended."""
    lines = []
    while True:
        line, at = read_line(data, at)
        if not line and lines:
            return lines, at
        lines.append(line)
        if not line:
            raise Malformed("an empty line where a start line should be")


def read_line(data, at):
    end = data.find(b"\n", at)
    line = data[at:] if end < 0 else data[at:end]
    if b"\r" in line[:-1] or b"\0" in line:
        raise Malformed(f"a bare CR or a NUL in {line[:80]!r}")
    if end < 0:
        raise Incomplete("a line without its end")
    if not line.endswith(b"\r"):
        raise Malformed(f"a bare LF after {line[:80]!r}")
    return line[:-1], end + 1


def read_fields(lines):
    fields = []
    for line in lines:
        match = FIELD.fullmatch(line)
        if not match:
            raise Malformed(f"field line {line[:80]!r}")
        fields.append((match.group(1).decode("latin-1"), match.group(2).decode("latin-1")))
    return fields


def read_length(data, at, length):
    if len(data) - at < length:
        raise Incomplete(f"{length - (len(data) - at)} bytes of the body")
    return data[at : at + length], [], at + length


def read_chunked(data, at):
    """(body, trailers, end)"""
    body = []
    while True:
        line, at = read_line(data, at)
        match = CHUNK_LINE.fullmatch(line)
        if not match:
            raise Malformed(f"chunk line {line[:80]!r}")
        size = int(match.group(1), 16)
        if size == 0:
            break
        piece, _, at = read_length(data, at, size)
        body.append(piece)
        if len(data) - at >= 2 and data[at : at + 2] != b"\r\n":
            raise Malformed("chunk data without its CRLF")
        if len(data) - at < 2:
            raise Incomplete("a chunk's CRLF")
        at += 2
    lines = []
    while True:
        line, at = read_line(data, at)
        if not line:
            return b"".join(body), read_fields(lines), at
        lines.append(line)


@dataclass
class Reading:
    """What a strict server makes of everything that came on one connection."""

    complete: list  # of Request
    partial: Request | None  # whose head came and whose body didn't, or was broken
    malformed: str  # why reading stopped for good; empty when it didn't
    rest: bytes = b""  # what stands behind the complete ones


def read_all_requests(data):
    complete, at = [], 0
    while True:
        rest = data[at:]
        if not rest or rest == b"\r\n":
            return Reading(complete, None, "")
        try:
            request, used = read_request(rest)
        except (Malformed, Incomplete) as why:
            return Reading(complete, head_or_none(rest), str(why) if isinstance(why, Malformed) else "", rest)
        complete.append(request)
        at += used
        if request.has_token("Connection", "close") or request.minor == 0:
            return Reading(complete, None, "")


def head_or_none(data):
    try:
        return read_request_head(data)[0]
    except (Malformed, Incomplete):
        return None
