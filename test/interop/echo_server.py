"""A WebSocket application of the library that most Python programs use: it says again what it hears.

usage: echo_server.py PORT
"""

import asyncio
import sys

import websockets.asyncio.server
from websockets.exceptions import ConnectionClosed


async def say_again(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass


async def main():
    # No bound on a message's size: the suites have large ones.
    options = {"max_size": None, "ping_interval": None, "compression": None}
    async with websockets.asyncio.server.serve(say_again, "127.0.0.1", int(sys.argv[1]), **options) as server:
        await server.serve_forever()


asyncio.run(main())
