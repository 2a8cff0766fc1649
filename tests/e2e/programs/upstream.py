# SPDX-License-Identifier: MIT
"""An HTTP/1.1 server for proxies to ask: upstream.py ADDRESS PORT DIRECTORY.

GET gives the directory's files, POST the SHA-256 of the body (which may be chunked). Every answer
says in X-Upstream which port gave it, and in X-Client the address that asked."""
import hashlib
import http.server
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def end_headers(self):
        self.send_header("X-Upstream", str(self.server.server_address[1]))
        self.send_header("X-Client", self.client_address[0])
        if self.close_connection:
            self.send_header("Connection", "close")
        super().end_headers()

    def chunks(self):
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def do_POST(self):
        digest = hashlib.sha256()
        if self.headers.get("Transfer-Encoding") == "chunked":
            for chunk in self.chunks():
                digest.update(chunk)
        else:
            digest.update(self.rfile.read(int(self.headers["Content-Length"])))
        answer = digest.hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def main():
    address, port, directory = sys.argv[1:]
    http.server.ThreadingHTTPServer.request_queue_size = 128

    def handler(*args):
        return Handler(*args, directory=directory)

    http.server.ThreadingHTTPServer((address, int(port)), handler).serve_forever()


main()
