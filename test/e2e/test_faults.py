"""System calls that fail, are short or are interrupted at the n-th call: nothing crashes and no answer is wrong."""

import hashlib
import http.client
import random

import pytest
from support.fixtures import inbound
from support.raw_client import RawClient
from support.running import wait_until

pytestmark = pytest.mark.faults

# What only makes work: everything must come out right.
HARMLESS = [
    "recv:1+1:short=1",
    "recv:1+1:short=7",
    "recv:1+2:short=3",
    "send:1+1:short=1,sendmsg:1+1:short=1",
    "send:1+1:short=13,sendmsg:1+1:short=13",
    "recv:1+1:short=5,send:1+1:short=3,sendmsg:1+1:short=3",
    "recv:2+2:EINTR,send:2+2:EINTR,sendmsg:2+2:EINTR",
    "accept4:1+2:EINTR",
]

# What ends connections or prevents them: the client gets the right answer, a failure that says so, or a cut.
HARMFUL = [
    "recv:5+7:ECONNRESET",
    "recv:1+3:ECONNRESET",
    "send:3+5:ECONNRESET,sendmsg:3+5:ECONNRESET",
    "send:2+3:EPIPE,sendmsg:2+3:EPIPE",
    "send:4+4:ENOBUFS,sendmsg:4+4:ENOBUFS",
    "recv:4+5:ENOMEM",
    "socket:2+2:EMFILE",
    "socket:1+3:ENFILE",
    "socket:1+2:ENOBUFS",
    "connect:1+2:ECONNREFUSED",
    "connect:2+3:ENOMEM",
    "accept4:2+3:EMFILE",
    "accept4:1+3:ENOMEM",
    "recv:3+11:ECONNRESET,send:2+13:EPIPE,sendmsg:5+7:ECONNRESET,socket:3+5:EMFILE,accept4:4+9:ENFILE",
]

FAILURES = {502, 503}


def answers_by_digest(connection):
    """The target says how much is wanted; the answer holds the digest of the body that came, and that much text. A
    connection serves five requests."""
    for number in range(5):
        request = connection.read_request()
        close = "Connection: close\r\n" if number == 4 else ""
        body = expected_answer(request.target, request.body)
        if request.target.endswith("c"):
            connection.send(f"HTTP/1.1 200 OK\r\n{close}Transfer-Encoding: chunked\r\n\r\n")
            half = len(body) // 2 + 1
            for piece in (body[:half], body[half:]):
                if piece:
                    connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.send("0\r\n\r\n")
        else:
            connection.send(f"HTTP/1.1 200 OK\r\n{close}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def expected_answer(target, body):
    return hashlib.sha256(body).hexdigest().encode() + b"." * int(target.strip("/c"))


def requests_of(seed, count):
    chance = random.Random(seed)
    for _ in range(count):
        target = f"/{chance.choice([0, 1, 100, 3000])}{chance.choice(['', 'c'])}"
        body = bytes(chance.randrange(256) for _ in range(chance.choice([0, 0, 1, 200, 2000])))
        if body and chance.random() < 0.5:
            framed = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            framed = b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        method = chance.choice(["POST", "PUT"])
        yield target, body, f"{method} {target} HTTP/1.1\r\nHost: a\r\n".encode() + framed


@pytest.mark.parametrize("faults", HARMLESS)
def test_what_is_short_or_interrupted_comes_out_right(faults, start_remora, start_server):
    remora = start_remora({"inbound": [inbound(start_server(answers_by_digest))]}, env={"REMORA_FAULTS": faults})
    with RawClient(remora.port) as client:
        for target, body, text in requests_of(faults, 40):
            response = client.send(text).read_response()
            assert (response.status, response.body) == (200, expected_answer(target, body))
        # Pipelined as well.
        batch = list(requests_of(faults + "pipelined", 20))
        client.send(b"".join(text for _, _, text in batch))
        for target, body, _ in batch:
            response = client.read_response()
            assert (response.status, response.body) == (200, expected_answer(target, body))


@pytest.mark.parametrize("faults", HARMFUL)
def test_what_fails_is_said_or_cut_and_never_wrong(faults, start_remora, start_server):
    server = start_server(answers_by_digest)
    remora = start_remora({"inbound": [inbound(server)]}, env={"REMORA_FAULTS": faults})
    right = failed = cut = 0
    client = None
    for number, (target, body, text) in enumerate(requests_of(faults, 120)):
        if client and number % 7 == 0:
            client.close()
            client = None
        client = client or RawClient(remora.port)
        try:
            response = client.send(text).read_response()
        except (AssertionError, OSError):
            client.close()
            client, cut = None, cut + 1
            continue
        if response.status == 200:
            assert response.body == expected_answer(target, body)
            right += 1
        else:
            assert response.status in FAILURES and response.get("Proxy-Status")
            failed += 1
        if response.has_token("Connection", "close"):
            client.close()
            client = None
    if client:
        client.close()
    print(f"{faults}: {right} right, {failed} failures, {cut} cut")
    assert right > 0 and failed + cut > 0
    wait_until(lambda: has_no_connection(remora), what="the end of all connections")


def has_no_connection(remora):
    try:
        return remora.metric("remora_downstream_connections_active") == 0
    except (OSError, http.client.HTTPException):
        return False  # a fault struck the admin side
