"""The README cannot rot: its commands are run, its tables compared, its example compiled.

Blocks marked `sh tour` run in order in one folder, against a server on other ports; the `text` block behind one says what must
come out, line by line, `…` standing for anything. `forever` blocks are ended once all of it has come. Blocks of `tour=public`
talk to a second server that runs the configuration which an earlier block wrote.
"""
import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request

import pytest

from browser_kit import BINARY, ROOT, Server, free_port, wait_until
from readme_tables import with_tables

README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.S | re.M)
BLOCKS = [(m[1], m[2].strip(), m[3]) for m in FENCE.finditer(README)]


def pattern(line):
    return re.compile(".*".join(re.escape(p) for p in line.split("…")))


def missing(expected, got):
    """The first expected line that has not come, in order; None when all have."""
    lines = iter(got.splitlines())
    for line in expected.splitlines():
        if not any(pattern(line).match(g) for g in lines):
            return line
    return None


def commands_with_url():
    """The subcommands that talk to a server, as their help says: nothing of the tour may reach another one than the test's."""
    def help_of(*command):
        return subprocess.run([BINARY, "help", *command], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^  streamgauge ([\w-]+) ", help_of(), re.M)
    assert "query" in names
    return [name for name in names if "--url" in help_of(name)]


class Tour:
    def __init__(self, folder, server):
        self.folder = folder
        self.replace = {
            "127.0.0.1:8420": f"127.0.0.1:{server.port}",
            "/dev/udp/127.0.0.1/8125": f"/dev/udp/127.0.0.1/{server.statsd}",
            "build/streamgauge": str(BINARY),
            "8443": str(free_port()),
            "8421": str(free_port()),
            "8422": str(free_port()),
            "8423": str(free_port()),
        }

        for command in commands_with_url():
            self.replace[f"build/streamgauge {command}"] = f"{BINARY} {command} --url {server.url}"

    def adapt(self, text):
        # In one pass: what was put in is not looked at again. Longer ones come first.
        longest_first = sorted(self.replace, key=len, reverse=True)
        # "check" is not the beginning of "check-rules".
        text = re.sub("|".join(re.escape(k) + r"(?![\w-])" for k in longest_first), lambda m: self.replace[m[0]], text)
        assert not re.search(r"\b(8420|8125)\b", text), f"this would reach a server that is not the test's:\n{text}"
        return text

    def run(self, script, forever, expected):
        script = "set -e -o pipefail\n" + self.adapt(script)
        out = self.folder / "out"
        with open(out, "wb") as f:
            p = subprocess.Popen(["bash", "-c", script], cwd=self.folder, stdout=f, stderr=subprocess.STDOUT,
                                 start_new_session=True)
        end = time.monotonic() + 60
        try:
            while p.poll() is None and time.monotonic() < end:
                if forever and missing(expected, out.read_text()) is None:
                    break
                time.sleep(0.05)
            if not forever:
                assert p.poll() == 0, f"exit {p.poll()} of:\n{script}\n{out.read_text()}"
        finally:
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()
        line = missing(expected, out.read_text())
        assert line is None, f"{line!r} did not come out of:\n{script}\n{out.read_text()}"


@pytest.fixture
def pid_files(tmp_path):
    """What the tour leaves running in the background is ended by the ids it wrote down."""
    yield
    for path in tmp_path.glob("*.pid"):
        with contextlib.suppress(ValueError, ProcessLookupError):
            os.kill(int(path.read_text()), signal.SIGKILL)


@pytest.mark.usefixtures("pid_files")
def test_the_tour(start, tmp_path):
    server = start()
    tour = Tour(tmp_path, server)
    public = None
    ran = 0
    for i, (language, mark, text) in enumerate(BLOCKS):
        if language != "sh" or not mark.startswith("tour"):
            continue
        follows = BLOCKS[i + 1] if i + 1 < len(BLOCKS) else ("", "", "")
        expected = follows[2] if follows[0] == "text" else ""
        if mark == "tour=public" and not public:
            config = tmp_path / "public.yml"
            config.write_text(tour.adapt(config.read_text()))
            log = open(tmp_path / "public.log", "wb")
            public = subprocess.Popen([BINARY, "serve", "--config", config, "--no-host"], cwd=tmp_path, stdout=log, stderr=log)
            wait_until("the public server", lambda: b"serving" in (tmp_path / "public.log").read_bytes())
        try:
            tour.run(text, mark == "tour forever", expected)
        except BaseException:
            if public:
                public.kill()
            raise
        ran += 1
    public.terminate()
    assert public.wait(20) == 0
    assert ran >= 9
    assert server.counter("streamgauge_input_samples_total") > 0


def test_named_streams_of_the_tour_are_served(start, tmp_path):
    text = next(t for language, mark, t in BLOCKS if "checkout_p99:" in t and mark == "tour")
    config = tmp_path / "named.yml"
    config.write_text(text.split("<<'YAML'\n")[1].split("YAML\n")[0].replace("127.0.0.1:8421", "127.0.0.1:0"))
    server = Server(tmp_path, "--config", config)
    try:
        server.start()
        with urllib.request.urlopen(f"{server.url}/events?metric=cpu_busy", timeout=30) as events:
            assert any(b'"metric":"cpu_busy","value":' in line for line in events)
    finally:
        server.stop()


def test_the_tables_of_flags_and_limits_are_those_of_the_binary():
    assert README == with_tables(README), "run tests/e2e/readme_tables.py"


def test_the_configuration_examples_are_good(tmp_path):
    texts = [t for language, _, t in BLOCKS if language == "yaml"]
    assert len(texts) >= 2
    for text in texts:
        (tmp_path / "example.yml").write_text(text)
        subprocess.run([BINARY, "check-config", "example.yml"], check=True, cwd=tmp_path)


def test_files_that_are_linked_exist():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in link:
            assert (ROOT / link).exists(), link


def test_endpoints_answer(server):
    rows = re.findall(r"^\| (`/.*?) \| (.*?) \|", README, re.M)
    assert len(rows) >= 12
    for paths, methods in rows:
        for path in re.findall(r"`(/[^`]*)`", paths):
            path = path.replace("<job>…", "x").replace("<session>", "0-" + "0" * 32)
            method = "GET" if methods == "WebSocket" else methods.split(",")[0]
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            with contextlib.closing(connection):
                connection.request(method, path)
                code = connection.getresponse().status  # some answers do not end
            if path.startswith("/events/"):
                assert code in (404, 410), "a session that is not there"
            else:
                assert code not in (404, 405, 500), f"{method} {path}: {code}"


def test_the_embedding_example_compiles_and_runs(tmp_path):
    build = BINARY.parent
    if not (build / "libstreamgauge.a").is_file() or not shutil.which("cmake"):
        pytest.skip(f"no libstreamgauge.a beside {BINARY}: build all targets")
    i = next(i for i, b in enumerate(BLOCKS) if b[0] == "c")
    (tmp_path / "example.c").write_text(BLOCKS[i][2])
    prefix = tmp_path / "local"
    script = BLOCKS[i + 1][2].replace("cmake --build build && cmake --install build", f"cmake --install {build} >install.log").replace("~/.local", str(prefix))
    result = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert missing(BLOCKS[i + 2][2], result.stdout) is None, result.stdout
