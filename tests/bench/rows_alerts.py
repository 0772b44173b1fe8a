"""alerts: what active alerts cost per tick, how soon a crossing is told to displays, how many notifications reach a webhook."""
import pathlib
import subprocess
import tempfile
import time

from harness import Row, Server, cpu_ns
from rows_fanout import Poster, drain

HEAD = """
route: {receiver: team, group_by: ["..."], group_wait: 0s, group_interval: 100ms, repeat_interval: 4h}
flapping: false
limits: {alerts: 200000, outbox_rows: 1000000}
"""
NOBODY = HEAD + "receivers: [{name: team}]\n"
RULE = """
groups:
  - name: bench
    interval: %s
    rules:
      - alert: BenchHigh
        expr: %s > 5
        labels: {severity: critical, host: '{{ $labels.n | toUpper }}'}
        annotations: {summary: '{{ $labels.n }} is at {{ $value | humanize }}'}
"""


def write(folder, config, rule=None):
    folder = pathlib.Path(folder)
    text = config
    if rule:
        (folder / "rules.yml").write_text(rule)
        text += f"rule_files: [{folder}/rules.yml]\n"
    (folder / "config.yml").write_text(text)
    return folder / "config.yml"


def samples(name, n, value):
    return "".join(f'{name}{{job="node",n="host-{i}"}} {value}\n' for i in range(n)).encode()


def post(server, text):
    status, answer = server.request("POST", "/api/v1/import/prometheus", text)
    assert status == 204, (status, answer)


def wait_for(server, condition, what, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition(server.metrics()):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{what} has not come true in {seconds} s")


# --- evaluation ---


def core_share(env, folder, rule, instances, seconds):
    """Share of one core of the whole server while `instances` samples come each second."""
    with Server(env, "--edges", "1", "--config", write(folder, NOBODY, rule)) as server:
        bodies = [samples("bench_load", instances, 9), samples("bench_load", instances, 8)]
        post(server, bodies[0])
        if rule:
            wait_for(server, lambda m: m['streamgauge_rule_alerts{state="firing"}'] == instances, "all fire")
        time.sleep(3)
        start, before, k = time.monotonic(), cpu_ns(server.pid), 0
        while time.monotonic() < start + seconds:
            post(server, bodies[k % 2])
            k += 1
            time.sleep(max(0, start + k - time.monotonic()))
        return (cpu_ns(server.pid) - before) / 1e9 / (time.monotonic() - start)


def evaluation(env):
    n, rows = 10000, []
    # Once a minute alerts are told again, so a whole minute is looked at.
    seconds = 10 if env.quick else 60
    with tempfile.TemporaryDirectory() as folder:
        without = core_share(env, folder, None, n, seconds)
        share = core_share(env, folder, RULE % ("1s", "bench_load"), n, seconds) - without
    rows.append(Row("10 000 firing alerts, evaluated once a second", share * 100, "% of core", budget=5,
                    note=f"whole server in {seconds} s, less {without * 100:.1f} % for the same samples without the rule").show())
    done = subprocess.run([env.tools / "bench_rules", str(n), "30" if env.quick else "120"], check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        name, ns, part, first = line.split()
        rows.append(Row(f"the ruler alone, 10 000 {name}", float(part) * 100, "% of core", budget=5,
                        note=f"{ns} ns per instance and tick, {first} when they come").show())
    return rows


# --- a crossing on its way to displays ---


def crossing(env):
    """Sample posted → notification received, 1 000 sessions that are awake."""
    sessions, rounds = 1000, 15 if env.quick else 50
    with tempfile.TemporaryDirectory() as folder, \
            Server(env, "--edges", "1", "--config", write(folder, NOBODY, RULE % ("100ms", "bench_cross"))) as server:
        poster = Poster(server.port)
        poster.send([{"metric": "bench_cross", "value": 1}])
        with env.tool("bench_readers", server.port, sessions, "v1", '{"action":"subscribe","id":"n","topic":"notifications"}') as readers:
            assert readers.line() == "ready"
            time.sleep(0.5)
            drain(readers, 0, 300)
            readers.child.stdin.write(f"latency {rounds * 700 + 1000}\n")
            readers.child.stdin.flush()
            sent = {}
            for i in range(rounds):
                time.sleep(0.3 + i % 10 * 0.01)  # at every part of a tick
                sent[1000 + i] = time.time() * 1e6
                poster.send([{"metric": "bench_cross", "value": 1000 + i}])
                time.sleep(0.25)
                poster.send([{"metric": "bench_cross", "value": 1}])
            arrivals = {value: [] for value in sent}
            for line in iter(readers.line, "end"):
                _, value, when = line.split()
                # The end of the alert tells the value again, later.
                if int(value) in sent and len(arrivals[int(value)]) < sessions:
                    arrivals[int(value)].append((int(when) - sent[int(value)]) / 1000)
    waits = sorted(wait for each in arrivals.values() for wait in each)
    assert len(waits) >= rounds * sessions * 0.99, len(waits)
    note = f"{sessions} sessions, {rounds} crossings, base tick and rule every 100 ms"
    return [Row("crossing sample to notification frame, median", waits[len(waits) // 2], "ms", note=note).show(),
            Row("crossing sample to notification frame, p99", waits[len(waits) * 99 // 100], "ms", budget=120, note=note).show()]


# --- the outbox ---


def outbox(env):
    """Alerts fire all at once; each is a row of its own, written with synchronous=FULL before it is sent."""
    n, rows = 10000 if env.quick else 30000, []
    with tempfile.TemporaryDirectory() as folder, env.tool("bench_sink") as sink:
        port = sink.line().split()[1]
        config = HEAD + "notify: {allow: [127.0.0.1]}\nreceivers: [{name: team, webhook_configs: [{url: 'http://127.0.0.1:%s/hook'}]}]\n" % port
        with Server(env, "--edges", "1", "--config", write(folder, config, RULE % ("1s", "bench_hot"))) as server:
            post(server, samples("bench_hot", n, 9))
            wait_for(server, lambda m: m["streamgauge_outbox_rows_total"] > 0, "the first row")
            cpu, start = cpu_ns(server.pid), time.monotonic()
            # None waits any more when the last one's mark is on the disk, too.
            sent = 'streamgauge_notifications_sent_total{target="team/webhook/0",kind="webhook"}'
            wait_for(server, lambda m: m[sent] >= n and m["streamgauge_outbox_waiting"] == 0, "all are sent")
            seconds, spent = time.monotonic() - start, (cpu_ns(server.pid) - cpu) / 1e3 / n
            requests, connections = sink.ask("count").split()[1::2]
            assert int(requests) == n, (requests, n)
            commits = server.metrics()["streamgauge_persist_commits_total"]
    note = f"{n / seconds:.0f}/s, {n} rows, each on the disk before it is sent; {commits:.0f} commits, {connections} connections"
    rows.append(Row("outbox to a local webhook, per notification", seconds * 1e6 / n, "us", budget=500, note=note).show())
    rows.append(Row("CPU from alert to mark, per notification", spent, "us", note="all threads").show())
    return rows


def alerts(env):
    return evaluation(env) + crossing(env) + outbox(env)
