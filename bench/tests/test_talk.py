"""What the bench says to a proxy by itself, and how it proves what a proxy speaks."""

import contextlib
import shutil
import socket
import ssl
import threading
from types import SimpleNamespace

import certificates
import proof
import pytest
import talk
import witness
from wires import Http, Leg, Tls

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="makes certificates with the openssl program")


def exchange(answer):
    """get_h2 against a server that has said `answer` already; returns what it was sent."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        talk.get_h2(ours)
        return theirs.recv(4096)


def test_an_http2_exchange_ends_with_its_stream_and_acknowledges():
    begin = talk.frame(talk.SETTINGS, 0, 0) + talk.frame(talk.PING, 0, 0, b"12345678")
    head = talk.frame(talk.HEADERS, talk.END_HEADERS, 1, b"\x88")
    sent = exchange(begin + head + talk.frame(talk.DATA, talk.END_STREAM, 1, b"x" * 128))
    assert sent.startswith(talk.PREFACE)
    assert sent.endswith(talk.frame(talk.SETTINGS, talk.ACK, 0) + talk.frame(talk.PING, talk.ACK, 0, b"12345678"))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        talk.frame(talk.HEADERS, talk.END_HEADERS | talk.END_STREAM, 1, b"\x8d"),  # 404
        talk.frame(talk.HEADERS, talk.END_HEADERS, 1, b"\x88"),  # cut off
        talk.frame(talk.RST_STREAM, 0, 1, bytes(4)),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_anything_else_is_no_answer(answer):
    with pytest.raises(talk.NoAnswer):
        exchange(answer)


@pytest.mark.parametrize("flags, block", [(0, b"\x20\x88"), (0, b"\x3f\xe1\x1f\x88"), (8, b"\x01\x88\x00")])
def test_a_status_is_found_behind_table_sizes_and_padding(flags, block):
    assert talk.is_200(flags, block) and not talk.is_200(flags, block.replace(b"\x88", b"\x89"))


@pytest.mark.parametrize("protocols", [[], ["h2"], ["h2", "http/1.1"]])
def test_a_witness_reads_what_a_client_hello_offers(protocols):
    context, sent = ssl.create_default_context(), ssl.MemoryBIO()
    if protocols:
        context.set_alpn_protocols(protocols)
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="app.bench").do_handshake()
    assert witness.offered_protocols(sent.read()) == protocols


def test_a_witness_refuses_plaintext():
    with pytest.raises(SystemExit):
        witness.offered_protocols(b"GET / HTTP/1.1\r\n\r\n")


@pytest.fixture(scope="module", name="files")
def files_made_once(tmp_path_factory):
    return certificates.make(str(tmp_path_factory.mktemp("build")))


@contextlib.contextmanager
def tls_server(files, tickets, client=ssl.CERT_NONE):
    """Answers 200 on a port, a connection at a time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain, files.key)
    context.load_verify_locations(files.authority)
    context.num_tickets, context.verify_mode = tickets, client

    def serve():
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), accepted, context.wrap_socket(accepted, server_side=True) as connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
                connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield SimpleNamespace(name="server", port=listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


@needs_openssl
def test_a_server_that_does_what_is_meant_passes(files):
    with tls_server(files, 0, ssl.CERT_REQUIRED) as server:
        proof.check_tls(server, Leg(Tls.MUTUAL), files)


@needs_openssl
def test_a_resumed_session_fails_the_proof(files):
    with tls_server(files, 2) as server, pytest.raises(SystemExit, match="resumed"):
        proof.check_tls(server, Leg(Tls.SERVER), files)


@needs_openssl
def test_a_server_that_asks_for_no_certificate_fails_the_proof(files):
    with tls_server(files, 0) as server, pytest.raises(SystemExit, match="without a certificate"):
        proof.check_tls(server, Leg(Tls.MUTUAL), files)


@needs_openssl
def test_a_plaintext_server_gives_no_answer_over_tls(files):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
        assert not proof.answers(listener.getsockname()[1], Leg(Tls.SERVER, Http.ONE), files)
