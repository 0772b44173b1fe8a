"""latency, memory, streams: what one sample waits, what things weigh, and that a thousand viewers cost one evaluation."""
import random
import tempfile
import time

from harness import Row, Server, cpu_ns, rss_kib
from rows_fanout import Poster, drain


def latency(env):
    """Sample posted → message received, 1 000 sessions that are awake."""
    sessions, posts = 1000, 20 if env.quick else 60
    with Server(env, "--edges", "1") as server:
        poster = Poster(server.port)
        poster.send([{"metric": "bench_latency", "value": 1}])
        with env.tool("bench_readers", server.port, sessions, "ws", '{"action":"subscribe","metric":"bench_latency"}') as readers:
            assert readers.line() == "ready"
            time.sleep(0.5)
            drain(readers, 0, 200)
            sent = {}
            readers.child.stdin.write(f"latency {posts * 250 + 1000}\n")
            readers.child.stdin.flush()
            for i in range(posts):
                time.sleep(0.15 + random.random() * 0.1)
                sent[1000 + i] = time.time() * 1e6
                poster.send([{"metric": "bench_latency", "value": 1000 + i}])
            waits = []
            for line in iter(readers.line, "end"):
                _, value, when = line.split()
                if int(value) in sent:
                    waits.append((int(when) - sent[int(value)]) / 1000)
    waits.sort()
    assert len(waits) >= posts * sessions * 0.99, len(waits)
    note = f"{sessions} sessions, {posts} samples, base tick 100 ms"
    return [Row("posted to received, median", waits[len(waits) // 2], "ms", note=note).show(),
            Row("posted to received, p99", waits[len(waits) * 99 // 100], "ms", budget=120, note=note).show()]


def idle_session_bytes(env, kind, counts, tls_files=None):
    flags = ["--tls-cert", tls_files[0], "--tls-key", tls_files[1]] if tls_files else []
    points = []
    for n in counts:
        with Server(env, "--edges", "1", *flags) as server:
            time.sleep(0.5)
            before = rss_kib(server.pid)
            request = "/events?metric=bench_idle" if kind == "sse" else '{"action":"subscribe","metric":"bench_idle"}'
            with env.tool("bench_readers", server.port, n, kind, *(["tls"] if tls_files else []), request) as readers:
                assert readers.line() == "ready"
                time.sleep(1)
                points.append((rss_kib(server.pid) - before) * 1024)
    return (points[1] - points[0]) / (counts[1] - counts[0])


def memory(env):
    rows = []
    counts = (500, 2000) if env.quick else (1000, 8000)
    with tempfile.TemporaryDirectory() as folder:
        files = env.certificate(folder)
        for name, kind, tls_files, budget in (("ws", "ws", None, 3072), ("SSE", "sse", None, 2560), ("wss", "ws", files, 18432)):
            each = idle_session_bytes(env, kind, counts, tls_files)
            rows.append(Row(f"idle {name} session, server RSS", each, "B", budget=budget).show())
    with Server(env, "--edges", "1") as server:
        n = 50000 if env.quick else 200000
        before = server.metrics()
        for start in range(0, n, 10000):
            text = "".join(f'bench_idle_series{{shard="{i % 100}",n="{i}"}} {i}\n' for i in range(start, start + 10000))
            assert server.request("POST", "/api/v1/import/prometheus", text)[0] == 204
        time.sleep(1)
        after = server.metrics()
        series = after["streamgauge_series"] - before["streamgauge_series"]
        each = (after["streamgauge_store_bytes"] - before["streamgauge_store_bytes"]) / series
        rows.append(Row("idle series, store bytes beside labels", each, "B", budget=600, note=f"{series:.0f} series").show())
        resident = (after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]) / series
        rows.append(Row("idle series, all of RSS", resident, "B", note="labels, parser's cache and malloc included").show())
    rows.append(sealed_sample(env))
    return rows


def sealed_sample(env):
    """Bytes per sealed sample on this machine's own metrics, at ten readings a second to fill chunks soon."""
    seconds = 20 if env.quick else 60
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as config:
        config.write("inputs: {host: {interval: 100ms}}\n")
        config.flush()
        with Server(env, "--edges", "1", "--config", config.name, "--host") as server:
            time.sleep(seconds)
            m = server.metrics()
    samples = m["streamgauge_sealed_samples"]
    if not samples:
        return Row("sealed sample of host metrics", 0, "B", note=f"no chunk sealed in {seconds} s").show()
    return Row("sealed sample of host metrics", m["streamgauge_sealed_chunk_bytes"] / samples, "B", budget=2,
               note=f"{samples:.0f} samples").show()


def streams(env):
    """10 000 viewers of one expression against one: the evaluation must cost the same."""
    viewers = 1000 if env.quick else 10000
    costs = {}
    for n in (1, viewers):
        with Server(env, "--edges", "1") as server:
            for i in range(5):
                server.put([{"metric": "bench_requests", "labels": {"n": str(k), "job": str(k % 10)}, "value": i * k} for k in range(500)])
                time.sleep(0.2)
            request = '{"action":"subscribe","metric":"sum(rate(bench_requests[1m]))","interval":"1s"}'
            with env.tool("bench_readers", server.port, n, "ws", request) as readers:
                assert readers.line() == "ready"
                time.sleep(1)
                before = server.metrics()
                cpu = cpu_ns(server.pid)
                for _ in range(10):
                    drain(readers, 0, 1000)
                after = server.metrics()
                costs[n] = ((after["streamgauge_evaluation_seconds_total"] - before["streamgauge_evaluation_seconds_total"]) * 1e6,
                            after["streamgauge_evaluations_total"] - before["streamgauge_evaluations_total"],
                            (cpu_ns(server.pid) - cpu) / 1e6)
    per_eval = {n: c[0] / max(1, c[1]) for n, c in costs.items()}
    return [Row(f"evaluations in 10 s with {viewers} viewers", costs[viewers][1], "times", costs[1][1], 1.3, "base: one viewer").show(),
            Row(f"one evaluation with {viewers} viewers", per_eval[viewers], "us", per_eval[1], None, "base: one viewer").show(),
            Row(f"all CPU in 10 s with {viewers} viewers", costs[viewers][2], "ms", costs[1][2], None, "base: one viewer").show()]
