"""
The other end of python-websockets.spec.ts: Python's websockets (10.4, its asyncio API), as client and as server.

Each line on standard input is a call, {"number": ..., "name": ..., "parameters": [...]}, and is answered by a line on
standard output with the same number and a "result" or an "error". Calls run side by side; the end of the input is the
end of the program.
"""
import asyncio
import hashlib
import http
import json
import logging
import ssl
import sys
import tempfile

import websockets
from websockets.frames import Close, OP_BINARY, OP_CONT, OP_TEXT

NO_STATUS_RECEIVED = 1005

# What goes wrong with a connection is told by its close code, and not on standard error.
logging.getLogger("websockets").setLevel(logging.CRITICAL + 1)


def data_of(payload):
    times = payload.get("times", 1)
    return payload["text"] * times if "text" in payload else bytes.fromhex(payload["hex"]) * times


def bytes_of(payload):
    data = data_of(payload)
    return data.encode() if isinstance(data, str) else data


def receipt_of(message):
    kind, content = ("text", message.encode()) if isinstance(message, str) else ("binary", message)
    shown = content.hex() if len(content) <= 64 else hashlib.sha256(content).hexdigest()
    return f"{kind} {len(content)} {shown}"


class Socket:
    opened = []

    def __init__(self, connection, headers):
        self.connection = connection
        self.headers = headers
        self.receipts = asyncio.Queue()
        self.reading = asyncio.create_task(self.read())
        self.id = len(Socket.opened)
        Socket.opened.append(self)

    def describe(self):
        return {
            "id": self.id,
            "protocol": self.connection.subprotocol or "",
            "extensions": ", ".join(extension.name for extension in self.connection.extensions),
            "headers": {name.lower(): value for name, value in self.headers.raw_items()},
        }

    async def read(self):
        try:
            while True:
                await self.receipts.put(receipt_of(await self.connection.recv()))
        except websockets.ConnectionClosed:
            await self.receipts.put(None)

    async def send(self, payload):
        await self.connection.send(data_of(payload))

    async def sendNumbered(self, count):
        for n in range(count):
            await self.connection.send(str(n) * (1 + n % 40))

    async def sendFragments(self, kind, parts):
        # The way of its send() would not let a text be cut within a character, or be invalid.
        opcode = OP_TEXT if kind == "text" else OP_BINARY
        for index, part in enumerate(parts):
            await self.connection.write_frame(index == len(parts) - 1, opcode, bytes_of(part))
            opcode = OP_CONT

    async def ping(self, payload):
        # Its Pings must differ, and it answers each by its payload.
        await (await self.connection.ping(payload))

    async def close(self, code, reason):
        if code is None:
            # Its close() has no way to leave the code out.
            await self.connection.write_close_frame(Close(NO_STATUS_RECEIVED, ""), b"")
        else:
            # Its close() returns when the connection is closed, for which we may first have to read.
            self.closing = asyncio.create_task(self.connection.close(code, reason))

    async def drop(self):
        self.connection.transport.abort()

    async def take(self, count):
        receipts = []
        while len(receipts) < count:
            receipt = await self.receipts.get()
            if receipt is None:
                await self.receipts.put(None)
                break
            receipts.append(receipt)
        return receipts

    async def closed(self):
        await self.connection.wait_closed()
        return {"code": self.connection.close_code, "reason": self.connection.close_reason}


class Server:
    opened = []

    def __init__(self):
        self.accepted = asyncio.Queue()
        self.id = len(Server.opened)
        Server.opened.append(self)

    async def start(self, options):
        refuse = options.get("refuse")
        context = None
        if "tls" in options:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with tempfile.NamedTemporaryFile("w") as pem:
                pem.write(options["tls"]["key"] + options["tls"]["cert"])
                pem.flush()
                context.load_cert_chain(pem.name)

        async def process_request(path, headers):
            if refuse is not None:
                return http.HTTPStatus(refuse["status"]), list(refuse["headers"].items()), refuse["body"].encode()

        async def handle(connection):
            socket = Socket(connection, connection.request_headers)
            await self.accepted.put(socket.describe())
            await socket.reading

        self.server = await websockets.serve(
            handle,
            "127.0.0.1",
            0,
            ssl=context,
            subprotocols=options.get("protocols"),
            extra_headers=options.get("headers"),
            process_request=process_request,
            max_size=options.get("limit"),
            ping_interval=None,
        )
        port = self.server.sockets[0].getsockname()[1]
        return {"id": self.id, "url": f"{'ws' if context is None else 'wss'}://127.0.0.1:{port}"}


async def connect(url, options):
    context = None
    if "ca" in options:
        context = ssl.create_default_context(cadata=options["ca"])
    connection = await websockets.connect(
        url,
        ssl=context,
        subprotocols=options.get("protocols"),
        extra_headers=options.get("headers"),
        max_size=options.get("limit"),
        ping_interval=None,
    )
    return Socket(connection, connection.response_headers).describe()


async def listen(options):
    return await Server().start(options)


async def accept(server):
    return await Server.opened[server].accepted.get()


async def stop(server):
    Server.opened[server].server.close()


async def answer(number, name, parameters):
    try:
        if name in ("connect", "listen", "accept", "stop"):
            result = await globals()[name](*parameters)
        else:
            result = await getattr(Socket.opened[parameters[0]], name)(*parameters[1:])
        reply = {"number": number, "result": result}
    except Exception as error:
        reply = {"number": number, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)


async def main():
    calls = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(calls), sys.stdin)
    running = set()
    async for line in calls:
        task = asyncio.create_task(answer(**json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)
    # Without waiting for what is still open.
    sys.stdout.flush()
    raise SystemExit


asyncio.run(main())
