"""Alerts with programs nobody here wrote: amtool, a Prometheus that sends to us, an Alertmanager that we send to."""

import json
import os
import signal

import pytest

import kit
from alert_kit import Alertmanager, Hook, amtool, config, rule_file
from prom_peer import Prometheus

RULES = """
groups:
  - name: g
    interval: 100ms
    rules:
      - {alert: DiskFull, expr: disk_used > 90, labels: {severity: critical}, annotations: {summary: "{{ $labels.disk }} is full"}}
"""


@pytest.fixture(scope="module")
def hook():
    with Hook() as h:
        yield h


@pytest.fixture(scope="module")
def server(tmp_path_factory, hook):
    folder = str(tmp_path_factory.mktemp("peers"))
    rule_file(folder, RULES)
    s = kit.Server(folder, config=config("rules.yml", f"webhook_configs: [{{url: '{hook.url('/hook')}'}}]"))
    yield s
    s.end()


def query(server, *args):
    return json.loads(amtool(server, "-o", "json", "alert", "query", *args))


def silences(server, *args):
    return json.loads(amtool(server, "-o", "json", "silence", "query", *args))


# --- amtool ---


def test_amtool_adds_and_queries_alerts(server):
    amtool(server, "alert", "add", "amAdded", "node=db1", "severity=info", "--annotation=summary=hello world")
    kit.eventually(lambda: query(server, "amAdded"), "the alert")
    [a] = query(server, "node=~db.*", "alertname=amAdded")
    assert a["labels"] == {"alertname": "amAdded", "node": "db1", "severity": "info"}
    assert a["annotations"] == {"summary": "hello world"} and a["receivers"] == [{"name": "team"}]
    assert query(server, "amAdded", "node!=db1") == []
    assert "hello world" in amtool(server, "alert", "query", "amAdded")
    amtool(server, "alert", "add", "amAdded", "node=db1", "severity=info", "--end=2020-01-01T00:00:00Z", "--start=2019-01-01T00:00:00Z")
    kit.eventually(lambda: query(server, "amAdded") == [] or None, "its end")


def test_amtool_sees_alerts_of_our_rules(server):
    server.put(("disk_used", 95, {"disk": "sda"}))
    kit.eventually(lambda: query(server, "DiskFull"), "the alert")
    assert query(server, "DiskFull")[0]["annotations"]["summary"] == "sda is full"
    server.put(("disk_used", 5, {"disk": "sda"}))
    kit.eventually(lambda: query(server, "DiskFull") == [] or None, "its end")


def test_amtool_silences(server, hook):
    made = amtool(server, "silence", "add", "-a", "me", "-c", "window", "-d", "30m", "amSilent", "zone=~a|b").strip()
    [s] = [s for s in silences(server) if s["id"] == made]
    assert s["status"]["state"] == "active" and s["createdBy"] == "me" and s["comment"] == "window"
    assert made in amtool(server, "silence", "query", "-q", "zone=~a|b")
    amtool(server, "alert", "add", "amSilent", "zone=a")
    amtool(server, "alert", "add", "amSilent", "zone=c")
    kit.eventually(lambda: [a for a in query(server, "--silenced", "amSilent", "zone=a") if a["status"]["silencedBy"] == [made]], "suppression")
    hook.wait(lambda h: h.alerts(alertname="amSilent", zone="c"), "the one that is not silenced")
    assert not hook.alerts(alertname="amSilent", zone="a")
    longer = amtool(server, "silence", "update", "-d", "2h", "-c", "longer", made)
    assert "longer" in longer or made in longer
    amtool(server, "silence", "expire", *amtool(server, "silence", "query", "-q", "amSilent", "zone=~a|b").split())
    assert not [s for s in silences(server, "amSilent") if s["status"]["state"] == "active"]
    assert any(s["id"] == made for s in silences(server, "--expired")), "kept for looking back"
    hook.wait(lambda h: h.alerts(alertname="amSilent", zone="a"), "the alert once the silence has ended")
    amtool(server, "silence", "expire", made, code=1)


def test_amtool_imports_silences(server, tmp_path):
    first = amtool(server, "silence", "add", "-c", "x", "amImport").strip()
    text = amtool(server, "-o", "json", "silence", "query", "amImport")
    amtool(server, "silence", "expire", first)
    path = tmp_path / "s.json"
    path.write_text(text, encoding="utf-8")
    amtool(server, "silence", "import", "--force", str(path))
    kit.eventually(lambda: silences(server, "amImport"), "the imported silence")


def test_amtool_config_and_routes(server):
    assert "receiver: team" in amtool(server, "config", "show")
    amtool(server, "cluster", "show")


# --- a Prometheus that sends its alerts to us ---


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_prometheus_uses_us_as_its_alertmanager(start, tmp_path, version):
    with Hook() as hook:
        rule_file(tmp_path, "")
        s = start(config=config("", f"webhook_configs: [{{url: '{hook.url('/hook')}'}}]"))
        rule_file(tmp_path, "groups: [{name: p, interval: 1s, rules: [{alert: FromPrometheus, expr: vector(3) > 2, labels: {a: b}, annotations: {v: '{{ $value }}'}}]}]", "p.yml")
        p = Prometheus(str(tmp_path), config="global: {evaluation_interval: 1s, external_labels: {region: x}}\nrule_files: [p.yml]\n"
                       f"alerting: {{alertmanagers: [{{api_version: {version}, static_configs: [{{targets: ['127.0.0.1:{s.port}']}}]}}]}}\n",
                       flags=["--rules.alert.resend-delay=1s"])  # it knows us after five seconds only
        try:
            [a] = kit.eventually(lambda: s.get("/api/v2/alerts").json, "the alert")
            assert a["labels"] == {"alertname": "FromPrometheus", "a": "b", "region": "x"} and a["annotations"] == {"v": "3"}
            hook.wait(lambda h: h.alerts(alertname="FromPrometheus"), "our webhook")
            rule_file(tmp_path, "groups: []", "p.yml")
            p.process.send_signal(signal.SIGHUP)
        finally:
            p.end()


# --- an Alertmanager that we send to ---


def test_alertmanager_gets_what_we_forward(start, tmp_path):
    rule_file(tmp_path, RULES)
    with Hook() as hook, Alertmanager(os.path.join(tmp_path, "am"), hook.url("/am")) as am:
        s = start(config=config("rules.yml", f"alertmanager_configs: [{{urls: ['{am.url()}']}}]"))
        s.put(("disk_used", 99, {"disk": "sdb"}))
        [there] = kit.eventually(lambda: am.get("/api/v2/alerts").json, "the alert over there")
        [here] = s.get("/api/v2/alerts").json
        assert there["labels"] == here["labels"] and there["fingerprint"] == here["fingerprint"]
        assert there["startsAt"] == here["startsAt"] and there["annotations"] == {"summary": "sdb is full"}
        hook.wait(lambda h: h.alerts("/am", alertname="DiskFull"), "its webhook")
        s.put(("disk_used", 1, {"disk": "sdb"}))
        hook.wait(lambda h: [st for st, _ in h.alerts("/am", alertname="DiskFull")][-1:] == ["resolved"], "the end")


def test_alertmanager_gets_every_alert_of_a_large_group(start, tmp_path):
    """More than fit into one of our rows; and all of their ends."""
    many = [{"labels": {"alertname": "Many", "n": str(n)}} for n in range(1300)]
    with kit.nobody() as url, Alertmanager(os.path.join(tmp_path, "am"), url) as am:
        s = start(config=config("", f"alertmanager_configs: [{{urls: ['{am.url()}']}}]"))
        s.post("/api/v2/alerts", many)
        kit.eventually(lambda: len(am.get("/api/v2/alerts").json) == len(many), "all of them over there")
        s.post("/api/v2/alerts", [{**a, "endsAt": "2020-01-01T00:00:00Z"} for a in many[10:]])
        kit.eventually(lambda: len(am.get("/api/v2/alerts").json) == 10, "all ends over there")


def test_an_alertmanagers_webhook_reaches_us(start, tmp_path):
    """Its alerts pass through to our feed."""
    s = start()
    with Alertmanager(os.path.join(tmp_path, "am"), s.url("/api/v1/alerts/webhook")) as am, s.ws("/notifications") as wall:
        class There:
            url = staticmethod(am.url)
        amtool(There, "alert", "add", "Through", "node=x", "--annotation=summary=passed on")
        told = wall.until(lambda m: m["context"]["labels"].get("alertname") == "Through")
        assert told["status"] == "firing" and told["title"] == "passed on"
