"""
The Python peers: `peers.py server NAME` prints the URL of an echo server, `peers.py client NAME URL COUNT AGENT` lets an
echo client play COUNT cases. NAME is "websockets" or "aiohttp".
"""
import asyncio
import logging
import sys
from urllib.parse import quote

HOST = "127.0.0.1"
MAX_MESSAGE = 2**27
JOBS = 4

logging.disable(logging.CRITICAL)


async def websockets_server():
    import websockets

    async def echo(connection):
        try:
            async for message in connection:
                await connection.send(message)
        except websockets.ConnectionClosed:
            pass

    server = await websockets.serve(echo, HOST, 0, max_size=MAX_MESSAGE, ping_interval=None)
    return next(iter(server.sockets)).getsockname()[1]


async def websockets_client(url):
    import websockets

    async with websockets.connect(url, max_size=MAX_MESSAGE, ping_interval=None, proxy=None) as connection:
        async for message in connection:
            await connection.send(message)


async def aiohttp_server():
    from aiohttp import WSMsgType, web

    async def echo(request):
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE)
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        return socket

    application = web.Application()
    application.router.add_get("/", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    return runner.addresses[0][1]


async def aiohttp_client(url):
    from aiohttp import ClientSession, WSMsgType

    async with ClientSession() as session:
        async with session.ws_connect(url, max_msg_size=MAX_MESSAGE, compress=15) as socket:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(message.data)
                elif message.type is WSMsgType.BINARY:
                    await socket.send_bytes(message.data)


async def play(client, base, count, agent):
    numbers = iter(range(1, count + 1))

    async def work():
        for number in numbers:
            try:
                await client(f"{base}/runCase?case={number}&agent={quote(agent)}")
            except Exception:
                # A case may well refuse the client, or break the connection: that is what it is for.
                pass

    await asyncio.gather(*(work() for _ in range(JOBS)))
    await client(f"{base}/updateReports?agent={quote(agent)}")


async def main(role, name, *rest):
    if role == "server":
        port = await {"websockets": websockets_server, "aiohttp": aiohttp_server}[name]()
        print(f"ws://{HOST}:{port}/", flush=True)
        await asyncio.get_running_loop().create_future()
    base, count, agent = rest
    client = {"websockets": websockets_client, "aiohttp": aiohttp_client}[name]
    await play(client, base, int(count), agent)


asyncio.run(main(*sys.argv[1:]))
