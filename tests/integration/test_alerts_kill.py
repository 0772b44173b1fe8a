"""kill -9 at every step between a rule and its receiver: what fired and what resolved arrives all the same.

Wants a binary built with -DSG_FAULTS=ON, which kills itself where STREAMGAUGE_FAULT says (streamgauge/fault.h):
STREAMGAUGE_FAULTS=<path>, else the tests are skipped. A case is a step and a seed; "any" is a kill from outside at no
particular place. The seed chooses the occurrence of the step, which alerts fire and resolve together, whether the
receiver refuses until both have been written, and how many of its answers are lost. Alerts come and go until the
process has been killed, and once more after that.

What must hold: every transition arrives; the same transition has one idempotency key; a kill makes at most one
duplicate of it; per alert, first arrivals are fired, resolved, fired, resolved; the last word is "resolved"; the feed
that is kept has each of them once, in the same order.
"""

import concurrent.futures
import contextlib
import http.client
import http.server
import json
import os
import random
import signal
import threading
import time

import pytest

import kit

BINARY = os.environ.get("STREAMGAUGE_FAULTS") and os.path.abspath(os.environ["STREAMGAUGE_FAULTS"])
STEPS = ("evaluated", "row-written", "request-sent", "reply-read", "row-marked", "any")
SEEDS = int(os.environ.get("KILL_SEEDS", 20))
SHOPS = ("a", "b", "c")
MAX_EPISODES = 20  # by then the process must have been killed

pytestmark = pytest.mark.skipif(not BINARY, reason="STREAMGAUGE_FAULTS names no binary built with -DSG_FAULTS=ON")

RULES = """
groups:
  - name: shop
    interval: 100ms
    rules:
      - alert: LoadHigh
        expr: load > 4
        labels: {severity: critical}
"""
# The grace lasts longer than a start here ever takes: what ends within it is told all the same, as soon as there are samples.
CONFIG = """
tick: 50ms
restart_grace: 30s
rule_files: ["rules.yml"]
notify: {allow: ["127.0.0.0/8"]}
route: {receiver: team, group_wait: 0s, group_interval: 50ms, group_by: ["..."]}
receivers: [{name: team, webhook_configs: [{url: "%s"}]}]
flapping: false
"""


class Hook:
    """A webhook that keeps what it is told in the order of arrival."""

    def __init__(self):
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with hook.lock:
                    lost = hook.lose > 0 and not hook.refuse
                    hook.lose -= lost
                    if not hook.refuse:
                        hook.got += [(self.headers["Idempotency-Key"], a) for a in body["alerts"]]
                    status = 503 if hook.refuse else 200
                if lost:  # taken, but nobody hears of it
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.lock, self.got, self.refuse, self.lose = threading.Lock(), [], False, 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def arrivals(self, shop):
        with self.lock:
            return [(key, a) for key, a in self.got if a["labels"]["shop"] == shop]

    def end(self):
        self.server.shutdown()
        self.server.server_close()


class Case:
    """One life under fire: the server dies once by the fault, and is brought back."""

    def __init__(self, folder, step, seed):
        self.folder, self.hook, self.kills = folder, Hook(), 0
        self.dice = random.Random(f"{step} {seed}")
        self.env = {"STREAMGAUGE_FAULT": f"{step}:{1 + seed % 10}"}
        # From the first sample on; as long as the first episodes take.
        self.kill_at = time.monotonic() + 0.15 + 1.5 * self.dice.random() if step == "any" else None
        self.lost = self.hook.lose = self.dice.randrange(3)
        self.load = dict.fromkeys(SHOPS, 1)
        self.server = None
        with open(os.path.join(folder, "rules.yml"), "w", encoding="utf-8") as f:
            f.write(RULES)

    def start(self):
        self.server = kit.Server(self.folder, config=CONFIG % self.hook.url, binary=BINARY, data="data", edges=1,
                                 wait=False, env=self.env)
        try:
            self.server.wait_ready()
        except (AssertionError, pytest.fail.Exception):
            if self.server.alive():  # else the very first ticks were the ones that kill
                raise

    def tell(self):
        """Keeps a server running and the samples coming, as an agent would; false while there is none."""
        if self.server and self.kill_at and time.monotonic() >= self.kill_at:
            self.server.process.kill()
            self.server.process.wait(10)
            self.kill_at = None
        if self.server and not self.server.alive():
            assert self.server.process.returncode == -signal.SIGKILL, self.server.log
            assert not kit.CRASH.search(self.server.log), self.server.log
            self.server, self.env, self.kills = None, {"STREAMGAUGE_FAULT": "none:1"}, self.kills + 1
        if not self.server:
            self.start()
        if not self.server.alive():
            return False
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.server.put(*[("load", v, {"shop": shop}) for shop, v in self.load.items()])
        return True

    def until(self, condition, what):
        end = time.monotonic() + kit.DEADLINE
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.tell() and condition():
                    return
            time.sleep(0.04)
        raise AssertionError(f"{what}; arrived: {[(a['labels']['shop'], a['status']) for _, a in self.hook.got]}\n"
                             + (self.server.log if self.server else ""))

    def arrived(self, shop):
        """Transitions of a shop, each once, by the episode they belong to."""
        return list(dict.fromkeys((a["startsAt"], a["status"]) for _, a in self.hook.arrivals(shop)))

    def all_arrived(self, shops, told):
        return all(len(self.arrived(s)) >= told[s] for s in shops)

    def written(self, shops, told):
        """True when as many transitions of each have become rows."""
        rows = {}  # by id: one may be sent between the two questions
        for state in ("waiting", "sent"):
            rows |= {r["row"]: r for r in self.server.get(f"/api/v1/outbox?state={state}&limit=1000").json["rows"]}
        seen = [a["labels"]["shop"] for r in rows.values() for a in r["body"]["alerts"]]
        return all(seen.count(s) >= told[s] for s in shops)

    def run(self):
        told = dict.fromkeys(SHOPS, 0)
        for episode in range(MAX_EPISODES):
            last = self.kills > 0
            self.episode(told)
            if last and episode > 0:
                break
        assert self.kills == 1, f"killed {self.kills} times in {MAX_EPISODES} episodes"
        self.settle()
        self.judge(told)

    def episode(self, told):
        """Some alerts fire and resolve."""
        shops = [s for s in SHOPS if self.dice.random() < 0.7] or ["a"]
        self.hook.refuse = self.dice.random() < 0.3
        for value in (9, 1):
            self.load.update(dict.fromkeys(shops, value))
            for shop in shops:
                told[shop] += 1
            if self.hook.refuse:
                self.until(lambda: self.written(shops, told), f"{told} are not written")
            else:
                self.until(lambda: self.all_arrived(shops, told), f"not {told} arrived")
        self.hook.refuse = False
        self.until(lambda: self.all_arrived(shops, told), f"not {told} arrived")

    def settle(self):
        self.until(lambda: self.server.get("/api/v1/outbox").json["waiting"] == 0, "rows still wait")
        notes = self.server.get("/api/v1/notifications?limit=1000").json["notifications"]
        self.feed = [(n["notification"]["context"]["labels"].get("shop"), n["notification"]["status"]) for n in notes]
        self.server.process.send_signal(signal.SIGTERM)
        assert self.server.process.wait(20) == 0, self.server.log

    def judge(self, told):
        for shop in SHOPS:
            arrivals, first = self.hook.arrivals(shop), self.arrived(shop)
            assert [status for _, status in first] == ["firing", "resolved"] * (told[shop] // 2), (shop, first)
            assert [i for i, _ in first[::2]] == [i for i, _ in first[1::2]], (shop, first)
            keys = {}
            for key, a in arrivals:
                keys.setdefault((a["startsAt"], a["status"]), []).append(key)
            for what, got in keys.items():
                assert len(set(got)) == 1, f"one transition, several keys: {what} {got}"
                assert len(got) <= 1 + self.kills + self.lost, f"too often: {what} {got}"
            # Answers that were lost are repeated as well; those of the kill alone: one of each.
            extra = sum(len(got) - 1 for got in keys.values())
            assert extra <= len(keys) * self.kills + self.lost, (shop, keys)
            assert not arrivals or arrivals[-1][1]["status"] == "resolved", arrivals[-1]
            feed = [status for s, status in self.feed if s == shop]
            assert feed == ["firing", "resolved"] * (told[shop] // 2), (shop, feed)


def run_case(folder, step, seed):
    case = Case(folder, step, seed)
    try:
        case.run()
        return case.kills, None
    except (AssertionError, pytest.fail.Exception) as e:
        return case.kills, f"{step}, seed {seed}: {e}"
    finally:
        case.hook.end()
        if case.server and case.server.alive():
            case.server.process.kill()
            case.server.process.wait(10)


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_loses_no_transition(step, tmp_path):
    folders = [tmp_path / str(seed) for seed in range(SEEDS)]
    for folder in folders:
        folder.mkdir()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda seed: run_case(str(folders[seed]), step, seed), range(SEEDS)))
    failures = [failure for _, failure in results if failure]
    kills = sum(n for n, _ in results)
    print(f"{step}: {SEEDS} seeds, {kills} kills, {len(failures)} failures")
    assert not failures, f"{len(failures)} of {SEEDS}\n" + "\n".join(failures[:3])
    assert kills == SEEDS
