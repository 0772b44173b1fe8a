"""deploy/packs/health: its own tests, and the pack in a server that gets samples."""

import os
import re

import kit

PACK = os.path.join(kit.ROOT, "deploy", "packs", "health")
RULES, TESTS = os.path.join(PACK, "rules.yml"), os.path.join(PACK, "rules_test.yml")


def score(server, expr, wanted):
    """Until the series of the expression, by these labels without the name, have these values."""
    return server.wait_for(expr, lambda got: {tuple(v for k, v in labels if k != "__name__"): round(value, 9)
                                              for labels, value in got.items()} == wanted)


def minutes_of(server, samples, minutes=4):
    """What (metric, value of the half minute, labels) had been, every half minute until now."""
    now = kit.now_ms()
    server.put(*[(metric, value(i), labels, now - (2 * minutes - i) * 30_000)
                 for metric, value, labels in samples for i in range(2 * minutes + 1)])


def test_its_rules_are_good():
    done = kit.run(kit.BINARY, "check-rules", RULES)
    assert done.returncode == 0, done.stderr.decode()
    rules = len(re.findall(r"^ +- (?:record|alert):", open(RULES, encoding="utf-8").read(), re.M))
    assert f"SUCCESS: {rules} rules found" in done.stdout.decode()


def test_its_own_tests_pass():
    done = kit.run(kit.BINARY, "test-rules", TESTS)
    assert done.returncode == 0 and "SUCCESS" in done.stdout.decode(), (done.stdout + done.stderr).decode()


def test_its_own_tests_can_fail(tmp_path):
    (tmp_path / "rules.yml").write_text(open(RULES, encoding="utf-8").read().replace("/ 0.05", "/ 0.06"))
    (tmp_path / "tests.yml").write_text(open(TESTS, encoding="utf-8").read())
    done = kit.run(kit.BINARY, "test-rules", tmp_path / "tests.yml")
    assert done.returncode != 0 and "health:component_score" in (done.stdout + done.stderr).decode()


def test_prometheus_reads_it_too():
    promtool = kit.need("promtool")
    assert kit.run(promtool, "check", "rules", RULES).returncode == 0
    done = kit.run(promtool, "test", "rules", TESTS)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_a_server_scores_what_it_is_sent(start):
    s = start(config=f"rule_files: [{RULES}]\nevaluation_interval: 200ms\n")
    bucket = "http_request_duration_seconds_bucket"
    minutes_of(s, [
        ("up", lambda i: 1, {"job": "shop", "instance": "a"}),
        ("http_requests_total", lambda i: 300 * i, {"job": "shop", "code": "200"}),
        (bucket, lambda i: 300 * i, {"job": "shop", "le": "0.1"}),
        (bucket, lambda i: 300 * i, {"job": "shop", "le": "+Inf"}),
        ("up", lambda i: 1, {"job": "mail", "instance": "a"}),
        ("http_requests_total", lambda i: 390 * i, {"job": "mail", "code": "200"}),
        ("http_requests_total", lambda i: 10 * i, {"job": "mail", "code": "503"}),
        ("up", lambda i: 0, {"job": "dead", "instance": "a"}),
    ])
    score(s, "health:score", {("shop",): 100, ("mail",): 81.25, ("dead",): 40})
    score(s, "health:status == 1", {("shop", "healthy"): 1, ("mail", "healthy"): 1, ("dead", "unhealthy"): 1})
    score(s, 'health:component_score{job="mail"}', {("errors", "mail"): 50, ("availability", "mail"): 100, ("alerts", "mail"): 100})
    score(s, "health:overall_score", {(): 56.88})  # ((100 + 81.25 + 40) / 3 + 40) / 2
    score(s, "health:overall_status", {("degraded",): 1})
    (alert,) = s.get("/api/v1/alerts").json["data"]["alerts"]
    assert (alert["labels"]["alertname"], alert["labels"]["job"], alert["state"]) == ("HealthUnhealthy", "dead", "pending")
    # One instance of a hundred is down: 99 % of the time available are 90 points.
    minutes_of(s, [("up", lambda i: 1, {"job": "dead", "instance": str(k)}) for k in range(99)])
    score(s, "health:score", {("shop",): 100, ("mail",): 81.25, ("dead",): 94})
    kit.eventually(lambda: not s.get("/api/v1/alerts").json["data"]["alerts"], "no alert")
