"""Web Push, the notifier alone: to a push service of ours, read by a library nobody here wrote."""

import base64
import json
import time

import pytest

import kit
from notify_kit import Notifier, alert, fake, note, row

ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec", reason="python3-cryptography is not installed")
from cryptography.exceptions import InvalidSignature  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: E402

CONFIG = "receivers:\n- name: team\n  webpush_configs: [{}]\n"
AUTH = b"0123456789abcdef"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    def __init__(self, endpoint):
        self.key = ec.generate_private_key(ec.SECP256R1())
        public = self.key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        self.subscription = {"endpoint": endpoint, "expirationTime": None, "keys": {"p256dh": b64(public), "auth": b64(AUTH)}}

    def read(self, *bodies):
        private = self.key.private_numbers().private_value.to_bytes(32, "big")
        with kit.ending(kit.node("push_decrypt.mjs")) as node:
            lines = "".join(json.dumps({"private": b64(private), "auth": b64(AUTH), "body": b64(b)}) + "\n" for b in bodies)
            out, err = node.communicate(lines, timeout=30)
        assert node.returncode == 0, err
        return [json.loads(json.loads(line)) for line in out.splitlines()]


@pytest.fixture
def push(tmp_path):
    """push(body, browser, fake) sends to one browser; gives the marks."""

    def send(body, browser, seconds=20, config=CONFIG, allow='["127.0.0.1"]', **more):
        n = Notifier(str(tmp_path), config, seconds=seconds, allow=allow)
        try:
            return n.finish(row("team/webpush/0", body, push=browser.subscription, **more))
        finally:
            n.end()

    return send


@pytest.fixture
def service():
    with fake((201, {"Location": "/m/1"}, b"")) as f:
        yield f


@pytest.fixture
def plain_http(service):
    """Endpoints are https, always; a listed host may do without, for tests as this."""
    return f'["127.0.0.1:{service.port}"]'


def test_the_browser_reads_it(push, service, plain_http):
    browser = Browser(service.url + "/push/abc")
    marks = push(note(), browser, allow=plain_http)
    assert [m["mark"] for m in marks] == ["sent"]
    (r,) = service.requests
    assert r.path == "/push/abc"
    assert r.headers["Content-Encoding"] == "aes128gcm"
    assert r.headers["TTL"] == "86400"
    assert r.headers["Urgency"] == "high"
    assert len(r.headers["Topic"]) == 32 and set(r.headers["Topic"]) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(r.body) <= 4096
    (p,) = browser.read(r.body)
    assert p["web_push"] == 8030
    shown = p["notification"]
    assert shown["title"] == "[FIRING:1] HighLatency: HighLatency on <b>web-1</b> & co"
    assert "p99 is 2.5 s" in shown["body"]
    assert shown["navigate"].startswith("https://sg.example/")
    assert shown["tag"] == r.headers["Topic"]
    assert shown["requireInteraction"] is True and shown["silent"] is False
    assert p["id"] == "0123456789abcdef-19aa0000000"
    assert (p["type"], p["status"], p["source"], p["timestamp"]) == ("critical", "firing", "streamgauge", 1795316645000)
    assert p["actionUrl"] == shown["navigate"]
    assert p["context"]["instance"] == "web-1:80"


def test_vapid_is_signed_for_that_service(push, service, plain_http):
    push(note(), Browser(service.url + "/p"), allow=plain_http)
    scheme, rest = service.requests[0].headers["Authorization"].split(" ", 1)
    fields = dict(f.strip().split("=", 1) for f in rest.split(","))
    assert scheme == "vapid"
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(fields["k"]))
    head, claims, signature = fields["t"].split(".")
    raw = unb64(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(der, f"{head}.{claims}x".encode(), ec.ECDSA(hashes.SHA256()))
    assert json.loads(unb64(head)) == {"typ": "JWT", "alg": "ES256"}
    claims = json.loads(unb64(claims))
    assert claims["aud"] == service.url
    assert time.time() < claims["exp"] <= time.time() + 86400
    assert claims["sub"].startswith("mailto:")


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_left_is_forgotten(push, service, plain_http, status):
    service.reply = (status, {}, b"gone")
    browser = Browser(service.url + "/push/left")
    marks = push(note(), browser, allow=plain_http)
    assert sorted((m["mark"], m["key"]) for m in marks) == [("delete", browser.subscription["endpoint"]), ("sent", "")]


def several(browsers, orders=8):
    """Rows for each browser, of different groups: nothing waits for a retry of another."""
    return [row("team/webpush/0", note(), key=f"k{i}-{b}", order=f"g{i}-{b}", push=browser.subscription)
            for i in range(orders) for b, browser in enumerate(browsers)]


def notifier_marks(tmp_path, rows, allow, seconds=20):
    n = Notifier(str(tmp_path), CONFIG, seconds=seconds, allow=allow)
    try:
        return n.finish(*rows), n.log
    finally:
        n.end()


@pytest.mark.parametrize("status", [400, 405, 302, 451])
def test_a_browser_refused_too_often_is_dropped_and_alarms_nobody(tmp_path, service, plain_http, status):
    bad, good = Browser(service.url + "/push/bad"), Browser(service.url + "/push/good")
    service.reply = lambda r: (status, {}, b"no") if r.path.endswith("bad") else (201, {}, b"")
    marks, log = notifier_marks(tmp_path, several([bad, good], 5), plain_http)
    count = [m["mark"] for m in marks]
    assert (count.count("dead"), count.count("sent"), count.count("delete"), log.count("alarm team/")) == (5, 5, 1, 0), marks
    assert [m["key"] for m in marks if m["mark"] == "delete"] == [bad.subscription["endpoint"]]
    assert "subscription is dropped" in log and "/push/bad" not in log, log


def test_refusals_have_to_be_in_a_row(tmp_path, service, plain_http):
    browser = Browser(service.url + "/p")
    service.reply = lambda r: (201, {}, b"") if len(service.requests) == 5 else (400, {}, b"")
    rows = [row("team/webpush/0", note(), key=f"k{i}", order="g", push=browser.subscription) for i in range(9)]
    marks, _ = notifier_marks(tmp_path, rows, plain_http)
    assert [m["mark"] for m in marks] == ["dead"] * 4 + ["sent"] + ["dead"] * 4


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_our_fault_and_told(tmp_path, service, plain_http, status):
    service.reply = (status, {}, b"")
    marks, log = notifier_marks(tmp_path, several([Browser(service.url + "/p")]), plain_http)
    count = [m["mark"] for m in marks]
    assert (count.count("dead"), count.count("delete"), log.count("alarm team/")) == (8, 0, 1), marks


def test_an_address_inside_alarms_nobody(tmp_path, service):
    marks, log = notifier_marks(tmp_path, several([Browser("https://10.1.2.3/p")], 2), "[]")
    assert [m["mark"] for m in marks] == ["dead"] * 2 and "alarm" not in log


def test_endpoints_that_hang_do_not_delay_other_services(tmp_path, service):
    """80 messages for a service that never answers; one of another, behind them, goes at once."""
    def hang(handler):
        time.sleep(2 * kit.DEADLINE)

    with fake(lambda r: hang) as evil:
        listed = f'["127.0.0.1:{service.port}", "localhost:{evil.port}"]'
        slow = Browser(evil.url.replace("127.0.0.1", "localhost") + "/p")
        n = Notifier(str(tmp_path), CONFIG, seconds=60, allow=listed)
        try:
            n.send(*several([slow], 80))
            evil.wait(16)
            n.send(row("team/webpush/0", note(), key="good", order="good", push=Browser(service.url + "/p").subscription))
            service.wait(1)
            assert not n.marks or {m["row"] for m in n.marks} == {81}, "an attempt that hangs was over"
            assert len(evil.requests) == 16
        finally:
            n.end()


def test_too_large_is_sent_smaller(push, service, plain_http):
    service.reply = lambda r: (413, {}, b"") if len(r.body) > 1500 else (201, {}, b"")
    browser = Browser(service.url + "/p")
    body = note(*[alert(instance=f"web-{i}", zone="z" * 100) for i in range(30)])
    marks = push(body, browser, allow=plain_http)
    assert [m["mark"] for m in marks] == ["sent"]
    payloads = browser.read(*[r.body for r in service.requests])
    assert len(payloads) > 1 and all(p["notification"]["title"] for p in payloads)


def test_the_longest_texts_fit(push, service, plain_http):
    a = alert(**{f"label_{i}": '"\u0001' * 100 for i in range(40)})
    a["annotations"]["summary"] = '"\\' * 2000
    a["annotations"]["description"] = "\u0002" * 5000
    a["annotations"]["dashboard_url"] = "https://d.example/" + "x" * 5000
    browser = Browser(service.url + "/p")
    marks = push(note(a), browser, allow=plain_http)
    assert [m["mark"] for m in marks] == ["sent"], marks
    assert len(service.requests[0].body) <= 4096
    browser.read(service.requests[0].body)


def test_slow_down(push, service, plain_http):
    answers = [(429, {"Retry-After": "1"}, b""), (201, {}, b"")]
    service.reply = lambda r: answers.pop(0) if len(answers) > 1 else answers[0]
    marks = push(note(), Browser(service.url + "/p"), allow=plain_http)
    assert [m["mark"] for m in marks] == ["retry", "sent"]


@pytest.mark.parametrize("severity,status,urgency", [("warning", "firing", "normal"), ("info", "firing", "low"),
                                                     ("critical", "resolved", "normal")])
def test_urgency(push, service, plain_http, severity, status, urgency):
    push(note(alert(severity=severity, status=status)), Browser(service.url + "/p"), allow=plain_http)
    assert service.requests[0].headers["Urgency"] == urgency


def test_an_endpoint_inside_is_never_called(push, service):
    """Anyone who may subscribe names an endpoint: private addresses and plain http are refused, for good."""
    for endpoint in (service.url + "/p", f"https://127.0.0.1:{service.port}/p", "https://169.254.169.254/p", "file:///etc/passwd",
                     "gopher://127.0.0.1/"):
        marks = push(note(), Browser(endpoint), allow="[]")
        assert [m["mark"] for m in marks] == ["dead"], (endpoint, marks)
    assert not service.requests


@pytest.mark.parametrize("change", [{"keys": {}}, {"endpoint": ""}, {"keys": {"p256dh": "AAAA", "auth": "AAAA"}},
                                    {"keys": {"p256dh": b64(b"\x04" + b"\x01" * 64), "auth": b64(AUTH)}}])
def test_a_broken_subscription_is_dead(push, service, plain_http, change):
    browser = Browser(service.url + "/p")
    browser.subscription.update(change)
    marks = push(note(), browser, allow=plain_http)
    assert [m["mark"] for m in marks] == ["dead"]
    assert not service.requests


def test_a_browsers_filter(push, service, plain_http):
    wanted = [{"severity": ["critical"]}, {"matchers": ['team="a"', 'instance=~"web-.*"']}, {}]
    unwanted = [{"severity": ["info", "warning"]}, {"matchers": ['team!="a"']}, {"severity": ["critical"], "matchers": ["team=b"]}]
    for filters, n in ((wanted, len(wanted)), (unwanted, len(wanted))):
        for f in filters:
            browser = Browser(service.url + "/p")
            browser.subscription["filter"] = f
            marks = push(note(alert(team="a")), browser, allow=plain_http)
            assert [m["mark"] for m in marks] == ["sent"]
        assert len(service.requests) == n
