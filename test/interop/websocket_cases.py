"""What is sent over WebSockets: sections 1 to 7, 9 and 10 of Autobahn's suite, and long mixtures drawn at random from
fixed seeds. A case is a list of steps: bytes, the size of the pieces that they are sent in, and the number of data
frames that must have come back, in all, before the next step."""

import random

from websocket_wire import BINARY, CLOSE, CONTINUATION, PIECE, PING, PONG, TEXT, frame

SIZES = (0, 125, 126, 127, 128, 65535, 65536)
MIB = 1 << 20
BYE = frame(CLOSE, (1000).to_bytes(2, "big") + b"bye")
GREETING = "Hello-µ@ßöäüàá-UTF-8!! κόσμε 𐀀 \U0010ffff".encode()
NOT_UTF8 = {
    "lone-continuation": b"\x80",
    "overlong-slash": b"\xc0\xaf",
    "overlong-3": b"\xe0\x80\xaf",
    "overlong-4": b"\xf0\x80\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "pair-of-surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "above-10ffff": b"\xf4\x90\x80\x80",
    "5-bytes": b"\xf8\x88\x80\x80\x80",
    "fe": b"\xfe",
    "ff": b"\xff",
    "cut-short": b"\xce\xba\xe1\xbd",
    "latin-1": b"caf\xe9 au lait",
}
UTF8 = {
    "ascii": b"plain",
    "2-bytes": "µßöäü".encode(),
    "3-bytes": "κόσμε€\ufffd\uffff".encode(),
    "4-bytes": "𐀀𝄞\U0010ffff".encode(),
    "nul": b"a\0b",
    "non-characters": "\ufffe\U0001fffe\U000effff".encode(),
    "beside-the-surrogates": "\ud7ff\ue000".encode(),
}


def step(data, echoes, size=PIECE):
    return data, size, echoes


def ending(data, echoes, size=PIECE):
    """Those bytes, and a close once their echoes are there."""
    return [step(data, echoes, size), step(BYE, echoes)]


def violation(data, before=0):
    """Bytes after which the application ends the WebSocket by itself."""
    return [step(data, before)]


def in_fragments(opcode, payload, size):
    """One message in frames of `size` bytes of payload."""
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    last = len(pieces) - 1
    return b"".join(frame(CONTINUATION if at else opcode, piece, at == last) for at, piece in enumerate(pieces))


def cases():
    """{name: steps}"""
    found = {}
    for section in (framing, pings, reserved, opcodes, fragments, texts, closes, large, mixtures):
        for name, steps in section():
            assert name not in found, name
            found[name] = steps
    return found


def framing():
    for opcode, kind in ((TEXT, "text"), (BINARY, "binary")):
        for size in SIZES:
            payload = b"*" * size if opcode == TEXT else bytes(range(256)) * (size // 256) + b"\xfe" * (size % 256)
            yield f"1-{kind}-{size}", ending(frame(opcode, payload), 1)
        yield f"1-{kind}-65536-in-pieces-of-997", ending(frame(opcode, b"*" * 65536), 1, 997)
        yield f"1-{kind}-128-by-the-byte", ending(frame(opcode, b"*" * 128), 1, 1)


def pings():
    hello = frame(TEXT, b"hello")
    payloads = {"empty": b"", "text": b"Hello", "binary": b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", "125": b"\xfe" * 125}
    for name, payload in payloads.items():
        yield f"2-ping-{name}", ending(frame(PING, payload) + hello, 1)
    yield "2-ping-126", violation(frame(PING, b"\xfe" * 126))
    yield "2-ping-125-by-the-byte", ending(frame(PING, b"\xfe" * 125) + hello, 1, 1)
    yield "2-pong-unasked", ending(frame(PONG) + frame(PONG, b"unasked") + hello, 1)
    yield "2-pong-then-ping", ending(frame(PONG, b"unasked") + frame(PING, b"asked") + hello, 1)
    many = b"".join(frame(PING, f"ping {number}".encode()) for number in range(10))
    yield "2-ten-pings", ending(many + hello, 1)
    yield "2-ten-pings-by-the-byte", ending(many + hello, 1, 1)


def reserved():
    hello = frame(TEXT, b"hello")
    for bits in range(1, 8):
        yield f"3-reserved-{bits}", violation(frame(TEXT, b"hello", reserved=bits))
    yield "3-reserved-after-a-message", [step(hello, 1), step(frame(BINARY, b"x", reserved=4), 1)]
    yield "3-reserved-ping", violation(frame(PING, b"x", reserved=1))
    yield "3-reserved-close", violation(frame(CLOSE, reserved=2))
    yield "3-unmasked", violation(b"\x81\x05hello")


def opcodes():
    hello = frame(TEXT, b"hello")
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield f"4-opcode-{opcode}", violation(frame(opcode))
        yield f"4-opcode-{opcode}-after-a-message", [step(hello, 1), step(frame(opcode, b"payload"), 1)]


def fragments():
    first, last = frame(TEXT, b"fragment1", final=False), frame(CONTINUATION, b"fragment2")
    middle = frame(CONTINUATION, b"fragment", final=False)
    yield "5-two", ending(first + last, 1)
    yield "5-two-by-the-byte", ending(first + last, 1, 1)
    yield "5-three", ending(first + middle + last, 1)
    yield "5-empty-ones", ending(frame(TEXT, final=False) + frame(CONTINUATION, final=False) + frame(CONTINUATION), 1)
    yield "5-ping-between", ending(first + frame(PING, b"between") + last, 1)
    yield "5-ping-between-by-the-byte", ending(first + frame(PING, b"between") + last, 1, 1)
    yield "5-pong-between", ending(first + frame(PONG, b"between") + last, 1)
    five = first + (frame(PING, b"one") + middle) * 3 + frame(PING, b"two") + last
    yield "5-pings-between-five", ending(five * 2, 2)
    yield "5-fragmented-ping", violation(frame(PING, b"fragment", final=False) + last)
    yield "5-fragmented-pong", violation(frame(PONG, b"fragment", final=False) + last)
    yield "5-continuation-of-nothing", violation(last)
    yield "5-continuation-of-nothing-more", [step(first + last, 1), step(middle, 1)]
    yield "5-text-within-a-message", violation(first + frame(TEXT, b"fragment2"))
    yield "5-close-within-a-message", violation(first + BYE)


def texts():
    yield "6-greeting", ending(frame(TEXT, GREETING), 1)
    yield "6-greeting-in-fragments-of-1", ending(in_fragments(TEXT, GREETING, 1), 1)
    yield "6-greeting-in-fragments-of-1-by-the-byte", ending(in_fragments(TEXT, GREETING, 1), 1, 1)
    for name, text in UTF8.items():
        yield f"6-{name}", ending(frame(TEXT, text), 1)
        yield f"6-{name}-by-the-byte", ending(in_fragments(TEXT, text, 1), 1, 1)
    for name, text in NOT_UTF8.items():
        yield f"6-not-{name}", violation(frame(TEXT, text))
        yield f"6-not-{name}-after-good-text", violation(frame(TEXT, GREETING, final=False) + frame(CONTINUATION, text))
        yield f"6-binary-{name}", ending(frame(BINARY, text), 1)


def closes():
    def close(code, reason=b""):
        return frame(CLOSE, code.to_bytes(2, "big") + reason)

    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        yield f"7-code-{code}", violation(close(code))
    for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 65535):
        yield f"7-code-{code}-is-invalid", violation(close(code))
    yield "7-empty", violation(frame(CLOSE))
    yield "7-one-byte", violation(frame(CLOSE, b"\x03"))
    yield "7-reason-123", violation(close(1000, b"*" * 123))
    yield "7-reason-124", violation(close(1000, b"*" * 124))
    yield "7-reason-utf8", violation(close(1000, GREETING))
    yield "7-reason-not-utf8", violation(close(1000, b"\xce\xba\xed\xa0\x80"))
    yield "7-by-the-byte", [step(BYE, 0, 1)]
    yield "7-after-a-message", ending(frame(TEXT, b"hello"), 1)
    yield "7-twice", violation(BYE + BYE)
    yield "7-ping-after", violation(BYE + frame(PING, b"late"))
    yield "7-text-after", violation(BYE + frame(TEXT, b"late"))
    yield "7-at-once-after-256-KiB", [step(frame(TEXT, b"*" * (256 << 10)), 1), step(BYE, 1)]


def large():
    for mebibytes in (1, 4, 16):
        yield f"9-text-{mebibytes}-mib", ending(frame(TEXT, b"*" * (mebibytes * MIB)), 1)
        yield f"9-binary-{mebibytes}-mib", ending(frame(BINARY, random.Random(9).randbytes(mebibytes * MIB)), 1)
    for size in (64, 1024, 65536, MIB):
        yield f"9-4-mib-in-fragments-of-{size}", ending(in_fragments(BINARY, b"*" * 4 * MIB, size), 1)
    for size in (64, 256, 2048):
        yield f"9-1-mib-in-pieces-of-{size}", ending(frame(TEXT, b"*" * MIB), 1, size)
    for size in (0, 16, 1024, 16384):
        yield f"9-1000-messages-of-{size}", ending(frame(BINARY, b"*" * size) * 1000, 1000)
    yield "10-65536-in-fragments-of-1300", ending(in_fragments(TEXT, b"*" * 65536, 1300), 1)


def mixtures():
    """Messages of any size and number of fragments with pings and pongs among them, in pieces that know of no frame."""
    for seed in range(10):
        draw = random.Random(seed)
        data, echoes = b"", draw.randrange(100, 200)
        for _ in range(echoes):
            payload = draw.randbytes(draw.choice((0, 1, 125, 126, 1000, draw.randrange(70_000))))
            frames = in_fragments(BINARY, payload, draw.randrange(1, len(payload) // draw.randrange(1, 9) + 2))
            ping = frame(PING, draw.randbytes(draw.randrange(126)))
            data += draw.choice((b"", ping, frame(PONG, b"unasked"))) + frames
        yield f"mixture-{seed}", ending(data, echoes, draw.choice((113, 1447, 16384, 100_000)))


CASES = cases()
