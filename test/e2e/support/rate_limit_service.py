"""A server that speaks Envoy's rate limit service (version 3) over gRPC, with messages read and written by hand. Each
descriptor may come so many times, ever, so that what is let through is known to the request. As a program it serves; as a
module it starts, kills and asks the program, on a port that stays the same."""

import collections
import concurrent.futures
import json
import os
import signal
import sys
import threading

DESCRIPTOR_LIMIT_UNIT = 3  # an hour
WAIT = 42  # seconds, as every refusal says


def varint(number):
    out = b""
    while number >= 0x80:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def take_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number, shift, at = number | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return number, at


def fields(data):
    """[(number, value)] of a message that has numbers and texts only."""
    found, at = [], 0
    while at < len(data):
        tag, at = take_varint(data, at)
        value, at = take_varint(data, at)
        assert tag & 7 in (0, 2), f"wire type {tag & 7}"
        if tag & 7 == 2:
            length, value = value, data[at:at + value]
            at += length
            assert len(value) == length, "cut"
        found.append((tag >> 3, value))
    return found


def read_question(data):
    """{"domain", "descriptors": [[[key, value]...]...], "hits"}; texts must be UTF-8, as a strict server wants them."""
    question = {"domain": "", "descriptors": [], "hits": 0}
    for number, value in fields(data):
        if number == 1:
            question["domain"] = value.decode()
        elif number == 2:
            entries = [dict(fields(entry)) for kind, entry in fields(value) if kind == 1]
            question["descriptors"].append([[entry[1].decode(), entry[2].decode()] for entry in entries])
        elif number == 3:
            question["hits"] = value
    return question


def write_answer(is_over, limit, remaining):
    code = 2 if is_over else 1
    current = field(1, limit) + field(2, DESCRIPTOR_LIMIT_UNIT) + field(3, b"orders")
    status = field(1, code) + field(2, current) + field(3, remaining) + field(4, field(1, WAIT))
    header = field(1, b"x-ratelimit-limit") + field(2, b"5")
    return field(1, code) + field(2, status) + field(3, header)


def serve(port, limit, log_path):
    import grpc  # only here: who uses the module needs no more than the program's python

    counts, lock = collections.Counter(), threading.Lock()

    def answer(data, context):
        question = read_question(data)
        with lock:
            log.write(json.dumps(question) + "\n")
            log.flush()
            keys = [json.dumps(descriptor) for descriptor in question["descriptors"]]
            for key in keys:
                counts[key] += question["hits"]
            used = max(counts[key] for key in keys)
        return write_answer(used > limit, limit, max(limit - used, 0))

    with open(log_path, "a", encoding="ascii") as log:
        handler = grpc.method_handlers_generic_handler("envoy.service.ratelimit.v3.RateLimitService",
                                                       {"ShouldRateLimit": grpc.unary_unary_rpc_method_handler(answer)})
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((handler,))
        assert server.add_insecure_port(f"127.0.0.1:{port}") == port
        server.start()
        server.wait_for_termination()


class RateLimitService:
    def __init__(self, folder, limit):
        from support.running import free_port

        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.folder, self.limit = folder, limit
        self.log_path = os.path.join(folder, "questions.jsonl")
        self.program = None
        self.start()

    def start(self):
        from support.running import Program

        command = [sys.executable, os.path.abspath(__file__), str(self.port), str(self.limit), self.log_path]
        self.program = Program(command, os.path.join(self.folder, "service.log"), ready_port=self.port)

    def kill(self):
        self.program.end(signal.SIGKILL)

    def send_signal(self, number):
        self.program.send_signal(number)

    def questions(self):
        with open(self.log_path, encoding="ascii") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def end(self):
        if self.program.process.poll() is None:
            self.program.send_signal(signal.SIGCONT)
            self.kill()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
