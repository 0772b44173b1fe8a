"""Fakes of the services notifications go to, and notifications to send them."""

import contextlib
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time

import kit

# One that kills itself where it is told to: beside the server that does.
FAULTS = os.environ.get("STREAMGAUGE_FAULTS") and os.path.join(os.path.dirname(os.environ["STREAMGAUGE_FAULTS"]), "tests", "bench_notify")
NOTIFIER = os.environ.get("STREAMGAUGE_NOTIFIER") or os.path.join(os.path.dirname(kit.BINARY), "tests", "bench_notify")


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.at = time.monotonic()

    @property
    def json(self):
        return json.loads(self.body)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers, body)
        request.tls = self.connection.version() if isinstance(self.connection, ssl.SSLSocket) else None
        fake = self.server.fake
        with fake.lock:
            fake.requests.append(request)
            fake.peers.add(self.client_address)
        answer = fake.answer(request)
        if callable(answer):  # misbehaves on its own
            self.close_connection = True
            return answer(self)
        status, headers, text = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = handle_one

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


class Fake:
    """An HTTP server that keeps what it got and answers as told: answer is (status, headers, body), or a function
    of the request that gives one, or gives a function of the handler. Not listening it refuses, and keeps its port."""

    def __init__(self, answer=(200, {}, b"ok"), tls=None, listening=True):
        self.requests, self.peers, self.lock = [], set(), threading.Lock()
        self.reply = answer
        self.server = Server(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.server.server_bind()
        self.server.fake = self
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = None
        if listening:
            self.listen()

    def listen(self):
        self.server.server_activate()
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def answer(self, request):
        return self.reply(request) if callable(self.reply) else self.reply

    def close(self):
        if self.thread:
            self.server.shutdown()
        self.server.server_close()

    def wait(self, n=1, deadline=kit.DEADLINE):
        """The requests, once there are n."""
        kit.eventually(lambda: len(self.requests) >= n, f"{n} requests, got {len(self.requests)}", deadline)
        with self.lock:
            return list(self.requests)


@contextlib.contextmanager
def fake(*args, **more):
    f = Fake(*args, **more)
    try:
        yield f
    finally:
        f.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def alert(name="HighLatency", status="firing", severity="critical", **labels):
    labels = {"alertname": name, "severity": severity, "instance": "web-1:80", **labels}
    return {
        "status": status,
        "labels": labels,
        "annotations": {"summary": f"{name} on <b>web-1</b> & co", "description": "p99 is 2.5 s\nfor 5 minutes",
                        "runbook_url": "https://runbooks.example/latency"},
        "startsAt": "2026-11-22T03:04:05Z",
        "endsAt": "2026-11-22T03:14:05Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "https://sg.example/graph?g0.expr=x",
        "fingerprint": "0123456789abcdef",
        "value": 2.5,
        "id": "0123456789abcdef-19aa0000000",
    }


def note(*alerts, status=None, receiver="team", **more):
    alerts = list(alerts) or [alert()]
    if status is None:
        status = "resolved" if all(a["status"] == "resolved" for a in alerts) else "firing"

    def common(what):
        first = alerts[0][what]
        return {k: v for k, v in first.items() if all(a[what].get(k) == v for a in alerts)}

    return {"version": "4", "groupKey": '{}:{alertname="HighLatency"}', "truncatedAlerts": 0, "status": status,
            "receiver": receiver, "groupLabels": {"alertname": alerts[0]["labels"]["alertname"]},
            "commonLabels": common("labels"), "commonAnnotations": common("annotations"),
            "externalURL": "https://sg.example", "alerts": alerts, "kind": "alerts",
            "notificationTime": 1795316645000, **more}


class Notifier:
    """bench_notify with a configuration; rows go in, marks come out."""

    def __init__(self, folder, config, seconds=60, allow='["127.0.0.0/8"]', env=None, binary=NOTIFIER):
        self.path = os.path.join(folder, f"notify-{time.monotonic_ns()}.yml")
        with open(self.path, "w", encoding="utf-8") as f:
            f.write((f"notify: {{allow: {allow}}}\n" if allow and "notify:" not in config else "") + config)
        self.process = subprocess.Popen([binary, self.path, str(seconds)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        self.marks, self.lines = [], []  # as they come
        self.readers = [threading.Thread(target=self._read, args=a, daemon=True)
                        for a in ((self.process.stdout, self.marks, json.loads), (self.process.stderr, self.lines, bytes.decode))]
        for r in self.readers:
            r.start()

    @staticmethod
    def _read(pipe, to, decode):
        for line in pipe:
            to.append(decode(line))

    @property
    def log(self):
        return "".join(self.lines)

    def send(self, *rows):
        for row in rows:
            self.process.stdin.write(json.dumps(row).encode() + b"\n")
        self.process.stdin.flush()

    def finish(self, *rows, timeout=90, until=None):
        """Sends the last rows and waits for the end, or until(self) is true of one that would go on trying: the marks."""
        self.send(*rows)
        self.process.stdin.close()
        if until:
            kit.eventually(lambda: until(self) or self.process.poll() is not None, f"what is waited for; {self.marks}")
            assert until(self), (self.marks, self.log)
            self.process.kill()
        self.process.wait(timeout)
        for r in self.readers:
            r.join(timeout)
        assert until or self.process.returncode in (0, 1), self.log
        assert not kit.CRASH.search(self.log), self.log
        return self.marks

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


def tried(*numbers):
    """For finish(until=…): something has become of each of these rows."""
    return lambda n: {m["row"] for m in n.marks} >= set(numbers)


def row(target, body=None, key="k1", order="g1", **more):
    return {"target": target, "body": body or note(), "key": key, "order": order, **more}
