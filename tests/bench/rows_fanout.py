"""fanout: CPU per delivered message, beside a bare epoll send loop (and a bare SSL_write loop, and Nchan)."""
import shutil
import ssl
import socket
import tempfile
import time

from harness import Row, Server, cpu_ns, median, wait_idle

# Long enough that a simple-form message has about 120 bytes, as in the figures of DESIGN.md section 3.
METRIC = "bench_fanout_a_metric_with_a_name_long_enough_for_120_bytes_of_text_{:02d}"


def simple_requests(streams):
    return ['{"action":"subscribe","metric":"%s"}' % METRIC.format(i) for i in range(streams)]


def samples(streams, value):
    return [{"metric": METRIC.format(i), "value": value} for i in range(streams)]


def drain(readers, bytes_each, ms=20000):
    words = readers.ask(f"drain {bytes_each} {ms}").split()
    return int(words[1]), int(words[3])


def measure_ours(env, sessions, kind, streams, tls_files, rounds):
    """(ns per delivered message, bytes of one session's round)"""
    flags = ["--edges", "1"]
    if tls_files:
        flags += ["--tls-cert", tls_files[0], "--tls-key", tls_files[1]]
    with Server(env, *flags) as server:
        post = TlsPoster(server.port) if tls_files else Poster(server.port)
        post.send(samples(streams, 1000))
        time.sleep(0.4)
        requests = simple_requests(streams)
        if kind == "sse":
            requests = ["/events?" + "&".join("metric=" + METRIC.format(i) for i in range(streams))]
        with env.tool("bench_readers", server.port, sessions, kind, *(["tls"] if tls_files else []), *requests) as readers:
            assert readers.line() == "ready"
            time.sleep(0.5)
            drain(readers, 0, 300)
            costs, per_session = [], 0
            for round_ in range(rounds):
                before = wait_idle(server.pid)
                # What the server does without us in that time, ticks and all, is not delivery.
                start = time.monotonic()
                post.send(samples(streams, 1001 + round_))
                time.sleep(0.15)
                after = wait_idle(server.pid)
                spent = time.monotonic() - start
                total, _ = drain(readers, 1, 5000)
                rest, _ = drain(readers, 0, 60)
                per_session = (total + rest) / sessions
                idle_from = wait_idle(server.pid)
                time.sleep(0.3)
                idle_rate = (cpu_ns(server.pid) - idle_from) / 0.3
                if round_ > 0:
                    costs.append((after - before - idle_rate * spent) / (sessions * streams))
        return median(costs), per_session


def measure_bare(env, sessions, bytes_each, sends, tls_files, rounds):
    args = ["ssl" if tls_files else "send", int(bytes_each), sends, *(tls_files or [])]
    with env.tool("bench_bare", *args) as bare:
        port = int(bare.line().split()[1])
        with env.tool("bench_readers", port, sessions, "raw", *(["tls"] if tls_files else [])) as readers:
            assert readers.line() == "ready"
            time.sleep(0.3)
            costs = []
            for round_ in range(rounds):
                before = wait_idle(bare.pid)
                assert bare.ask("go") == "done"
                after = wait_idle(bare.pid)
                drain(readers, bytes_each * sends, 20000)
                if round_ > 0:
                    costs.append((after - before) / (sessions * sends))
    return median(costs)


class Poster:
    """One kept-alive connection for the samples, so that no accept is in the figures."""

    def __init__(self, port):
        self.sock = self.connect(port)

    def connect(self, port):
        return socket.create_connection(("127.0.0.1", port))

    def send(self, values):
        import json
        body = json.dumps(values).encode()
        head = f"POST /api/v1/samples HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.sock.sendall(head.encode() + body)
        answer = self.sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 204"), answer


class TlsPoster(Poster):
    def connect(self, port):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(super().connect(port))


def fanout(env):
    rows = []
    rounds = 6 if env.quick else 12
    with tempfile.TemporaryDirectory() as folder:
        files = env.certificate(folder)
        for sessions in ([1000] if env.quick else [1000, 10000]):
            for kind, streams, tls_files, budget in [("ws", 1, None, 1.15), ("sse", 1, None, 1.15), ("ws", 10, None, 0.25),
                                                     ("ws", 1, files, 1.15)]:
                ours, per_session = measure_ours(env, sessions, kind, streams, tls_files, rounds)
                bare = measure_bare(env, sessions, max(1, round(per_session / streams)), streams, tls_files, rounds)
                name = f"{'wss' if tls_files else kind}, {sessions} sessions, {streams} stream{'s' * (streams > 1)} of {per_session / streams:.0f} B"
                rows.append(Row(name, ours / 1000, "us/msg", bare / 1000, budget,
                                "base: bare SSL_write" if tls_files else "base: bare send").show())
    if not shutil.which("nginx") or not nchan_module():
        print("Nchan (nginx, libnginx-mod-nchan) is not installed: not compared")
    else:
        rows += nchan_rows(env, rounds)
    return rows


def nchan_module():
    import glob
    found = glob.glob("/usr/lib/nginx/modules/ngx_nchan_module.so")
    return found[0] if found else None


def nchan_rows(env, rounds):
    """The same fan-out through nginx + Nchan: one channel, WebSocket subscribers, messages of the same size."""
    import http.client
    import os
    import pathlib
    import subprocess
    from harness import Process, free_port
    rows = []
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "nginx.conf"
        config.write_text(f"""load_module {nchan_module()};
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; worker_rlimit_nofile 30000;
events {{ worker_connections 24000; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
 uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
 server {{ listen 127.0.0.1:{port} backlog=8192;
  location = /stream {{ nchan_subscriber websocket; nchan_channel_id bench; }}
  location = /pub {{ nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 1; }} }} }}
""")
        with Process(["nginx", "-c", config, "-e", f"{folder}/error.log"], stdin=False, env={**os.environ}) as nginx:
            time.sleep(1)
            workers = subprocess.run(["pgrep", "-P", str(nginx.pid)], capture_output=True, text=True).stdout.split()
            worker = int(workers[0])
            for sessions in ([1000] if env.quick else [1000, 10000]):
                with env.tool("bench_readers", port, sessions, "ws") as readers:
                    assert readers.line() == "ready"
                    time.sleep(0.5)
                    body = b"x" * 118
                    publisher = http.client.HTTPConnection("127.0.0.1", port)
                    costs = []
                    for round_ in range(rounds):
                        before = wait_idle(worker)
                        publisher.request("POST", "/pub", body)
                        publisher.getresponse().read()
                        after = wait_idle(worker)
                        drain(readers, len(body) + 2, 20000)
                        if round_ > 0:
                            costs.append((after - before) / sessions)
                rows.append(Row(f"Nchan, ws, {sessions} sessions, 120 B", median(costs) / 1000, "us/msg").show())
    return rows
