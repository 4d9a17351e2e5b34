"""A DNS server of one thread that answers as its table says, over UDP."""

import socket
import struct
import threading

A, AAAA = 1, 28
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
        addresses = [] if code else [text for text in self.table[name] if kind == (AAAA if ":" in text else A)]
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(addresses), 0, 0)
        return head + query[12 : end + 4] + b"".join(self.record(kind, text) for text in addresses)

    def record(self, kind, text):
        data = socket.inet_pton(socket.AF_INET6 if kind == AAAA else socket.AF_INET, text)
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
