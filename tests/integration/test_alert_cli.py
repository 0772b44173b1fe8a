"""The commands about alerts: check-rules and test-rules beside promtool, alerts, silence, check."""

import json
import os
import re

import pytest

import kit
from alert_kit import config, rule_file

GOOD = """
groups:
  - name: a
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        for: 2m
        labels: {severity: page}
        annotations:
          summary: "{{ $labels.instance }} of {{ $externalLabels.region }} is down at {{ $externalURL }}, {{ $value }}"
  - name: b
    interval: 30s
    rules:
      - alert: Few
        expr: job:up:sum < 2
        keep_firing_for: 3m
        annotations: {n: '{{ $value | humanize }}', q: '{{ with query "job:up:sum" }}{{ . | first | value }}{{ end }}'}
"""

TESTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
group_eval_order: [a, b]
tests:
  - interval: 1m
    name: basics
    external_labels: {region: eu}
    external_url: http://x.example
    input_series:
      - {series: 'up{job="x", instance="i1"}', values: '1 1 0x5 1x10'}
      - {series: 'up{job="x", instance="i2"}', values: '1+0x20'}
      - {series: 'h', values: '_ _ stale NaN 5-1x3 -1+2x2'}
    alert_rule_test:
      - {eval_time: 3m, alertname: Down, exp_alerts: []}
      - {eval_time: 1m, alertname: Few}
      - eval_time: 4m30s
        alertname: Down
        exp_alerts:
          - exp_labels: {severity: page, job: x, instance: i1}
            exp_annotations: {summary: "i1 of eu is down at http://x.example, 0"}
      - eval_time: 10m
        alertname: Few
        exp_alerts: [{exp_labels: {job: x}, exp_annotations: {n: "1", q: "1"}}]
      - {eval_time: 12m, alertname: Few}
    promql_expr_test:
      - {expr: 'job:up:sum', eval_time: 4m, exp_samples: [{labels: 'job:up:sum{job="x"}', value: 1}]}
      - {expr: 'h', eval_time: 6m, exp_samples: [{labels: h, value: 3}]}
      - {expr: 'h', eval_time: 2m}
      - {expr: 'time()', eval_time: 2m, exp_samples: [{value: 120}]}
      - expr: 'ALERTS'
        eval_time: 3m
        exp_samples:
          - {labels: 'ALERTS{alertname="Down",alertstate="pending",severity="page",instance="i1",job="x"}', value: 1}
          - {labels: 'ALERTS{alertname="Few",alertstate="firing",job="x"}', value: 1}
  - name: rates
    interval: 30s
    input_series: [{series: 'c_total', values: '0+30x20'}]
    promql_expr_test:
      - {expr: 'c_total - c_total offset 2m', eval_time: 5m, exp_samples: [{labels: '{}', value: 120}]}
      - {expr: 'max_over_time(c_total[5m:])', eval_time: 5m, exp_samples: [{labels: '{}', value: 300}]}
"""

# name → (rule file, exit code of both, part of our errors)
BAD_RULES = {
    "expression": ("groups: [{name: a, rules: [{record: x, expr: 'sum('}]}]", "parse error"),
    "two names": ("groups: [{name: a, rules: [{record: x, alert: y, expr: up}]}]", "only one of"),
    "no name": ("groups: [{name: a, rules: [{expr: up}]}]", "must be set"),
    "unknown key": ("groups: [{name: a, rules: [{record: x, exp: up}]}]", "exp"),
    "group twice": ("groups: [{name: a}, {name: a}]", "a"),
    "group without name": ("groups: [{rules: []}]", "name"),
    "bad duration": ("groups: [{name: a, rules: [{alert: x, expr: up, for: soon}]}]", "soon"),
    "bad template": ("groups: [{name: a, rules: [{alert: x, expr: up, annotations: {s: '{{ $labelz.x }}'}}]}]", "labelz"),
    "record with for": ("groups: [{name: a, rules: [{record: x, expr: up, for: 1m}]}]", "for"),
    "label name": ("groups: [{name: a, rules: [{alert: x, expr: up, labels: {__name__: b}}]}]", "__name__"),
    "no yaml": ("groups: [", "yaml.yml:2:"),
}


def cli(*args, code=0, **more):
    more.setdefault("env", {k: v for k, v in os.environ.items() if k != "STREAMGAUGE_TOKEN"})
    done = kit.run(kit.BINARY, *args, **more)
    assert done.returncode == code, (done.returncode, done.stdout.decode(), done.stderr.decode())
    return done.stdout.decode(), done.stderr.decode()


def promtool(*args, **more):
    done = kit.run(kit.need("promtool"), *args, **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# --- check-rules ---


def test_check_rules_says_what_promtool_says(tmp_path):
    rule_file(tmp_path, GOOD)
    out, err = cli("check-rules", "rules.yml", cwd=tmp_path)
    assert (0, out, err) == promtool("check", "rules", "rules.yml", cwd=tmp_path)
    assert out == "Checking rules.yml\n  SUCCESS: 3 rules found\n\n"


@pytest.mark.parametrize("name", BAD_RULES)
def test_check_rules_refuses_what_promtool_refuses(tmp_path, name):
    text, says = BAD_RULES[name]
    rule_file(tmp_path, text, "yaml.yml")
    _, err = cli("check-rules", "yaml.yml", code=1, cwd=tmp_path)
    assert promtool("check", "rules", "yaml.yml", cwd=tmp_path)[0] == 1
    assert "  FAILED:\n" in err and says in err and re.search(r"^yaml\.yml:\d+", err, re.M), err


def test_check_rules_names_every_mistake_with_its_place(tmp_path):
    rule_file(tmp_path, "groups:\n  - name: a\n    rules:\n      - record: x\n        expr: 'sum(('\n"
                        "      - alert: y\n        expr: up\n        for: soon\n  - name: b\n    interval: 5\n")
    _, err = cli("check-rules", "rules.yml", code=1, cwd=tmp_path)
    places = re.findall(r"^rules\.yml:(\d+):(\d+): (.*)", err, re.M)
    assert [int(line) for line, _, _ in places] == [5, 8, 10], err


def test_check_rules_of_stdin_and_of_several_files(tmp_path):
    rule_file(tmp_path, GOOD)
    out, _ = cli("check-rules", "-", input=GOOD.encode(), cwd=tmp_path)
    assert "standard input" in out and "3 rules" in out
    out, err = cli("check-rules", "rules.yml", "missing.yml", "rules.yml", code=1, cwd=tmp_path)
    assert out.count("SUCCESS") == 2 and "missing.yml" in err


def test_check_rules_warns_of_doubles(tmp_path):
    rule_file(tmp_path, "groups: [{name: a, rules: [{record: x, expr: up}, {record: x, expr: down}, {record: x, expr: up, labels: {a: b}}]}]")
    _, err = cli("check-rules", "rules.yml", cwd=tmp_path)
    assert err.count("duplicate rule 'x'") == 1
    # The same expression, too: Prometheus loads such files, and so do we.
    rule_file(tmp_path, "groups: [{name: a, rules: [{alert: x, expr: up, for: 1m}, {alert: x, expr: up, for: 5m}]}]")
    _, err = cli("check-rules", "rules.yml", cwd=tmp_path)
    assert err.count("duplicate rule 'x'") == 1
    assert promtool("check", "rules", "rules.yml", cwd=tmp_path)[0] == 0


# --- test-rules ---


def both_tests(tmp_path, text, code):
    rule_file(tmp_path, GOOD)
    rule_file(tmp_path, text, "tests.yml")
    out, err = cli("test-rules", "tests.yml", code=code, cwd=tmp_path)
    assert promtool("test", "rules", "tests.yml", cwd=tmp_path)[0] == code
    return out, err


def test_rule_tests_pass_as_with_promtool(tmp_path):
    out, err = both_tests(tmp_path, TESTS, 0)
    assert out == "Unit Testing:  tests.yml\n  SUCCESS\n\n" and not err


@pytest.mark.parametrize("old,new,says", [
    ("value: 1}", "value: 2}", "got: job:up:sum{job=\"x\"} 1"),
    ("exp_annotations: {n: \"1\", q: \"1\"}", "exp_annotations: {n: \"2\", q: \"1\"}", 'Annotations:{n="2", q="1"}'),
    ("{eval_time: 12m, alertname: Few}", "{eval_time: 10m, alertname: Few}", "alertname: Few, time: 10m"),
    ("instance: i1}", "instance: i9}", 'instance="i9"'),
    ("exp_samples: [{labels: h, value: 3}]", "exp_samples: []", "exp: nil"),
    ("expr: 'time()'", "expr: 'time('", "parse error"), ("expr: 'time()'", "expr: '\"text\"'", "not a vector or scalar"),
    ("0+30x20", "0+30y20", "expected"), ("alertname: Down, exp_alerts", "exp_alerts", "misses required attribute alertname"),
    ("group_eval_order: [a, b]", "group_eval_order: [a, a]", "repeated"), ("eval_time: 3m", "evaltime: 3m", "evaltime"),
    ("rule_files: [rules.yml]", "rule_files: [tests.yml]", "tests.yml")])
def test_rule_tests_fail_as_with_promtool(tmp_path, old, new, says):
    assert old in TESTS
    _, err = both_tests(tmp_path, TESTS.replace(old, new, 1), 1)
    assert "  FAILED:" in err and says in err, err


def test_all_rule_tests_of_a_file_are_run(tmp_path):
    rule_file(tmp_path, GOOD)
    rule_file(tmp_path, TESTS.replace("value: 1}", "value: 2}").replace("value: 300", "value: 301"), "tests.yml")
    _, err = cli("test-rules", "tests.yml", code=1, cwd=tmp_path)
    assert "    name: basics,\n" in err and "    name: rates,\n" in err


def test_fuzzy_compare(tmp_path):
    text = "tests: [{promql_expr_test: [{expr: '0.1 + 0.2', eval_time: 0s, exp_samples: [{value: 0.3}]}]}]"
    rule_file(tmp_path, text, "tests.yml")
    cli("test-rules", "tests.yml", code=1, cwd=tmp_path)
    rule_file(tmp_path, "fuzzy_compare: true\n" + text, "tests.yml")
    cli("test-rules", "tests.yml", cwd=tmp_path)


def test_native_histograms_in_rule_tests(tmp_path):
    text = """
tests:
  - interval: 1m
    input_series: [{series: lat, values: '{{schema:0 sum:1 count:2 buckets:[1 1]}}+{{sum:1 count:2 buckets:[1 1]}}x5'}]
    promql_expr_test:
      - {expr: 'histogram_count(lat)', eval_time: 2m, exp_samples: [{labels: '{}', value: 6}]}
      - {expr: 'lat', eval_time: 1m, exp_samples: [{labels: lat, histogram: '{{schema:0 sum:2 count:4 buckets:[2 2]}}'}]}
"""
    rule_file(tmp_path, text, "tests.yml")
    cli("test-rules", "tests.yml", cwd=tmp_path)
    rule_file(tmp_path, text.replace("[2 2]", "[2 3]"), "tests.yml")
    _, err = cli("test-rules", "tests.yml", code=1, cwd=tmp_path)
    assert "buckets:[2 2]" in err


def test_start_timestamp(tmp_path):
    rule_file(tmp_path, "tests: [{start_timestamp: 2026-11-22T00:00:07Z, promql_expr_test: [{expr: 'minute() + second()', eval_time: 2m, "
                        "exp_samples: [{labels: '{}', value: 9}]}]}]", "tests.yml")
    _, err = cli("test-rules", "tests.yml", code=1, cwd=tmp_path)
    assert "second" in err  # no such function
    rule_file(tmp_path, "tests: [{start_timestamp: 2026-11-22T00:00:07Z, promql_expr_test: [{expr: 'minute() + time() % 60', eval_time: 2m, "
                        "exp_samples: [{labels: '{}', value: 9}]}]}]", "tests.yml")
    cli("test-rules", "tests.yml", cwd=tmp_path)


def test_wrong_usage():
    for args in (["check-rules"], ["test-rules"], ["check-rules", "--nope", "x"], ["silence"], ["silence", "dance"], ["silence", "add"],
                 ["silence", "expire"], ["alerts", "--severity"], ["check", "--fail-on", "bad"], ["check", "--for", "soon"], ["alerts", "--nope"]):
        cli(*args, code=2)
    for command in ("alerts", "silence", "check", "check-rules", "test-rules"):
        out, err = cli(command, "--help")
        assert out.startswith("usage: streamgauge " + command) and not err


# --- against a server ---

RULES = """
groups:
  - name: g
    interval: 100ms
    rules:
      - {alert: Hot, expr: heat > 90, labels: {severity: critical}, annotations: {summary: "{{ $labels.room }} is hot"}}
      - {alert: Warm, expr: heat > 50, labels: {severity: warning}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("cli"))
    rule_file(folder, RULES)
    with kit.nobody() as url:
        s = kit.Server(folder, config=config("rules.yml", f"webhook_configs: [{{url: '{url}/'}}]"))
        s.allow_errors = "."  # nobody is there
        yield s
        s.end()


def heat(server, room, value, n):
    server.put(("heat", value, {"room": room}))
    kit.eventually(lambda: len([a for a in server.get("/api/alerts").json["alerts"] if a["context"]["labels"].get("room") == room]) == n or None,
                   f"{n} alerts of {room}")


def test_alerts_lists_the_worst_first(server):
    heat(server, "attic", 95, 2)
    out, _ = cli("alerts", "room=attic", "--url", server.url())
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines] == [["critical", "firing"], ["warning", "firing"]]
    assert "attic is hot" in lines[0] and "room=attic" in lines[0] and "\x1b" not in out
    out, _ = cli("alerts", "--json", "--severity", "critical", "room=attic", "--url", server.url())
    assert [a["name"] for a in json.loads(out)["alerts"]] == ["Hot"]
    out, _ = cli("alerts", "Warm", "room=attic", "--url", server.url())
    assert "Warm" in out and "Hot" not in out
    heat(server, "attic", 1, 0)
    assert cli("alerts", "room=attic", "--url", server.url())[0] == "nothing fires\n"


def test_silence_add_list_expire(server):
    heat(server, "cellar", 95, 2)
    made = cli("silence", "add", "Hot", "room=~cell.*", "--duration", "10m", "--comment", "works", "--author", "me", "--url", server.url())[0].strip()
    kit.eventually(lambda: "silenced" in cli("alerts", "--all", "room=cellar", "--url", server.url())[0] or None, "the silence")
    assert "Hot" not in cli("alerts", "room=cellar", "--url", server.url())[0]
    out, _ = cli("silence", "list", "--url", server.url())
    assert made in cli("silence", "list", "Hot", "--url", server.url())[0]
    assert made not in cli("silence", "list", "Warm", "--url", server.url())[0]
    assert made in out and "active" in out and 'alertname="Hot"' in out and 'room=~"cell.*"' in out and '"works"' in out
    assert json.loads(cli("silence", "list", "--json", "room=~cell.*", "--url", server.url())[0])[0]["id"] == made
    cli("silence", "expire", made, "--url", server.url())
    assert made not in cli("silence", "list", "--url", server.url())[0]
    assert made in cli("silence", "list", "--expired", "--url", server.url())[0]
    kit.eventually(lambda: "Hot" in cli("alerts", "room=cellar", "--url", server.url())[0] or None, "the alert again")
    cli("silence", "expire", "6d1d1c5e-6a3f-4a51-9c8b-000000000000", "--url", server.url(), code=1)
    cli("silence", "add", "room=~(", "--url", server.url(), code=2)
    heat(server, "cellar", 1, 0)


def test_check_is_a_gate(server):
    url = ("--url", server.url(), "room=hall")
    assert cli("check", *url)[0] == "0 alerts of severity warning or worse\n"
    heat(server, "hall", 60, 1)
    assert "Warm" in cli("check", *url, code=1)[0]
    cli("check", "--fail-on", "critical", *url)
    cli("check", "Warm", *url, code=1)
    cli("check", "Hot", *url)
    assert cli("check", "--quiet", *url, code=1)[0] == ""
    heat(server, "hall", 99, 2)
    cli("check", "--fail-on", "critical", *url, code=1)
    made = cli("silence", "add", "room=hall", "--url", server.url())[0].strip()
    kit.eventually(lambda: kit.run(kit.BINARY, "check", *url).returncode == 0, "silence counts")
    cli("silence", "expire", made, "--url", server.url())
    heat(server, "hall", 1, 0)


def test_check_waits_until_nothing_fires(server):
    heat(server, "porch", 60, 1)
    url = ("--url", server.url(), "room=porch")
    cli("check", "--for", "1s", *url, code=1)
    with kit.ending(kit.subprocess.Popen([kit.BINARY, "check", "--for", "5m", *url], stdout=kit.subprocess.PIPE)) as waiting:
        heat(server, "porch", 1, 0)
        assert waiting.wait(30) == 0


def test_check_cannot_tell():
    assert "cannot connect" in cli("check", "--url", f"http://127.0.0.1:{kit.free_port()}", code=2)[1]


def test_rights_of_the_commands(start):
    tokens = {name: name[0] * 48 for name in ("read", "alert", "ingest")}
    hashes = {name: kit.token_hash(t) for name, t in tokens.items()}
    s = start(config="auth: {tokens: [" + ", ".join(f'{{name: {n}, hash: "{h}", rights: [{n}]}}' for n, h in hashes.items()) + "]}\n")
    s.headers = {"Authorization": "Bearer " + tokens["read"]}
    assert "token" in cli("alerts", "--url", s.url(), code=1)[1]
    cli("check", "--url", s.url(), code=2)
    assert cli("alerts", "--url", s.url(), "--token", tokens["read"])[0] == "nothing fires\n"
    assert "'alert'" in cli("silence", "add", "a=b", "--url", s.url(), "--token", tokens["read"], code=1)[1]
    cli("silence", "add", "a=b", "--url", s.url(), "--token", tokens["alert"])
