"""HTTP/2 floods from either side (docs/threat-model.md, 13 to 19 and 27): honest requests go on being answered, memory
stays bounded, and nothing is left behind. Each test prints how the attack ended and what it cost in resident memory."""

import collections
import os
import ssl
import sys
import threading

import pytest
from support import h2_frames as h2
from support.apps import any_app
from support.fixtures import inbound
from support.h2_frames import FRAME, STORED, data, field, fields, head, request, request_block, reset, window_update
from support.raw_client import RawClient
from support.running import free_port, is_sanitized, wait_until

MOST_GROWTH = (48 << 20) * (8 if is_sanitized() else 1)
CONNECTIONS = 20  # at once
ROUNDS = range(2, 5)  # of each: who is cut comes again, at most so often while honest clients got too little done
HONEST = 10  # times that they should be served meanwhile
MANY = 5_000  # of what is forbidden long before
STREAMS = 100  # that remora allows at once
# Patience with those who do nothing, so that attacks that wait for its end are short.
SHORT = {"header": "1s", "body_stall": "1s", "write_stall": "1s"}
CALM, CUT, OPEN = f"GOAWAY {h2.ENHANCE_YOUR_CALM}", "cut", "open"


def odd(count, begin=0):
    return range(2 * begin + 1, 2 * (begin + count) + 1, 2)


def post(stream, **about):
    """A request whose body doesn't end."""
    return request(stream, "/echo", end=False, method="POST", **about)


# --- what a client does


def resets_at_once(peer):
    peer.send(*(request(stream) + reset(stream) for stream in odd(MANY)))


def resets_of_what_runs(peer):
    for begin in range(0, MANY, 50):
        peer.send(*map(post, odd(50, begin)))
        peer.settle()
        peer.send(*map(reset, odd(50, begin)))


def faulty(*fault, begin=post):
    """Streams each of which makes the other side reset it (MadeYouReset)."""
    return lambda peer: peer.send(*(begin(stream) + piece(stream) for stream in odd(MANY) for piece in fault))


def whole(stream):
    return request(stream)


def nothing(_):
    return b""


def bad_length(stream):
    return post(stream, more=field("content-length", "5")) + data(stream, b"1", end=True)


def uppercase(stream):
    return request(stream, more=field("X-Upper", "1"))


def repeated(*pieces, on=nothing):
    """One stream, or none, and then the same without end."""
    return lambda peer: peer.send(on(1), b"".join(pieces) * min(MANY * 4, (8 << 20) // len(b"".join(pieces))))


def unending_head(payload, count):
    frames = h2.frame(h2.HEADERS, 1, request_block(), h2.END_STREAM) + h2.frame(h2.CONTINUATION, 1, payload) * count
    return lambda peer: peer.send(frames)


def head_that_waits(peer):
    peer.get("/status?200")  # until the first one another time holds
    peer.settle()
    peer.send(h2.frame(h2.HEADERS, 3, request_block(), h2.END_STREAM))
    peer.read_to_end()


def bomb(name, value, times=11_000):
    """A few bytes that mean `times` as many fields."""
    first = request(1, more=field(name, value, store=True) + STORED * times)
    later = [request(stream, more=STORED * times) for stream in odd(19, 1)]
    return lambda peer: peer.send(first, *later)


def full_heads(peer):
    """As large as they may be, on as many streams as there may be, each in a hundred bytes."""
    peer.send(post(1, more=field("x-large", "a" * 3900, store=True)))
    peer.send(*(post(stream, more=STORED * 15) for stream in odd(STREAMS - 1, 1)))
    peer.settle()
    peer.wait(lambda: len(peer.ended | set(peer.streams(h2.RST_STREAM))) == STREAMS)


def asks_much(peer):
    peer.send(*(request(stream, "/bytes?1000000") for stream in odd(STREAMS)))


def takes_nothing(peer):
    asks_much(peer)
    peer.wait(lambda: len(set(peer.streams(h2.RST_STREAM))) == STREAMS)


def takes_a_byte_at_a_time(peer):
    asks_much(peer)
    for _ in range(20):
        peer.send(*(window_update(stream, 1) for stream in odd(STREAMS)))
        peer.settle()


def with_trailers(block):
    """Also more streams at once than there may be: whether that or the trailers come first is a matter of time."""
    return lambda peer: peer.send(*(post(stream) + data(stream, b"body") + head(stream, block) for stream in odd(300)))


LARGEST = 2**31 - 1
CLIENT_ATTACKS = {
    "requests reset at once": (resets_at_once, {CALM}),
    "requests reset once they run": (resets_of_what_runs, {CALM}),
    "windows that overflow": (faulty(lambda stream: window_update(stream, LARGEST)), {CALM}),
    "windows that grow by nothing": (faulty(lambda stream: window_update(stream, 0)), {CALM}),
    "data behind the end": (faulty(lambda stream: data(stream, b"x"), begin=whole), {"GOAWAY 5"}),
    "bodies of the wrong length": (faulty(bad_length, begin=nothing), {CALM}),
    "names in upper case": (faulty(uppercase, begin=nothing), {CALM}),
    "heads without end, of nothing": (unending_head(b"", MANY), {CALM}),
    "heads without end, of much": (unending_head(field("x-a", "b" * (FRAME - 64)), 200), {CALM}),
    "a head that waits": (head_that_waits, {CALM}),
    "SETTINGS": (repeated(h2.settings()), {CALM}),
    "SETTINGS that change windows": (repeated(h2.settings((4, 1)), h2.settings((4, LARGEST)), on=post), {CALM}),
    "a thousand settings in a frame": (repeated(h2.settings(*[(4, 65_535)] * 1000)), {CALM}),
    "PING": (repeated(h2.ping()), {CALM}),
    "PRIORITY": (repeated(h2.priority(1, on=3)), {CALM}),
    "WINDOW_UPDATE of the connection": (repeated(window_update(0, 1)), {CALM}),
    "WINDOW_UPDATE of a stream": (repeated(window_update(1, 1), on=post), {CALM}),
    "empty DATA": (repeated(data(1), on=post), {CALM}),
    "padding": (repeated(data(1, padding=100), on=post), {CALM}),
    "DATA of a byte": (repeated(data(1, b"x"), on=post), {OPEN}),
    "resets of a closed stream": (repeated(reset(1), on=whole), {CALM}),
    "GOAWAY": (repeated(h2.goaway()), {CALM}),
    "unknown frames": (lambda peer: peer.send(h2.frame(0x42, 0, bytes(FRAME)) * 300), {OPEN}),
    "HPACK bomb": (bomb("x-bomb", "a" * 3900), {CALM}),
    "cookie crumbs": (bomb("cookie", "a=b"), {OPEN}),
    "cookie slices": (bomb("cookie", "a=" + "b" * 200), {CALM}),
    "hosts": (bomb("host", "a" * 3900), {CALM}),
    "heads as large as they may be": (full_heads, {OPEN}),
    "large trailers": (with_trailers(field("x-large", "a" * 9000)), {CALM, OPEN}),
    "trailers that frame": (with_trailers(field("content-length", "3")), {CALM, OPEN}),
    "trailers that authenticate": (with_trailers(field("authorization", "Basic eA==")), {CALM, OPEN}),
    "trailers with a path": (with_trailers(field(":path", "/smuggled")), {CALM, OPEN}),
    "trailers of gRPC, in thousands": (with_trailers(field("grpc-status", "0", store=True) + STORED * 9000),
                                       {CALM, OPEN}),
    "no window": (takes_nothing, {OPEN}, (h2.INITIAL_WINDOW, 0)),
    "a window of a byte": (takes_a_byte_at_a_time, {OPEN, CALM}, (h2.INITIAL_WINDOW, 1)),
}


class Honest:
    """Clients that ask one after another, and must always be served. Meanwhile they look at remora's memory."""

    def __init__(self, remora, path="/status?200", also_http2=True):
        self.remora, self.path = remora, path
        self.plain = RawClient(remora.port)
        self.http2 = h2.Client(remora.port) if also_http2 else None
        self.served = 0
        self.ask()
        self.before = self.most = remora.resident()
        self.connections = 2 if also_http2 else 1

    def ask(self):
        assert self.plain.get(self.path).status == 200
        if self.http2:
            assert self.http2.get(self.path)[0].startswith(h2.STATUS_200)
        with RawClient(self.remora.port) as newcomer:
            assert newcomer.get(self.path).status == 200
        self.served += 1

    def wants_more(self, rounds):
        return rounds < ROUNDS.start or (rounds < ROUNDS[-1] and self.served < HONEST)

    def ask_while(self, threads):
        while any(thread.is_alive() for thread in threads):
            self.ask()
            self.most = max(self.most, self.remora.resident())
        self.ask()

    def check(self, endings, most=MOST_GROWTH):
        """Nothing is left of the attack, and what it cost is bounded."""
        growth = self.most - self.before
        print(f"{dict(collections.Counter(endings))}; {3 * self.served} honest requests; {growth >> 10} KiB more")
        assert growth < most, f"{growth >> 10} KiB more"
        metric = self.remora.metric
        wait_until(lambda: metric("remora_downstream_connections_active") == self.connections, what="no connections")
        for name in ("connections", "http2_connections"):
            name = f"remora_upstream_{name}_active"
            wait_until(lambda: metric(name) <= metric("remora_upstream_connections_idle"), what=f"no {name}")
        self.ask()
        self.plain.close()
        if self.http2:
            self.http2.socket.close()


def in_threads(run, count=CONNECTIONS):
    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def ending_of(peer, attack):
    try:
        attack(peer)
        peer.settle()
    except h2.Ended:
        if peer.goaway is None:
            return CUT  # a reset may overtake what was said before it
        return f"GOAWAY {peer.goaway}"
    return OPEN


@pytest.fixture(autouse=True)
def fair_threads():
    """Honest clients share an interpreter with those who flood, and shouldn't wait for them before remora does."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    app = any_app(str(tmp_path_factory.mktemp("app")), "http1")
    yield app
    app.end()


@pytest.fixture(scope="module")
def other_app(tmp_path_factory):
    """What honest clients ask: an application that is flooded with requests is slow by itself."""
    app = any_app(str(tmp_path_factory.mktemp("other")), "http1")
    yield app
    app.end()


@pytest.fixture
def start_quick(start_remora):
    """Freed memory that the sanitizer keeps aside would count as remora's."""
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    return lambda config: start_remora({"timeouts": SHORT, **config}, env={"ASAN_OPTIONS": options})


@pytest.fixture
def flooded(start_quick, app, other_app):
    """remora with a listener whose clients flood, and get to the one application or the other."""
    routes = [{"match": {"path": "/status"}, "to": "other"}]
    services = {"other": {"endpoints": other_app.address}}
    return start_quick({"inbound": [inbound(app, routes=routes)], "services": services})


@pytest.mark.parametrize("attack", CLIENT_ATTACKS.values(), ids=CLIENT_ATTACKS.keys())
def test_a_client_floods(attack, flooded):
    flood, expected, *first_settings = attack
    honest, begun, endings = Honest(flooded), [], []

    def come_and_flood():
        rounds = 0
        while honest.wants_more(rounds):
            begun.append(rounds)
            with h2.Client(flooded.port, *first_settings) as peer:
                endings.append(ending_of(peer, flood))
            rounds += 1

    honest.ask_while(in_threads(come_and_flood))
    honest.check(endings, MOST_GROWTH)
    assert len(endings) == len(begun) >= CONNECTIONS * ROUNDS.start, "an attack failed by itself"
    assert set(endings) & expected and set(endings) <= {*expected, CUT}


def test_clients_that_read_nothing(flooded):
    """Their windows are open, but their sockets aren't read; so that what remora wants to send is stuck in TCP."""
    remora = flooded
    honest, cut, begun = Honest(remora), threading.Event(), threading.Barrier(CONNECTIONS + 1, timeout=10)

    def ask_and_wait():
        with h2.Client(remora.port, (h2.INITIAL_WINDOW, LARGEST), receive_buffer=4096) as peer:
            asked = b"".join(request(stream, "/bytes?10000000") for stream in odd(STREAMS))
            peer.socket.sendall(window_update(0, LARGEST - 65_535) + asked)
            begun.wait()
            cut.wait(h2.PATIENCE)

    threads = in_threads(ask_and_wait)
    begun.wait()
    while remora.metric("remora_downstream_connections_active") > honest.connections:
        honest.ask()
        honest.most = max(honest.most, remora.resident())
    cut.set()
    honest.ask_while(threads)
    honest.check([CUT] * CONNECTIONS, MOST_GROWTH)


PSEUDO = ((":method", "GET"), (":scheme", "http"), (":path", "/smuggled"), (":authority", "app"))
SMUGGLED = [request_block("/smuggled", more=field(*pair)) for pair in (
    ("transfer-encoding", "chunked"), ("connection", "close"), ("proxy-connection", "close"), ("keep-alive", "1"),
    ("upgrade", "h2c"), ("te", "gzip"), ("content-length", "-1"), ("content-length", "1, 2"), ("host", "other"),
    ("x\r\ny", "1"), ("x y", "1"), ("x:y", "1"), ("", "1"), ("X-Upper", "1"), ("x\0", "1"), ("x\xff", "1"),
    ("x", "1\r\nGET /smuggled HTTP/1.1\r\nHost: app\r\n\r\n"), ("x", "\n"), ("x", "\r"), ("x", "\0"), ("x", " a"),
    ("x", "a\t"), (":path", "/smuggled"), (":status", "200"), (":unknown", "1"))]
SMUGGLED += [fields(*(pair for pair in PSEUDO if pair[0] != left_out)) for left_out in (":method", ":scheme", ":path")]
SMUGGLED += [fields(*((name, value if name != changed else to) for name, value in PSEUDO)) for changed, to in (
    (":method", "GET /smuggled HTTP/1.1\r\nHost: app\r\n\r\nGET"), (":method", "G T"), (":method", ""),
    (":path", "/smuggled HTTP/1.1\r\nHost: app\r\n\r\n"), (":path", "/smuggled a"), (":path", ""),
    (":path", "smuggled"),
    (":path", "/smuggled#a"), (":authority", "app\r\nx: y"), (":authority", "user@app"), (":authority", ""))]
SMUGGLED += [fields(*PSEUDO[1:], ("x", "1"), PSEUDO[0]), fields(*PSEUDO, PSEUDO[0])]


def test_what_http1_would_read_otherwise_reaches_nobody(start_quick, start_server):
    """The server's reader is strict; the fixture looks at what it thought."""
    server = start_server()
    remora = start_quick({"inbound": [inbound(server)]})
    honest = Honest(remora, "/honest")

    def smuggle():
        with h2.Client(remora.port) as peer:
            for stream, block in zip(odd(len(SMUGGLED)), SMUGGLED, strict=True):
                peer.send(head(stream, block))
                peer.wait(lambda stream=stream: stream in (*peer.streams(h2.RST_STREAM), *peer.ended))
            answers = [payload for kind, _, _, payload in peer.frames if kind == h2.HEADERS]
            assert not any(answer.startswith(h2.STATUS_200) for answer in answers)
            refused.append(len(SMUGGLED))

    refused = []
    honest.ask_while(in_threads(smuggle))
    honest.check(["refused"] * sum(refused))
    assert len(refused) == CONNECTIONS
    assert {request.target for request in server.requests} == {"/honest"}


HELLO = b"\x01\xff\xff\xff\x03\x03"  # as long as its field can say
HANDSHAKES = {
    "half a hello": b"\x16\x03\x01\x02\x00" + HELLO,
    "a hello without end": (b"\x16\x03\x01\x40\x00" + HELLO.ljust(FRAME, b"\0")) + (
        b"\x16\x03\x01\x40\x00" + bytes(FRAME)) * 300,
    "empty records": b"\x16\x03\x01\x00\x00" * MANY * 4,
    "records of a byte": b"".join(b"\x16\x03\x01\x00\x01" + HELLO.ljust(MANY)[at : at + 1] for at in range(MANY)),
    "ChangeCipherSpec": b"\x14\x03\x03\x00\x01\x01" * MANY * 4,
    "alerts": b"\x15\x03\x03\x00\x02\x01\x00" * MANY * 4,
    "no TLS": bytes(range(256)) * 1000,
}


@pytest.mark.parametrize("handshake", HANDSHAKES.values(), ids=HANDSHAKES.keys())
def test_a_client_floods_handshakes(handshake, start_quick, app, server):
    tls = {"listen": f"127.0.0.1:{free_port()}", "app": app.address, "tls": {**server, "handshake": "1s"}}
    remora = start_quick({"inbound": [inbound(app), tls]})
    honest, begun, endings = Honest(remora), [], []

    def come_and_flood():
        rounds = 0
        while honest.wants_more(rounds):
            begun.append(rounds)
            with RawClient(remora.ports[1], patience=h2.PATIENCE) as client:
                try:
                    client.send(handshake)
                    client.read_to_end()
                except (BrokenPipeError, ConnectionResetError):
                    pass
            endings.append(CUT)
            rounds += 1

    honest.ask_while(in_threads(come_and_flood))
    honest.check(endings)
    assert len(endings) == len(begun) >= CONNECTIONS * ROUNDS.start, "an attack failed by itself"
    trusting = ssl.create_default_context(cafile=server["certificate"])
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with RawClient(remora.ports[1]) as client:
        client.socket = trusting.wrap_socket(client.socket, server_hostname="localhost")
        assert client.get("/status?200").status == 200


# --- what a service does


def at(stage):
    """The decorated script floods at each request (`asked`) or at once (`met`)."""

    def decorate(flood):
        def script(connection):
            try:
                peer = h2.Server(connection.socket)
                while True:
                    flood(peer, peer.next_request() if stage == "asked" else 0)
                    if stage == "met":
                        peer.read_to_end()
            except (h2.Ended, AssertionError):
                pass

        return script

    return decorate


def says(*pieces):
    return at("asked")(lambda peer, stream: peer.send(*(piece(stream) for piece in pieces)))


def without_end(make, stage="asked", first=nothing):
    return at(stage)(lambda peer, stream: peer.send(first(stream), make(stream) * (MANY * 4)))


def answer_head(stream):
    return head(stream, STATUS_ONLY, end=False)


def answers(block):
    return lambda stream: head(stream, block) + h2.goaway(stream)


STATUS_ONLY = field(":status", "200")
OK = STATUS_ONLY + field("x", "1")


@at("asked")
def continues_without_end(peer, stream):
    peer.send(h2.frame(h2.HEADERS, stream, STATUS_ONLY), h2.frame(h2.CONTINUATION, stream) * MANY)


@at("asked")
def continues_with_much(peer, stream):
    much = h2.frame(h2.CONTINUATION, stream, field("x-a", "b" * (FRAME - 64)))
    peer.send(h2.frame(h2.HEADERS, stream, STATUS_ONLY), much * 200)


def resets_each(code):
    @at("met")
    def script(peer, _):
        while True:
            peer.send(reset(peer.next_request(), code))

    return script


def silent_with(*first_settings):
    def script(connection):
        try:
            h2.Server(connection.socket, *first_settings).read_to_end()
        except (h2.Ended, AssertionError):
            pass

    return script


def reads_nothing(connection):
    connection.send(h2.settings())
    gone.wait(2)


gone = threading.Event()
FAILS, SERVED, TORN = {502, 503, 504}, {200}, {"torn"}
BODY = 2 << 20
SERVICE_ATTACKS = {
    "SETTINGS": (without_end(lambda _: h2.settings(), "met"), FAILS),
    "SETTINGS once asked": (without_end(lambda _: h2.settings((4, 1)) + h2.settings((4, LARGEST))), FAILS),
    "PING": (without_end(lambda _: h2.ping()), FAILS),
    "WINDOW_UPDATE of the connection": (without_end(lambda _: window_update(0, 1)), FAILS),
    "WINDOW_UPDATE of a stream": (without_end(lambda stream: window_update(stream, 1)), FAILS),
    "a window that overflows": (says(lambda stream: window_update(stream, LARGEST)), FAILS),
    "PRIORITY": (without_end(lambda _: h2.priority(1, on=3)), FAILS),
    "resets of each request": (resets_each(h2.INTERNAL_ERROR), FAILS),
    "refusals of each request": (resets_each(h2.REFUSED_STREAM), FAILS),
    "resets of a closed stream": (without_end(reset), FAILS),
    "heads without end, of nothing": (continues_without_end, FAILS),
    "heads without end, of much": (continues_with_much, FAILS),
    "HPACK bomb": (says(answers(OK + field("x-bomb", "a" * 3900, store=True) + STORED * 11_000)), FAILS),
    "cookies": (says(answers(OK + field("set-cookie", "a=b", store=True) + STORED * 11_000)), FAILS),
    "a large head": (says(answers(OK + field("x-large", "a" * 70_000))), FAILS),
    "interim answers": (without_end(lambda stream: head(stream, field(":status", "103"), end=False)), FAILS),
    "interim bomb": (says(lambda stream: head(stream, field(":status", "103") + field("link", "a" * 3900, store=True)
                                              + STORED * 11_000, end=False)), FAILS),
    "DATA of a byte": (without_end(lambda stream: data(stream, b"x"), first=answer_head), TORN),
    "empty DATA": (without_end(data, first=answer_head), TORN | FAILS),
    "DATA past its window": (says(answer_head, lambda stream: data(stream, bytes(FRAME)) * 1024), TORN | FAILS),
    "DATA before the head": (says(lambda stream: data(stream, bytes(FRAME))), FAILS),
    "large trailers": (says(answer_head, lambda stream: head(stream, field("x-large", "a" * 70_000))),
                       TORN | FAILS),
    "trailers bomb": (says(answer_head, lambda stream: head(
        stream, field("x", "a" * 3900, store=True) + STORED * 11_000)), TORN | FAILS),
    "trailers that frame": (says(answer_head, lambda stream: head(stream, field("content-length", "3"))),
                            TORN | FAILS),
    "trailers of gRPC, in thousands": (says(answer_head, lambda stream: head(
        stream, field("grpc-status", "0", store=True) + STORED * 9000)), TORN | FAILS),
    "GOAWAY": (without_end(lambda _: h2.goaway(), "met"), FAILS),
    "GOAWAY once asked": (without_end(lambda stream: h2.goaway(0)), FAILS),
    "PUSH_PROMISE": (says(lambda stream: h2.frame(h2.PUSH_PROMISE, stream, bytes(3) + b"\2", h2.END_HEADERS)), FAILS),
    "a status of two": (says(answers(OK + STATUS_ONLY)), FAILS),
    "names in upper case": (says(answers(OK + field("X-Upper", "1"))), FAILS),
    "line ends in values": (says(answers(OK + field("x-a", "1\r\nx-b: 2"))), FAILS),
    "transfer-encoding": (says(answers(OK + field("transfer-encoding", "chunked"))), FAILS),
    "no streams": (silent_with((h2.MAX_STREAMS, 0)), FAILS),
    "no window": (silent_with((h2.INITIAL_WINDOW, 0)), FAILS),
    "no reading": (reads_nothing, FAILS),
    "HTTP/1": (lambda connection: connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), FAILS),
}


def outcome_of(port, upload):
    """A status, or "torn" for an answer that was begun and then visibly cut."""
    with RawClient(port) as client:
        try:
            length = f"Content-Length: {len(upload)}\r\n" if upload else ""
            client.send(f"{'POST' if upload else 'GET'} / HTTP/1.1\r\nHost: attacked\r\n{length}\r\n")
            client.send(upload)
        except OSError:
            pass  # answered before it was read
        try:
            return client.read_response().status
        except AssertionError:
            return "torn"
        except TimeoutError:
            return "hangs"


@pytest.mark.parametrize("attack", SERVICE_ATTACKS.values(), ids=SERVICE_ATTACKS.keys())
def test_a_service_floods(attack, start_quick, start_server, app):
    script, expected = attack
    service = {"endpoints": [start_server(script).address], "protocol": "http2", "timeouts": {"write_stall": "1s"}}
    routes = [{"match": {"host": "attacked"}, "to": "attacked", "timeout": "1s"}, {"to": "other"}]
    listener = {"listen": f"127.0.0.1:{free_port()}", "routes": routes}
    services = {"attacked": service, "other": {"endpoints": [app.address]}}
    remora = start_quick({"inbound": [listener], "services": services})
    honest, begun, outcomes = Honest(remora), [], []
    upload = bytes(BODY) if script in (reads_nothing, SERVICE_ATTACKS["no window"][0]) else b""

    def ask_attacked():
        rounds = 0
        while honest.wants_more(rounds):
            begun.append(rounds)
            outcomes.append(outcome_of(remora.port, upload))
            rounds += 1

    honest.ask_while(in_threads(ask_attacked))
    honest.check(outcomes)
    assert len(outcomes) == len(begun) >= CONNECTIONS * ROUNDS.start
    assert set(outcomes) <= expected, outcomes
