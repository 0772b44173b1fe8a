"""From a rule to a receiver, and what of it survives: restarts, kill -9, a full disk, a reload."""

import http.server
import json
import os
import resource
import signal
import stat
import subprocess
import threading

import pytest

import kit
import notify_kit

RULES = """
groups:
  - name: shop
    interval: 200ms
    rules:
      - {record: "shop:double", expr: "load * 2"}
      - alert: LoadHigh
        expr: shop:double > 4
        labels: {severity: critical}
        annotations: {summary: "load of {{ $labels.shop }} is {{ $value }}"}
"""


class Receiver:
    """A webhook that remembers what it is told, and fails as often as it is told to."""

    def __init__(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with receiver.lock:
                    receiver.attempts += 1
                    refuse = receiver.refuse
                    if not refuse:
                        receiver.got.append((self.headers.get("idempotency-key"), body))
                self.send_response(refuse or 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.lock, self.got, self.attempts, self.refuse = threading.Lock(), [], 0, 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def statuses(self, alertname=None):
        with self.lock:
            return [(a["labels"]["alertname"], a["status"]) for _, body in self.got for a in body["alerts"]
                    if alertname in (None, a["labels"]["alertname"])]

    def wait(self, *wanted, alertname=None):
        kit.eventually(lambda: self.statuses(alertname) == list(wanted), f"{wanted}, not {self.statuses(alertname)}")

    def end(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.end()


other = receiver  # a second one


def config(folder, *receivers, rules=RULES, more=""):
    with open(os.path.join(folder, "rules.yml"), "w", encoding="utf-8") as f:
        f.write(rules)
    hooks = ", ".join(f'{{url: "{r.url}"}}' for r in receivers)
    return f"""
rule_files: ["rules.yml"]
notify: {{allow: ["127.0.0.0/8"]}}
route: {{receiver: team, group_wait: 0s, group_interval: 200ms, group_by: ["..."]}}
receivers: [{{name: team, webhook_configs: [{hooks}]}}]
{more}
"""


FIRING, RESOLVED = ("LoadHigh", "firing"), ("LoadHigh", "resolved")


def feed(server, alertname="LoadHigh"):
    notes = server.get("/api/v1/notifications").json["notifications"]
    return [n for n in notes if n["notification"]["context"]["labels"]["alertname"] == alertname]


def fire(server, value=5):
    server.put(("load", value, {"shop": "a"}))


# --- the whole path ---


def test_a_rule_fires_and_the_receiver_and_the_feed_hear_of_it(start, receiver, tmp_path):
    s = start(config=config(tmp_path, receiver))
    with kit.Sse(s, "/events?topic=notifications") as events:
        fire(s)
        note = events.until(lambda e: e["event"] == "notification")["data"]["notification"]
        assert (note["type"], note["status"], note["title"]) == ("critical", "firing", "load of a is 10")
        receiver.wait(FIRING)
        fire(s, 1)
        resolved = events.until(lambda e: e["event"] == "notification")["data"]["notification"]
        assert (resolved["status"], resolved["id"]) == ("resolved", note["id"])
    receiver.wait(FIRING, RESOLVED)
    assert s.first("shop:double") == 2
    rows = kit.eventually(lambda: (r := s.get("/api/v1/outbox?state=sent").json["rows"])[1:] and r, "two marked rows")
    assert [r["target"] for r in rows] == ["team/webhook/0"] * 2
    assert {r["key"] for r in rows} == {key for key, _ in receiver.got}


def test_the_database_is_private(start, receiver, tmp_path):
    s = start(config=config(tmp_path, receiver))
    fire(s)
    receiver.wait(FIRING)
    for name in os.listdir(s.data):
        mode = stat.S_IMODE(os.stat(os.path.join(s.data, name)).st_mode)
        assert mode == 0o600, (name, oct(mode))


# --- restarts ---


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_neither_fires_again_nor_forgets(start, receiver, tmp_path, sig):
    text = config(tmp_path, receiver)
    s = start(config=text, data="kept")
    fire(s)
    receiver.wait(FIRING)
    kit.eventually(lambda: s.get("/api/v1/outbox?state=sent").json["rows"], "the row marked as sent")
    before = feed(s)[0]["notification"]
    s.expect_exit = -sig if sig == signal.SIGKILL else 0
    s.stop(sig)
    s = start(config=text, data="kept")
    fire(s)
    alert = kit.eventually(lambda: [a for a in s.get("/api/v2/alerts").json
                                    if a["labels"]["alertname"] == "LoadHigh"], "the alert")[0]
    assert alert["fingerprint"] == before["context"]["fingerprint"]
    s.wait_value("shop:double", 10)  # seen true: what is missing just after a start would resolve nothing
    kit.eventually(lambda: s.get("/api/v1/alerts").json["data"]["alerts"], "the rule's alert")
    fire(s, 1)
    receiver.wait(FIRING, RESOLVED)
    notes = [n["notification"] for n in feed(s)]
    assert [n["status"] for n in notes] == ["firing", "resolved"]
    assert {n["id"] for n in notes} == {before["id"]}


def test_what_is_not_delivered_before_a_kill_is_delivered_after(start, receiver, tmp_path):
    text = config(tmp_path, receiver)
    receiver.refuse = 503
    s = start(config=text, data="kept")
    fire(s)
    kit.eventually(lambda: receiver.attempts > 0, "an attempt")
    s.expect_exit = -signal.SIGKILL
    s.stop(signal.SIGKILL)
    receiver.refuse = 0
    s = start(config=text, data="kept")
    kit.eventually(lambda: receiver.got, "the delivery")
    assert receiver.statuses()[0] == FIRING
    assert len({key for key, body in receiver.got if body["status"] == "firing"}) == 1


def test_silences_survive(start, receiver, tmp_path):
    text = config(tmp_path, receiver)
    s = start(config=text, data="kept")
    silence = {"matchers": [{"name": "alertname", "value": "LoadHigh", "isRegex": False, "isEqual": True}],
               "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "me", "comment": "x"}
    identity = s.post("/api/v2/silences", silence, {"content-type": "application/json"}).json["silenceID"]
    s.expect_exit = -signal.SIGKILL
    s.stop(signal.SIGKILL)  # what has been answered is written
    s = start(config=text, data="kept")
    fire(s)
    alert = kit.eventually(lambda: s.get("/api/v2/alerts").json, "the alert")[0]
    assert alert["status"]["silencedBy"] == [identity]
    assert receiver.statuses() == []


# --- the feed across restarts ---


def last_event(server, path="/events?topic=notifications&history=1h"):
    with kit.Sse(server, path) as events:
        return events.until(lambda e: e["event"] == "notification")


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_the_feed_is_resumed_across_a_restart(start, receiver, tmp_path, sig):
    text = config(tmp_path, receiver)
    s = start(config=text, data="kept")
    fire(s)
    receiver.wait(FIRING)
    first = last_event(s)
    fire(s, 1)
    receiver.wait(FIRING, RESOLVED)
    missed = kit.eventually(lambda: feed(s)[1:], "the second note")[0]
    s.expect_exit = -sig if sig == signal.SIGKILL else 0
    s.stop(sig)
    s = start(config=text, data="kept")
    with kit.Sse(s, "/events?topic=notifications", Last_Event_ID=first["id"]) as events:
        e = events.until(lambda e: e["event"] in ("notification", "gap"))
        assert e["event"] == "notification", e
        assert (e["data"]["o"], e["data"]["notification"]) == (missed["o"], missed["notification"])
        fire(s)
        new = events.until(lambda e: e["event"] == "notification")
        assert new["data"]["notification"]["status"] == "firing"
        assert new["data"]["o"] > missed["o"]
        assert new["id"].split("-")[0] == first["id"].split("-")[0]


def test_the_feed_is_resumed_over_a_websocket_and_streams_get_a_gap(start, receiver, tmp_path):
    text = config(tmp_path, receiver)
    s = start(config=text, data="kept")
    fire(s)
    receiver.wait(FIRING)
    with s.ws(v1=True) as ws:
        epoch = ws.type("welcome")["epoch"]
        ws.send({"action": "subscribe", "id": "n", "topic": "notifications", "history": "1h"},
                {"action": "subscribe", "id": "m", "query": "load"})
        note = ws.type("notification")
        full = ws.type("full")
    kit.eventually(lambda: len(feed(s)) == 1, "the note is kept")
    s.stop()
    s = start(config=text, data="kept")
    fire(s)
    with s.ws(v1=True) as ws:
        assert ws.type("welcome")["epoch"] == epoch
        ws.send({"action": "subscribe", "id": "n", "topic": "notifications", "epoch": epoch, "offset": note["o"]})
        assert ws.type("subscribed", id="n")["recovered"] is True
        ws.send({"action": "subscribe", "id": "m", "query": "load", "epoch": epoch, "offset": full["o"]})
        assert ws.type("subscribed", id="m")["recovered"] is False
        gap = ws.type("gap")
        assert gap["from"] == full["o"] + 1
        again = ws.type("full")
        assert again["o"] > full["o"] and again["o"] >= gap["to"]
        assert not [m for m in ws.passed if m.get("type") == "notification"]


def test_old_notifications_are_read_by_time(start, receiver, tmp_path):
    s = start(config=config(tmp_path, receiver))
    fire(s)
    receiver.wait(FIRING)
    at = kit.eventually(lambda: feed(s), "the note")[0]["notification"]["timestamp"]
    assert s.get(f"/api/v1/notifications?from={at}&to={at + 1}").json["notifications"]
    assert not s.get(f"/api/v1/notifications?from={at + 1}").json["notifications"]
    assert not s.get(f"/api/v1/notifications?to={at}").json["notifications"]
    assert s.get("/api/v1/notifications?limit=0").status == 400
    assert s.get("/api/v1/notifications?from=yesterday").status == 400


# --- acknowledging over the stream ---


def test_an_acknowledgement_is_answered_by_the_feed(start, receiver, tmp_path):
    s = start(config=config(tmp_path, receiver))
    with s.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": "n", "topic": "notifications"})
        ws.send({"action": "ack", "notification": "0123456789abcdef-1"})
        assert ws.type("error")["code"] == "not_found"
        fire(s)
        note = ws.type("notification")["notification"]
        ws.send({"action": "ack", "notification": note["id"], "comment": "on it"})
        acked = ws.type("notification")["notification"]
        assert (acked["id"], acked["status"]) == (note["id"], "acknowledged")
        fire(s, 1)
        assert ws.type("notification")["notification"]["status"] == "resolved"
        ws.send({"action": "ack", "notification": note["id"]})
        assert ws.type("error")["code"] == "not_found"


# --- reload ---


def test_a_reload_replaces_rules_and_receivers_and_keeps_state(start, receiver, other, tmp_path):
    s = start(config=config(tmp_path, receiver))
    fire(s)
    receiver.wait(FIRING)
    rules = RULES + "      - {alert: Extra, expr: 'load > 0', labels: {severity: info}}\n"
    text = config(tmp_path, receiver, other, rules=rules)
    with open(s.config, "w", encoding="utf-8") as f:
        f.write(text)
    s.process.send_signal(signal.SIGHUP)
    kit.eventually(lambda: other.statuses("Extra") == [("Extra", "firing")], "the new rule at the new receiver")
    assert receiver.statuses("LoadHigh") == [FIRING]
    assert [n["notification"]["status"] for n in feed(s)] == ["firing"]


@pytest.mark.parametrize("broken, place", [
    ("rules", "rules.yml:"), ("syntax", ".yml:"), ("receiver", ".yml:"), ("unknown", ".yml:"), ("missing", "nowhere.yml")])
def test_a_bad_reload_changes_nothing_and_says_where(start, receiver, tmp_path, broken, place):
    s = start(config=config(tmp_path, receiver))
    s.allow_errors = "reload refused"
    text = config(tmp_path, receiver)
    if broken == "rules":
        config(tmp_path, receiver, rules=RULES.replace("load * 2", "load *"))
    elif broken == "syntax":
        text += "\nroute: [\n"
    elif broken == "receiver":
        text = text.replace("receiver: team", "receiver: nobody")
    elif broken == "unknown":
        text += "\nretentoin: 1h\n"
    else:
        text = text.replace('"rules.yml"', '"nowhere.yml"')
    with open(s.config, "w", encoding="utf-8") as f:
        f.write(text)
    answer = s.post("/-/reload", "")
    assert answer.status == 400 and place in answer.json["error"], answer
    checked = kit.run(kit.BINARY, "check-config", s.config)
    assert checked.returncode == 1 and place in checked.stderr.decode()
    s.process.send_signal(signal.SIGHUP)
    kit.eventually(lambda: "reload refused" in s.log, "the log line")
    assert place in s.log
    fire(s)
    receiver.wait(FIRING)


def test_a_reload_applies_links_labels_interval_and_streams_and_names_the_rest(start, receiver, tmp_path):
    def reload(text):
        with open(s.config, "w", encoding="utf-8") as f:
            f.write(text)
        answer = s.post("/-/reload", "")
        assert answer.status == 200, answer
        return answer.json["needsRestart"]

    def told(status, **labels):
        return kit.eventually(lambda: [b for _, b in receiver.got for a in b["alerts"] if a["status"] == status and
                                       labels.items() <= a["labels"].items()], f"{status} with {labels}")[-1]

    def shows(ws, value):
        ws.until(lambda m: m.get("d") == [0, value] or m.get("points") and m["points"][-1][1] == [value])

    more = """external_url: https://{host}.example
external_labels: {{site: {site}}}
evaluation_interval: {interval}
retention: {retention}
streams: {{busy: 'load * {factor}', other: 'load'}}
"""
    before = {"host": "one", "site": "a", "interval": "1h", "retention": "1h", "factor": 10}
    after = {"host": "two", "site": "b", "interval": "100ms", "retention": "2h", "factor": 100}
    rules = RULES.replace("    interval: 200ms\n", "")
    s = start(config=config(tmp_path, receiver, rules=rules, more=more.format(**before)))
    fire(s)
    assert reload(config(tmp_path, receiver, rules=rules, more=more.format(**{**before, "interval": "100ms"}))) == []
    assert told("firing", site="a")["externalURL"] == "https://one.example"
    with s.ws(v1=True) as named, s.ws(v1=True) as other:
        named.type("welcome")
        named.send({"action": "subscribe", "id": "x", "stream": "busy"})
        other.send({"action": "subscribe", "id": "y", "stream": "other"})
        shows(named, 50)
        other.type("full")
        assert reload(config(tmp_path, receiver, rules=rules, more=more.format(**after))) == ["retention"]
        assert named.closed()[0] == 1001
        other.send({"action": "ping", "time": 7})
        other.type("pong")
    told("resolved", site="a")
    assert told("firing", site="b")["externalURL"] == "https://two.example"
    with s.ws(v1=True) as named:
        named.send({"action": "subscribe", "id": "x", "stream": "busy"})
        shows(named, 500)
    assert "count only after a restart" in s.log and "keys=retention" in s.log


def test_a_reload_replaces_tokens(start, receiver, tmp_path):
    def text(name):
        token = f'{{name: {name}, hash: "{kit.token_hash("secret-" + name)}", rights: [read, admin]}}'
        return config(tmp_path, receiver, more=f"auth: {{tokens: [{token}]}}")

    def status(name):
        return s.request("GET", "/api/v1/receivers", headers={"Authorization": f"Bearer secret-{name}"}).status

    s = start(config=text("old"))
    assert (status("old"), status("new")) == (200, 401)
    with open(s.config, "w", encoding="utf-8") as f:
        f.write(text("new"))
    assert s.request("POST", "/-/reload", headers={"Authorization": "Bearer secret-old"}).status == 200
    assert (status("old"), status("new")) == (401, 200)


def test_a_reload_ends_sessions_of_tokens_that_are_gone(start, receiver, tmp_path):
    def text(*tokens):
        listed = ", ".join(f'{{name: {name}, hash: "{kit.token_hash("secret-" + name)}", rights: [{rights}]}}'
                           for name, rights in tokens)
        return config(tmp_path, receiver, more=f"auth: {{tokens: [{listed}]}}")

    def session(name):
        return s.ws(v1=True, extra_headers={"Authorization": f"Bearer secret-{name}"})

    s = start(config=text(("gone", "read"), ("less", "read, admin"), ("same", "read, admin")))
    with session("gone") as gone, session("less") as less, session("same") as same, s.ws(v1=True) as guest, \
            kit.Sse(s, "/events?metric=up", Authorization="Bearer secret-gone") as events:
        for ws in (gone, less, same, guest):
            ws.type("welcome")
        with open(s.config, "w", encoding="utf-8") as f:
            f.write(text(("less", "admin"), ("same", "read, admin")))
        assert s.request("POST", "/-/reload", headers={"Authorization": "Bearer secret-same"}).status == 200
        assert gone.closed()[0] == 4001
        assert less.closed()[0] == 4003
        events.raw.all()
        for ws in (same, guest):
            ws.send({"action": "ping", "time": 7})
            assert ws.type("pong")["time"] == 7


# --- the end ---


def test_a_test_of_a_receiver_that_hangs_ends_with_the_server(start, tmp_path):
    def hang(_):
        return lambda handler: (asked.set(), over.wait(kit.DEADLINE))

    asked, over = threading.Event(), threading.Event()
    with notify_kit.fake(hang) as fake:
        s = start(config=config(tmp_path, fake))
        s.allow_errors = "."
        answers = []
        tests = [threading.Thread(target=lambda: answers.append(s.post("/api/v1/receivers/test", {"target": "team/webhook/0"})))]
        tests[0].start()
        assert asked.wait(kit.DEADLINE)
        s.process.send_signal(signal.SIGTERM)
        tests[0].join(kit.DEADLINE)
        over.set()
    assert answers and "the server is being stopped" in answers[0].json["error"] and not answers[0].json["delivered"]
    assert s.process.wait(kit.DEADLINE) == 0


# --- the disk ---


def limit_files(server, n):
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (n, resource.RLIM_INFINITY))


def test_who_wants_to_write_to_a_disk_that_refuses_does_not_hold_up_others(start):
    def save(i):
        answers.append(s.request("PUT", f"/api/v1/dashboards/d{i}", "{}"))

    s = start(data="kept")
    s.allow_errors = "cannot write"
    limit_files(s, os.path.getsize(os.path.join(s.data, "streamgauge.db-wal")))
    answers = []
    save("first")
    s.wait_metric("streamgauge_persist_failing", 1)
    # One after the other, each waiting for the disk as long as the first, they would take minutes.
    threads = [threading.Thread(target=save, args=(i,)) for i in range(40)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(kit.DEADLINE)
    assert [a.status for a in answers] == [507] * 41, answers
    limit_files(s, resource.RLIM_INFINITY)  # what was promised is kept
    kit.eventually(lambda: len(s.get("/api/v1/dashboards").json["dashboards"]) == 41, "all of them")


def test_a_full_disk_stops_neither_feed_nor_receivers_and_heals(start, receiver, tmp_path):
    s = start(config=config(tmp_path, receiver), data="kept")
    s.allow_errors = "cannot write"
    limit_files(s, os.path.getsize(os.path.join(s.data, "streamgauge.db-wal")))
    with kit.Sse(s, "/events?topic=notifications") as events:
        fire(s)
        names = set()
        while not names >= {"LoadHigh", "StreamgaugePersistFailing"}:
            note = events.until(lambda e: e["event"] == "notification")["data"]["notification"]
            names.add(note["context"]["labels"]["alertname"])
        kit.eventually(lambda: FIRING in receiver.statuses(), "the delivery")
        assert s.metric("streamgauge_persist_failing") == 1
        limit_files(s, resource.RLIM_INFINITY)
        events.until(lambda e: e["event"] == "notification" and e["data"]["notification"]["status"] == "resolved" and
                     e["data"]["notification"]["context"]["labels"]["alertname"] == "StreamgaugePersistFailing")
    s.wait_metric("streamgauge_persist_failing", 0)
    kit.eventually(lambda: feed(s), "the note is kept after all")
    assert receiver.statuses("LoadHigh") == [FIRING]


# --- dead letters ---


def test_dead_letters_are_told_and_can_be_sent_again(start, receiver, tmp_path):
    text = config(tmp_path, receiver)
    s = start(config=text, data="kept")
    receiver.refuse = 404
    with kit.Sse(s, "/events?topic=notifications") as events:
        fire(s)
        letter = events.until(lambda e: e["event"] == "notification" and
                              e["data"]["notification"]["context"]["labels"]["alertname"] == "StreamgaugeDeadLetter")
        assert letter["data"]["notification"]["context"]["labels"]["target"] == "team/webhook/0"
        assert letter["data"]["notification"]["actionUrl"].endswith("/graph?g0.expr=streamgauge_notifications_dead_total&g0.tab=0")
        dead = kit.eventually(lambda: s.get("/api/v1/outbox?state=dead").json["rows"], "the dead letter")
        assert "404" in dead[-1]["error"]
        receiver.refuse = 0
        assert s.post("/api/v1/outbox/retry", {"row": dead[-1]["row"]}).status == 200
        kit.eventually(lambda: FIRING in receiver.statuses(), "the delivery")
    assert s.post("/api/v1/outbox/retry", {"row": "x"}).status == 400
    assert s.post("/api/v1/outbox/retry", {"raw": 1}).status == 400
    for unknown in (0, 999999):
        answer = s.post("/api/v1/outbox/retry", {"row": unknown})
        assert answer.status == 404 and f"there is no row {unknown}" in answer.json["error"], answer
    assert s.get("/api/v1/outbox?state=lost").status == 400


def test_a_receiver_far_behind_says_how_far(start, receiver, tmp_path):
    """What the notifier holds is a window; rows beyond the limit are given up while it holds them."""
    s = start(config=config(tmp_path, receiver) + "limits: {outbox_rows: 600}\n", data="kept")
    receiver.refuse = 503
    for i in range(0, 1500, 250):
        alerts = [{"labels": {"alertname": f"Many{n}", "severity": "info"}} for n in range(i, i + 250)]
        assert s.post("/api/v2/alerts", alerts).status == 200

    def waiting():
        r = s.get("/api/v1/receivers").json["receivers"][0]
        return r["waiting"] + r["sending"]

    kit.eventually(lambda: s.get("/api/v1/outbox?state=dead").json["dead"] >= 900, "what is too much is given up")
    kit.eventually(lambda: waiting() == s.get("/api/v1/outbox").json["waiting"] <= 600, "the receiver tells of those left")


def test_dead_letters_are_told_again_after_a_restart(start, receiver, tmp_path):
    text = config(tmp_path, receiver)
    receiver.refuse = 404
    s = start(config=text, data="kept")
    fire(s)

    def names():
        return {a["labels"]["alertname"] for a in s.get("/api/v2/alerts").json}

    kit.eventually(lambda: "StreamgaugeDeadLetter" in names(), "the alert about the dead letter")
    s.stop()
    s = start(config=text, data="kept")
    kit.eventually(lambda: "StreamgaugeDeadLetter" in names(), "the same after the restart")


def test_a_receiver_can_be_tried(start, receiver, tmp_path):
    s = start(config=config(tmp_path, receiver))
    answer = s.post("/api/v1/receivers/test", {"target": "team/webhook/0"}).json
    assert answer["delivered"] is True, answer
    assert receiver.got[0][1]["alerts"][0]["labels"]["alertname"] == "StreamgaugeTest"
    receiver.refuse = 500
    answer = s.post("/api/v1/receivers/test", {"target": "team/webhook/0"}).json
    assert answer["delivered"] is False and "500" in answer["error"], answer
    assert s.post("/api/v1/receivers/test", {"target": "team/webhook/7"}).status == 404
    assert s.post("/api/v1/receivers/test", "{}").status == 400
    targets = s.get("/api/v1/receivers").json["receivers"]
    assert [t["target"] for t in targets] == ["team/webhook/0"]


# --- push subscriptions ---

KEYS = {"p256dh": "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM",
        "auth": "tBHItJI5svbpez7KI4CCXg"}


def test_push_keys_stay_and_subscriptions_are_checked(start, tmp_path):
    s = start(config="limits: {push_subscriptions: 2}\n", data="kept")
    key = s.get("/api/v1/push/key").json["key"]
    assert len(key) == 87 and key.startswith("B")
    good = {"endpoint": "https://push.example/abc", "expirationTime": None, "keys": KEYS}

    def post(**change):
        return s.post("/api/v1/push/subscriptions", {**good, **change}).status

    assert post() == 201
    assert post() == 200
    assert post(endpoint="http://push.example/abc") == 400
    assert post(endpoint="http://127.0.0.1:8080/abc") == 400
    assert post(endpoint="https://") == 400
    assert post(endpoint="https://push.example/\n") == 400
    assert post(endpoint="https://" + "x" * 3000) == 400
    assert post(keys={**KEYS, "auth": "short"}) == 400
    assert post(keys={**KEYS, "p256dh": KEYS["p256dh"][:-1]}) == 400
    assert post(keys={**KEYS, "p256dh": "A" + KEYS["p256dh"][1:]}) == 400
    assert post(keys=None) == 400
    assert s.post("/api/v1/push/subscriptions", "[]").status == 400
    assert post(endpoint="https://push.example/2") == 201
    assert post(endpoint="https://push.example/3") == 429
    answer = s.request("DELETE", "/api/v1/push/subscriptions", json.dumps({"endpoint": "https://push.example/2"}))
    assert answer.status == 204
    assert post(endpoint="https://push.example/3") == 201
    s.stop()
    s = start(data="kept")
    assert s.get("/api/v1/push/key").json["key"] == key


# --- dashboards ---


def test_dashboards_are_kept_with_versions(start):
    s = start(data="kept")
    text = json.dumps({"title": "Shop", "tags": ["a"], "panels": []})

    def put(uid, body=text, **headers):
        return s.request("PUT", f"/api/v1/dashboards/{uid}", body, {k.replace("_", "-"): v for k, v in headers.items()})

    assert put("shop").status == 201
    assert put("shop", If_Match='"2"').status == 412
    answer = put("shop", If_Match='"1"')
    assert (answer.status, answer.json["version"], answer.headers["etag"]) == (200, 2, '"2"')
    assert put("other", If_Match="*").status == 412
    assert put("bad uid".replace(" ", "%20")).status == 400
    assert put("bad", "[1]").status == 400
    assert put("bad", "{").status == 400
    assert put("big", json.dumps({"x": "y" * (1 << 20)})).status == 413
    s.stop()
    s = start(data="kept")
    listed = s.get("/api/v1/dashboards").json["dashboards"]
    assert [(d["uid"], d["title"], d["tags"], d["version"]) for d in listed] == [("shop", "Shop", ["a"], 2)]
    got = s.get("/api/v1/dashboards/shop")
    assert got.json["dashboard"] == json.loads(text) and got.headers["etag"] == '"2"'
    assert s.request("DELETE", "/api/v1/dashboards/shop", headers={"If-Match": '"1"'}).status == 412
    assert s.request("DELETE", "/api/v1/dashboards/shop").status == 204
    assert s.get("/api/v1/dashboards/shop").status == 404
    assert s.request("DELETE", "/api/v1/dashboards/shop").status == 404


# --- rights ---


def test_who_may_do_what(start, receiver, tmp_path):
    tokens = {right: f"token-{right}" for right in ("read", "ingest", "admin")}
    listed = ", ".join(f'{{name: {r}, hash: "{kit.token_hash(t)}", rights: [{r}]}}' for r, t in tokens.items())
    s = start(config=config(tmp_path, receiver, more=f"auth: {{tokens: [{listed}]}}"))

    def status(right, method, path, body=None):
        return s.request(method, path, body, {"Authorization": "Bearer " + tokens[right]}).status

    for path in ("outbox", "receivers", "notifications", "push/key", "dashboards"):
        assert status("read", "GET", "/api/v1/" + path) == 200
        assert status("ingest", "GET", "/api/v1/" + path) == 403
    for method, path, body in (("POST", "/api/v1/outbox/retry", "{}"), ("PUT", "/api/v1/dashboards/x", "{}"),
                               ("POST", "/-/reload", ""), ("POST", "/api/v1/receivers/test", '{"target":"team/webhook/0"}')):
        assert status("read", method, path, body) == 403, path
        assert status("admin", method, path, body) in (200, 201), path


def test_without_a_folder_it_says_so_once(receiver, tmp_path):
    folder = str(tmp_path)
    path = os.path.join(folder, "c.yml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(config(folder, receiver) + '\nlisten: ["127.0.0.1:0"]\ninputs: {statsd: {listen: "off"}, host: {enabled: false}}\n')
    with kit.ending(subprocess.Popen([kit.BINARY, "serve", "--config", path], stderr=subprocess.PIPE, text=True)) as p:
        for line in p.stderr:
            if "do not survive a restart without --data" in line:
                break
        else:
            pytest.fail("it did not say so")
