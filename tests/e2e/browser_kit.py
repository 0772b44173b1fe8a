"""What the browser tests are made of: the real binary on free ports of this machine, a relay that can be cut, Chromium."""
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BINARY = Path(os.environ.get("STREAMGAUGE", ROOT / "build" / "streamgauge")).resolve()


given = set()


def free_port(kind=socket.SOCK_STREAM):
    """Never the same one twice: who got it may not listen yet."""
    while True:
        with socket.socket(socket.AF_INET, kind) as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in given:
            given.add(port)
            return port


def wait_until(what, condition, seconds=30):
    """Polls; the deadline is only there so that a failure ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for: {what}")


class Server:
    """One streamgauge process. Restarts keep its ports."""

    def __init__(self, folder, *flags):
        self.port = free_port()
        self.statsd = free_port(socket.SOCK_DGRAM)
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.flags = list(flags)
        self.log = folder / f"server-{self.port}.log"
        self.process = None

    def start(self):
        command = [BINARY, "serve", "--listen", f"127.0.0.1:{self.port}",
                   "--statsd", f"127.0.0.1:{self.statsd}", "--edges", "2", *self.flags]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(f"the server to be ready, see {self.log}", self.ready)
        return self

    @property
    def simple(self):
        """Address of the simple page: the only one of a binary built without npm, else it stands aside."""
        return self.url + ("/simple/" if self.get("/simple/")[0] == 200 else "/")

    def ready(self):
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.log.read_text()}"
        try:
            return self.get("/-/ready")[0] == 200
        except OSError:
            return False

    def get(self, path, headers=None):
        request = urllib.request.Request(self.url + path, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def send(self, metric, value, token=None):
        """What the page tells people to do, with the program it tells them to use."""
        command = ["curl", "-sS", "--fail", "-d", json.dumps({"metric": metric, "value": value})]
        if token:
            command += ["-H", f"Authorization: Bearer {token}"]
        subprocess.run([*command, self.url + "/api/v1/samples"], check=True, timeout=30)

    def ticks(self, query):
        """A list that grows by the time of every evaluation of an expression each second, over a connection that nobody cuts."""
        request = urllib.request.Request(f"{self.url}/events?interval=1s&query={urllib.parse.quote(query)}",
                                         headers={"Accept": "application/x-ndjson"})
        seen = []

        def read():
            with contextlib.suppress(OSError, http.client.HTTPException), urllib.request.urlopen(request, timeout=30) as lines:
                for line in filter(bytes.strip, lines):
                    message = json.loads(line)
                    if "d" in message or message.get("type") == "full":
                        seen.append(message["t"])

        threading.Thread(target=read, daemon=True).start()
        wait_until(f"the first value of {query}", lambda: seen)
        return seen

    def counter(self, name, token=None):
        _, text = self.get("/metrics", {"Authorization": f"Bearer {token}"} if token else None)
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith((name + " ", name + "{")))

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError("the server did not end within 20 s of SIGTERM")


class Relay:
    """A TCP relay in front of a server whose connections a test can cut."""

    def __init__(self, port):
        self.target = port
        self.pairs = []
        self.refuse = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refuse:
                client.close()
                continue
            upstream = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((client, upstream))
            for a, b in ((client, upstream), (upstream, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for pair in self.pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []

    def close(self):
        self.listener.close()
        self.cut()


class Chromium:
    def __init__(self, path):
        self.process = subprocess.Popen(["node", HERE / "driver.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, "CHROMIUM": path})

    def ask(self, op, **rest):
        self.process.stdin.write(json.dumps({"op": op, **rest}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the browser driver ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["ok"]

    def open(self, url, **options):
        return Page(self, self.ask("open", url=url, options=options))

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


class Page:
    def __init__(self, browser, number):
        self.browser = browser
        self.number = number

    def ask(self, op, **rest):
        return self.browser.ask(op, page=self.number, **rest)

    def eval(self, code):
        return self.ask("eval", code=code)

    def wait(self, code, seconds=60):
        """The deadline is only there so that a failure ends."""
        self.ask("wait", code=code, ms=seconds * 1000)

    def painted(self):
        """Waits until what was asked of the page before has been drawn."""
        self.eval("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(r))))")

    def text(self, selector):
        return self.eval(f"document.querySelector({json.dumps(selector)})?.textContent ?? null")

    def link(self):
        return self.eval("document.body.dataset.link")

    def wait_link(self, state):
        self.wait(f"document.body.dataset.link === {json.dumps(state)}")
