"""What the integration tests share: the server as a process, and clients small enough to read.

A server listens on ports the kernel chose, logs into a file, and is ended by its own process id. Nothing here
measures time: conditions are waited for, with deadlines that only a broken server reaches.
"""

import asyncio
import base64
import contextlib
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

import pytest
import websockets

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLIENTS = os.path.join(ROOT, "tests", "clients")
BINARY = os.path.abspath(os.environ.get("STREAMGAUGE", os.path.join(ROOT, "build", "streamgauge")))
ASAN = os.environ.get("STREAMGAUGE_ASAN") and os.path.abspath(os.environ["STREAMGAUGE_ASAN"])
DEADLINE = float(os.environ.get("DEADLINE", 30))  # seconds; reached only when something is broken
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
V1 = "streamgauge.v1"

# What must never be in a log, whatever a test does to the server.
CRASH = re.compile(r"Sanitizer|runtime error:|assertion|Assertion|double free|corrupted", re.I)


def now_ms():
    return int(time.time() * 1000)


def eventually(condition, what="the condition", deadline=DEADLINE):
    """The first true answer of condition(); fails after the deadline, naming the last answer."""
    end, got = time.monotonic() + deadline, None
    while time.monotonic() < end:
        got = condition()
        if got:
            return got
        time.sleep(0.05)
    pytest.fail(f"{what} did not come true within {deadline} s, last: {got!r}")


def free_port():
    """For programs that cannot let the kernel choose."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def nobody():
    """A URL whose port is taken, so that nobody else gets it, but does not listen."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{s.getsockname()[1]}"


def need(program):
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed")
    return found


def run(*args, timeout=60, **more):
    more.setdefault("capture_output", True)
    return subprocess.run([str(a) for a in args], timeout=timeout, **more)


def curl(*args, **more):
    done = run(need("curl"), "-sS", *args, **more)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def curl_until(condition, *args):
    """What curl writes of an answer that does not end, once condition(text) holds; then curl is ended."""
    with ending(subprocess.Popen([need("curl"), "-sSN", *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)) as p:
        got, end = b"", time.monotonic() + DEADLINE
        while not condition(got.decode(errors="replace")):
            readable = select.select([p.stdout], [], [], max(0, end - time.monotonic()))[0]
            piece = os.read(p.stdout.fileno(), 65536) if readable else b""
            assert piece, f"curl came to an end, or waited in vain, with {got!r}"
            got += piece
        return got.decode()


def node(script, *args, **more):
    """Starts a script of tests/clients; its standard output is read line by line."""
    need("node")
    if not os.path.isdir(os.path.join(CLIENTS, "node_modules")):
        pytest.skip("tests/clients/node_modules is missing: run tests/tools/npm-install tests/clients")
    return subprocess.Popen(["node", os.path.join(CLIENTS, script), *map(str, args)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@contextlib.contextmanager
def ending(process):
    """Ends a process a test has started, by its own id, whatever happens in between."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


def node_lines(process):
    """JSON, one value per line, until the script ends."""
    for line in process.stdout:
        yield json.loads(line)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def parse_metrics(text):
    """{'name{labels}': value}. Strict about what it takes; label values of ours hold no '}' or blank."""
    out = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        m = re.fullmatch(r'([a-zA-Z_:][\w:]*(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})?) ([-+.\w]+)', line)
        assert m, f"not an exposition line: {line!r}"
        assert m[1] not in out, f"sample twice: {line!r}"
        out[m[1]] = float(m[2])
    return out


class Server:
    """One streamgauge process. `with` it, or let the fixture `start` end it."""

    def __init__(self, folder, *flags, config=None, binary=None, prefix=(), tls=False, listen="127.0.0.1:0",
                 statsd="127.0.0.1:0", host=False, edges=2, wait=True, env=None, data=None):
        self.folder = folder
        self.tls, self.allow_errors, self.expect_exit = tls, None, 0
        self.headers = {}
        self.log_path = os.path.join(folder, f"log-{time.monotonic_ns()}")
        # How many lines of the log name what it listens on: one may be there while the next is being written.
        self.announced = {"serving": 1 + ("--tls-listen" in flags), "reading StatsD": int(bool(statsd) and statsd != "off")}
        # Of its own, as only one process may use it, unless the test names one to find again.
        self.data = os.path.join(folder, data or f"data-{time.monotonic_ns()}")
        args = [*map(str, prefix), binary or BINARY, "serve", "--data", self.data]
        if config is not None:
            self.config = os.path.join(folder, f"config-{time.monotonic_ns()}.yml")
            with open(self.config, "w", encoding="utf-8") as f:
                f.write(config)
            args += ["--config", self.config]
        if listen:
            args += ["--listen", listen]
        if statsd:
            args += ["--statsd", statsd]
        if edges:
            args += ["--edges", str(edges)]
        if not host:
            args += ["--no-host"]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(args + [str(f) for f in flags], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        self.pid = self.process.pid
        if wait:
            self.wait_ready()

    # --- life ---

    @property
    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def announced_ports(self, what):
        return [int(p) for p in re.findall(rf'msg="{what}" address=\S+ port=(\d+)\n', self.log)]

    def wait_ready(self):
        def listening():
            found = {what: self.announced_ports(what) for what in self.announced}
            whole = all(len(found[what]) >= n for what, n in self.announced.items())
            return not self.alive() or whole and found

        found = eventually(listening, "the server to serve")
        assert self.alive(), self.log
        self.ports = found["serving"]
        self.port, self.statsd_port = self.ports[0], (found["reading StatsD"] or [None])[0]

        def ready():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return not self.alive() or self.get("/-/ready").status == 200

        eventually(ready, "/-/ready")
        assert self.alive(), self.log

    def alive(self):
        return self.process.poll() is None

    def stop(self, sig=signal.SIGTERM):
        """Ends it and returns its exit code."""
        if self.alive():
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(sig)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
                pytest.fail("the server did not end within 20 s of the signal\n" + self.log[-4000:])
        return self.process.returncode

    def check(self):
        """Fails when the server died or complained where no test told that it may."""
        log = self.log
        assert not CRASH.search(log), log[-8000:]
        errors = [line for line in log.splitlines() if "level=error" in line]
        if self.allow_errors:
            errors = [line for line in errors if not re.search(self.allow_errors, line)]
        assert not errors, "\n".join(errors)
        assert self.alive() or self.process.returncode == self.expect_exit, (
            f"exit code {self.process.returncode}\n" + log[-8000:])

    def end(self):
        try:
            if self.alive() and self.expect_exit == 0:
                self.stop()
            self.check()
        finally:
            if self.alive():
                self.process.kill()
                self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            with contextlib.suppress(BaseException):
                self.stop()
        else:
            self.end()

    # --- talking to it ---

    def url(self, path="", scheme="http", host="127.0.0.1"):
        return f"{scheme}{'s' if self.tls else ''}://{host}:{self.port}{path}"

    def dial(self, timeout=DEADLINE, port=None, source=None, receive_buffer=None):
        """receive_buffer: of so many bytes only, so that what a reader leaves unread is the server's affair soon."""
        s = socket.socket()
        try:
            s.settimeout(timeout)
            if receive_buffer:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source:
                s.bind((source, 0))
            s.connect(("127.0.0.1", port or self.port))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            s.close()
            raise
        return Raw(s)

    def request(self, method, path, body=None, headers=None):
        if self.tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=DEADLINE, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers={**self.headers, **(headers or {})})
            r = connection.getresponse()
            return Answer(r.status, r.headers, r.read())

    def get(self, path, **headers):
        return self.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path, body, headers=None):
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return self.request("POST", path, body.encode() if isinstance(body, str) else body, headers)

    def put(self, *samples):
        """Samples as (metric, value[, labels[, timestamp]]); they must all be taken."""
        names = ("metric", "value", "labels", "timestamp")
        answer = self.post("/api/v1/samples", [dict(zip(names, s)) for s in samples])
        assert answer.status == 204, answer

    def udp(self, *datagrams):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for d in datagrams:
                s.sendto(d.encode() if isinstance(d, str) else d, ("127.0.0.1", self.statsd_port))

    def metrics(self):
        return parse_metrics(self.get("/metrics").text)

    def metric(self, name):
        return self.metrics()[name]

    def wait_metric(self, name, condition):
        check = condition if callable(condition) else lambda v: v == condition
        return eventually(lambda: check(self.metric(name)) or None, f"{name}")

    def cpu_s(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    # --- live values ---

    def ws(self, path="/stream", v1=False, **more):
        return Ws(self.url(path, "ws"), subprotocols=[V1] if v1 else None, **more)

    def wait_for(self, expr, condition, interval="100ms"):
        """Follows an expression over lines of JSON until condition({labels: value}) is true; returns that."""
        state, query = State(), urllib.parse.urlencode({"query": expr, "interval": interval})
        with Lines(self, "/events?" + query) as lines:
            assert lines.status == 200, lines.error
            end = time.monotonic() + DEADLINE
            while time.monotonic() < end:
                message = lines.next()
                assert message.get("type") != "error" and "error" not in message, message
                state.take(message)
                if state.known and condition(state.values()):
                    return state.values()
        pytest.fail(f"{expr} did not come to what was waited for, last: {state.values()!r}")

    def wait_value(self, expr, expected):
        """Until the expression has one series (or is a scalar) with this value."""
        return self.wait_for(expr, lambda v: len(v) == 1 and list(v.values())[0] == expected)

    def first(self, expr):
        """The value of an expression of one series at the tick that comes."""
        return list(self.wait_for(expr, lambda v: len(v) == 1).values())[0]


class State:
    """A stream as a streamgauge.v1 client sees it; refuses what the protocol does not allow."""

    def __init__(self):
        self.known, self.offset, self.time = False, None, None
        self.series, self.value, self.points, self.history = [], [], 0, []
        self.fulls, self.updates, self.gaps = 0, 0, []

    def take(self, m):
        kind = m.get("type")
        if kind == "full":
            self.series, self.history = list(m["series"]), m["points"]
            assert m["points"][-1][0] == m["t"], m
            assert all(len(values) == len(self.series) for _, values in m["points"]), m
            times = [t for t, _ in m["points"]]
            assert times == sorted(set(times)), m
            self.value = list(m["points"][-1][1])
            assert self.offset is None or m["o"] >= self.offset, (self.offset, m)
            self.offset, self.time, self.known = m["o"], m["t"], True
            self.fulls += 1
        elif kind == "gap":
            self.gaps.append((m["from"], m["to"]))
        elif kind is None and "d" in m:
            assert self.known, ("update before a full", m)
            assert m["o"] > self.offset, ("offset did not grow", self.offset, m)
            assert m["t"] >= self.time, m
            for i in m.get("del", []):
                self.series[i] = self.value[i] = None
            for i, labels in m.get("add", []):
                while len(self.series) <= i:
                    self.series.append(None)
                    self.value.append(None)
                self.series[i] = labels
            pairs = m["d"]
            assert len(pairs) % 2 == 0, m
            for i, v in zip(pairs[::2], pairs[1::2]):
                assert self.series[i] is not None, m
                self.value[i] = v
            self.offset, self.time = m["o"], m["t"]
            self.updates += 1
        return m

    def values(self):
        """{(('name', 'value'), …): number}; what has gone stale is left out."""
        return {tuple(sorted(s.items())): v for s, v in zip(self.series, self.value)
                if s is not None and v is not None}


# --- WebSocket, by the library `websockets` on a loop of its own thread ---

_loop = None


def loop():
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, daemon=True).start()
    return _loop


def wait(coroutine, deadline=DEADLINE):
    return asyncio.run_coroutine_threadsafe(coroutine, loop()).result(deadline)


class Ws:
    def __init__(self, url, subprotocols=None, **more):
        self.events = []
        more.setdefault("compression", None)
        more.setdefault("max_size", None)
        more.setdefault("ping_interval", None)
        more.setdefault("open_timeout", DEADLINE)
        more.setdefault("close_timeout", 5)
        self.socket = wait(self._open(url, subprotocols, more))

    @staticmethod
    async def _open(url, subprotocols, more):
        return await websockets.connect(url, subprotocols=subprotocols, max_queue=None, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            wait(self.socket.close(), 10)

    def send(self, *actions):
        """One action, or several as an array in one message."""
        wait(self.socket.send(json.dumps(actions[0] if len(actions) == 1 else list(actions))))

    def send_each(self, actions):
        """Many messages, one behind the other."""
        async def send():
            for action in actions:
                await self.socket.send(json.dumps(action))
        wait(send())

    def text(self, text):
        wait(self.socket.send(text))

    def subscribe(self, metric, **more):
        self.send({"action": "subscribe", "metric": metric, **more})

    def next(self, deadline=DEADLINE):
        async def receive():
            return await asyncio.wait_for(self.socket.recv(), deadline)
        return json.loads(wait(receive(), deadline + 5))

    def until(self, condition, deadline=DEADLINE):
        """The first message that fulfils the condition; what came before is in .passed."""
        end, self.passed = time.monotonic() + deadline, []
        while time.monotonic() < end:
            m = self.next(max(0.1, end - time.monotonic()))
            if condition(m):
                return m
            self.passed.append(m)
        pytest.fail(f"no such message, but {self.passed[-5:]}")

    def type(self, kind, **fields):
        return self.until(lambda m: m.get("type") == kind and all(m.get(k) == v for k, v in fields.items()))

    def quiet(self, seconds):
        """True when nothing comes for a while."""
        try:
            self.surprise = self.next(seconds)
            return False
        except (asyncio.TimeoutError, TimeoutError):
            return True

    def closed(self, deadline=DEADLINE):
        """Waits for the end; (code, reason)."""
        async def end():
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    self.events.append(await self.socket.recv())
            await self.socket.wait_closed()
        wait(asyncio.wait_for(end(), deadline), deadline + 5)
        return self.socket.close_code, self.socket.close_reason

    def drop(self):
        """The connection breaks, without a word."""
        loop().call_soon_threadsafe(self.socket.transport.abort)


# --- raw sockets ---


class Raw:
    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def try_send(self, data):
        """Sends to somebody who may have hung up already."""
        with contextlib.suppress(OSError):
            self.send(data)
        return self

    def _more(self):
        try:
            piece = self.sock.recv(65536)
        except ConnectionError:
            piece = b""
        self.buffer += piece
        return piece

    def until(self, mark):
        while mark not in self.buffer:
            assert self._more(), f"closed before {mark!r}: {self.buffer!r}"
        at = self.buffer.index(mark) + len(mark)
        got, self.buffer = self.buffer[:at], self.buffer[at:]
        return got

    def take(self, n):
        while len(self.buffer) < n:
            assert self._more(), f"closed before {n} bytes: {self.buffer!r}"
        got, self.buffer = self.buffer[:n], self.buffer[n:]
        return got

    def all(self):
        """Everything until the other side hangs up."""
        while self._more():
            pass
        got, self.buffer = self.buffer, b""
        return got

    def head(self):
        """The next response head: (status, {name in lower case: value})."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), {k.lower(): v for k, v in fields.items()}

    def response(self):
        status, headers = self.head()
        length = 0 if status in (101, 204, 304) or status == 100 else int(headers["content-length"])
        return Answer(status, headers, self.take(length))

    def upgrade(self, path="/stream", v1=False, more=""):
        """A WebSocket handshake; the response head."""
        protocol = f"Sec-WebSocket-Protocol: {V1}\r\n" if v1 else ""
        self.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{protocol}{more}\r\n")
        return self.head()

    def frame(self):
        """The next frame from the server: (opcode, fin, payload). None at the end."""
        while len(self.buffer) < 2:
            if not self._more():
                return None
        b0, b1 = self.take(2)
        assert not b1 & 0x80, "the server must not mask"
        assert not b0 & 0x30, "RSV2 or RSV3 set"
        n = b1 & 0x7F
        if n == 126:
            n = struct.unpack(">H", self.take(2))[0]
            assert n >= 126, "length not minimal"
        elif n == 127:
            n = struct.unpack(">Q", self.take(8))[0]
            assert n >= 65536, "length not minimal"
        return b0 & 0x0F, bool(b0 & 0x80), self.take(n)

    def close_frame(self):
        """(code, reason) of the Close that comes, pings and messages before it left out."""
        while (f := self.frame()) is not None:
            if f[0] == 8:
                return (struct.unpack(">H", f[2][:2])[0], f[2][2:].decode()) if f[2] else (1005, "")
        return None


def frame(payload=b"", opcode=1, fin=True, rsv=0, mask=b"\x11\x22\x33\x44", length=None):
    """A client's frame; every field may be wrong on purpose."""
    if isinstance(payload, str):
        payload = payload.encode()
    n = len(payload) if length is None else length
    b0 = (0x80 if fin else 0) | rsv << 4 | opcode
    m = 0x80 if mask else 0
    if n < 126:
        head = bytes([b0, m | n])
    elif n < 65536:
        head = bytes([b0, m | 126]) + struct.pack(">H", n)
    else:
        head = bytes([b0, m | 127]) + struct.pack(">Q", n)
    if not mask:
        return head + payload
    return head + mask + bytes(c ^ mask[i & 3] for i, c in enumerate(payload))


class Stream:
    """A response that does not end, over a raw socket."""

    def __init__(self, server, path, accept, **headers):
        lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in {**server.headers, **headers}.items())
        self.raw = server.dial()
        self.raw.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n{lines}\r\n")
        self.status, self.headers = self.raw.head()
        if self.status != 200:
            self.error = self.raw.take(int(self.headers["content-length"])).decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()


class Lines(Stream):
    def __init__(self, server, path, **headers):
        super().__init__(server, path, "application/x-ndjson", **headers)

    def next(self):
        while True:
            line = self.raw.until(b"\n").strip()
            if line:
                return json.loads(line)


class Sse(Stream):
    """Events as dicts with event, data (decoded), id. Follows the parsing rules of the HTML standard."""

    def __init__(self, server, path, **headers):
        super().__init__(server, path, "text/event-stream", **headers)
        self.retry, self.comments, self.last_id = None, 0, None

    def next(self):
        event, data = "message", []
        while True:
            line = self.raw.until(b"\n").decode().rstrip("\n")
            if not line:
                if data:
                    return {"event": event, "data": json.loads("\n".join(data)), "id": self.last_id}
                event = "message"
            elif line.startswith(":"):
                self.comments += 1
            else:
                name, _, value = line.partition(":")
                value = value[1:] if value.startswith(" ") else value
                if name == "event":
                    event = value
                elif name == "data":
                    data.append(value)
                elif name == "id":
                    self.last_id = value
                elif name == "retry":
                    self.retry = int(value)

    def until(self, condition):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            e = self.next()
            if condition(e):
                return e
        pytest.fail("no such event")


# --- certificates and tokens ---


def make_certificate(folder, name, days=30):
    """A self-signed pair for localhost and 127.0.0.1: cert.pem and key.pem in the folder."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    done = run(need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-keyout", key, "-out", cert, "-days", days, "-subj", f"/CN={name}",
               "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    assert done.returncode == 0, done.stderr
    return cert, key


def token_hash(token):
    out = run(BINARY, "token", "--hash-of", "-", input=token.encode()).stdout.decode()
    return re.search(r"sha256:[0-9a-f]{64}", out)[0]


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Proxy:
    """Passes TCP on and can cut what it carries: the network between a client and the server."""

    def __init__(self, port):
        self.target, self.pairs, self.open = port, [], True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target)) if self.open else None
            except OSError:
                server = None
            if not server:
                client.close()
                continue
            self.pairs.append((client, server))
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    @staticmethod
    def _carry(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for s in (source, sink):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def cut(self):
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for s in pair:
                with contextlib.suppress(OSError):
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.shutdown(socket.SHUT_RDWR)
        return len(pairs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()
