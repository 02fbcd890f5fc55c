"""A local web server that misbehaves as it is told, one answer after the other."""

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """A server that is silent about clients who hang up, as these tests make them do."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Host:
    """Serves `files` by path with strong ETags and ranges; `faults` holds what the next answers do instead.

    Attributes:
        files: path -> content.
        faults: path -> the faults to come, one per request; a fault is a function of the handler.
        asked: (path, Range header) of every request.
    """

    def __init__(self):
        host = self
        self.files, self.faults, self.asked, self.tags, self.ranges = {}, {}, [], True, True

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                host.asked.append((self.path, self.headers.get("Range")))
                faults = host.faults.get(self.path)
                if faults:
                    faults.pop(0)(self)
                else:
                    host.serve(self)

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        # Looks 50 times a second whether it shall stop: by default every test would wait for it half a second.
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def serve(self, handler, *, keep=None, drip=None, length=None):
        """Answer properly, but end after `keep` bytes of the body, or send it `drip` bytes at a time."""
        content = self.files.get(handler.path)
        if content is None:
            return status(404)(handler)
        begin, code = 0, 200
        tag, asked = f'"{hash(content)}"', handler.headers.get("Range")
        if self.ranges and asked and handler.headers.get("If-Range", tag) == tag:
            begin, code = int(asked.removeprefix("bytes=").rstrip("-")), 206
            if begin >= len(content):
                return status(416)(handler)
        body = content[begin:]
        handler.send_response(code)
        if self.tags:
            handler.send_header("ETag", tag)
        if code == 206:
            handler.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(length or len(body)))
        handler.end_headers()
        body = body[:keep]
        for start in range(0, len(body), drip or len(body) or 1):
            handler.wfile.write(body[start : start + (drip or len(body))])
            if drip:
                handler.wfile.flush()
                time.sleep(0.05)
        handler.close_connection = keep is not None or length is not None
        return None

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def status(code, **headers):
    """A fault: nothing but a status."""

    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer
