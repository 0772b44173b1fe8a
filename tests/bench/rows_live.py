"""Continuous evaluation: ns per series and tick, beside our ordinary engine, a bare loop, and Prometheus' instant query on equal data."""
import json
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

import harness
from harness import Row

WINDOW_S = 300
EXPRESSIONS = {
    "rate": ("m", "sum by (l) (rate(m[5m]))"),
    "max": ("g", "sum by (l) (max_over_time(g[5m]))"),
    "quantile": ("g", "sum by (l) (quantile_over_time(0.9, g[5m]))"),
    "histogram": ("b", "histogram_quantile(0.99, sum by (le) (rate(b[5m])))"),
}


class Peer:
    """Debian's Prometheus over blocks made by promtool: one window of samples of the three metrics."""

    def __init__(self, series, samples):
        self.folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(self.folder.name)
        self.end = int(time.time()) // 7200 * 7200 - 7200 * 3 + 3600
        self.write(root / "data.om", series, samples)
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", root / "data.om", root / "data"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (root / "data.om").unlink()
        (root / "prometheus.yml").write_text("")
        self.port = harness.free_port()
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={root}/prometheus.yml", f"--storage.tsdb.path={root}/data",
             "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=root)
        for _ in range(300):
            try:
                if urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=2).status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("prometheus does not become ready")

    def write(self, path, series, samples):
        """Samples of one series lie together, as the format wants it."""
        step = WINDOW_S // samples
        times = [self.end - step * (samples - 1 - k) for k in range(samples)]
        dice = random.Random(1)
        with open(path, "w") as f:
            for metric in "mgb":
                f.write(f"# TYPE {metric} unknown\n")
                for i in range(series):
                    le = i % 20
                    bucket = f',le="{le if le < 19 else "+Inf"}"' if metric == "b" else ""
                    name = f'{metric}{{l="{i % 10}",i="{i // 20 if metric == "b" else i}"{bucket}}}'
                    value, lines = 0, []
                    for t in times:
                        value = dice.randrange(100000) / 100 if metric == "g" else value + (le + 1 if metric == "b" else dice.randrange(9))
                        lines.append(f"{name} {value} {t}\n")
                    f.writelines(lines)
            f.write("# EOF\n")

    def evaluate(self, query):
        """Seconds of evaluation as Prometheus reports them, the median of some."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": query, "time": self.end, "stats": "all"})
        seconds = []
        for _ in range(7):
            answer = json.load(urllib.request.urlopen(url, timeout=60))
            assert answer["data"]["result"], query
            seconds.append(answer["data"]["stats"]["timings"]["evalTotalTime"])
        return harness.median(seconds)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.folder.cleanup()


def ours(env, series):
    """{(name, samples): (engine, ordinary, bare, bytes of windows), each of one series} and the lines about many streams."""
    done = subprocess.run([env.tools / "bench_live", str(series), "40" if env.quick else "120"], check=True, capture_output=True, text=True)
    figures, streams = {}, {}
    for line in done.stdout.splitlines():
        words = line.split()
        if words[0] == "streams":
            streams[int(words[1])] = dict(zip(words[::2], map(float, words[1::2])))
        else:
            figures[words[0], int(words[1])] = tuple(map(float, words[2:]))
    return figures, streams


def live(env):
    series, rows = 2000 if env.quick else 10000, []
    figures, streams = ours(env, series)
    for samples in (20, 300):
        peer = Peer(series, samples) if shutil.which("prometheus") and shutil.which("promtool") else None
        for name, (_, query) in EXPRESSIONS.items():
            engine, ordinary, bare, kept = figures[name, samples]
            note = f"{query}; ordinary engine {ordinary:.0f}, bare loop {bare:.0f}; windows {kept:.0f} bytes a series"
            rows.append(Row(f"live {name}, {samples} samples per window", engine, "ns/series", budget=30 if name == "rate" else None,
                            note=note).show())
            if peer:
                theirs = peer.evaluate(query) * 1e9 / series
                rows.append(Row(f"live {name}, {samples} samples, beside Prometheus", engine, "ns/series", baseline=theirs,
                                budget=0.01 if name == "rate" and samples == 300 else None, note="evalTotalTime").show())
        if peer:
            peer.close()
    few, many = streams[100], streams[1000]
    rows.append(Row("live rate, growth from 20 to 300 samples", figures["rate", 300][0], "ns/series", baseline=figures["rate", 20][0],
                    budget=1.5).show())
    rows.append(Row("1 000 streams over 100 expressions, nodes", many["nodes"], "nodes", baseline=few["nodes"], budget=1.0).show())
    rows.append(Row("1 000 streams over 100 expressions, a tick", many["us_per_tick"], "us", baseline=few["us_per_tick"],
                    note="base: the same 100 expressions as 100 streams").show())
    return rows
