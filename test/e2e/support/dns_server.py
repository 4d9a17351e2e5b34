"""A DNS server of one thread that answers as its table says, over UDP."""

import socket
import struct
import threading

A, AAAA, SRV = 1, 28, 33
SERVFAIL, NXDOMAIN = 2, 3


class DnsServer:
    """`with DnsServer({"app.test": ["127.0.0.1"]}) as server`. `failure` set: every question gets that code; `is_silent`:
    none gets an answer. The table may be changed at any time."""

    def __init__(self, table, ttl=1):
        self.table = dict(table)
        self.ttl = ttl
        self.failure = 0
        self.is_silent = False
        self.questions = []  # (name, type), in order
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            query, sender = self.socket.recvfrom(4096)
            if not query:
                return
            answer = self.answer(query)
            if answer:
                self.socket.sendto(answer, sender)

    def answer(self, query):
        name, end = self.name_in(query)
        kind = struct.unpack_from(">H", query, end)[0]
        self.questions.append((name, kind))
        if self.is_silent:
            return None
        code = self.failure or (0 if name in self.table else NXDOMAIN)
        values = [] if code else [value for value in self.table[name] if kind == self.kind_of(value)]
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(values), 0, 0)
        return head + query[12 : end + 4] + b"".join(self.record(kind, value) for value in values)

    @staticmethod
    def kind_of(value):
        """An address, or (priority, weight, port, target) of an SRV record."""
        if isinstance(value, tuple):
            return SRV
        return AAAA if ":" in value else A

    def record(self, kind, value):
        if kind == SRV:
            labels = b"".join(bytes([len(label)]) + label.encode() for label in value[3].split("."))
            data = struct.pack(">HHH", *value[:3]) + labels + b"\0"
        else:
            data = socket.inet_pton(socket.AF_INET6 if kind == AAAA else socket.AF_INET, value)
        return struct.pack(">HHHIH", 0xC00C, kind, 1, self.ttl, len(data)) + data

    @staticmethod
    def name_in(query):
        labels, at = [], 12
        while length := query[at]:
            labels.append(query[at + 1 : at + 1 + length].decode())
            at += 1 + length
        return ".".join(labels).lower(), at + 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ender:
            ender.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()
