"""The command line: help, exit codes, check-config, send, watch into a pipe and on a terminal, token."""

import fcntl
import itertools
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

import kit

COMMANDS = ["serve", "check-config", "watch", "send", "token", "alerts", "silence", "check", "check-rules", "test-rules", "help"]


def cli(*args, **more):
    more.setdefault("env", {k: v for k, v in os.environ.items() if k != "STREAMGAUGE_TOKEN"})
    done = kit.run(kit.BINARY, *args, **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# --- help and usage ---


def test_help_goes_to_stdout_and_ends_with_0():
    for args in (["--help"], ["-h"], ["help"]):
        rc, out, err = cli(*args)
        assert rc == 0 and not err and all(c in out for c in COMMANDS), args
    for c in COMMANDS[:-1]:
        rc, out, err = cli(c, "--help")
        assert rc == 0 and not err and out.startswith("usage: streamgauge " + c), c
        assert cli("help", c)[1] == out


def test_serve_help_names_every_flag_of_the_issue():
    out = cli("serve", "--help")[1]
    for flag in "config listen statsd data edges tick retention no-host tls-cert tls-key anonymous deflate log-level".split():
        assert f"--{flag}" in out, flag


def test_version():
    for args in (["version"], ["--version"]):
        rc, out, _ = cli(*args)
        assert rc == 0 and re.fullmatch(r"streamgauge \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize("args,says", [
    ([], "usage:"), (["dance"], "no command 'dance'"), (["help", "dance"], "no command 'dance'"), (["serve", "--prot", "1"], "unknown flag '--prot'"),
    (["serve", "--tik", "1s"], "did you mean '--tick'"), (["serve", "--tick"], "needs a value"), (["serve", "--tick", "fast"], "expected a duration"),
    (["serve", "--tick", "1ms"], "at least 10ms"), (["serve", "--edges", "-1"], "whole number"), (["serve", "extra"], "unexpected argument 'extra'"),
    (["serve", "--listen", "127.0.0.1"], "expected ADDRESS:PORT"), (["serve", "--listen", "127.0.0.1:99999"], "ADDRESS:PORT"),
    (["serve", "--listen", "::1:80"], "brackets"), (["serve", "--log-level", "loud"], "loud"), (["serve", "--anonymous=perhaps"], "perhaps"),
    (["serve", "--config", "/nonexistent"], "/nonexistent"), (["serve", "--statsd", "nowhere"], "statsd"), (["check-config"], "usage:"),
    (["check-config", "a", "b"], "usage:"), (["watch"], "usage:"), (["send"], "usage:"), (["send", "--nope"], "--nope"), (["token", "x"], "usage:"), (["query"], "usage:"),
    (["query", "up", "--step", "5s"], "--step without --range"), (["query", "up", "--range", "long"], "--range"),
    (["query", "up", "--range", "1h", "--time", "late"], "late"), (["query", "up", "--nope"], "--nope")])
def test_wrong_usage_ends_with_2_and_says_why(args, says):
    rc, out, err = cli(*args)
    assert rc == 2 and says in err and not out, (rc, out, err)


def test_full_disk_is_a_failure():
    with open("/dev/full", "wb") as full:
        assert subprocess.run([kit.BINARY, "--help"], stdout=full, stderr=subprocess.DEVNULL, timeout=20, check=False).returncode == 1


# --- configuration ---

GOOD = """\
listen: 127.0.0.1:0
tick: 200ms
retention: 2h
auth:
  origins: ["https://ops.example"]
  tokens:
    - {name: wall, hash: "sha256:%s", rights: [read]}
inputs: {statsd: {listen: "off"}, host: {interval: 2s}}
streams: {p99: 'histogram_quantile(0.99, sum by (le) (rate(checkout_seconds_bucket[1m])))'}
limits: {series: 1000, sessions: 20}
""" % ("0" * 64)


def test_check_config_good(tmp_path):
    file = tmp_path / "good.yml"
    file.write_text(GOOD)
    assert cli("check-config", file) == (0, f"{file}: good\n", "")
    empty = tmp_path / "empty.yml"
    empty.write_text("")
    assert cli("check-config", empty)[0] == 0


@pytest.mark.parametrize("text,place,says", [
    ("tick: 100ms\nlistn: x\n", "2:1", "did you mean 'listen'"), ("tick: fast\n", "1:7", "expected a duration"), ("tick: [1, 2]\n", "1:7", "tick"),
    ("limits:\n  series: -5\n", "2:11", "whole number"), ("limits:\n  seris: 5\n", "2:3", "limits.series"), ("tick: 1s\ntick: 2s\n", "2:1", "twice"),
    ("auth:\n  tokens:\n    - {name: a, hash: b, rights: [dance]}\n", "3:", "sha256"), ("streams:\n  bad: 'sum(foo bar)'\n", "2:17", "bad"),
    ("streams:\n  bad: sum(foo bar)\n", "2:16", "bad"),
    ("streams:\n  range: 'x[5m]'\n", "2:", "range vector"), ("a: b: c\n", "1:", ""), ("tick: 'unclosed\n", "", ""), ("- 1\n", "1:1", "expected keys"),
    ("tick: 1s\nlisten: 1.2.3.4:80\n", "2:9", "public address"), ("listen: nowhere\n", "1:9", "ADDRESS:PORT"), ("log_level: loud\n", "1:12", "got 'loud'"),
    ("tls: {cert: a.pem}\n", "1:13", "tls.key is missing"), ("inputs: {statsd: {listen: '0.0.0.0:8125'}}\n", "1:27", "needs auth.tokens"),
    ("auth:\n  origins: [ops.example]\n", "2:13", "expected an origin as https://ops.example"),
    ("\tx: 1\n", "1:", ""), ("anonymous: perhaps\n", "1:12", "true or false"),
    ("tick: 1s\nrule_files:\n  - '*.rules'\n  - missing.yml\n", "4:5", "missing.yml'; expected a file"), ("rule_files: missing.yml\n", "1:13", "there is no file"),
    ("time_intervals:\n  - name: night\n    time_intervals: [{location: Mars/Olympus}]\n", "3:33", "no time zone 'Mars/Olympus'; expected UTC"),
    ("receivers: [{name: a, email_configs: [{to: a@b.c, from: d@e.f, smarthost: 'm:25'}]}]\ndigests:\n  - {name: d, receiver: a, location: Europe/Atlantis,\n     expressions: [{title: t, expr: up}]}\n",
     "3:38", "Europe/Atlantis"),
    ("notify:\n  allow: [10.0.0.0/8, 300.1.1.1]\n", "2:23", "expected a network as 10.0.0.0/8"),
    ("templates: a.tmpl\n", "1:12", "expected a list of files"), ("templates:\n  - a: b\n", "2:5", "templates"),
    ("templates: [/dev/null]\n", "1:13", "cannot read '/dev/null': not a file"),
    ("receivers:\n  - name: a\n    opsgenie_configs: [{api_key: x}]\n", "3:5", "'opsgenie_configs' is not supported; there are _configs of webhook"),
    ("receivers:\n  - name: a\n    victorops_configs: []\n", "3:5", "'victorops_configs' is not supported"),
    ("receivers:\n  - name: a\n    templates: ['*.tmpl']\n", "3:5", "unknown key 'templates', expected name or _configs of")])
def test_check_config_bad_names_file_line_and_column(tmp_path, text, place, says):
    file = tmp_path / "bad.yml"
    file.write_text(text)
    rc, out, err = cli("check-config", file)
    assert rc == 1 and not out and f"{file}:{place}" in err and says in err, (rc, err)
    rc, _, same = cli("serve", "--config", file)  # serve says the same, with the code of wrong usage
    assert rc == 2 and same == err


def test_flags_override_the_file(start):
    server = start("--tick", "50ms", config="tick: 500ms\ninputs: {host: off}\n")
    with server.ws(v1=True) as ws:
        assert ws.type("welcome")["limits"]["minInterval"] == 50


# --- send ---


def test_send_arrives(server, name):
    assert cli("send", f'{name}{{l="v"}} 3', f"{name}_b 4", "--url", server.url()) == (0, "", "")
    server.wait_for(name, lambda v: [(dict(k)["l"], x) for k, x in v.items()] == [("v", 3)])
    server.wait_value(f"{name}_b", 4)


def test_send_from_stdin(server, name):
    rc, _, _ = cli("send", "-", "--url", server.url(), input=f"{name} 1\n{name}_b 2\n".encode())
    assert rc == 0
    server.wait_value(f"{name}_b", 2)


def test_send_says_what_was_refused(server, name):
    rc, out, err = cli("send", f"{name} 1", f"{name}{{ 3", "--url", server.url())
    assert rc == 1 and "2" in err and not out, err
    server.wait_value(name, 1)


def test_send_without_a_server(tmp_path):
    with kit.nobody() as url:
        rc, _, err = cli("send", "x 1", "--url", url)
    assert rc == 1 and "127.0.0.1" in err and "refused" in err.lower()
    for url in ("http://", "127.0.0.1:99999", "http://u@h", "ftp://127.0.0.1"):
        assert cli("send", "x 1", "--url", url)[0] in (1, 2), url


def test_send_and_watch_with_a_token(start):
    token = "t" * 40
    server = start(config=f'auth: {{tokens: [{{name: a, hash: "{kit.token_hash(token)}", rights: [read, ingest]}}]}}\n')
    rc, _, err = cli("send", "guarded 1", "--url", server.url())
    assert rc == 1 and "401" in err
    assert cli("send", "guarded 1", "--url", server.url(), "--token", token)[0] == 0
    assert cli("send", "guarded 2", "--url", server.url(), env={**os.environ, "STREAMGAUGE_TOKEN": token})[0] == 0
    rc, _, err = cli("watch", "guarded", "--url", server.url())
    assert rc == 1 and err
    assert token not in server.log


# --- token ---


def test_token_and_its_hash():
    rc, out, _ = cli("token")
    token = re.search(r"token: (\S+)", out)[1]
    assert rc == 0 and len(token) >= 40 and re.search(r"hash:\s+(\S+)", out)[1] == kit.token_hash(token)
    assert token != re.search(r"token: (\S+)", cli("token")[1])[1]
    assert kit.token_hash("abc") == kit.token_hash("abc\n")
    assert kit.token_hash("abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert cli("token", "--hash-of", "-", input=b"")[0] == 1


# --- what others wrote ---

# Colours, a cleared screen, and U+009B, which terminals take for ESC [ as well.
NASTY = "\x1b[2Jx\x7f\u009b31m\r\n"


def test_labels_of_others_do_not_drive_the_terminal(server, name):
    server.put((name, 1, {"v": NASTY, NASTY: "x"}))
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + s)) for s in (0, 60)]
    stamps = dict(zip(["startsAt", "endsAt"], times))
    alert = {"labels": {"alertname": name, "v": NASTY}, "annotations": {"summary": NASTY}, **stamps}
    assert server.post("/api/v2/alerts", json.dumps([alert]), {"Content-Type": "application/json"}).status == 200
    silence = {"matchers": [{"name": NASTY, "value": NASTY, "isRegex": False}], "createdBy": NASTY, "comment": NASTY, **stamps}
    assert server.post("/api/v2/silences", json.dumps(silence), {"Content-Type": "application/json"}).status == 200
    url = ["--url", server.url()]
    for args in (["query", name], ["alerts", "--all"], ["silence", "list"]):
        rc, out, err = cli(*args, *url)
        assert rc == 0 and "31m" in out, (args, out, err)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out + err), (args, out)
    with kit.ending(subprocess.Popen([kit.BINARY, "watch", name, *url, "--interval", "100ms"], stdout=subprocess.PIPE)) as p:
        line = p.stdout.readline().decode()
        assert "31m" in line and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", line), line


# --- watch ---


def test_watch_into_a_pipe_prints_a_line_per_change(server, name):
    server.put((name, 1))
    with kit.ending(subprocess.Popen([kit.BINARY, "watch", name, "--url", server.url(), "--interval", "100ms"],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)) as p:
        for value in (2, 3):
            server.put((name, value))
            for line in p.stdout:
                assert "\x1b" not in line, "no escapes into a pipe"
                if re.search(rf"\b{value}\b", line.replace(name, "")):
                    break
        p.send_signal(signal.SIGINT)
        assert p.wait(20) == 130
        assert p.stderr.read() == ""


def test_watch_ends_quietly_when_the_pipe_closes(server, name):
    server.put((name, 0))
    p = subprocess.Popen(f"{kit.BINARY} watch {name} --url {server.url()} --interval 100ms | head -n 1", shell=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    with kit.ending(p):
        values = itertools.count(1)
        kit.eventually(lambda: server.put((name, next(values))) or p.poll() is not None, "the end of the pipe")
        out, err = p.communicate(timeout=20)
        assert out and not err, err


def test_watch_a_wrong_expression_points_at_it(server):
    rc, out, err = cli("watch", "sum(foo bar)", "--url", server.url())
    assert rc in (1, 2) and "bar" in err and not out, (rc, out, err)


def test_watch_without_a_server():
    with kit.nobody() as url:
        rc, _, err = cli("watch", "up", "--url", url)
    assert rc == 1 and "refused" in err.lower()


class Terminal:
    def __init__(self, *args, rows=24, columns=80):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen([kit.BINARY, *args], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.seen = ""

    def read(self):
        while select.select([self.master], [], [], 0.05)[0]:
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                break
            if not piece:
                break
            self.seen += piece.decode(errors="replace")
        return self.seen

    def close(self):
        os.close(self.master)
        os.close(self.slave)


def test_watch_on_a_terminal_draws_and_ctrl_c_restores_it(server):
    name = "pty"
    server.put((name, 1, {"i": "a"}), (name, 20, {"i": "b"}))
    t = Terminal("watch", name, "--url", server.url(), "--interval", "100ms")
    with kit.ending(t.process):
        kit.eventually(lambda: re.search(r"[▁▂▃▄▅▆▇█]", t.read()) and 'i="a"' in t.seen, "a sparkline per series")
        server.put((name, 777, {"i": "a"}))
        kit.eventually(lambda: "777" in t.read(), "the change")
        fcntl.ioctl(t.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
        os.kill(t.process.pid, signal.SIGWINCH)
        server.put((name, 778, {"i": "a"}))
        kit.eventually(lambda: "778" in t.read(), "the change after a resize")
        os.write(t.master, b"\x03")  # ctrl-c, as the terminal's own key
        assert t.process.wait(20) == 130
        t.read()
        assert termios.tcgetattr(t.slave) == t.before, "the terminal's modes are as they were"
        hidden, shown = t.seen.rfind("\x1b[?25l"), t.seen.rfind("\x1b[?25h")
        assert hidden < shown or hidden == -1, "the cursor is back"
        assert t.seen.count("\x1b[?1049h") == t.seen.count("\x1b[?1049l"), "the screen is back"
        assert t.seen.endswith("\n") or t.seen.endswith("\x1b[?25h") or t.seen.endswith("l"), repr(t.seen[-40:])
    t.close()


def test_watch_survives_the_end_of_the_server(start):
    server = start()
    server.put(("up", 1))
    with kit.ending(subprocess.Popen([kit.BINARY, "watch", "up", "--url", server.url()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)) as p:
        assert p.stdout.readline()
        server.stop()
        try:
            rc = p.wait(5)
            assert rc == 1 and p.stderr.read().strip(), "ended without a word"
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGINT)  # it may also try again until told otherwise
            assert p.wait(20) == 130
