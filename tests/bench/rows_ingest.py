"""ingest: CPU per sample over UDP and HTTP, beside a bare recvmmsg loop and VictoriaMetrics."""
import http.client
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from harness import Process, Row, Server, cpu_ns, free_port, median, wait_idle

SERIES = 1000


def udp_ours(env, datagrams, lines):
    port = free_port()
    with Server(env, "--edges", "1", statsd=f"127.0.0.1:{port}") as server:
        sender = [str(env.tools / "bench_udp_send"), str(port)]
        subprocess.run([*sender, "2000", str(lines), str(SERIES)], check=True)  # every series is known afterwards
        time.sleep(0.5)
        costs = []
        for _ in range(5):
            received = server.metrics()["streamgauge_input_samples_total{input=\"statsd\"}"]
            before = wait_idle(server.pid)
            start = time.monotonic()
            subprocess.run([*sender, str(datagrams), str(lines), str(SERIES)], check=True)
            time.sleep(0.25)
            after = wait_idle(server.pid)
            spent = time.monotonic() - start
            samples = server.metrics()["streamgauge_input_samples_total{input=\"statsd\"}"] - received
            idle = cpu_ns(server.pid)
            time.sleep(0.3)
            rate = (cpu_ns(server.pid) - idle) / 0.3
            costs.append((after - before - rate * spent) / samples)
        drops = server.metrics()["streamgauge_statsd_kernel_drops_total"]
    return median(costs), drops


def udp_bare(env, datagrams, lines):
    with env.tool("bench_bare", "udp") as bare:
        port = int(bare.line().split()[1])
        sender = [str(env.tools / "bench_udp_send"), str(port)]
        subprocess.run([*sender, "2000", str(lines), str(SERIES)], check=True)
        costs = []
        for _ in range(5):
            before_lines = int(bare.ask("go").split()[1])
            before = wait_idle(bare.pid)
            subprocess.run([*sender, str(datagrams), str(lines), str(SERIES)], check=True)
            after = wait_idle(bare.pid)
            costs.append((after - before) / (int(bare.ask("go").split()[1]) - before_lines))
    return median(costs)


def body_prometheus(round_, series=SERIES):
    return "".join(f'http_requests_total{{method="get",handler="/api/v{i % 7}",instance="10.0.0.{i % 250}:9100",code="{200 + i % 5}",n="{i}"}} {round_ * 10 + i}\n'
                   for i in range(series)).encode()


def body_influx(round_, series=SERIES):
    return "".join(f'cpu,host=server{i % 100:03d},region=eu-west,n={i} usage_user={(round_ + i) % 100}.5,usage_system={(round_ + i) % 50}.25\n'
                   for i in range(series)).encode()


def body_json(round_, series=SERIES):
    return ("[" + ",".join(f'{{"metric":"orders","labels":{{"shop":"s{i % 20}","n":"{i}"}},"value":{round_ + i}}}' for i in range(series)) + "]").encode()


def http_cost(pid, port, path, bodies, per_body):
    """CPU ns per sample of a server that takes the bodies over one kept-alive connection."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(body):
        c.request("POST", path, body, {"Content-Type": "text/plain"})
        answer = c.getresponse()
        answer.read()
        assert answer.status in (200, 204), (answer.status, path)

    for body in bodies[:3]:
        post(body)
    time.sleep(0.3)
    costs = []
    for _ in range(3):
        before = wait_idle(pid, floor_ns=1_500_000)
        for body in bodies:
            post(body)
        time.sleep(0.25)
        after = wait_idle(pid, floor_ns=1_500_000)
        costs.append((after - before) / (len(bodies) * per_body))
    c.close()
    return median(costs)


def victoria(folder):
    binary = shutil.which("victoria-metrics")
    if not binary:
        return None
    port = free_port()
    server = Process([binary, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}/vm", "-retentionPeriod=1", "-loggerLevel=ERROR"],
                     stdin=False, stderr=subprocess.DEVNULL)
    server.port = port
    for _ in range(100):
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            c.request("GET", "/health")
            if c.getresponse().status == 200:
                return server
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("VictoriaMetrics did not start")


FORMATS = [
    ("Prometheus text", body_prometheus, 1, "/api/v1/import/prometheus", "/api/v1/import/prometheus"),
    ("Influx lines", body_influx, 2, "/write", "/write"),
    ("JSON samples", body_json, 1, "/api/v1/samples", None),
]


def ingest(env):
    rows = []
    for lines, budget in ((20, 2.0), (1, None)):
        datagrams = (20000 if lines == 20 else 40000) // (2 if env.quick else 1)
        ours, drops = udp_ours(env, datagrams, lines)
        bare = udp_bare(env, datagrams, lines)
        rows.append(Row(f"UDP StatsD, {lines} line{'s' * (lines > 1)} per datagram", ours, "ns/sample", bare, budget,
                        f"base: bare recvmmsg; kernel drops {drops:.0f}").show())
    count = 100 if env.quick else 300
    with tempfile.TemporaryDirectory() as folder:
        peer = victoria(folder)
        if not peer:
            print("VictoriaMetrics (Debian package victoria-metrics) is not installed: not compared")
        for name, make, per_line, path, peer_path in FORMATS:
            bodies = [make(i) for i in range(count)]
            with Server(env, "--edges", "1") as server:
                ours = http_cost(server.pid, server.port, path, bodies, SERIES * per_line)
            base = http_cost(peer.pid, peer.port, peer_path, bodies, SERIES * per_line) if peer and peer_path else None
            rows.append(Row(f"HTTP {name}, {SERIES} lines per body", ours, "ns/sample", base, 1 / 3 if base else None,
                            "base: VictoriaMetrics" if base else "").show())
        if peer:
            peer.close()
    return rows
