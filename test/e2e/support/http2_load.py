"""Many streams at once on HTTP/2 connections, beside what load.py has for HTTP/1."""

import struct

from support import h2_frames as h2
from support import load


def settle(outcome, body, expected):
    """By the body alone: those of refusals say what they are."""
    if body == expected:
        outcome["served"] += 1
    else:
        outcome["refused"] += 1
        outcome.words.add(body.decode("latin-1"))


async def one_http2_client(port, path, streams, more, expected, hold, outcome):
    """Sends so many requests on one connection, each with the fields `more`, reads nothing until `hold` is set, and looks
    at what came of each."""
    block = h2.request_block(path, more=h2.fields(*more))
    left = {2 * number + 1: b"" for number in range(streams)}  # by stream, what came of its body
    writer = None
    try:
        reader, writer = await load.connect(port)
        writer.write(h2.PREFACE + h2.settings() + b"".join(h2.head(stream, block) for stream in left))
        await hold.wait()
        while left:
            high, low, kind, flags, stream = struct.unpack(">BHBBI", await reader.readexactly(9))
            payload = await reader.readexactly(high << 16 | low)
            if kind == h2.SETTINGS and not flags:
                writer.write(h2.settings(flags=h2.ACK))
            elif kind == h2.GOAWAY:
                last, code = struct.unpack(">II", payload[:8])
                assert code == h2.NO_ERROR, code
                for unread in [each for each in left if each > last]:  # promised not to be handled
                    outcome["unread"] += 1
                    del left[unread]
            elif kind == h2.RST_STREAM and stream in left:
                code, = struct.unpack(">I", payload)
                outcome["unread" if code == h2.REFUSED_STREAM else f"reset with {code}"] += 1
                del left[stream]
            elif kind == h2.DATA and stream in left:
                left[stream] += payload
            if kind in (h2.HEADERS, h2.DATA) and flags & h2.END_STREAM and stream in left:
                settle(outcome, left.pop(stream), expected)
    except (OSError, EOFError) as error:
        for _ in left:
            outcome.cut(b"GET " + path.encode(), None, repr(error))
    finally:
        if writer:
            writer.close()
