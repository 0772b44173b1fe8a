"""Ad-hoc queries: CPU of query_range over an hour at 15 s, beside Prometheus with equal data in the same run."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

import harness
from harness import Row

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

HERE = pathlib.Path(__file__).resolve().parents[1]
HOUR_S, STEP_S = 3600, 15
EXPRESSIONS = [
    ("sum by (l)(rate(m[5m]))", "sum by (l) (rate(bench_total[5m]))"),
    ("max_over_time(m[5m])", "max by (l) (max_over_time(bench_total[5m]))"),
    ("quantile_over_time(0.9, m[5m])", "max by (l) (quantile_over_time(0.9, bench_total[5m]))"),
    ("histogram_quantile over rate", "histogram_quantile(0.99, sum by (le) (rate(bench_seconds_bucket[5m])))"),
    # Next to no evaluation, all of it printing: shown without a budget.
    ("plain selector, 100 series", 'bench_total{i=~"[0-9]{1,2}"}'),
]


class Peer:
    """Debian's Prometheus, when it is there."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        config = pathlib.Path(self.folder.name, "prometheus.yml")
        config.write_text("")
        self.port = harness.free_port()
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder.name}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder.name)
        self.pid = self.process.pid
        for _ in range(200):
            try:
                if request(self.port, "GET", "/-/ready")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise RuntimeError("prometheus does not become ready")

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.folder.cleanup()


def request(port, method, path, body=None, headers=None):
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, body=body, headers=headers or {})
    r = connection.getresponse()
    data = r.read()
    connection.close()
    return r.status, data


def fill(ports, series, end_ms):
    """Slice by slice in time: Prometheus takes nothing that is an hour behind its newest sample."""
    import prom_peer
    points = (HOUR_S + 600) // STEP_S + 1
    bounds = ["0.1", "0.5", "1", "5", "+Inf"]
    for first in range(0, points, 20):
        times = [(k, end_ms - (points - 1 - k) * STEP_S * 1000) for k in range(first, min(first + 20, points))]
        batch = []
        for i in range(series):
            batch.append(({"__name__": "bench_total", "l": str(i % 10), "i": str(i)},
                          [(t, (k * (i % 17 + 1)) % 5000) for k, t in times]))
            if i % 10 == 0:
                batch += [({"__name__": "bench_seconds_bucket", "i": str(i), "le": le},
                           [(t, k * (b + 1)) for k, t in times]) for b, le in enumerate(bounds)]
        body = prom_peer.write_request(batch)
        for port in ports:
            status, text = request(port, "POST", "/api/v1/write", body, prom_peer.WRITE_HEADERS)
            assert status in (200, 204), text


def cost_ms(pid, port, expr, end_s, rounds):
    """Median CPU of one query, in ms; and the size of the answer."""
    path = "/api/v1/query_range?" + urllib.parse.urlencode(
        {"query": expr, "start": end_s - HOUR_S, "end": end_s, "step": STEP_S})
    request(port, "GET", path)
    costs, size = [], 0
    for _ in range(rounds):
        before = harness.cpu_ns(pid)
        status, body = request(port, "GET", path)
        assert status == 200, body[:300]
        time.sleep(0.03)
        costs.append((harness.cpu_ns(pid) - before) / 1e6)
        size = len(body)
    return harness.median(costs), size


def query(env):
    series, rounds = (500, 3) if env.quick else (2000, 7)
    rows, end_ms = [], int(time.time() * 1000) - 2000
    peer = Peer() if shutil.which("prometheus") else None
    try:
        with harness.Server(env, "--retention", "3h") as server:
            fill([server.port] + ([peer.port] if peer else []), series, end_ms)
            for name, expr in EXPRESSIONS:
                ours, size = cost_ms(server.pid, server.port, expr, end_ms // 1000, rounds)
                theirs = cost_ms(peer.pid, peer.port, expr, end_ms // 1000, rounds)[0] if peer else None
                note = f"{series} series, 1 h at {STEP_S} s, {size / 1e3:.0f} kB" + ("" if peer else ", no prometheus here")
                rows.append(Row(f"query_range {name}", ours, "ms CPU", theirs, 1 / 3 if peer and "(" in expr else None, note).show())
    finally:
        if peer:
            peer.close()
    return rows
