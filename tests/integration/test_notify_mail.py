"""Mail, the notifier alone: to aiosmtpd, a real SMTP server, with STARTTLS and with what servers say no with."""

import asyncio
import base64
import email
import email.policy
import socket
import ssl
import threading
import time

import pytest

import kit
from notify_kit import Notifier, alert, free_port, note, row, tried

smtp = pytest.importorskip("aiosmtpd.smtp", reason="python3-aiosmtpd is not installed")
controllers = pytest.importorskip("aiosmtpd.controller")


class Mailbox:
    """Keeps mails; `answers` are given one after the other to DATA, then 250."""

    def __init__(self):
        self.mails, self.envelopes, self.sessions, self.answers, self.refuse_rcpt = [], [], [], [], {}
        self.identities = []

    async def auth_PLAIN(self, server, args):
        said = base64.b64decode(args[1]) if len(args) > 1 else await server.challenge_auth("")
        identity, login, password = said.split(b"\0")
        self.identities.append(identity.decode())
        return smtp.AuthResult(success=(login, password) == (b"ada", b"pass-word-1"), handled=False, auth_data=login.decode())

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if address in self.refuse_rcpt:
            return self.refuse_rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):
        answer = self.answers.pop(0) if self.answers else "250 OK"
        self.sessions.append((session.host_name, session.ssl is not None, getattr(session, "auth_data", None)))
        self.envelopes.append(envelope)
        if answer.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return answer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    kit.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
            "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            check=True)
    return cert, key


@pytest.fixture
def mailer(tmp_path, certificate):
    """mailer(rows…, options) sends through a server with STARTTLS; gives marks, mailbox and log."""
    box = Mailbox()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    made = []

    def authenticate(_server, _session, _envelope, _mechanism, data):
        ok = (data.login, data.password) == (b"ada", b"pass-word-1")
        return smtp.AuthResult(success=ok, handled=False, auth_data=data.login.decode())

    def send(*rows, options="", glob="", tls=True, until=None, **more):
        server = controllers.Controller(box, hostname="127.0.0.1", port=free_port(), authenticator=authenticate, ready_timeout=kit.DEADLINE,
                                        tls_context=context if tls else None, **more)
        server.start()
        made.append(server)
        ca = f", tls_config: {{ca_file: {certificate[0]}}}" if tls and "tls_config" not in options else ""
        config = (f"global: {{smtp_from: 'Streamgauge <sg@example.org>', smtp_smarthost: '127.0.0.1:{server.port}'{glob}}}\n"
                  f"receivers:\n- name: team\n  email_configs: [{{to: 'ops@example.org'{ca}{options}}}]\n")
        notifier = Notifier(str(tmp_path), config)
        try:
            return notifier.finish(*rows, until=until), notifier.log
        finally:
            notifier.end()

    yield send, box
    for server in made:
        server.stop()


def parts(mail):
    return {p.get_content_type(): p.get_content() for p in mail.walk() if not p.is_multipart()}


def test_a_mail_has_text_and_html(mailer):
    send, box = mailer
    marks, _ = send(row("team/email/0"))
    assert [m["mark"] for m in marks] == ["sent"]
    (mail,) = box.mails
    assert mail["Subject"] == "[FIRING:1] HighLatency: HighLatency on <b>web-1</b> & co"
    assert mail["From"] == '"Streamgauge" <sg@example.org>' or mail["From"] == "Streamgauge <sg@example.org>"
    assert mail["To"] == "ops@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert abs(email.utils.parsedate_to_datetime(mail["Date"]).timestamp() - time.time()) < 120
    assert mail.get_content_type() == "multipart/alternative"
    text = parts(mail)
    assert "p99 is 2.5 s\nfor 5 minutes" in text["text/plain"].replace("\r\n", "\n")
    assert "https://runbooks.example/latency" in text["text/plain"]
    assert "HighLatency on &lt;b&gt;web-1&lt;/b&gt; &amp; co" in text["text/html"]
    assert 'href="https://runbooks.example/latency"' in text["text/html"]
    assert box.envelopes[0].mail_from == "sg@example.org"
    assert box.envelopes[0].rcpt_tos == ["ops@example.org"]
    assert box.sessions[0][:2] == ("localhost", True), "after STARTTLS"


def test_texts_of_ones_own(mailer):
    """A label may hold anything: in HTML it stays a text."""
    send, box = mailer
    marks, _ = send(row("team/email/0"), options=""", subject: 'S {{ .CommonLabels.alertname }}', text: 'T {{ .CommonAnnotations.summary }}',
        html: '<i>{{ .CommonAnnotations.summary }}</i>'""")
    assert [m["mark"] for m in marks] == ["sent"]
    (mail,) = box.mails
    assert mail["Subject"] == "S HighLatency"
    assert parts(mail)["text/plain"].strip() == "T HighLatency on <b>web-1</b> & co"
    assert parts(mail)["text/html"].strip() == "<i>HighLatency on &lt;b&gt;web-1&lt;/b&gt; &amp; co</i>"


def test_a_mail_says_when_it_fired(mailer):
    send, box = mailer
    send(row("team/email/0", key="a"), row("team/email/0", note(alert(status="resolved")), key="b"))
    firing, resolved = (parts(m)["text/html"] for m in box.mails)
    assert "critical, firing since 2026-11-22T03:04:05Z<" in firing
    assert "critical, resolved, fired from 2026-11-22T03:04:05Z until 2026-11-22T03:14:05Z<" in resolved


def test_lines_keep_to_the_protocol(mailer):
    send, box = mailer
    send(row("team/email/0", note(alert(zone="z" * 3000, odd=".\n.\r\n..\n" + "é" * 500))))
    content = box.envelopes[0].original_content
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert all(b < 128 for b in content)
    assert "z" * 1200 in parts(box.mails[0])["text/plain"].replace("\n", "")


def test_dots_at_the_start_of_lines_arrive(mailer):
    send, box = mailer
    body = note()
    body["alerts"][0]["annotations"]["description"] = ".\n..\n.dot\nend"
    send(row("team/email/0", body))
    assert "\n.\n..\n.dot\nend\n" in parts(box.mails[0])["text/plain"].replace("\r\n", "\n")


def test_no_value_begins_another_header(mailer):
    send, box = mailer
    name = "Boom\r\nBcc: evil@example.org\r\n\r\nbody"
    marks, _ = send(row("team/email/0", note(alert(name=name), groupLabels={"alertname": name})),
                    options=", headers: {X-Name: '{{ .CommonLabels.alertname }}', Subject: 'S {{ .CommonLabels.alertname }}'}")
    assert [m["mark"] for m in marks] == ["sent"]
    (mail,) = box.mails
    assert mail["Bcc"] is None
    assert "Bcc: evil@example.org" in mail["Subject"] and "Bcc" in mail["X-Name"]
    assert box.envelopes[0].rcpt_tos == ["ops@example.org"]


def test_words_of_all_languages(mailer):
    send, box = mailer
    title = "Ärger im Maschinenraum: 温度が高すぎます — " + "очень длинное название " * 6
    send(row("team/email/0", note(alert())), options=f", headers: {{Subject: '{title}'}}, to: 'Jürgen Ü <j@example.org>, \"Ops, all\" <o@example.org>'".replace(
        ", to:", ", x:").replace(", x: 'Jürgen Ü <j@example.org>, \"Ops, all\" <o@example.org>'", ""))
    assert box.mails[0]["Subject"] == title.strip() or box.mails[0]["Subject"] == title


def test_several_receivers_with_names(mailer, tmp_path):
    send, box = mailer
    send(row("team/email/0"), glob="", options=", headers: {To: 'Jürgen Ü <ops@example.org>'}")
    assert box.mails[0]["To"].addresses[0].addr_spec == "ops@example.org" or "Jürgen" in str(box.mails[0]["To"])


def test_a_thread_per_group_and_the_same_mail_again(mailer):
    send, box = mailer
    box.answers = ["451 4.3.0 later"]
    marks, _ = send(row("team/email/0", key="a"), row("team/email/0", note(alert(status="resolved")), key="b"),
                    row("team/email/0", note(groupKey="other"), key="c", order="g2"))
    assert [m["mark"] for m in marks].count("sent") == 3
    assert [m["mark"] for m in marks].count("retry") == 1
    by_id = {}
    for e in box.envelopes:
        m = email.message_from_bytes(e.content, policy=email.policy.default)
        by_id.setdefault(m["Message-ID"], []).append(m)
    assert sorted(map(len, by_id.values())) == [1, 1, 2], "what is sent again is the same mail"
    threads = {m["References"] for ms in by_id.values() for m in ms}
    assert len(threads) == 2
    for ms in by_id.values():
        assert ms[0]["In-Reply-To"] == ms[0]["References"]
        assert ms[0]["Message-ID"].endswith("@example.org>")


@pytest.mark.parametrize("threading,threads", [
    ("", 2), (", threading: {enabled: true}", 2), (", threading: {enabled: true, thread_by_date: none}", 1),
    (", threading: {enabled: false}", 0), (", threading: {thread_by_date: daily}", 0)])
def test_threads_as_newer_alertmanagers_have_them(mailer, threading, threads):
    send, box = mailer
    later = {**alert(), "startsAt": "2026-11-25T03:04:05Z"}
    send(row("team/email/0", key="a"), row("team/email/0", note(later), key="b"), options=threading)
    assert len(box.mails) == 2
    assert len({m["References"] for m in box.mails if m["References"]}) == threads
    assert all(m["In-Reply-To"] == m["References"] for m in box.mails)


@pytest.mark.parametrize("answer,mark", [("451 4.3.0 later", "retry"), ("421 4.3.2 closing", "retry"),
                                         ("550 5.7.1 never", "dead"), ("554 5.6.0 spam", "dead")])
def test_no_for_now_and_no_for_good(mailer, answer, mark):
    send, box = mailer
    box.answers = [answer]
    marks, _ = send(row("team/email/0"))
    assert marks[0]["mark"] == mark, marks
    assert len(box.mails) == (1 if mark == "retry" else 0)


def test_one_wrong_address_does_not_keep_it_from_the_others(mailer, tmp_path):
    send, box = mailer
    box.refuse_rcpt = {"gone@example.org": "550 5.1.1 no such user"}
    marks, _ = send(row("team/email/0"), options="", glob="")
    assert marks[-1]["mark"] == "sent"
    box.refuse_rcpt["ops@example.org"] = "550 5.1.1 no such user"
    marks, _ = send(row("team/email/0"))
    assert [m["mark"] for m in marks] == ["dead"]


def test_login(mailer):
    send, box = mailer
    marks, _ = send(row("team/email/0"), options=", auth_username: ada, auth_password: pass-word-1", auth_required=True)
    assert [m["mark"] for m in marks] == ["sent"]
    assert box.sessions[0][2] == "ada" and box.identities == [""]


def test_login_for_somebody_else(mailer):
    send, box = mailer
    marks, _ = send(row("team/email/0"), options=", auth_username: ada, auth_password: pass-word-1, auth_identity: bob",
                    auth_required=True)
    assert [m["mark"] for m in marks] == ["sent"]
    assert box.sessions[0][2] == "ada" and box.identities == ["bob"]


def test_a_wrong_password_is_not_told(mailer):
    send, box = mailer
    marks, log = send(row("team/email/0"), options=", auth_username: ada, auth_password: wrong-pass-2", auth_required=True,
                      until=tried(1))
    assert marks and marks[0]["mark"] in ("dead", "retry")
    assert "wrong-pass-2" not in str(marks) + log
    assert not box.mails


def test_without_tls_nothing_is_sent_unless_it_need_not_be(mailer):
    send, box = mailer
    marks, _ = send(row("team/email/0"), tls=False, until=tried(1))
    assert marks and marks[0]["mark"] == "retry" and not box.mails
    marks, _ = send(row("team/email/0"), tls=False, glob=", smtp_require_tls: false")
    assert [m["mark"] for m in marks] == ["sent"] and box.sessions[0][1] is False


def test_an_unknown_certificate_is_refused(mailer):
    send, box = mailer
    marks, _ = send(row("team/email/0"), options=", tls_config: {min_version: TLS12}", until=tried(1))
    assert marks and marks[0]["mark"] == "retry" and "certificate" in marks[0]["why"].lower()
    assert not box.mails


def test_a_digest_is_mailed_as_it_was_composed(mailer):
    send, box = mailer
    body = note(kind="digest", alerts=[], commonLabels={}, commonAnnotations={},
                digest={"subject": "Daily summary", "text": "all is well\n", "html": "<p>all is <b>well</b></p>\n"})
    send(row("team/email/0", body))
    (mail,) = box.mails
    assert mail["Subject"] == "Daily summary"
    assert parts(mail)["text/plain"].strip() == "all is well"
    assert "<b>well</b>" in parts(mail)["text/html"]
    assert mail["In-Reply-To"] is None


def test_a_cut_within_the_mail_is_tried_again_with_the_same_id(tmp_path):
    """A server that drops the connection after DATA, before the final 250."""
    ids, lock = [], threading.Lock()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                c, _ = listener.accept()
            except OSError:
                return
            f = c.makefile("rwb", buffering=0)
            f.write(b"220 fake\r\n")
            data = False
            for line in f:
                if data:
                    if line.lower().startswith(b"message-id:"):
                        with lock:
                            ids.append(line.strip())
                    if line == b".\r\n":
                        if len(ids) < 2:
                            break
                        data = False
                        f.write(b"250 ok\r\n")
                    continue
                if line.startswith(b"DATA"):
                    data = True
                    f.write(b"354 go\r\n")
                elif line.startswith(b"QUIT"):
                    f.write(b"221 bye\r\n")
                    break
                else:
                    f.write(b"250 ok\r\n")
            c.shutdown(socket.SHUT_RDWR)
            c.close()

    threading.Thread(target=serve, daemon=True).start()
    config = (f"receivers:\n- name: team\n  email_configs: [{{to: a@example.org, from: b@example.org, require_tls: false, "
              f"smarthost: '127.0.0.1:{listener.getsockname()[1]}'}}]\n")
    n = Notifier(str(tmp_path), config)
    try:
        marks = n.finish(row("team/email/0"))
        assert [m["mark"] for m in marks] == ["retry", "sent"]
        assert len(ids) == 2 and ids[0] == ids[1]
    finally:
        n.end()
        listener.close()
