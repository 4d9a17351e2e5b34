"""The tools of the other tests do what they say: a client and a scripted server without remora between them."""

import pytest
from support import strict
from support.raw_client import RawClient
from support.raw_server import answer, answer_all
from support.running import Ports


def test_client_and_server_understand_each_other(start_server):
    server = start_server(answer_all)
    with RawClient(server.port) as client:
        assert client.get("/one").body == b"ok"
        client.send_split("POST /two HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
        assert client.read_response().status == 200
    assert [(request.method, request.target, request.body) for request in server.requests] == [
        ("GET", "/one", b""),
        ("POST", "/two", b"hi"),
    ]


def test_a_script_can_end_a_connection_at_any_point(start_server):
    def half_an_answer(connection):
        connection.read_request()
        connection.send(answer("12345")[:-2])
        connection.reset()

    with RawClient(start_server(half_an_answer).port) as client, pytest.raises(AssertionError, match="within an answer"):
        client.get()


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n1",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    ],
)
def test_the_strict_reader_refuses(head):
    with pytest.raises(strict.Malformed):
        strict.read_request(head.encode("latin-1"))


def test_the_strict_reader_counts_what_was_intended():
    reading = strict.read_all_requests(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nPOST /3 HT")
    assert [request.target for request in reading.complete] == ["/1", "/2"] and not reading.malformed
    reading = strict.read_all_requests(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12")
    assert reading.complete == [] and reading.partial.target == "/1"


def test_a_port_is_given_once_and_to_one_process_only():
    mine, others = Ports(), Ports()  # who holds the name of a block is a socket, not a process
    given = [ports.next() for _ in range(250) for ports in (mine, others)]
    assert len(set(given)) == 500 and 10_000 <= min(given) and max(given) < 32_000
    for ports in (mine, others):
        for name in ports.held:
            name.close()
