"""Digests by mail, through a real SMTP server: by hand, when they are due, across restarts and kill -9."""

import contextlib
import json
import os
import signal
import sqlite3
import time

import pytest

import kit
from notify_kit import free_port
from test_notify_mail import Mailbox, controllers, parts

RULES = """
groups:
  - name: shop
    interval: 200ms
    rules:
      - {alert: LoadHigh, expr: load > 4, labels: {severity: critical}}
"""
DAY, HALF_HOUR, MINUTE = 86400_000, 1800_000, 60_000
EXPRESSIONS = "expressions: [{title: Answer, expr: vector(42), unit: ms}, {title: Load of the shop, expr: load}]"
AT = (time.time() // 3600 + 12) % 24  # hour; far from now, whenever the tests run
DAILY = f"digests: [{{name: ops, receiver: team, title: Shop, at: '{AT:02.0f}:00', {EXPRESSIONS}}}]"


@pytest.fixture
def box():
    """A mailbox with the port of its SMTP server."""
    mailbox = Mailbox()
    mailbox.port = free_port()
    server = controllers.Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, ready_timeout=kit.DEADLINE)
    server.start()
    yield mailbox
    server.stop()


def config(folder, box, digests=DAILY, more=""):
    with open(os.path.join(folder, "rules.yml"), "w", encoding="utf-8") as f:
        f.write(RULES)
    return f"""
external_url: https://gauge.example
rule_files: [rules.yml]
notify: {{allow: ["127.0.0.0/8"]}}
global: {{smtp_from: 'Gauge <sg@example.org>', smtp_smarthost: '127.0.0.1:{box.port}', smtp_require_tls: false}}
route: {{receiver: nobody, group_wait: 0s}}
receivers: [{{name: nobody}}, {{name: team, email_configs: [{{to: ops@example.org}}]}}]
{digests}
{more}
"""


def mails(box, n=1):
    return kit.eventually(lambda: box.mails[n - 1:] and list(box.mails), f"{n} mails, got {len(box.mails)}")


def text_of(mail):
    return parts(mail)["text/plain"].replace("\r\n", "\n")


@contextlib.contextmanager
def database(server):
    """The database of a server that has ended."""
    (name,) = [n for n in os.listdir(server.data) if n.endswith(".db")]
    with contextlib.closing(sqlite3.connect(os.path.join(server.data, name))) as db, db:
        yield db


def points(server):
    with database(server) as db:
        return dict(db.execute("SELECT key, body FROM digest_points"))


def last_due():
    shift = int(AT) * 3600_000
    return (kit.now_ms() - shift) // DAY * DAY + shift


def missed_one(db):
    """The last digest was that of two days before."""
    db.execute("INSERT OR REPLACE INTO digests VALUES ('ops', ?, 0)", (json.dumps({"last": last_due() - 2 * DAY}),))


def minute(ms):
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(ms / 1000))


def test_one_by_hand_says_what_happened(start, box, tmp_path):
    s = start(config=config(tmp_path, box))
    s.put(("load", 5, {"shop": "<a>"}))
    kit.eventually(lambda: s.get("/api/v1/notifications").json["notifications"], "a notification")
    assert s.post("/api/v1/digests/ops", "").status == 200
    (mail,) = mails(box)
    assert mail["Subject"] == "[DAILY] Shop: 1 alert, 1 firing"
    assert mail["To"] == "ops@example.org"
    assert mail["In-Reply-To"] is None
    text, html = text_of(mail), parts(mail)["text/html"]
    assert "\nWorst alerts\n  critical  LoadHigh: 1 time, " in text and "still firing" in text
    assert "up 100.00 % of the time since " in text and ", 1 start\n" in text
    assert "\nAnswer\n  min 42 ms, avg 42 ms, max 42 ms, last 42 ms\n" in text
    assert "▄" in text and "▄" in html
    assert '<a href="https://gauge.example"' in html
    rows = kit.eventually(lambda: s.get("/api/v1/outbox?state=sent").json["rows"], "a marked row")
    assert [r["target"] for r in rows] == ["team/email/0"]
    assert s.post("/api/v1/digests/other", "").status == 404


def test_what_fires_for_longer_than_notifications_are_kept_is_in_it(start, box, tmp_path):
    first = start(config=config(tmp_path, box), data="data")
    first.put(("load", 5))
    kit.eventually(lambda: first.get("/api/v1/notifications").json["notifications"], "a notification")
    first.stop()
    with database(first) as db:
        db.execute("DELETE FROM feed")
    second = start(config=config(tmp_path, box), data="data")
    assert second.post("/api/v1/digests/ops", "").status == 200
    (mail,) = mails(box)
    assert mail["Subject"] == "[DAILY] Shop: 1 alert, 1 firing"
    assert "  critical  LoadHigh: 1 time, " in text_of(mail)


def test_the_list_says_when_the_next_one_is_due(start, box, tmp_path):
    s = start(config=config(tmp_path, box))
    (digest,) = s.get("/api/v1/digests").json["digests"]
    next_ms = digest.pop("next")
    assert digest == {"name": "ops", "title": "Shop", "receiver": "team", "schedule": "daily", "expressions": 2}
    assert next_ms == last_due() + DAY
    assert not box.mails


def test_there_may_be_none(start):
    assert start().get("/api/v1/digests").json == {"digests": []}


def test_only_administrators_send(start, box, tmp_path):
    token = kit.run(kit.BINARY, "token").stdout.decode()
    fields = dict(line.split(":", 1) for line in token.splitlines() if ":" in line)
    auth = f"auth:\n  tokens:\n    - {{name: wall, hash: \"{fields['hash'].strip()}\", rights: [read, alert]}}\n"
    s = start(config=config(tmp_path, box, more=auth))
    s.headers = {"Authorization": "Bearer " + fields["token"].strip()}
    assert s.get("/api/v1/digests").status == 200
    assert s.post("/api/v1/digests/ops", "").status == 403


def test_what_is_due_covers_the_day_also_across_restarts(start, box, tmp_path):
    """Rows of a day as an earlier process left them: the value is the number of the half hour."""
    begun = kit.now_ms()
    first = start(config=config(tmp_path, box), data="data")
    kit.eventually(lambda: first.metric("streamgauge_ticks_total") >= 2, "ticks")
    first.stop()
    due = last_due()
    rows = [(k, json.loads(v)) for k, v in points(first).items() if '"max":42,' in v.replace(" ", "")]
    # One, with one value: more only where a half hour, a minute began meanwhile.
    assert 1 <= len(rows) <= 1 + kit.now_ms() // HALF_HOUR - begun // HALF_HOUR
    assert 1 <= sum(body["n"] for _, body in rows) <= 1 + kit.now_ms() // MINUTE - begun // MINUTE
    key, body = rows[0]
    name, expression, _, series = key.split("/")
    assert (name, body["last"]) == ("ops", 42)
    with database(first) as db:
        for i in range(48):
            at = due - DAY + i * HALF_HOUR
            row = {"at": at + HALF_HOUR - 60000, "n": 30, "min": i, "max": i + 0.5, "sum": 30 * i, "last": i, "series": ""}
            db.execute("INSERT INTO digest_points VALUES (?, ?, ?)", (f"ops/{expression}/{at}/{series}", json.dumps(row), due + 3 * DAY))
            if i < 36:
                db.execute("INSERT INTO digest_points VALUES (?, ?, ?)", (f"ops/up/{at}/{series}", json.dumps(row), due + 3 * DAY))
        missed_one(db)
    second = start(config=config(tmp_path, box), data="data")
    (mail,) = mails(box)
    text = text_of(mail)
    assert f"\n{minute(due - DAY)} to {minute(due)} (UTC)\n" in text
    assert "up 75.00 % of the time\n" in text
    assert mail["Subject"] == "[DAILY] Shop: no alerts"
    assert "\nAnswer\n  min 0 ms, avg 23.5 ms, max 47.5 ms, last 47 ms\n  ▁" in text
    bars = next(line.strip() for line in text.splitlines() if line.startswith("  ▁"))
    assert len(bars) == 48 and bars == "".join(sorted(bars)) and set(bars) == set("▁▂▃▄▅▆▇█")
    assert "\nLoad of the shop\n  no values" in text
    second.stop()
    third = start(config=config(tmp_path, box), data="data")
    assert third.post("/api/v1/digests/ops", "").status == 200  # what was due once more would come before it
    assert len(mails(box, 2)) == 2
    third.stop()
    with database(third) as db:
        assert json.loads(db.execute("SELECT body FROM digests").fetchone()[0]) == {"last": due}


def test_a_kill_before_it_is_delivered_loses_and_doubles_nothing(start, box, tmp_path):
    first = start(config=config(tmp_path, box), data="data")
    first.stop()
    with database(first) as db:
        missed_one(db)
    box.answers = ["451 4.3.0 later"] * 100
    second = start(config=config(tmp_path, box), data="data")
    kit.eventually(lambda: box.envelopes, "an attempt")
    second.expect_exit = -signal.SIGKILL
    second.stop(signal.SIGKILL)
    assert not box.mails
    box.answers = []
    third = start(config=config(tmp_path, box), data="data")
    mails(box)
    assert third.post("/api/v1/digests/ops", "").status == 200
    due, by_hand = mails(box, 2)
    assert due["Message-ID"] != by_hand["Message-ID"]
    assert len(box.mails) == 2
    third.stop()


def test_a_reload_brings_digests_and_refuses_bad_ones(start, box, tmp_path):
    s = start(config=config(tmp_path, box, digests=""))
    assert s.get("/api/v1/digests").json == {"digests": []}
    with open(s.config, "w", encoding="utf-8") as f:
        f.write(config(tmp_path, box))
    assert s.post("/-/reload", "").status == 200
    assert [d["name"] for d in s.get("/api/v1/digests").json["digests"]] == ["ops"]
    with open(s.config, "w", encoding="utf-8") as f:
        f.write(config(tmp_path, box, digests="digests: [{name: ops, receiver: nobody}]"))
    s.allow_errors = "email_configs"
    answer = s.post("/-/reload", "")
    assert answer.status >= 400 and "no receiver 'nobody' with email_configs" in answer.text
    assert s.post("/api/v1/digests/ops", "").status == 200
    mails(box)


@pytest.mark.parametrize("digests,words", [
    ("digests: [{name: ops, receiver: team, location: Nowhere/Atall}]", "no time zone 'Nowhere/Atall'"),
    ("digests: [{name: ops, receiver: team, schedule: hourly}]", "expected daily or weekly"),
    ("digests: [{name: ops, receiver: team, expressions: [{expr: 'sum('}]}]", "expr: 1:"),
])
def test_a_mistake_is_named(box, tmp_path, digests, words):
    path = tmp_path / "bad.yml"
    path.write_text(config(tmp_path, box, digests=digests))
    done = kit.run(kit.BINARY, "check-config", path)
    assert done.returncode != 0 and words in (done.stderr + done.stdout).decode()
