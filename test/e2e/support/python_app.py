"""The Python application of the end-to-end tests: echoes, streams, and tells what it received.

usage: python_app.py PORT
"""

import base64
import hashlib
import http.server
import json
import sys
import urllib.parse

PIECE = b"x" * 65536


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # one segment a head, as servers written for production do

    def answer_any(self):
        body = self.read_body()
        path, _, query = self.path.partition("?")
        if path == "/bytes":
            self.send_pieces(int(query))
        elif path == "/chunks":
            self.send_chunks(int(query))
        elif path == "/websocket":
            self.become_websocket()
        elif path == "/status":
            self.answer(b"" if query in ("204", "304") else b"as asked", int(query))
        elif path == "/echo":
            self.answer(body)
        else:
            digest = hashlib.sha256(body).hexdigest()
            about = {"method": self.command, "target": self.path, "headers": list(self.headers.items())}
            about |= {"body_bytes": len(body), "body_sha256": digest, "path": urllib.parse.unquote(path)}
            self.answer(json.dumps(about).encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer_any

    def handle_expect_100(self):
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        return b"".join(pieces)

    def answer(self, body, status=200):
        self.send_response(status)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_pieces(self, size):
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        while size > 0:
            self.wfile.write(PIECE[:size])
            size -= len(PIECE)

    def send_chunks(self, count):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "X-Count")
        self.end_headers()
        for number in range(count):
            line = f"chunk {number}\n".encode()
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()
        self.wfile.write(f"0\r\nX-Count: {count}\r\n\r\n".encode())

    def become_websocket(self):
        """Answers the handshake of RFC 6455, then echoes bytes as they come: frames mean nothing here."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.flush()
        while data := self.connection.recv(65536):
            self.connection.sendall(data)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
