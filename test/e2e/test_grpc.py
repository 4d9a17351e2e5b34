"""gRPC through remora, with the client and the server of the gRPC project: every kind of call, statuses, deadlines, and
what remora answers by itself."""

import concurrent.futures
import contextlib
import threading

import grpc
import pytest
from support.fixtures import inbound
from support.running import free_port

LARGE = b"x" * 1_000_000


class Echo(grpc.GenericRpcHandler):
    """Messages are bytes as they are."""

    def __init__(self):
        self.cancelled = threading.Event()
        self.time_left = None

    def service(self, details):
        handlers = {
            "/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "/test.Echo/Download": grpc.unary_stream_rpc_method_handler(self.download),
            "/test.Echo/Upload": grpc.stream_unary_rpc_method_handler(self.upload),
            "/test.Echo/Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "/test.Echo/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/test.Echo/Hang": grpc.unary_unary_rpc_method_handler(self.hang),
        }
        return handlers.get(details.method)

    def unary(self, request, context):
        self.time_left = context.time_remaining()
        context.set_trailing_metadata((("x-trailing", "yes"),))
        return request

    def download(self, request, context):
        for _ in range(int(request)):
            yield LARGE[:65536]

    def upload(self, requests, context):
        return str(sum(len(request) for request in requests)).encode()

    def chat(self, requests, context):
        for request in requests:
            yield request.upper()

    def fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: 100 % sure\n")

    def hang(self, request, context):
        context.add_callback(self.cancelled.set)
        self.cancelled.wait(20)
        return b""


@contextlib.contextmanager
def serving(service):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((service,))
    service.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield service
    service.cancelled.set()
    server.stop(None).wait()


@pytest.fixture
def echo():
    with serving(Echo()) as service:
        yield service


@pytest.fixture(params=[1, 2], ids=["through-one", "through-two"])
def remora(request, start_remora, echo):
    address, started = f"127.0.0.1:{echo.port}", None
    for _ in range(request.param):
        listener = inbound(address)
        listener["app"] = {"endpoints": address, "protocol": "http2"}
        started = start_remora({"inbound": [listener]})
        address = f"127.0.0.1:{started.port}"
    return started


@pytest.fixture
def channel(remora):
    with grpc.insecure_channel(f"127.0.0.1:{remora.port}", options=[("grpc.max_receive_message_length", -1)]) as channel:
        yield channel


def test_unary(channel, remora):
    answer, call = channel.unary_unary("/test.Echo/Unary").with_call(b"hello", timeout=20)
    assert answer == b"hello" and ("x-trailing", "yes") in [tuple(pair) for pair in call.trailing_metadata()]
    line = remora.access_log()[0]
    assert (line["path"], line["grpc_status"], line["protocol"]) == ("/test.Echo/Unary", "OK", "HTTP/2")
    assert remora.metric("remora_grpc_calls_total", grpc_status="OK") == 1


def test_large_messages(channel):
    assert channel.unary_unary("/test.Echo/Unary")(LARGE, timeout=20) == LARGE


def test_server_streaming(channel):
    assert sum(len(piece) for piece in channel.unary_stream("/test.Echo/Download")(b"200", timeout=20)) == 200 * 65536


def test_client_streaming(channel):
    assert channel.stream_unary("/test.Echo/Upload")((LARGE for _ in range(10)), timeout=20) == b"10000000"


def test_both_stream_at_once(channel):
    """Each message is answered before the next is sent: nothing waits for an end."""
    answered = threading.Semaphore(1)

    def messages():
        for number in range(20):
            answered.acquire()
            yield f"message {number}".encode()

    received = []
    for answer in channel.stream_stream("/test.Echo/Chat")(messages(), timeout=20):
        received.append(answer)
        answered.release()
    assert received == [f"MESSAGE {number}".encode() for number in range(20)]


def test_a_status_with_its_message(channel, remora):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/test.Echo/Fail")(b"", timeout=20)
    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.value.details() == "not today: 100 % sure\n"
    line = remora.access_log()[0]
    assert (line["grpc_status"], line["grpc_message"]) == ("FAILED_PRECONDITION", "not today: 100 %25 sure%0A")


def test_an_unknown_method(channel):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/test.Echo/Missing")(b"", timeout=20)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_deadline_is_sent_on_and_kept(channel, echo):
    channel.unary_unary("/test.Echo/Unary")(b"", timeout=15)
    assert 0 < echo.time_left < 16  # clients round up
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/test.Echo/Hang")(b"", timeout=0.5)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert echo.cancelled.wait(10), "the call was cancelled at the server"


def test_a_cancelled_call_is_cancelled_at_the_server(channel, echo):
    call = channel.unary_unary("/test.Echo/Hang").future(b"")
    assert not call.done()
    channel.unary_unary("/test.Echo/Unary")(b"", timeout=20)  # by now it is under way
    call.cancel()
    assert echo.cancelled.wait(10)


def test_a_failure_of_remoras_own_is_a_status(start_remora):
    listener = inbound("")
    listener["app"] = {"endpoints": f"127.0.0.1:{free_port()}", "protocol": "http2"}
    remora = start_remora({"inbound": [listener]})
    with grpc.insecure_channel(f"127.0.0.1:{remora.port}") as channel, pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/test.Echo/Unary")(b"", timeout=20)
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "connect_refused" in error.value.details()
    assert remora.access_log()[0]["grpc_status"] == "UNAVAILABLE"


class Breaking(Echo):
    """Fails in the middle of each stream: its head and a message are fine, its status stands in the trailers."""

    def download(self, request, context):
        yield b"one message"
        context.abort(grpc.StatusCode.UNAVAILABLE, "not any more")


def test_an_endpoint_that_fails_in_the_trailers_is_left_out(start_remora, echo):
    with serving(Breaking()) as breaking:
        listener = inbound("")
        endpoints = [f"127.0.0.1:{service.port}" for service in (breaking, echo)]
        listener["app"] = {
            "endpoints": endpoints,
            "protocol": "http2",
            "balance": "round_robin",
            "outlier": {"eject": "1m"},
        }
        remora = start_remora({"inbound": [listener]})
        failed = 0
        with grpc.insecure_channel(f"127.0.0.1:{remora.port}") as channel:
            for _ in range(30):
                try:
                    assert sum(map(len, channel.unary_stream("/test.Echo/Download")(b"1", timeout=20))) == 65536
                except grpc.RpcError as error:
                    assert error.code() == grpc.StatusCode.UNAVAILABLE
                    failed += 1
        assert failed == 5, "so many in a row, by default"
        assert remora.metric("remora_upstream_ejections_total") == 1
