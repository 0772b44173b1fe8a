"""Alerts over HTTP and WebSocket: rules, Alertmanager's API, silences, acknowledgements, summaries."""

import contextlib
import datetime
import urllib.parse

import pytest

import kit
from alert_kit import Hook, config, rule_file

RULES = """
groups:
  - name: queues
    interval: 100ms
    labels: {team: mail}
    rules:
      - alert: QueueLong
        expr: queue_length > 10
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.queue }} has {{ $value }}", description: waiting}
      - alert: QueueSlow
        expr: queue_length > 5
        for: 1h
      - record: queue:sum
        expr: sum(queue_length)
  - name: others
    interval: 200ms
    limit: 7
    rules:
      - alert: Never
        expr: vector(0) > 1
        keep_firing_for: 5m
        labels: {severity: '{{ "warning" }}'}
"""


@pytest.fixture(scope="module")
def hook():
    with Hook() as h:
        yield h


@pytest.fixture(scope="module")
def server(tmp_path_factory, hook):
    folder = str(tmp_path_factory.mktemp("alerts"))
    rule_file(folder, RULES)
    s = kit.Server(folder, config=config("rules.yml", f"webhook_configs: [{{url: '{hook.url('/hook')}'}}]"))
    s.put(("queue_length", 17, {"queue": "spam"}), ("queue_length", 7, {"queue": "ham"}))
    wait_alert(s, "QueueLong")
    yield s
    s.end()


def iso(seconds):
    t = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return t.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def alerts(server, **arguments):
    answer = server.get("/api/v2/alerts?" + urllib.parse.urlencode(arguments, doseq=True))
    assert answer.status == 200, answer
    return answer.json


def post(server, *list_of_alerts, path="/api/v2/alerts"):
    return server.post(path, list(list_of_alerts), {"Content-Type": "application/json"})


def wait_alert(server, name, **arguments):
    return kit.eventually(lambda: alerts(server, filter=f"alertname={name}", unprocessed="false", **arguments), name)[0]


def resolve(server, labels):
    assert post(server, {"labels": labels, "startsAt": iso(-60), "endsAt": iso(-1)}).status == 200


@contextlib.contextmanager
def fired(server, **labels):
    assert post(server, {"labels": labels}).status == 200
    try:
        yield wait_alert(server, labels["alertname"])
    finally:
        resolve(server, labels)
        # Other tests count what there is.
        kit.eventually(lambda: not alerts(server, filter=[f'{k}="{v}"' for k, v in labels.items()]), f"the end of {labels}")


def rules(server, query=""):
    answer = server.get("/api/v1/rules" + query)
    assert answer.status == 200 and answer.json["status"] == "success", answer
    return answer.json["data"]


# --- rules ---


def test_rules_as_prometheus_has_them(server):
    wait_alert(server, "QueueLong")
    data = rules(server)
    assert [g["name"] for g in data["groups"]] == ["queues", "others"] and "groupNextToken" not in data
    group = data["groups"][0]
    assert group["interval"] == 0.1 and group["file"].endswith("rules.yml") and group["limit"] == 0
    long, slow, total = group["rules"]
    assert (long["type"], long["name"], long["query"]) == ("alerting", "QueueLong", "queue_length > 10")
    assert long["state"] == "firing" and long["health"] == "ok" and long["duration"] == 0
    assert long["labels"] == {"team": "mail", "severity": "critical"}
    assert long["annotations"]["summary"] == "{{ $labels.queue }} has {{ $value }}"
    [one] = long["alerts"]
    assert one["labels"] == {"alertname": "QueueLong", "queue": "spam", "severity": "critical", "team": "mail"}
    assert one["annotations"] == {"summary": "spam has 17", "description": "waiting"}
    assert one["state"] == "firing" and one["value"] == "1.7e+01" and one["activeAt"].endswith("Z")
    assert slow["state"] == "pending" and slow["duration"] == 3600
    assert {a["labels"]["queue"] for a in slow["alerts"]} == {"spam", "ham"}
    assert total["type"] == "recording" and total["name"] == "queue:sum" and "alerts" not in total
    assert data["groups"][1]["limit"] == 7 and data["groups"][1]["rules"][0]["keepFiringFor"] == 300


@pytest.mark.parametrize("query,names", [
    ("?type=record", ["queue:sum"]), ("?type=alert", ["QueueLong", "QueueSlow", "Never"]),
    ("?rule_name[]=Never&rule_name[]=queue:sum", ["queue:sum", "Never"]), ("?rule_group[]=others", ["Never"]),
    ("?file[]=nowhere", []), ("?match[]={severity=%22critical%22}", ["QueueLong"]),
    ("?match[]={team=%22mail%22}&type=record", ["queue:sum"]),
    ("?match[]={severity=%22warning%22}", [])])  # templates are not matched
def test_rules_filtered(server, query, names):
    assert [r["name"] for g in rules(server, query)["groups"] for r in g["rules"]] == names


def test_rules_without_alerts_and_page_by_page(server):
    data = rules(server, "?exclude_alerts=true&group_limit=1")
    assert data["groups"][0]["rules"][0]["alerts"] is None and len(data["groups"]) == 1
    second = rules(server, "?group_limit=1&group_next_token=" + data["groupNextToken"])
    assert [g["name"] for g in second["groups"]] == ["others"] and "groupNextToken" not in second


@pytest.mark.parametrize("query", ["?type=both", "?exclude_alerts=perhaps", "?group_limit=0", "?group_limit=x",
                                   "?group_next_token=a", "?group_limit=1&group_next_token=a", "?match[]=)"])
def test_rules_bad_arguments(server, query):
    answer = server.get("/api/v1/rules" + query)
    assert answer.status == 400 and answer.json["errorType"] == "bad_data", answer


def test_alerts_of_rules(server):
    wait_alert(server, "QueueLong")
    data = server.get("/api/v1/alerts").json["data"]["alerts"]
    assert sorted((a["labels"]["alertname"], a["state"]) for a in data) == [
        ("QueueLong", "firing"), ("QueueSlow", "pending"), ("QueueSlow", "pending")]


def test_recorded_series_and_ALERTS_are_there(server):
    wait_alert(server, "QueueLong")
    assert server.wait_value("queue:sum", 24)
    assert server.wait_value('ALERTS{alertname="QueueLong",alertstate="firing",queue="spam"}', 1)


# --- Alertmanager's API ---


def test_alert_of_a_rule_in_alertmanagers_shape(server, hook):
    a = wait_alert(server, "QueueLong")
    assert set(a) >= {"annotations", "endsAt", "fingerprint", "receivers", "startsAt", "status", "updatedAt", "labels"}
    assert a["status"] == {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}
    assert a["receivers"] == [{"name": "team"}] and len(a["fingerprint"]) == 16
    assert a["startsAt"] < a["endsAt"] and "queue_length" in a["generatorURL"]
    hook.wait(lambda h: h.alerts(alertname="QueueLong", queue="spam"), "the webhook")
    assert hook.alerts(alertname="QueueLong")[0][0] == "firing"


def test_posted_alert_fires_and_resolves(server, hook):
    labels = {"alertname": "Posted", "node": "a", "empty": ""}
    assert post(server, {"labels": labels, "annotations": {"summary": "x"}, "generatorURL": "http://p.example/"}).status == 200
    a = wait_alert(server, "Posted")
    assert a["labels"] == {"alertname": "Posted", "node": "a"} and a["annotations"] == {"summary": "x"}
    hook.wait(lambda h: h.alerts(alertname="Posted"))
    resolve(server, labels)
    kit.eventually(lambda: not alerts(server, filter="alertname=Posted"), "the end")
    hook.wait(lambda h: [s for s, _ in h.alerts(alertname="Posted")] == ["firing", "resolved"])


def test_posted_alert_fingerprint_is_alertmanagers(server):
    with fired(server, alertname="foo", node="bar") as a:
        assert a["fingerprint"] == "980a6a0e0facf311"  # as Alertmanager 0.25 says


def test_posts_take_what_is_valid(server):
    answer = post(server, {"labels": {}}, {"labels": {"alertname": "Good"}}, {"labels": {"alertname": "Late"}, "startsAt": iso(0), "endsAt": iso(-9)})
    assert answer.status == 400 and answer.json == "at least one label pair required"
    assert wait_alert(server, "Good") and not alerts(server, filter="alertname=Late")
    resolve(server, {"alertname": "Good"})


@pytest.mark.parametrize("body,status", [
    ("{", 400), ("", 400), ("{}", 422), ('[{"labels":{"a":1}}]', 400), ('[{"labels":[]}]', 400), ("[1]", 400),
    ('[{"labels":{"a":"b"},"startsAt":"yesterday"}]', 400), ('[{"labels":{"":"b"}}]', 400), ("[]", 200)])
def test_bad_posts_are_refused(server, body, status):
    assert server.post("/api/v2/alerts", body).status == status


def test_posts_have_a_limit(server):
    with server.dial() as s:
        s.send("POST /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000000\r\n\r\n")
        assert s.head()[0] == 413
    many = {f"l{i}": "x" for i in range(200)}
    assert post(server, {"labels": {"alertname": "Wide", **many}}).status == 400


def test_api_v1_posts(server):
    answer = post(server, {"labels": {"alertname": "Old"}}, path="/api/v1/alerts")
    assert answer.status == 200 and answer.json == {"status": "success"}
    wait_alert(server, "Old")
    resolve(server, {"alertname": "Old"})
    answer = post(server, {"labels": {}}, path="/api/v1/alerts")
    assert answer.status == 400 and answer.json["errorType"] == "bad_data"


def test_webhook_of_an_alertmanager_is_taken(server):
    alert = {"status": "firing", "labels": {"alertname": "Hooked"}, "annotations": {}, "startsAt": iso(-5),
             "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "x"}
    body = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "us", "alerts": [alert]}
    assert server.post("/api/v1/alerts/webhook", body).json == {"status": "success"}
    a = wait_alert(server, "Hooked")
    assert a["endsAt"] > iso(3600), "it is not told again for hours"
    alert.update(status="resolved", endsAt=iso(-1))
    assert server.post("/api/v1/alerts/webhook", body).status == 200
    kit.eventually(lambda: not alerts(server, filter="alertname=Hooked"), "the end")
    assert server.post("/api/v1/alerts/webhook", {"version": "4"}).status == 400


def test_filters(server):
    with fired(server, alertname="F", zone="a"), fired(server, alertname="F2", zone="b"):
        def names(**arguments):
            return sorted(a["labels"]["alertname"] for a in alerts(server, **arguments))
        assert names(filter=['zone=~"a|b"']) == ["F", "F2"] and names(filter=["zone=~.+", "zone!=b"]) == ["F"]
        assert names(filter='{zone="a",alertname!~"x.*"}') == ["F"] and names(filter="zone=a", receiver="te.m") == ["F"]
        assert names(filter="zone=a", receiver="te") == [] and names(filter="zone=a", active="false") == []
        assert server.get("/api/v2/alerts?filter=a%20b").status == 400
        assert server.get("/api/v2/alerts?receiver=(").status == 400


def test_groups(server):
    with fired(server, alertname="G", i="1"), fired(server, alertname="G", i="2"):
        def ours():
            return [g for g in server.get("/api/v2/alerts/groups?filter=alertname=G").json if len(g["alerts"]) == 2]
        [g] = kit.eventually(ours, "the group")
        assert g["labels"] == {"alertname": "G"} and g["receiver"] == {"name": "team"} and g["routeLabels"] == {}
        assert server.get("/api/v2/alerts/groups?filter=alertname=G&receiver=x").json == []


def test_receivers_and_status(server):
    assert [r["name"] for r in server.get("/api/v2/receivers").json] == ["team"]
    status = server.get("/api/v2/status").json
    assert status["cluster"] == {"peers": [], "status": "disabled"} and status["uptime"].endswith("Z")
    assert set(status["versionInfo"]) == {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"}
    original = status["config"]["original"]
    assert "receiver: team" in original and "/hook" not in original, "addresses of receivers are secrets"


# --- silences ---


def silence(server, *matchers, **more):
    names = ("name", "value", "isRegex", "isEqual")
    body = {"matchers": [dict(zip(names, m)) for m in matchers], "startsAt": iso(0), "endsAt": iso(600),
            "createdBy": "me", "comment": "c", **more}
    return server.post("/api/v2/silences", body)


def test_silence_suppresses_and_ends(server):
    with fired(server, alertname="S", zone="x1") as a:
        made = silence(server, ("zone", "x.*", True, True), ("alertname", "T", False, False))
        assert made.status == 200, made
        one = made.json["silenceID"]
        suppressed = kit.eventually(lambda: alerts(server, filter="alertname=S", active="false"), "suppression")
        assert suppressed[0]["status"]["silencedBy"] == [one] and suppressed[0]["fingerprint"] == a["fingerprint"]
        assert alerts(server, filter="alertname=S", silenced="false") == []
        got = server.get("/api/v2/silence/" + one).json
        assert got["status"] == {"state": "active"} and got["createdBy"] == "me" and got["comment"] == "c"
        assert got["matchers"] == [{"name": "zone", "value": "x.*", "isRegex": True, "isEqual": True},
                                   {"name": "alertname", "value": "T", "isRegex": False, "isEqual": False}] or \
            sorted(m["name"] for m in got["matchers"]) == ["alertname", "zone"]
        assert server.request("DELETE", "/api/v2/silence/" + one).status == 200
        kit.eventually(lambda: alerts(server, filter="alertname=S", silenced="false"), "the alert's return")
        assert server.get("/api/v2/silence/" + one).json["status"] == {"state": "expired"}


def test_silences_listed_filtered_and_updated(server):
    one = silence(server, ("list", "1", False)).json["silenceID"]
    two = silence(server, ("list", "2", False, True), startsAt=iso(300)).json["silenceID"]

    def ids(query=""):
        return [s["id"] for s in server.get("/api/v2/silences" + query).json]
    assert ids("?filter=list=1") == [one] and ids("?filter=list=2") == [two] and {one, two} <= set(ids())
    assert two not in ids("?pending=false") and one not in ids("?active=false")
    assert ids().index(one) < ids().index(two), "active ones first"
    again = silence(server, ("list", "1", False), id=one, comment="longer", endsAt=iso(1200))
    assert again.status == 200, again
    assert server.get("/api/v2/silence/" + again.json["silenceID"]).json["comment"] == "longer"
    for s in {one, two, again.json["silenceID"]}:
        server.request("DELETE", "/api/v2/silence/" + s)
    assert one not in ids("?expired=false")


def test_bad_silences_are_refused(server):
    good = ("a", "b", False)
    for body, status in (({"matchers": []}, 422), ({"matchers": [{"name": "a"}]}, 422), ({"comment": None}, 422),
                         ({"endsAt": "soon"}, 422), ({"endsAt": iso(-60), "startsAt": iso(-120)}, 400),
                         ({"startsAt": iso(700)}, 400), ({"id": "6d1d1c5e-6a3f-4a51-9c8b-000000000000"}, 404)):
        answer = silence(server, good, **body)
        assert answer.status == status, (body, answer)
    assert silence(server, ("a", "(", True)).status in (400, 422)
    assert server.post("/api/v2/silences", "{").status == 400
    assert server.get("/api/v2/silence/6d1d1c5e-6a3f-4a51-9c8b-000000000000").status == 404
    assert server.request("DELETE", "/api/v2/silence/6d1d1c5e-6a3f-4a51-9c8b-000000000000").status == 404


# --- acknowledgements ---


def acks(server):
    return server.get("/api/v1/acks").json["data"]["acks"]


def test_ack_over_http_is_told_to_everybody(server):
    with fired(server, alertname="Ack1") as a, server.ws("/notifications") as wall:
        answer = server.post("/api/v1/acks", {"fingerprint": a["fingerprint"], "comment": "mine", "by": "ann", "expires": "2h"})
        assert answer.status == 200, answer
        told = wall.until(lambda m: m["status"] == "acknowledged")
        assert told["context"]["labels"] == {"alertname": "Ack1"} and told["id"].startswith(a["fingerprint"] + "-")
        [one] = kit.eventually(lambda: [k for k in acks(server) if k["labels"]["alertname"] == "Ack1"], "the ack")
        assert one["by"] == "ann" and one["comment"] == "mine" and one["id"] == told["id"]
        assert 7100e3 < one["expires"] - kit.now_ms() < 7300e3
        assert wait_alert(server, "Ack1")["acknowledgement"]["by"] == "ann"
        assert server.request("DELETE", "/api/v1/acks/" + one["id"]).status == 200
        kit.eventually(lambda: not [k for k in acks(server) if k["id"] == one["id"]], "its end")


def test_ack_over_a_websocket(server):
    with fired(server, alertname="Ack2") as a, server.ws(v1=True) as w:
        w.type("welcome")
        w.send({"action": "subscribe", "id": "n", "topic": "notifications"})
        w.type("subscribed")
        w.send({"action": "ack", "notification": a["fingerprint"], "comment": "seen"})
        told = w.until(lambda m: m.get("type") == "notification" and m["notification"]["status"] == "acknowledged")
        assert told["notification"]["context"]["acknowledgeComment"] == "seen"
        assert any(k["labels"]["alertname"] == "Ack2" for k in acks(server))


def test_acks_of_what_does_not_fire(server):
    assert server.post("/api/v1/acks", {"id": "0123456789abcdef-1"}).status == 404
    assert server.request("DELETE", "/api/v1/acks/0123456789abcdef").status == 404
    for body in ("{", "{}", '{"id":""}', '{"id":"a","expires":"tomorrow"}', '{"id":"a","expires":-5}', "[]"):
        answer = server.post("/api/v1/acks", body)
        assert answer.status == 400 and answer.json["errorType"] == "bad_data", (body, answer)


def test_ack_that_has_expired_is_refused(server):
    with fired(server, alertname="Ack3") as a:
        assert server.post("/api/v1/acks", {"id": a["fingerprint"], "expires": 1000}).status == 400


# --- for scripts ---


def test_health_and_summary(server):
    wait_alert(server, "QueueLong")
    health = server.get("/api/health").json
    assert health["status"] == "unhealthy" and health["critical"] == 1 and health["failingRules"] == 0
    assert 0 <= health["uptime"] == health["time"] - health["started"]
    summary = server.get("/api/summary").json
    assert summary["alerts"]["critical"]["firing"] == 1 and summary["alerts"]["pending"] == 2
    assert summary["rules"] == {"total": 4, "failing": 0} and summary["worst"][0]["name"] == "QueueLong"


def test_list_of_alerts_for_scripts(server):
    with fired(server, alertname="L1", severity="info"), fired(server, alertname="L2", severity="page"):
        made = silence(server, ("alertname", "L2", False)).json["silenceID"]
        kit.eventually(lambda: alerts(server, filter="alertname=L2", active="false"), "suppression")

        def names(query=""):
            return [(a["name"], a["type"], a["status"]) for a in server.get("/api/alerts" + query).json["alerts"]]
        assert names() == [("QueueLong", "critical", "firing"), ("L1", "info", "firing")]
        assert names("?severity=warning") == [("QueueLong", "critical", "firing")]
        assert names("?all=true")[1] == ("L2", "critical", "silenced")
        assert names("?filter=alertname=L1") == [("L1", "info", "firing")] and len(names("?limit=1")) == 1
        fingerprint = {a["labels"]["alertname"]: a["fingerprint"] for a in server.get("/api/v2/alerts").json}
        assert names("?fingerprint=" + fingerprint["L1"]) == [("L1", "info", "firing")]
        assert names("?fingerprint=" + fingerprint["L2"]) == [] and names("?all=true&fingerprint=" + fingerprint["L2"])[0][2] == "silenced"
        assert names("?fingerprint=0123456789abcdef") == [] and names("?fingerprint=zz") == []
        one = server.get("/api/alerts").json["alerts"][0]
        assert one["title"] == "spam has 17" and one["message"] == "waiting" and one["context"]["value"] == 17
        assert server.get("/api/alerts?severity=bad").status == 400
        server.request("DELETE", "/api/v2/silence/" + made)


def test_a_file_that_two_patterns_find_counts_once(start, tmp_path):
    rule_file(tmp_path, "groups: [{name: g, rules: [{alert: A, expr: up}]}]", "ab.rules")
    s = start(config="rule_files: ['a*.rules', ab.rules]\n")
    assert [g["name"] for g in s.get("/api/v1/rules").json["data"]["groups"]] == ["g"]


def test_without_rules_everything_is_empty_and_well(start):
    s = start()
    assert s.get("/api/v1/rules").json["data"] == {"groups": []}
    assert s.get("/api/v1/alerts").json["data"] == {"alerts": []}
    assert s.get("/api/v2/alerts").json == [] and s.get("/api/v2/alerts/groups").json == []
    assert s.get("/api/health").json["status"] == "healthy"
