"""dashboard: 20 expressions, 1 000 viewers at 1 s: all CPU of the server, beside Prometheus polled for the same every 5 s.

The peer is extrapolated: 4 000 queries a second are more than one machine answers, so the CPU of one instant query is
measured, on equal data and over kept-alive connections, and multiplied. Instant queries are the cheapest a dashboard can poll.
"""
import http.client
import shutil
import socket
import sys
import threading
import time
import urllib.parse

import harness
from harness import Row, Server, cpu_ns
from rows_query import HERE, Peer, request

sys.path.insert(0, str(HERE / "integration"))

HISTORY_S, POLL_S = 330, 5
SCENE = 'sum by ({0}) (rate(dash_requests_total{1}[5m]))'
EXPRESSIONS = [
    "sum(rate(dash_requests_total[5m]))",
    SCENE.format("code", ""),
    SCENE.format("path", ""),
    SCENE.format("instance", ""),
    SCENE.format("instance", '{code="500"}'),
    'sum(rate(dash_requests_total{code="500"}[5m])) / sum(rate(dash_requests_total[5m]))',
    'topk(5, sum by (path) (rate(dash_requests_total{code="500"}[5m])))',
    "histogram_quantile(0.5, sum by (le) (rate(dash_seconds_bucket[5m])))",
    "histogram_quantile(0.9, sum by (le) (rate(dash_seconds_bucket[5m])))",
    "histogram_quantile(0.99, sum by (le) (rate(dash_seconds_bucket[5m])))",
    "histogram_quantile(0.99, sum by (le, path) (rate(dash_seconds_bucket[5m])))",
    '1 - avg(rate(dash_cpu_seconds_total{mode="idle"}[1m]))',
    "sum by (mode) (rate(dash_cpu_seconds_total[1m]))",
    'max by (instance) (1 - rate(dash_cpu_seconds_total{mode="idle"}[5m]))',
    "avg by (instance) (dash_memory_bytes)",
    "max(max_over_time(dash_memory_bytes[5m]))",
    "sum(dash_queue_length)",
    "max by (instance) (avg_over_time(dash_queue_length[1m]))",
    "count(dash_queue_length > 50)",
    "quantile(0.9, dash_memory_bytes)",
]


def counted(k, w):
    """A counter that grows by about w a second, never evenly, so that every rate changes with every tick."""
    return k * w + (k * k * 7 + k) % 97 / 100 * w


def series():
    """(labels, value at second k) of about 2 000 series of 20 instances."""
    for i in range(20):
        for p in range(5):
            for c, code in enumerate(("200", "301", "404", "500")):
                labels = {"__name__": "dash_requests_total", "instance": f"i{i}", "path": f"/p{p}", "code": code}
                yield labels, lambda k, w=(5 - c) * (i + p + 1): counted(k, w)
            for b, le in enumerate(("0.01", "0.03", "0.1", "0.3", "1", "3", "10", "+Inf")):
                labels = {"__name__": "dash_seconds_bucket", "instance": f"i{i}", "path": f"/p{p}", "le": le}
                yield labels, lambda k, w=(b + 1) * (i + 1): counted(k, w)
        for cpu in range(8):
            for m, mode in enumerate(("idle", "user", "system", "iowait")):
                labels = {"__name__": "dash_cpu_seconds_total", "instance": f"i{i}", "cpu": str(cpu), "mode": mode}
                yield labels, lambda k, w=(0.6, 0.2, 0.15, 0.05)[m]: counted(k, w)
        for name, scale in (("dash_memory_bytes", 1e6), ("dash_queue_length", 1)):
            yield {"__name__": name, "instance": f"i{i}"}, lambda k, i=i, scale=scale: (k * 7 + i * 13) % 100 * scale


def fill(ports, every, end_s):
    import prom_peer
    for first in range(-HISTORY_S, 1, 30):
        seconds = range(first, min(first + 30, 1))
        body = prom_peer.write_request([(labels, [((end_s + k) * 1000, value(k + 1000)) for k in seconds]) for labels, value in every])
        for port in ports:
            status, text = request(port, "POST", "/api/v1/write", body, prom_peer.WRITE_HEADERS)
            assert status in (200, 204), text


def text_of(every, k):
    lines = []
    for labels, value in every:
        inner = ",".join(f'{n}="{v}"' for n, v in labels.items() if n != "__name__")
        lines.append(f'{labels["__name__"]}{{{inner}}} {value(k + 1000)}\n')
    return "".join(lines).encode()


class Feed(threading.Thread):
    """What the services of the dashboard would say, once a second; bodies are made before the clock runs."""

    def __init__(self, port, every, first, seconds):
        super().__init__()
        self.bodies = [text_of(every, first + k) for k in range(seconds)]
        self.port = port

    def run(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        start = time.monotonic()
        for k, body in enumerate(self.bodies):
            time.sleep(max(0.0, start + k + 0.5 - time.monotonic()))
            c.request("POST", "/api/v1/import/prometheus", body)
            answer = c.getresponse()
            answer.read()
            assert answer.status == 204
        c.close()


def subscriptions():
    import json
    return [json.dumps({"action": "subscribe", "id": str(i), "query": e, "interval": "1s"}) for i, e in enumerate(EXPRESSIONS)]


def ours(env, server, every, viewers, seconds, first=1):
    """ms of CPU per second with all of it at work, and messages' bytes per viewer and second."""
    feed = Feed(server.port, every, first, seconds + 4)
    with env.tool("bench_readers", server.port, max(1, viewers), "v1", *(subscriptions() if viewers else [])) as readers:
        assert readers.line() == "ready"
        feed.start()
        readers.ask("drain 0 2000")
        cpu, start = cpu_ns(server.pid), time.monotonic()
        got = int(readers.ask(f"drain 0 {seconds * 1000}").split()[1])
        spent = time.monotonic() - start
        cost = (cpu_ns(server.pid) - cpu) / 1e6 / spent
        feed.join()
    return cost, got / spent / max(1, viewers)


def query_cost_ms(peer, at_s, rounds):
    """CPU of one query, the mean over all expressions."""
    c = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
    c.connect()
    c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    cpu = 0
    for round_ in range(rounds + 1):
        if round_ == 1:
            cpu = harness.wait_idle(peer.pid)
        for expr in EXPRESSIONS:
            c.request("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": expr, "time": at_s}))
            answer = c.getresponse()
            body = answer.read()
            assert answer.status == 200 and b'"result":[{' in body, (expr, body)
    spent = harness.wait_idle(peer.pid) - cpu
    c.close()
    return spent / 1e6 / rounds / len(EXPRESSIONS)


def dashboard(env):
    viewers, seconds = 1000, 6 if env.quick else 20
    every, end_s = list(series()), int(time.time())
    peer = Peer() if shutil.which("prometheus") else None
    polls = viewers * len(EXPRESSIONS) / POLL_S
    try:
        with Server(env, "--edges", "1") as server:
            fill([server.port] + ([peer.port] if peer else []), every, end_s)
            base = None
            if peer:
                one = query_cost_ms(peer, end_s, 5 if env.quick else 20)
                base = one * polls
            alone, _ = ours(env, server, every, 0, seconds)
            cost, size = ours(env, server, every, viewers, seconds, seconds + 8)
    finally:
        if peer:
            peer.close()
    note = f"{len(every)} series at 1 s, {len(EXPRESSIONS)} expressions, {size:.0f} B/s per viewer, {alone:.0f} ms/s without viewers"
    if peer:
        note += f"; base: Prometheus, {one:.2f} ms per query measured, times {polls:.0f} polls a second, extrapolated: {base / cost:.0f} times as much"
    return [Row(f"dashboard, {viewers} viewers at 1 s", cost, "ms CPU/s", base, 0.01 if peer else None, note).show()]
