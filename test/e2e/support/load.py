"""Many clients at once, and an application that holds what it gets: more load than a small memory can take. Plain
asyncio, so that thousands of either fit one process. As a program it is the application: load.py PORT."""

import asyncio
import collections
import hashlib
import socket
import sys

PIECE = bytes(range(256)) * 64  # 16 KiB


def pattern(size):
    return (PIECE * (size // len(PIECE) + 1))[:size]


def upload_answer(size):
    return hashlib.sha256(pattern(size)).hexdigest().encode()


# --- the application


async def read_head(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if line)}
    return lines[0].split()[1], fields


async def serve(reader, writer):
    """GET /big?BYTES: as many bytes. POST /slow: reads nothing of the body for a second, then answers with
    its hash; /hold the same after three seconds."""
    try:
        while True:
            target, fields = await read_head(reader)
            length = int(fields.get("content-length", 0))
            if target.startswith("/slow"):
                await asyncio.sleep(1)
            if target.startswith("/hold"):
                await asyncio.sleep(3)
            digest = hashlib.sha256()
            while length:
                piece = await reader.read(min(length, 1 << 16))
                if not piece:
                    return
                digest.update(piece)
                length -= len(piece)
            body = pattern(int(target.split("?")[1])) if target.startswith("/big") else digest.hexdigest().encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (OSError, EOFError):
        pass
    finally:
        writer.close()


async def application(port):
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096, limit=1 << 18)
    async with server:
        await server.serve_forever()


# --- clients


class Outcome(collections.Counter):
    """How requests ended: "served", "refused", "cut" (without an answer, see `cuts`), or what was wrong."""

    def __init__(self):
        super().__init__()
        self.words = set()  # of refusals
        self.cuts = collections.Counter()  # by what was asked for, and how it ended

    def cut(self, request, tls, why):
        self["cut"] += 1
        kind = request.split(b" HTTP", 1)[0].split(b"?")[0].decode()
        self.cuts[f"{kind}{' over TLS' * bool(tls)}: {why}"] += 1


async def connect(port, tls=None):
    """With a small receive buffer: what isn't read stays with the sender."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        name = {"server_hostname": "localhost"} if tls else {}
        return await asyncio.open_connection(sock=sock, ssl=tls, limit=4096, **name)
    except BaseException:
        sock.close()
        raise


async def one_client(port, request, body, expected, hold, outcome, tls=None):
    """Sends one request, reads nothing until `hold` is set, and looks at what came."""
    head_came = False
    writer = None
    try:
        reader, writer = await connect(port, tls)
        writer.write(request)
        if body:
            writer.write(body)
        await hold.wait()
        status_line = await reader.readline()
        if not status_line:
            outcome.cut(request, tls, "closed")
            return
        head_came = True
        status = int(status_line.split()[1])
        length = 0
        while (line := await reader.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split()[1])
        got = await reader.readexactly(length)
        if status == 503:
            outcome["refused"] += 1
            outcome.words.add(got.decode("latin-1"))
        elif status == 200:
            outcome["served" if got == expected else "WRONG"] += 1
        else:
            outcome[f"status {status}"] += 1
    except (OSError, EOFError) as error:
        if head_came:
            outcome[f"BROKEN {error!r}"] += 1
        else:
            outcome.cut(request, tls, repr(error))
    finally:
        if writer:
            writer.close()


async def storm(clients, hold_seconds, limit):
    """Runs all `clients` (functions of (hold, outcome) that give a coroutine); they begin to read after hold_seconds."""
    hold = asyncio.Event()
    outcome = Outcome()
    tasks = [asyncio.create_task(client(hold, outcome)) for client in clients]
    await asyncio.wait(tasks, timeout=hold_seconds)
    hold.set()
    _, left = await asyncio.wait(tasks, timeout=limit)
    for task in left:
        task.cancel()
    outcome["unfinished"] += len(left)
    return outcome


if __name__ == "__main__":
    asyncio.run(application(int(sys.argv[1])))
