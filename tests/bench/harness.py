"""What the benchmarks share: starting servers, reading their CPU time, driving the readers, printing rows."""
import dataclasses
import glob
import http.client
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import tempfile
import time


def cpu_name():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def commit():
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "?"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@dataclasses.dataclass
class Row:
    """One measured figure. ratio and budget: measured / baseline, and what it may be at most."""
    name: str
    value: float
    unit: str
    baseline: float = None
    budget: float = None        # on the ratio when there is a baseline, else on the value
    note: str = ""

    def ratio(self):
        return self.value / self.baseline if self.baseline else None

    def judged(self):
        return self.ratio() if self.baseline else self.value

    def missed(self):
        return self.budget is not None and self.judged() > self.budget

    def text(self):
        parts = [f"{self.name:<52} {self.value:10.2f} {self.unit:<10}"]
        parts.append(f"base {self.baseline:9.2f}  ratio {self.ratio():5.2f}" if self.baseline else " " * 27)
        if self.budget is not None:
            parts.append(f"budget {self.budget:g} {'MISSED' if self.missed() else 'ok'}")
        return "  ".join(parts) + (f"  ({self.note})" if self.note else "")

    def show(self):
        print(self.text(), flush=True)
        return self


def cpu_ns(pid):
    """CPU time of all threads of a process, in ns."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            total += int(open(path).read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def wait_idle(pid, floor_ns=400_000, quiet=3):
    """Until the process has used next to nothing for `quiet` looks of 12 ms (a running task's clock moves only at the
    scheduler's tick, so one look is not enough). Returns the CPU time then."""
    last, calm = cpu_ns(pid), 0
    deadline = time.monotonic() + 20
    while calm < quiet and time.monotonic() < deadline:
        time.sleep(0.012)
        now = cpu_ns(pid)
        calm = calm + 1 if now - last < floor_ns else 0
        last = now
    return last


def rss_kib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


class Process:
    """A child that answers lines on its standard output; ended by its own process id."""

    def __init__(self, argv, stdin=True, **more):
        self.child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, text=True, bufsize=1, **more)
        self.pid = self.child.pid

    def line(self):
        text = self.child.stdout.readline()
        if not text:
            raise RuntimeError(f"{self.child.args[0]} ended")
        return text.strip()

    def ask(self, text):
        self.child.stdin.write(text + "\n")
        self.child.stdin.flush()
        return self.line()

    def close(self):
        if self.child.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                os.kill(self.pid, signal.SIGKILL)
                self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Server(Process):
    def __init__(self, env, *flags, statsd="off"):
        self.port = free_port()
        self.data = tempfile.TemporaryDirectory()
        super().__init__([env.binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--no-host", "--statsd", statsd,
                          "--data", self.data.name, "--log-level", "error", *flags], stdin=False)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("the server did not start")

    def request(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        c.request(method, path, body, headers or {})
        answer = c.getresponse()
        data = answer.read()
        c.close()
        return answer.status, data

    def put(self, samples):
        status, data = self.request("POST", "/api/v1/samples", json.dumps(samples), {"Content-Type": "application/json"})
        assert status == 204, (status, data)

    def metrics(self):
        values = {}
        for line in self.request("GET", "/metrics")[1].decode().splitlines():
            if line and not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                values[key] = float(value)
        return values


class Env:
    def __init__(self, build, quick):
        self.binary = build / "streamgauge"
        self.tools = build / "tests"
        self.quick = quick

    def tool(self, name, *args):
        return Process([self.tools / name, *args])

    def certificate(self, folder):
        cert, key = pathlib.Path(folder) / "cert.pem", pathlib.Path(folder) / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-keyout", key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
        return cert, key


def median(values):
    return statistics.median(values)
