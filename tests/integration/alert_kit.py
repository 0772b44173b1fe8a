"""What the tests of alerts share: receivers that note what they get, an Alertmanager beside us, configurations."""

import contextlib
import http.client
import http.server
import json
import os
import subprocess
import threading

import kit

NETWORKS = 'notify: {allow: ["127.0.0.0/8"]}\n'


class Hook:
    """A web server that answers 200 (or what `answer` says) and keeps every body as JSON."""

    def __init__(self, answer=None):
        self.got, self.lock = [], threading.Lock()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = answer(self.path, body) if answer else 200
                if status == 200:
                    with hook.lock:
                        hook.got.append((self.path, json.loads(body)))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path=""):
        return f"http://127.0.0.1:{self.port}{path}"

    def bodies(self, path):
        with self.lock:
            return [b for p, b in self.got if p == path]

    def alerts(self, path="/hook", **labels):
        """[(status, labels)] of every alert told there that has these labels, in order."""
        return [(a["status"], a["labels"]) for b in self.bodies(path) for a in b["alerts"]
                if all(a["labels"].get(k) == v for k, v in labels.items())]

    def wait(self, condition, what="the receiver"):
        return kit.eventually(lambda: condition(self), what)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def rule_file(folder, text, name="rules.yml"):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def config(rules, receivers, more=""):
    """Alerts at once: groups wait no longer than a tick."""
    return (f"tick: 50ms\nrule_files: [{rules}]\n"
            "route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 100ms, repeat_interval: 1h}\n"
            f"receivers: [{{name: team, {receivers}}}]\n" + NETWORKS + more)


class Alertmanager:
    """Debian's, told to send on to a hook."""

    def __init__(self, folder, hook_url):
        program = kit.need("prometheus-alertmanager")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "am.yml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}\n"
                    f"receivers: [{{name: hook, webhook_configs: [{{url: '{hook_url}', send_resolved: true}}]}}]\n")
        self.port = kit.free_port()
        self.log_path = os.path.join(folder, "am.log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [program, f"--config.file={path}", f"--storage.path={folder}/am", "--cluster.listen-address=",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

        def ready():
            assert self.process.poll() is None, open(self.log_path, encoding="utf-8").read()[-2000:]
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.get("/-/ready").status == 200

        kit.eventually(ready, "alertmanager to be ready")

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=kit.DEADLINE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            r = connection.getresponse()
            return kit.Answer(r.status, r.headers, r.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def amtool(server, *args, code=0):
    done = kit.run(kit.need("amtool"), f"--alertmanager.url={server.url()}", *args)
    assert done.returncode == code, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode()
