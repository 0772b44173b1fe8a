"""Delivery over HTTP, the notifier alone: what is retried, what is given up, who waits for whom, what is refused."""

import email.utils
import hashlib
import hmac
import os
import signal
import subprocess
import threading
import time

import pytest

import kit
from notify_kit import FAULTS, NOTIFIER, Notifier, alert, fake, note, row, tried

BYTES_SERVED = 1 << 30
FOR_EVER = "2m"  # longer than any deadline here


@pytest.fixture
def notifier(tmp_path):
    made = []

    def make(config, **more):
        made.append(Notifier(str(tmp_path), config, **more))
        return made[-1]

    yield make
    for n in made:
        n.end()


def webhook(url, name="team", **options):
    extra = "".join(f", {k}: {v}" for k, v in options.items())
    return f"- name: {name}\n  webhook_configs: [{{url: '{url}'{extra}}}]\n"


def marks_of(marks, kind):
    return [m for m in marks if m["mark"] == kind]


def scripted(*answers):
    """Gives the answers one after the other, then the last for ever."""
    left = list(answers)

    def reply(_request):
        return left.pop(0) if len(left) > 1 else left[0]

    return reply


OK = (200, {}, b"ok")


# --- retried and given up ---


def test_a_body_arrives_once_with_its_key(notifier):
    with fake() as f:
        marks = notifier("receivers:\n" + webhook(f.url + "/hook")).finish(row("team/webhook/0", key="key-7"))
        (r,) = f.wait(1)
        assert [m["mark"] for m in marks] == ["sent"]
        assert (r.method, r.path) == ("POST", "/hook")
        assert r.headers["Idempotency-Key"] == "key-7"
        assert r.headers["Content-Type"] == "application/json"
        assert r.headers["User-Agent"].startswith("streamgauge/")
        assert "Expect" not in r.headers
        assert set(r.json) == {"receiver", "status", "alerts", "groupLabels", "commonLabels", "commonAnnotations",
                               "externalURL", "version", "groupKey", "truncatedAlerts"}


def test_a_signature_can_be_checked(notifier):
    with fake() as f:
        notifier("receivers:\n" + webhook(f.url, secret="hush-hush")).finish(row("team/webhook/0"))
        (r,) = f.wait(1)
        stamp = r.headers["X-Streamgauge-Timestamp"]
        mac = hmac.new(b"hush-hush", stamp.encode() + b"." + r.body, hashlib.sha256).hexdigest()
        assert r.headers["X-Streamgauge-Signature"] == f"sha256={mac}"
        assert abs(int(stamp) - time.time()) < 60


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_with_the_same_key(notifier, status):
    with fake(scripted((status, {}, b"busy"), OK)) as f:
        marks = notifier("receivers:\n" + webhook(f.url)).finish(row("team/webhook/0", key="same"))
        first, second = f.wait(2)
        assert [m["mark"] for m in marks] == ["retry", "sent"]
        assert (marks[0]["attempts"], marks[1]["attempts"]) == (1, 2)
        assert f"HTTP {status}: busy" in marks[0]["why"]
        assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == "same"
        assert first.body == second.body


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_what_is_refused_is_given_up_at_once(notifier, status):
    with fake((status, {}, b"no")) as f:
        marks = notifier("receivers:\n" + webhook(f.url)).finish(row("team/webhook/0"))
        assert [m["mark"] for m in marks] == ["dead"]
        assert marks[0]["why"] == f"HTTP {status}: no"
        assert len(f.requests) == 1


@pytest.mark.parametrize("key", ["routing_key", "service_key"])
def test_pagerduty_says_too_many_in_the_words_of_its_version(notifier, key):
    """403 is a refusal, but version 1, that of service keys, says it of too many events."""
    with fake(scripted((403, {}, b"no"), OK)) as f:
        marks = notifier(only("pagerduty", f"{key}: {'k' * 32}, url: '{f.url}'")).finish(row("team/pagerduty/0"))
        assert [m["mark"] for m in marks] == (["dead"] if key == "routing_key" else ["retry", "sent"])


def test_retry_after_in_seconds_is_obeyed(notifier):
    with fake(scripted((429, {"Retry-After": "2"}, b""), OK)) as f:
        notifier("receivers:\n" + webhook(f.url)).finish(row("team/webhook/0"))
        first, second = f.wait(2)
        assert second.at - first.at >= 1.9


def test_retry_after_as_a_date_is_obeyed(notifier):
    answers = [lambda: (503, {"Retry-After": email.utils.formatdate(time.time() + 3, usegmt=True)}, b""), lambda: OK]
    with fake(lambda r: answers.pop(0)()) as f:
        notifier("receivers:\n" + webhook(f.url)).finish(row("team/webhook/0"))
        first, second = f.wait(2)
        assert second.at - first.at >= 1.5


def test_retry_after_holds_the_whole_target(notifier):
    with fake(scripted((429, {"Retry-After": "2"}, b""), OK)) as f:
        n = notifier("receivers:\n" + webhook(f.url, concurrency=1))
        n.finish(row("team/webhook/0", key="a", order="a"), row("team/webhook/0", key="b", order="b"))
        requests = f.wait(3)
        assert [r.headers["Idempotency-Key"] for r in requests][0] == "a"
        assert requests[1].at - requests[0].at >= 1.9


def test_after_the_documented_time_a_row_is_dead(notifier):
    with fake((500, {}, b"broken")) as f:
        n = notifier(f"notify: {{give_up: 1h, allow: [127.0.0.0/8]}}\nreceivers:\n{webhook(f.url)}")
        marks = n.finish(row("team/webhook/0", age_ms=3600000 + 1))
        assert [m["mark"] for m in marks] == ["dead"]
        assert len(f.requests) == 1, "it has its attempt"


def test_attempts_of_an_earlier_process_count_on(notifier):
    with fake(scripted((500, {}, b""), OK)) as f:
        n = notifier("receivers:\n" + webhook(f.url))
        marks = n.finish(row("team/webhook/0", attempts=7), until=tried(1))
        assert marks[0]["attempts"] == 8


def test_a_target_that_came_back_gets_all_of_it_in_order(notifier):
    with fake(listening=False) as f:
        n = notifier("receivers:\n" + webhook(f.url))
        n.send(*[row("team/webhook/0", key=f"{lane}{i}", order=f"g{lane}") for i in range(3) for lane in range(3)])
        kit.eventually(lambda: len(marks_of(n.marks, "retry")) >= 3, "several attempts to be refused")
        f.listen()
        marks = n.finish()
        assert len(marks_of(marks, "sent")) == 9 and not marks_of(marks, "dead")
        keys = [r.headers["Idempotency-Key"] for r in f.requests]
        for lane in "012":
            assert [k for k in keys if k[0] == lane] == [f"{lane}{i}" for i in range(3)]
        assert "onnect" in marks_of(marks, "retry")[0]["why"]


def test_rows_of_a_receiver_that_is_gone_are_dead(notifier):
    with fake() as f:
        marks = notifier("receivers:\n" + webhook(f.url)).finish(row("old/webhook/0"), row("team/webhook/0"))
        assert sorted((m["mark"], m["row"]) for m in marks) == [("dead", 1), ("sent", 2)]


# --- misbehaving targets ---


def hang(handler):
    while handler.connection.recv(4096):
        pass


def drip(handler):
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(600):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


served = []


def flood(handler):
    sent = 0
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BYTES_SERVED)
        while sent < BYTES_SERVED:
            sent += handler.wfile.write(b"x" * 65536)
    except OSError:
        pass
    served.append(sent)


def endless_headers(handler):
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for i in range(1 << 20):
            handler.wfile.write(b"X-%d: %s\r\n" % (i, b"y" * 1000))
    except OSError:
        pass


def cut(handler):
    handler.connection.close()


def test_a_reply_of_a_gibibyte_is_read_to_64_kib(notifier):
    served.clear()
    with fake((lambda r: flood)) as f:
        marks = notifier("receivers:\n" + webhook(f.url)).finish(row("team/webhook/0"))
        assert [m["mark"] for m in marks] == ["sent"], "the status counts"
        kit.eventually(lambda: served, "the end of the flood")
        assert served[0] < 16 << 20, "what was in flight, no more"
        assert len(f.requests) == 1


@pytest.mark.parametrize("what", [hang, drip, endless_headers, cut], ids=lambda f: f.__name__)
def test_a_target_that_does_not_answer_is_left_and_tried_again(notifier, what):
    with fake(scripted(what, OK)) as f:
        f.reply = (lambda answers: lambda r: answers.pop(0) if len(answers) > 1 else answers[0])([what, OK])
        marks = notifier("receivers:\n" + webhook(f.url, timeout="3s")).finish(row("team/webhook/0"))  # enough for a good answer
        assert [m["mark"] for m in marks] == ["retry", "sent"], marks


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(notifier, status):
    with fake() as other, fake() as f:
        f.reply = (status, {"Location": other.url + "/stolen"}, b"")
        marks = notifier("receivers:\n" + webhook(f.url)).finish(row("team/webhook/0"))
        assert [m["mark"] for m in marks] == ["dead"]
        assert f"HTTP {status}" in marks[0]["why"]
        assert not other.requests


def test_a_dead_target_delays_nobody(notifier):
    """Two hang, one refuses, one is well: its rows are through before the others' first attempt ends."""
    with fake(lambda r: hang) as slow, fake() as well, fake(listening=False) as refused:
        n = notifier("receivers:\n" + webhook(slow.url, "slow", timeout=FOR_EVER) + webhook(well.url, "well") + webhook(refused.url, "refused"))
        rows = []
        for i in range(200):
            rows += [row(f"{who}/webhook/0", key=f"{who}{i}", order=f"g{i}") for who in ("slow", "refused", "well")]
        n.send(*rows)
        requests = well.wait(200)
        assert len({r.headers["Idempotency-Key"] for r in requests}) == 200
        assert not [m for m in n.marks if m["row"] % 3 == 1], "a hanging attempt was over"
        assert len(slow.requests) <= 4, "its own concurrency"


def test_one_that_hangs_on_all_connections_leaves_some(notifier):
    with fake(lambda r: hang) as slow, fake() as well:
        n = notifier("receivers:\n" + webhook(slow.url, "a-slow", timeout=FOR_EVER, concurrency=256) +
                     webhook(slow.url, "b-slow", timeout=FOR_EVER, concurrency=256) + webhook(well.url, "well"))
        n.send(*[row(f"{who}-slow/webhook/0", key=f"{who}{i}", order=f"g{i}") for i in range(300) for who in "ab"])
        slow.wait(200)
        n.send(*[row("well/webhook/0", key=f"well{i}", order=f"g{i}") for i in range(20)])
        well.wait(20)
        assert not [m for m in n.marks if m["row"] <= 600], "a hanging attempt was over"


def test_order_and_concurrency_of_one_target(notifier):
    active, most, three, lock = [0], [0], threading.Barrier(3), threading.Lock()

    def slowly(request):
        with lock:
            active[0] += 1
            most[0] = max(most[0], active[0])
        if request.headers["Idempotency-Key"] in ("0-0", "1-0", "2-0"):
            three.wait(kit.DEADLINE)  # the first ones are answered when all three are there
        time.sleep(0.02)
        with lock:
            active[0] -= 1
        return OK

    with fake(slowly) as f:
        n = notifier("receivers:\n" + webhook(f.url, concurrency=3))
        marks = n.finish(*[row("team/webhook/0", key=f"{lane}-{i}", order=f"g{lane}") for i in range(10) for lane in range(5)])
        assert len(marks_of(marks, "sent")) == 50
        assert most[0] == 3
        keys = [r.headers["Idempotency-Key"].split("-") for r in f.requests]
        for lane in range(5):
            assert [int(i) for g, i in keys if g == str(lane)] == list(range(10))
        assert len(f.peers) <= 3, "connections are kept"


def test_rate_is_kept(notifier):
    with fake() as f:
        n, started = notifier("receivers:\n" + webhook(f.url, rate=2)), time.monotonic()
        n.finish(*[row("team/webhook/0", key=str(i), order=str(i)) for i in range(8)])
        # From before the first is sent: it may have been on its way for a while.
        assert f.wait(8)[-1].at - started >= 2.9, "two at once, then two a second"


# --- who may be called ---


def test_private_addresses_are_refused_unless_listed(notifier):
    with fake() as f:
        n = notifier("receivers:\n" + webhook(f.url), allow=None)
        marks = n.finish(row("team/webhook/0"), until=lambda n: n.marks and 'msg="receiver cannot be reached"' in n.log)
        assert marks[0]["mark"] == "retry"
        assert "127.0.0.1 is not public" in marks[0]["why"] and "allow" in marks[0]["why"]
        assert not f.requests


@pytest.mark.parametrize("host", ["localhost", "127.1", "0", "0x7f000001", "2130706433", "017700000001",
                                  "[::ffff:127.0.0.1]", "[::]"])
def test_other_spellings_of_loopback_are_refused(notifier, host):
    with fake() as f:
        n = notifier("receivers:\n" + webhook(f"http://{host}:{f.port}"), allow=None)
        marks = n.finish(row("team/webhook/0"), until=tried(1))
        assert marks[0]["mark"] in ("retry", "dead"), marks
        assert not f.requests


def test_a_host_can_be_listed_by_name_and_port(notifier):
    with fake() as f, fake() as other:
        config = "receivers:\n" + webhook(f"http://localhost:{f.port}") + webhook(f"http://localhost:{other.port}", "b")
        n = notifier(config, allow=f"['localhost:{f.port}']")
        marks = n.finish(row("team/webhook/0"), row("b/webhook/0"), until=tried(1, 2))
        assert [m["row"] for m in marks_of(marks, "sent")] == [1]
        assert len(f.requests) == 1 and not other.requests


def test_proxies_of_the_environment_are_not_used(notifier):
    with fake() as f, fake() as proxy:
        env = {"http_proxy": proxy.url, "HTTP_PROXY": proxy.url, "ALL_PROXY": proxy.url, "no_proxy": ""}
        notifier("receivers:\n" + webhook(f.url), env=env).finish(row("team/webhook/0"))
        assert len(f.requests) == 1 and not proxy.requests


# --- http_config ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) of a server that calls itself hooks.example."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    kit.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-out", cert, "-days", "2", "-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example",
            check=True)
    return cert, key


def test_tls_is_verified(notifier, certificate):
    with fake(tls=certificate) as f:
        n = notifier("receivers:\n" + webhook(f.url))
        marks = n.finish(row("team/webhook/0"), until=tried(1))
        assert marks[0]["mark"] == "retry" and "certificate" in marks[0]["why"].lower()
        assert not f.requests


def test_a_wrong_name_is_refused_and_server_name_sets_it_right(notifier, certificate):
    with fake(tls=certificate) as f:
        ca = f"ca_file: {certificate[0]}"
        config = ("receivers:\n" + webhook(f.url, "wrong", http_config=f"{{tls_config: {{{ca}}}}}") +
                  webhook(f.url, "right", http_config=f"{{tls_config: {{{ca}, server_name: hooks.example}}}}") +
                  webhook(f.url, "any", http_config="{tls_config: {insecure_skip_verify: true}}"))
        n = notifier(config)
        marks = n.finish(*[row(f"{who}/webhook/0", key=who) for who in ("wrong", "right", "any")], until=tried(1, 2, 3))
        assert sorted(m["row"] for m in marks_of(marks, "sent")) == [2, 3]
        assert sorted(r.headers["Idempotency-Key"] for r in f.requests) == ["any", "right"]
        assert all(r.headers["Host"].startswith("127.0.0.1") for r in f.requests)


def test_the_newest_version_of_tls_can_be_limited(notifier, certificate):
    with fake(tls=certificate) as f:
        config = ("receivers:\n" + webhook(f.url, "new", http_config="{tls_config: {insecure_skip_verify: true}}") +
                  webhook(f.url, "old", http_config="{tls_config: {insecure_skip_verify: true, max_version: TLS12}}"))
        marks = notifier(config).finish(*[row(f"{who}/webhook/0", key=who) for who in ("new", "old")])
        assert [m["mark"] for m in marks] == ["sent", "sent"]
        assert {r.headers["Idempotency-Key"]: r.tls for r in f.requests} == {"new": "TLSv1.3", "old": "TLSv1.2"}


def test_credentials_go_along_and_are_told_to_nobody(notifier, tmp_path):
    (tmp_path / "token").write_text("file-token-456\n")
    with fake((500, {}, b"you sent Bearer file-token-456 to /secret-path-789")) as f:
        config = "receivers:\n" + webhook(
            f.url + "/secret-path-789", http_config=f"{{authorization: {{credentials_file: {tmp_path}/token}}, headers: {{X-Key: header-key-1}}}}")
        n = notifier(config)
        marks = n.finish(row("team/webhook/0"), until=tried(1))
        assert f.requests[0].headers["Authorization"] == "Bearer file-token-456"
        assert f.requests[0].headers["X-Key"] == "header-key-1"
        told = n.log + str(marks)
        for secret in ("file-token-456", "secret-path-789", "header-key-1"):
            assert secret not in told


def test_basic_auth(notifier):
    with fake() as f:
        notifier("receivers:\n" + webhook(f.url, http_config="{basic_auth: {username: ada, password: 'pass word'}}")).finish(
            row("team/webhook/0"))
        assert f.requests[0].headers["Authorization"] == "Basic YWRhOnBhc3Mgd29yZA=="


# --- the services' own ways of saying no ---


def only(kind, options):
    return f"receivers:\n- name: team\n  {kind}_configs: [{{{options}}}]\n"


def test_slack_says_no_with_200(notifier):
    with fake(scripted((200, {}, b'{"ok":false,"error":"ratelimited"}'), (200, {}, b'{"ok":true}'))) as f:
        marks = notifier(only("slack", f"api_url: '{f.url}'")).finish(row("team/slack/0"))
        assert [m["mark"] for m in marks] == ["retry", "sent"]
    with fake((200, {}, b'{"ok":false,"error":"channel_not_found"}')) as f:
        marks = notifier(only("slack", f"api_url: '{f.url}'")).finish(row("team/slack/0"))
        assert [m["mark"] for m in marks] == ["dead"] and "channel_not_found" in marks[0]["why"]


def test_slack_gets_one_a_second(notifier):
    with fake() as f:
        started = time.monotonic()
        notifier(only("slack", f"api_url: '{f.url}'")).finish(*[row("team/slack/0", key=str(i), order=str(i)) for i in range(4)])
        assert f.wait(4)[3].at - started >= 2.9


def test_teams_says_no_with_200(notifier):
    text = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x"
    with fake(scripted((200, {}, text), (200, {}, b"1"))) as f:
        marks = notifier(only("msteams", f"webhook_url: '{f.url}'")).finish(row("team/msteams/0"))
        assert [m["mark"] for m in marks] == ["retry", "sent"]


@pytest.mark.parametrize("kind,options,body", [
    ("telegram", "api_url: '{url}', bot_token: 'a:bc', chat_id: 5", b'{"ok":false,"parameters":{"retry_after":2}}'),
    ("discord", "webhook_url: '{url}'", b'{"message":"slow down","retry_after":2.0,"global":false}')])
def test_retry_after_in_the_body(notifier, kind, options, body):
    with fake(scripted((429, {}, body), OK)) as f:
        notifier(only(kind, options.format(url=f.url))).finish(row(f"team/{kind}/0"))
        first, second = f.wait(2)
        assert second.at - first.at >= 1.9


def test_pagerduty_too_large_is_sent_smaller(notifier):
    big = note(*[alert(instance=f"web-{i}", zone="z" * 500) for i in range(400)])

    def reply(request):
        return (413, {}, b"") if len(request.body) > 20000 else (202, {}, b'{"status":"success"}')

    with fake(reply) as f:
        marks = notifier(only("pagerduty", f"routing_key: abcd, url: '{f.url}'")).finish(row("team/pagerduty/0", big))
        assert [m["mark"] for m in marks] == ["sent"]
        sizes = [len(r.body) for r in f.requests]
        assert len(sizes) > 1 and sizes == sorted(sizes, reverse=True)
        assert len({r.json["dedup_key"] for r in f.requests}) == 1


# --- by the clock ---


def test_heartbeats_are_sent(notifier):
    with fake() as f:
        n = notifier(only("heartbeat", f"url: '{f.url}/beat', interval: 200ms"))
        assert {r.path for r in f.wait(3)} == {"/beat"}  # it may be more than three by the time they are counted
        n.finish()


def test_alertmanagers_are_told_again_until_it_resolves(notifier):
    with fake() as f:
        n = notifier(only("alertmanager", f"urls: ['{f.url}/am'], refresh: 200ms, hold: 1h"), seconds=30)
        n.send(row("team/alertmanager/0"))
        requests = f.wait(3)
        assert all(r.path == "/am/api/v2/alerts" for r in requests)
        for r in requests:
            (a,) = r.json
            assert set(a) == {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
        assert requests[2].json[0]["endsAt"] > requests[0].json[0]["endsAt"]
        n.send(row("team/alertmanager/0", note(alert(status="resolved")), key="k2"))

        def resolved():
            return any(r.json[0]["endsAt"] == "2026-11-22T03:14:05Z" for r in f.requests)

        kit.eventually(resolved, "the end of the alert")
        kit.eventually(lambda: [m for m in n.marks if m["row"] == 2], "the answer to it")  # until then it may be refreshed
        time.sleep(0.3)
        quiet = len(f.requests)
        time.sleep(0.8)
        assert len(f.requests) == quiet, "nothing is refreshed any more"
        n.finish()


# --- killed ---


@pytest.mark.skipif(not FAULTS, reason="STREAMGAUGE_FAULTS names no binary built with -DSG_FAULTS=ON")
@pytest.mark.parametrize("place", ["request-sent", "reply-read"])
def test_killed_there_it_has_sent_at_most_that_one(notifier, place):
    with fake() as f:
        n = notifier("receivers:\n" + webhook(f.url), binary=FAULTS, env={"STREAMGAUGE_FAULT": f"{place}:1"})
        n.send(row("team/webhook/0"))
        assert n.process.wait(kit.DEADLINE) == -signal.SIGKILL
        assert len(f.requests) <= 1


def test_many_rows_go_quickly(tmp_path):
    """A floor far below the figure of the benchmark: it catches a lost connection reuse or a quadratic queue."""
    with fake() as f:
        path = tmp_path / "n.yml"
        path.write_text("notify: {allow: [127.0.0.0/8]}\nreceivers:\n" + webhook(f.url))
        done = subprocess.run([NOTIFIER, str(path), "--count", "3000", "team/webhook/0"], capture_output=True, timeout=120,
                              check=False, env=os.environ)
        assert done.returncode == 0, done.stderr
        assert len(f.requests) == 3000 and len(f.peers) <= 8
