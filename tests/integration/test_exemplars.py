"""Exemplars: from remote write and OpenMetrics to /api/v1/query_exemplars, beside a Prometheus that has the same."""

import struct
import urllib.parse

import pytest

import kit
import prom_peer
from test_remote_write import V2, Request2, literal_snappy, part, series, varint, write


def exemplar1(labels, value, time_ms):
    return part(3, b"".join(part(1, part(1, n) + part(2, v)) for n, v in labels.items()) + part(2, float(value)) + part(3, time_ms))


def exemplar2(message, labels, value, time_ms):
    refs = b"".join(varint(message.ref(t)) for pair in labels.items() for t in pair)
    return part(4, part(1, refs) + b"\x11" + struct.pack("<d", value) + part(3, time_ms))


def asked(get, query, **more):
    return get("/api/v1/query_exemplars?" + urllib.parse.urlencode({"query": query, **more}))


def one(server, query):
    return kit.eventually(lambda: asked(server.get, query).json["data"], "exemplars")


def test_remote_write_1(server, name):
    now = kit.now_ms()
    assert write(server, series(name, {"a": "1"}, (1, now), more=exemplar1({"trace_id": "x1"}, 0.5, now - 3))).status == 204
    # Prometheus sends them in series of their own, behind those of the samples.
    assert write(server, series(name, {"a": "1"}, more=exemplar1({"trace_id": "x2"}, 0.25, now))).status == 204
    data = kit.eventually(lambda: [d for d in one(server, name) if len(d["exemplars"]) == 2], "both")
    assert data == [{"seriesLabels": {"__name__": name, "a": "1"}, "exemplars": [
        {"labels": {"trace_id": "x1"}, "value": "0.5", "timestamp": (now - 3) / 1000},
        {"labels": {"trace_id": "x2"}, "value": "0.25", "timestamp": now / 1000}]}]


def test_remote_write_2(server, name):
    now, message = kit.now_ms(), Request2()
    message.add(name, None, (1, now), more=exemplar2(message, {"trace_id": "y"}, 3, now))
    answer = write(server, message.bytes(), Content_Type=V2, X_Prometheus_Remote_Write_Version="2.0.0")
    assert answer.status == 204 and answer.headers["X-Prometheus-Remote-Write-Exemplars-Written"] == "1"
    assert one(server, name)[0]["exemplars"] == [{"labels": {"trace_id": "y"}, "value": "3", "timestamp": now / 1000}]


def test_openmetrics(server, name):
    now = kit.now_ms()
    dropped = server.metric("streamgauge_exemplars_dropped_total")
    text = (f'# TYPE {name} histogram\n{name}_bucket{{le="1"}} 3 # {{trace_id="a\\"b"}} 0.5 {now / 1000:.3f}\n'
            f'{name}_bucket{{le="+Inf"}} 4 {now / 1000:.3f} # {{}} 9\n{name}_count 4 # {{trace_id="broken}} 1\n# EOF\n')
    answer = server.post("/api/v1/import/prometheus", text, {"Content-Type": "application/openmetrics-text; version=1.0.0"})
    assert answer.status == 204, answer
    data = kit.eventually(lambda: (d := one(server, f'{{__name__=~"{name}.*"}}')) and len(d) == 2 and d, "two series")
    assert {d["seriesLabels"]["le"]: d["exemplars"] for d in data} == {
        "1": [{"labels": {"trace_id": 'a"b'}, "value": "0.5", "timestamp": now / 1000}],
        "+Inf": [{"labels": {}, "value": "9", "timestamp": now / 1000}]}
    assert server.metric("streamgauge_exemplars_dropped_total") == dropped + 1
    server.wait_value(f"{name}_count", 4)  # the sample is kept


def test_expressions_and_times_choose(server, name):
    now = kit.now_ms()
    for k, letter in enumerate("ab"):
        assert write(server, series(f"{name}_{letter}", None, (1, now), more=exemplar1({"t": letter}, k, now - k * 5000))).status == 204
    one(server, f"{name}_b")

    def letters(query, **more):
        return [e["labels"]["t"] for d in asked(server.get, query, **more).json["data"] for e in d["exemplars"]]

    assert letters(f"sum(rate({name}_a[5m])) / max_over_time({name}_b[1m:1s])") == ["a", "b"]
    assert letters(f'{{__name__=~"{name}.*"}}', start=now / 1000 - 1) == ["a"]
    assert letters(f'{{__name__=~"{name}.*"}}', end=now / 1000 - 1) == ["b"]
    assert letters(f'{name}_a{{nothing="here"}}') == [] and letters("1 + 1") == []


def test_their_number_is_bounded(start):
    s = start(config="limits: {exemplars: 3}\n")
    now = kit.now_ms()
    for i in range(8):
        assert write(s, series("m", None, (i, now + i), more=exemplar1({"t": str(i)}, i, now + i))).status == 204
    s.wait_metric("streamgauge_exemplars_total", 8)
    assert [e["labels"]["t"] for e in one(s, "m")[0]["exemplars"]] == ["5", "6", "7"]
    none = start(config="limits: {exemplars: 0}\n")
    assert write(none, series("m", None, (1, now), more=exemplar1({"t": "x"}, 1, now))).status == 204
    none.wait_metric("streamgauge_exemplars_dropped_total", 1)
    assert asked(none.get, "m").json["data"] == []


@pytest.mark.parametrize("query", ["m", "sum(m)", 'm{a="1"}', "rate(m[5m]) + n", "nothing"])
def test_answers_are_those_of_prometheus(exemplar_peers, query):
    ours, theirs = exemplar_peers
    expected = asked(lambda path: theirs.request("GET", path), query, start=0, end=4e9).json
    assert asked(ours.get, query, start=0, end=4e9).json == expected
    assert query == "nothing" or expected["data"]


@pytest.fixture(scope="module")
def exemplar_peers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exemplars")
    ours, theirs = kit.Server(str(folder)), prom_peer.Prometheus(str(folder), flags=["--enable-feature=exemplar-storage"])
    now = kit.now_ms()
    message = b"".join(
        series(name, {"a": a}, (i, now), more=exemplar1({"trace_id": name + a}, i + 0.5, now - 2) + exemplar1({"trace_id": a}, 1e-9, now))
        for i, (name, a) in enumerate([("m", "1"), ("m", "2"), ("n", "1")]))
    assert write(ours, message).status == 204 and theirs.request("POST", "/api/v1/write", literal_snappy(message), prom_peer.WRITE_HEADERS).status in (200, 204)
    kit.eventually(lambda: len(asked(ours.get, '{__name__=~"m|n"}').json["data"]) == 3, "ours")
    yield ours, theirs
    ours.end()
    theirs.end()
