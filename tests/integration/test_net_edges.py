"""The edges from outside: who gets in, what slow, silent and broken clients cost, TLS, drain. Raw sockets, curl, Python websockets."""

import asyncio
import contextlib
import gzip
import http.client
import json
import os
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import websockets

import kit

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Server:
    """kit's, which looks at log and exit code, with sockets and requests as plain as they come."""

    def __init__(self, folder, *flags, listen="127.0.0.1:0", nofile=None):
        prefix = [kit.need("prlimit"), f"--nofile={nofile}"] if nofile else ()
        self.kit = kit.Server(str(folder), *flags, listen=listen, statsd="off", prefix=prefix)
        self.process, self.port = self.kit.process, self.kit.port

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.kit.__exit__(*error)

    def check(self):
        self.kit.check()

    def dial(self, timeout=kit.DEADLINE):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def url(self, path, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def request(self, path, data=None, method=None, headers=None):
        r = urllib.request.Request(self.url(path), data=data, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(r, timeout=kit.DEADLINE) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as e:
            return e.code, dict(e.headers), e.read()

    def metric(self, name):
        text = self.request("/metrics")[2].decode()
        m = re.search(r"^" + re.escape(name) + r" (\S+)$", text, re.M)
        return float(m.group(1)) if m else None

    def edges_cpu_s(self):
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            stat = open(f"/proc/{self.process.pid}/task/{task}/stat").read()
            if "(edge-" in stat:
                fields = stat.rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")


def rests(cpu_s, share):
    """Waits for two seconds of which less than that share is spent at work; who spins never comes to them."""
    def less():
        before = cpu_s()
        time.sleep(2)
        return cpu_s() - before < 2 * share

    kit.eventually(less, "the server to rest")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("edges")) as s:
        yield s


def everything(sock):
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            data += piece
    return data


def until(sock, mark):
    data = b""
    while mark not in data:
        piece = sock.recv(65536)
        assert piece, data
        data += piece
    return data


def upgrade(sock, path="/stream", more=""):
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n".encode()
    )
    return until(sock, b"\r\n\r\n")


def frame(payload, opcode=1):
    n = len(payload)
    head = bytes([0x80 | opcode, 0x80 | n]) if n < 126 else bytes([0x80 | opcode, 0xFE]) + struct.pack(">H", n)
    return head + b"\0\0\0\0" + payload


# --- samples in, values out ---


def test_sample_posted_with_curl_arrives_at_a_websocket(server):
    async def run():
        async with websockets.connect(server.url("/stream", "ws"), open_timeout=kit.DEADLINE) as ws:
            await ws.send(json.dumps({"action": "subscribe", "metric": "orders"}))
            out = subprocess.run(
                ["curl", "-sS", "-o", "-", "-w", "%{http_code}", "-d", '{"metric":"orders","value":3}',
                 server.url("/api/v1/samples")],
                capture_output=True, check=True)
            assert out.stdout == b"204"
            while True:
                got = json.loads(await asyncio.wait_for(ws.recv(), kit.DEADLINE))
                if got.get("value") == 3:
                    assert got["metric"] == "orders"
                    assert abs(got["timestamp"] - time.time() * 1000) < 60000
                    return

    asyncio.run(run())


def test_v1_gets_history_before_the_live_values(server):
    now = int(time.time() * 1000)
    body = json.dumps([{"metric": "past", "value": i, "timestamp": now - (30 - i) * 1000} for i in range(30)])
    assert server.request("/api/v1/samples", body.encode())[0] == 204
    server.kit.wait_value("past", 29)

    async def run():
        async with websockets.connect(server.url("/stream", "ws"), subprotocols=["streamgauge.v1"], open_timeout=kit.DEADLINE) as ws:
            assert ws.subprotocol == "streamgauge.v1"
            await ws.send(json.dumps({"action": "subscribe", "id": "a", "query": "past", "history": "20s"}))
            while True:
                got = json.loads(await asyncio.wait_for(ws.recv(), kit.DEADLINE))
                assert got.get("type") != "error", got
                if got.get("type") == "full":
                    assert len(got["points"]) >= 15
                    return

    asyncio.run(run())


def test_events_and_lines_over_plain_http(server):
    server.request("/api/v1/samples", b'{"metric":"plain","value":7}')
    sse = kit.curl_until(lambda text: "event: full" in text and "\nid: " in text, "-i", server.url("/events?query=plain&interval=100ms"))
    assert "text/event-stream" in sse
    lines = kit.curl_until(lambda text: '"value":7' in text and text.endswith("\n"), "-H", "Accept: application/x-ndjson",
                           server.url("/events?metric=plain"))
    assert all(json.loads(line) for line in lines.splitlines() if line)
    assert any(json.loads(line).get("value") == 7 for line in lines.splitlines() if line)


@pytest.mark.parametrize("path,body", [
    ("/api/v1/import/prometheus", b"# TYPE a gauge\na{b=\"c\"} 1\n"),
    ("/metrics/job/nightly/instance/x", b"b 1\n"),
    ("/metrics/job@base64/L3Vzci9iaW4", b"c 1\n"),
    ("/write?precision=s", b"cpu,host=a usage=3 %d\n" % int(time.time())),
    ("/api/v2/write?precision=ms&bucket=x&org=y", b"cpu,host=a usage=3\n"),
    ("/api/v1/samples", b'[{"metric":"x","value":1},{"metric":"y","labels":{"a":"b"},"value":2}]'),
])
def test_bodies_are_taken_plain_and_compressed(server, path, body):
    good = 200 if path.startswith("/metrics/") else 204  # a push gateway's clients know no 204
    assert server.request(path, body)[0] == good
    assert server.request(path, gzip.compress(body), headers={"Content-Encoding": "gzip"})[0] == good


def test_bad_lines_are_named_and_good_ones_kept(server):
    before = server.metric('streamgauge_net_http_responses_total{class="4xx"}')
    status, _, body = server.request("/api/v1/import/prometheus", b"good 1\nbad{ 2\nalso_good 3\n")
    answer = json.loads(body)
    assert status == 400 and answer["line"] == 2 and answer["accepted"] == 2 and answer["rejected"] == 1
    assert server.metric('streamgauge_net_http_responses_total{class="4xx"}') == before + 1


def test_ping_health_and_methods(server):
    assert server.request("/ping")[0] == 204
    assert server.request("/-/healthy")[0] == 200
    assert server.request("/-/ready")[0] == 200
    status, headers, _ = server.request("/api/v1/samples")
    assert status == 405 and headers["Allow"] == "POST, OPTIONS"
    assert server.request("/", method="HEAD")[0] == 200


def test_expect_continue_is_answered(server):
    with server.dial() as s:
        s.sendall(b"POST /api/v1/samples HTTP/1.1\r\nHost: localhost\r\nContent-Length: 26\r\nExpect: 100-continue\r\n\r\n")
        assert until(s, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        s.sendall(b'{"metric":"e","value":1.0}')
        assert until(s, b"\r\n\r\n").startswith(b"HTTP/1.1 204 ")


def test_compression_bomb_is_cut(server):
    status, _, _ = server.request("/api/v1/samples", gzip.compress(b" " * (300 << 20)), headers={"Content-Encoding": "gzip"})
    assert status == 413


# --- access ---


def test_default_listens_on_loopback_only(tmp_path):
    with contextlib.closing(socket.socket()) as probe:
        if probe.connect_ex(("127.0.0.1", 8420)) == 0:
            pytest.skip("port 8420 is taken")
    with Server(tmp_path, listen=None) as s:
        assert s.port == 8420
        tables = [f"/proc/{s.process.pid}/net/{name}" for name in ("tcp", "tcp6")]
        out = "".join(open(t).read() for t in tables if os.path.exists(t))  # there may be no IPv6
        bound = {line.split()[1].split(":")[0] for line in out.splitlines()
                 if len(line.split()) > 3 and line.split()[1].endswith(":20E4") and line.split()[3] == "0A"}
        assert bound <= {"0100007F", "00000000000000000000000001000000"} and "0100007F" in bound


def test_public_address_without_tokens_is_refused():
    p = subprocess.run([kit.BINARY, "serve", "--listen", "0.0.0.0:0", "--statsd", "off", "--no-host"],
                       capture_output=True, timeout=kit.DEADLINE)
    assert p.returncode not in (0, -6, -11) and b"--anonymous" in p.stderr


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example", "http://127.0.0.1"])
def test_foreign_origins_are_refused(server, origin):
    host = f"127.0.0.1:{server.port}"
    with server.dial() as s:
        s.sendall(f"POST /api/v1/samples HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Type: text/plain\r\n"
                  "Content-Length: 2\r\n\r\n{}".encode())
        answer = everything(s)
    assert answer.startswith(b"HTTP/1.1 403 ") and b"Access-Control-Allow-Origin" not in answer
    with server.dial() as s:
        assert upgrade(s, more=f"Origin: {origin}\r\n").startswith(b"HTTP/1.1 403 ")


def test_own_origin_is_welcome_and_host_must_be_ours(server):
    with server.dial() as s:
        s.sendall(f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: http://127.0.0.1:{server.port}\r\n"
                  "Connection: close\r\n\r\n".encode())
        assert everything(s).startswith(b"HTTP/1.1 200 ")
    with server.dial() as s:  # DNS rebinding
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert everything(s).startswith(b"HTTP/1.1 403 ")


# --- clients that misbehave ---


def test_slow_and_silent_clients_are_dropped_while_others_are_served(server):
    start, ended = time.time(), {}
    silent = [server.dial() for _ in range(200)]
    slow_head, slow_body = server.dial(), server.dial()
    slow_head.sendall(b"GET / HTT")
    slow_body.sendall(b"POST /api/v1/samples HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
    while time.time() - start < 2 * kit.DEADLINE and len(ended) < 202:
        with contextlib.suppress(OSError):
            slow_body.sendall(b" ")
        assert server.request("/-/healthy")[0] == 200
        waiting = [s for s in silent + [slow_head, slow_body] if s not in ended]
        for s in select.select(waiting, [], [], 0.5)[0]:
            with contextlib.suppress(ConnectionResetError):
                ended[s] = (time.time() - start, everything(s) if s in (slow_head, slow_body) else s.recv(100))
    assert len(ended) == 202
    assert min(t for t, _ in ended.values()) > 5, "they had some time"
    assert b" 408 " in ended[slow_head][1] and b" 408 " in ended[slow_body][1]
    for s in ended:
        s.close()


def test_reader_that_stops_but_talks_does_not_spin_the_edge(server):
    body = json.dumps([{"metric": "big", "labels": {"i": str(i), "pad": "x" * 200}, "value": i} for i in range(3000)])
    assert server.request("/api/v1/samples", body.encode())[0] == 204
    server.kit.wait_value("count(big)", 3000)
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(kit.DEADLINE)
    s.connect(("127.0.0.1", server.port))
    upgrade(s, more="Sec-WebSocket-Protocol: streamgauge.v1\r\n")
    for i in range(20):
        s.sendall(frame(json.dumps({"action": "subscribe", "id": str(i), "query": f"big * {i}", "interval": "100ms"}).encode()))
    kit.eventually(lambda: server.metric("streamgauge_hub_sessions_behind"), "a session that is behind")
    kit.eventually(lambda: server.metric("streamgauge_net_partial_writes_total"), "a write that was not taken whole")
    with contextlib.suppress(OSError):
        s.setblocking(False)
        for _ in range(2000):
            s.send(frame(b"x" * 100, opcode=9))
    s2 = server.dial()  # unread input lies in the kernel now; somebody else is served
    upgrade(s2)
    s2.close()
    rests(server.edges_cpu_s, 0.2)
    assert server.metric("streamgauge_hub_sessions_behind") == 1
    s.close()


def test_no_descriptors_left_does_not_spin(tmp_path):
    with Server(tmp_path, nofile=64) as server:
        held = []
        for _ in range(80):
            s = socket.socket()
            s.settimeout(kit.DEADLINE)
            s.connect(("127.0.0.1", server.port))
            held.append(s)
        rests(server.kit.cpu_s, 0.15)
        for s in held:
            s.close()

        def refused():  # the dead may still be waiting to be taken in: until they are gone, who asks can be refused as well
            with contextlib.suppress(OSError, http.client.HTTPException):
                return server.metric('streamgauge_net_refused_total{limit="files"}')

        assert kit.eventually(refused, "an answer, and that connections were refused") >= 1


def test_resets_in_every_state_leave_nothing_behind(server):
    def reset(s):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()

    for _ in range(30):
        reset(server.dial())
        for text in (b"GET / HT", b"POST /api/v1/samples HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
                     b"GET /events?metric=up HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50):
            s = server.dial()
            s.sendall(text)
            reset(s)
        s = server.dial()
        upgrade(s)
        s.sendall(frame(b'{"action":"subscribe","metric":"up"}'))
        reset(s)
    # The one that asks; asked at once, the next one may still meet it.
    kit.eventually(lambda: server.metric("streamgauge_net_connections") == 1, "no other connection")
    kit.eventually(lambda: server.metric("streamgauge_hub_sessions") == 0, "no session")


# --- TLS ---


def make_cert(folder, name):
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", str(key), "-out", str(cert), "-days", "30", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


def peer_name(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", port), kit.DEADLINE) as raw, context.wrap_socket(raw) as s:
        s.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := s.recv(4096):  # ends by close_notify, not by a cut
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert s.selected_alpn_protocol() == "http/1.1"
        text = ssl.DER_cert_to_PEM_cert(s.getpeercert(True))
    return subprocess.run(["openssl", "x509", "-noout", "-subject"], input=text.encode(), capture_output=True).stdout.decode()


@contextlib.contextmanager
def with_tls(folder):
    """A server with a second, encrypted port; its certificate lies in the folder."""
    cert, key = make_cert(folder, "first")
    with Server(folder, "--tls-cert", str(cert), "--tls-key", str(key), "--tls-listen", "127.0.0.1:0") as s:
        s.tls_port, s.folder = s.kit.ports[1], folder
        yield s


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    with with_tls(tmp_path_factory.mktemp("tls")) as s:
        yield s


def test_tls_is_modern(tls):
    assert "first" in peer_name(tls.tls_port)
    old = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{tls.tls_port}", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
                         input=b"", capture_output=True, timeout=kit.DEADLINE)
    assert b"Cipher is (NONE)" in old.stdout
    new = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{tls.tls_port}", "-tls1_2"],
                         input=b"", capture_output=True, timeout=kit.DEADLINE)
    assert b"ECDHE" in new.stdout


def test_tls_websocket(tls):
    context = ssl.create_default_context(cafile=str(tls.folder / "cert.pem"))

    async def run():
        async with websockets.connect(f"wss://localhost:{tls.tls_port}/stream", ssl=context, open_timeout=kit.DEADLINE) as ws:
            await ws.send(json.dumps({"action": "subscribe", "metric": "vector(5)"}))
            assert json.loads(await asyncio.wait_for(ws.recv(), kit.DEADLINE))["value"] == 5
            pong = await ws.ping(b"x")
            await asyncio.wait_for(pong, kit.DEADLINE)

    asyncio.run(run())


def test_tls_survives_nonsense(tls):
    for text in (b"GET / HTTP/1.1\r\n\r\n", b"\x80\x2e\x01" + b"\0" * 60, b"\xff" * 5000):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", tls.tls_port), kit.DEADLINE) as s, contextlib.suppress(OSError):
                s.sendall(text)
                s.shutdown(socket.SHUT_WR)
                s.recv(100)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100  # the rest never comes
    waiting = [socket.create_connection(("127.0.0.1", tls.tls_port), kit.DEADLINE) for _ in range(20)]
    for i, s in enumerate(waiting):
        if i % 2:  # the others say nothing at all
            s.sendall(hello)
    for s in waiting:
        with s, contextlib.suppress(ConnectionError):  # a timeout is none of these
            assert s.recv(100) == b""
    assert "first" in peer_name(tls.tls_port)


def test_certificate_is_changed_by_sighup_and_a_bad_one_is_not(tmp_path):
    with with_tls(tmp_path) as tls:
        assert "first" in peer_name(tls.tls_port)
        good = (tls.folder / "key.pem").read_bytes()
        (tls.folder / "key.pem").write_bytes(b"nonsense")
        tls.kit.allow_errors = "reload refused"
        tls.process.send_signal(signal.SIGHUP)
        kit.eventually(lambda: "reload refused" in tls.kit.log, "the refusal")
        assert "first" in peer_name(tls.tls_port)
        (tls.folder / "key.pem").write_bytes(good)
        make_cert(tls.folder, "second")
        tls.process.send_signal(signal.SIGHUP)
        kit.eventually(lambda: "second" in peer_name(tls.tls_port), "the new certificate")


# --- the end ---


def test_drain_tells_everybody_and_ends_in_time_even_with_stuck_clients(tmp_path):
    with Server(tmp_path) as server:
        told = server.dial()
        upgrade(told)
        stuck = [server.dial() for _ in range(20)]
        for s in stuck:
            upgrade(s)
        events = server.dial()
        events.sendall(b"GET /events?metric=up HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(events, b"\r\n\r\n")
        start = time.time()
        server.process.terminate()
        got = until(told, b"retryAfter")
        assert got[0] == 0x88 and struct.unpack(">H", got[2:4])[0] == 1001
        told.sendall(frame(struct.pack(">H", 1001), opcode=8))
        assert everything(told) == b""
        everything(events)
        assert server.process.wait(15) == 0
        assert time.time() - start < 10
        for s in stuck + [told, events]:
            s.close()


