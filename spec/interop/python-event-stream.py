"""
The other end of python-event-stream.spec.ts: a server of event streams on Python's own http.server, which has never
heard of our library. What it answers is described in event-stream-clients.ts.

Its argument is how bodies end: "chunked" (HTTP/1.1), or "close" (HTTP/1.0). Its port is the first line on standard
output; the end of standard input is the end of the program.
"""
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNKED = sys.argv[1] == "chunked"
LAST = 12
TEXT = "one\n\n: two\n  é€𝄞\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1" if CHUNKED else "HTTP/1.0"

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == "/events":
            self.events(int(self.headers.get("Last-Event-ID", 0)))
        elif self.path == "/echo":
            seen = {"method": self.command, "body": body, "field": self.headers.get("X-Echo")}
            self.begin()
            self.say("event: echo\n")
            # Pieces of a line, a field without the space, and a CR LF in two.
            for piece in ("data:", json.dumps(seen, ensure_ascii=False), "\r", "\n", "\r\n"):
                self.say(piece)
            self.finish_body()
        elif self.path == "/text":
            self.begin()
            self.say("\ufeff: comment\r" + "".join(f"data: {line}\r" for line in TEXT.split("\n")) + "\r")
            self.finish_body()
        elif self.path == "/redirect":
            self.answer(307, {"Location": "/echo"}, "")
        else:
            self.answer(404, {}, "nothing here")

    do_POST = do_GET

    def events(self, since):
        if since == LAST:
            self.send_response(204)
            self.end_headers()
            return
        self.begin()
        self.say("retry: 20\n\n")
        for number in range(since + 1, min(since + 5, LAST) + 1):
            self.say(f"id: {number}\ndata: {{\"number\":\ndata: {number}}}\n\n")
        self.finish_body()

    def answer(self, status, fields, body):
        self.send_response(status)
        for name, value in {**fields, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=UTF-8")
        if CHUNKED:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def say(self, text):
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if CHUNKED else data)
        self.wfile.flush()

    def finish_body(self):
        if CHUNKED:
            self.wfile.write(b"0\r\n\r\n")


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
