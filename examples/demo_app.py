#!/usr/bin/env python3
"""A small application to put remora in front of: it knows nothing of proxies. Standard library only.

  GET  /            a greeting
  GET  /headers     the request's headers as the application received them
  GET  /orders/N    an order as JSON
  GET  /slow        an answer after two seconds
  GET  /stream      five lines, one every 100 ms, chunked
  POST /echo        the request body

usage: demo_app.py PORT
"""

import http.server
import json
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/":
            self.answer("hello from the application\n")
        elif self.path == "/headers":
            self.answer("".join(f"{name}: {value}\n" for name, value in self.headers.items()))
        elif self.path.startswith("/orders/"):
            order = {"id": self.path.removeprefix("/orders/"), "item": "a remora", "state": "shipped"}
            self.answer(json.dumps(order) + "\n", "application/json")
        elif self.path == "/slow":
            time.sleep(2)
            self.answer("that took a while\n")
        elif self.path == "/stream":
            self.stream()
        else:
            self.answer("the application knows no such page\n", status=404)

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(body.decode("utf-8", "replace"))

    def answer(self, text, kind="text/plain; charset=utf-8", status=200):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(1, 6):
            line = f"line {number}\n".encode()
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass  # remora's access log says it


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # Who waited for an answer may be gone (the demo shows a timeout): no reason for a stack trace.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
