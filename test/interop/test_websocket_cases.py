"""WebSockets by the byte: through remora an application hears and says what it does to a client that is connected
straight to it. Over HTTP/1.1, over HTTP/2, and over either to a remora that speaks HTTP/2 to a second one."""

import functools

import pytest
from websocket_cases import CASES
from websocket_wire import Http1Wire, Http2Wire

pytestmark = pytest.mark.timeout(180)
WAYS = {
    "h1": (Http1Wire, "one"),
    "h2": (Http2Wire, "one"),
    "h1-h2-h1": (Http1Wire, "two"),
    "h2-h2-h1": (Http2Wire, "two"),
}


@pytest.fixture(scope="module")
def straight(ways):
    return functools.cache(lambda case: heard(Http1Wire, ways.direct, CASES[case]))


def heard(wire, port, steps):
    """(data frames, control frames) from the application until its end. It may answer a ping before or after the
    message before it, so that these are told apart."""
    with wire(port) as socket:
        frames = socket.reader.frames
        for data, size, echoes in steps:
            socket.send(data, size)
            socket.pump(lambda: socket.ended or data_frames(frames) >= echoes, f"frame {echoes}")
        socket.pump(lambda: socket.ended, "the end")
        assert not socket.reader.rest, f"it ended within a frame, after {socket.reader.rest[:100]!r}"
    return [frame for frame in frames if frame[0] < 8], [frame for frame in frames if frame[0] >= 8]


def data_frames(frames):
    return sum(opcode < 8 for opcode, _, _ in frames)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_websocket(ways, straight, suite, case, way):
    suite(f"websocket-{way}")
    wire, name = WAYS[way]
    data, control = heard(wire, getattr(ways, name), CASES[case])
    expected_data, expected_control = straight(case)
    assert len(data) == len(expected_data) == CASES[case][-1][2], "the number of messages"
    # Not asserted as one: pytest would show the difference of megabytes.
    assert [len(frame[2]) for frame in data] == [len(frame[2]) for frame in expected_data]
    assert all(mine == other for mine, other in zip(data, expected_data)), "what a message says"
    assert control == expected_control
    assert control[-1][0] == 8, "a close frame comes last"
