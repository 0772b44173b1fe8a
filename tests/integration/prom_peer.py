"""A Prometheus beside us, with the same samples in it by remote write, to compare answers with."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import struct
import subprocess
import time

import pytest

import kit


# --- remote write 1.0, as little of it as that takes ---

def varint(n):
    out = bytearray()
    n &= (1 << 64) - 1
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def snappy_literals(data):
    """A snappy block without copies."""
    out = bytearray(varint(len(data)))
    for i in range(0, len(data), 60):
        part = data[i:i + 60]
        out.append((len(part) - 1) << 2)
        out += part
    return bytes(out)


def write_request(series, metadata=()):
    """series: [({label: value}, [(ms, value)])]; metadata: [(family, type number, help)]."""
    out = b""
    for labels, samples in series:
        one = b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in sorted(labels.items()))
        one += b"".join(field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + varint(t)) for t, v in samples)
        out += field(1, one)
    for family, kind, text in metadata:
        out += field(3, b"\x08" + varint(kind) + field(2, family.encode()) + field(4, text.encode()))
    return snappy_literals(out)


WRITE_HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
                 "X-Prometheus-Remote-Write-Version": "0.1.0"}


# --- the process ---

class Prometheus:
    def __init__(self, folder, config="", flags=()):
        self.program = shutil.which("prometheus")
        if not self.program:
            pytest.skip("prometheus is not installed")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(config)
        self.log_path = os.path.join(folder, "prometheus.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [self.program, f"--config.file={path}", f"--storage.tsdb.path={folder}/tsdb",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver", *flags],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)

        def ready():
            assert self.process.poll() is None, open(self.log_path, encoding="utf-8").read()[-2000:]
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.request("GET", "/-/ready").status == 200

        kit.eventually(ready, "prometheus to be ready")

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=kit.DEADLINE)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            r = connection.getresponse()
            return kit.Answer(r.status, r.headers, r.read())

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def store(server, series, metadata=()):
    answer = server.request("POST", "/api/v1/write", write_request(series, metadata), WRITE_HEADERS)
    assert answer.status in (200, 204), answer


def normal(document):
    """Without what is not said by both."""
    if isinstance(document, dict):
        return {k: normal(v) for k, v in document.items() if k != "stats"}
    return [normal(v) for v in document] if isinstance(document, list) else document


def now_s():
    return int(time.time())


def dumps(document):
    return json.dumps(document, indent=1, sort_keys=True)
