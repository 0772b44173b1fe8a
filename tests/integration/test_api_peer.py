"""Our HTTP API beside Debian's Prometheus with the same samples: status, shape and digits of every answer, where 2.42
and 3.5 mean the same. And Prometheus' own tool as the client."""

import json
import math
import urllib.parse

import pytest

import kit
import prom_peer

STEP = 15  # seconds between samples
POINTS = 80


def sample_series(end_ms):
    """Counters with resets, gauges with every kind of float, classic histograms, odd label values."""
    times = [end_ms - (POINTS - 1 - i) * STEP * 1000 for i in range(POINTS)]
    out = []
    for i, job in enumerate(("api", "web", "db")):
        for instance in ("a:1", "b:2"):
            values = [(k * (i + 3) * 7.25) % 2111 for k in range(POINTS)]
            out.append(({"__name__": "peer_requests_total", "job": job, "instance": instance}, list(zip(times, values))))
    special = [0.1, -0.0, 1e21, 1e20, 1e-7, 1e-6, 123456789.125, math.inf, -math.inf, math.nan, 1 / 3]
    for i, v in enumerate(special):
        out.append(({"__name__": "peer_special", "kind": str(i)}, [(t, v) for t in times]))
    for le, scale in (("0.1", 1), ("1", 3), ("+Inf", 4)):
        out.append(({"__name__": "peer_seconds_bucket", "le": le, "job": "api"}, [(t, k * scale) for k, t in enumerate(times)]))
    out.append(({"__name__": "peer_odd", "text": 'a"b\\c\nd é <&>', "instance": "i"}, [(t, 1) for t in times]))
    return out


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    ours = kit.Server(str(tmp_path_factory.mktemp("ours")), "--retention", "2h")
    peer = None
    try:
        peer = prom_peer.Prometheus(str(tmp_path_factory.mktemp("peer")))
        # Off the full second, so that no sample lies on the left end of a window, which 3.x leaves out.
        end_ms = prom_peer.now_s() * 1000 - 3_333
        series = sample_series(end_ms)
        for one in (ours, peer):
            prom_peer.store(one, series)
        ours.peer, ours.end_s = peer, end_ms // 1000
        yield ours
    finally:
        if peer:
            peer.end()
        ours.end()


def both(pair, path, pairs, method="GET"):
    form = urllib.parse.urlencode(pairs)
    if method == "GET":
        return [s.request("GET", f"{path}?{form}" if form else path) for s in (pair, pair.peer)]
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return [s.request("POST", path, form, headers) for s in (pair, pair.peer)]


INSTANT = [
    "peer_requests_total", 'peer_requests_total{job=~"api|web",instance!="b:2"}', "peer_special", "-peer_special", "peer_odd",
    "sum by (job) (rate(peer_requests_total[1m]))", "increase(peer_requests_total[5m])", "topk(2, peer_requests_total)",
    "sort(peer_requests_total)", "sort_desc(sum by (instance) (peer_requests_total))", "absent(peer_nothing{a=\"b\"})",
    "histogram_quantile(0.9, sum by (le) (rate(peer_seconds_bucket[2m])))", "peer_special * 2 > 1", "peer_special == bool 0.1",
    "peer_requests_total / on (job, instance) group_left () peer_requests_total", "count_values(\"v\", peer_special)",
    "quantile_over_time(0.5, peer_requests_total[3m])", "max_over_time(peer_requests_total[4m])", "stddev(peer_requests_total)",
    "label_replace(peer_odd, \"new\", \"$1\", \"instance\", \"(.*)\")", "label_join(peer_requests_total, \"all\", \"/\", \"job\", \"instance\")",
    "1 + 1", "1e-7", "1e21", "time()", "pi()", "-0", "1/0", "0/0", '"text"', "vector(1)", "scalar(vector(3.5))", "peer_requests_total[1m]",
    "rate(peer_requests_total[1m:15s])", "deriv(peer_requests_total[3m])", "predict_linear(peer_requests_total[3m], 60)",
    "changes(peer_requests_total[10m])", "resets(peer_requests_total[10m])", "peer_requests_total offset 1m", "peer_nothing",
    "peer_requests_total and on (job) peer_seconds_bucket", "peer_requests_total unless on (job) peer_seconds_bucket",
    "timestamp(peer_odd)", "day_of_month()", "hour(peer_odd)", "round(peer_requests_total, 10)", "clamp(peer_requests_total, 10, 100)",
]


def close(a, b):
    """Equal but for the last digits of sums, which both may add in another order."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    if isinstance(a, str) and isinstance(b, str) and a != b:
        try:
            return math.isclose(float(a), float(b), rel_tol=1e-9)
        except ValueError:
            return False
    return a == b


def by_labels(document):
    """Vectors come in no order unless the expression gives one; there it is Go's map that gives it."""
    data = document.get("data")
    if isinstance(data, dict) and data.get("resultType") == "vector":
        data["result"].sort(key=lambda s: json.dumps(s["metric"], sort_keys=True))
    return document


@pytest.mark.parametrize("query", INSTANT)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_instant_queries_answer_alike(pair, query, method):
    ours, theirs = both(pair, "/api/v1/query", {"query": query, "time": pair.end_s + 0.1}, method)
    assert (ours.status, ours.headers["Content-Type"]) == (theirs.status, theirs.headers["Content-Type"])
    a, b = ours.json, theirs.json
    if "sort" not in query and "topk" not in query:
        a, b = by_labels(a), by_labels(b)
    assert close(a, b), prom_peer.dumps([a, b])


@pytest.mark.parametrize("query", [q for q in INSTANT if q not in ('"text"', "peer_requests_total[1m]")])
def test_range_queries_answer_alike(pair, query):
    pairs = {"query": query, "start": pair.end_s - 600 + 0.1, "end": pair.end_s + 0.1, "step": "30s"}
    ours, theirs = both(pair, "/api/v1/query_range", pairs)
    assert ours.status == theirs.status == 200
    assert close(ours.json, theirs.json), prom_peer.dumps([ours.json, theirs.json])


def test_a_plain_selector_answers_byte_for_byte(pair):
    pairs = {"query": 'peer_special{kind=~"[0-8]"}', "start": pair.end_s - 60, "end": pair.end_s, "step": "15"}
    ours, theirs = both(pair, "/api/v1/query_range", pairs)
    assert ours.body == theirs.body


@pytest.mark.parametrize("path,pairs", [
    ("/api/v1/series", [("match[]", "peer_requests_total")]),
    ("/api/v1/series", [("match[]", 'peer_requests_total{job="api"}'), ("match[]", "peer_odd")]),
    ("/api/v1/series", [("match[]", "peer_nothing")]),
    ("/api/v1/label/job/values", []),
    ("/api/v1/label/instance/values", [("match[]", 'peer_requests_total{job="api"}')]),
    ("/api/v1/label/text/values", []),
    ("/api/v1/label/nothing/values", []),
    ("/api/v1/labels", [("match[]", "peer_odd")]),
    ("/api/v1/labels", [("match[]", "peer_odd"), ("match[]", "peer_special")]),
    ("/api/v1/query_exemplars", [("query", "peer_odd"), ("start", "1"), ("end", "2")]),
    ("/api/v1/rules", []),
    ("/api/v1/alerts", []),
    ("/api/v1/format_query", [("query", "sum  by(job)(rate(x[5m]))>1")]),
])
def test_listings_answer_alike(pair, path, pairs):
    ours, theirs = both(pair, path, pairs)
    assert ours.status == theirs.status
    a, b = ours.json, theirs.json
    if path.endswith("series"):
        for one in (a, b):
            one["data"].sort(key=lambda s: json.dumps(s, sort_keys=True))
    if path.endswith("label/job/values"):
        a["data"] = [v for v in a["data"] if v != "streamgauge"]  # our own metrics
    if path.endswith("label/instance/values") and not pairs:
        a["data"] = [v for v in a["data"] if v in b["data"]]
    assert a == b


@pytest.mark.parametrize("path,pairs", [
    ("/api/v1/query", {"query": ""}),
    ("/api/v1/query", {"query": "sum(("}),
    ("/api/v1/query", {"query": "1", "time": "yesterday"}),
    ("/api/v1/query", {"query": "1", "timeout": "x"}),
    ("/api/v1/query_range", {"query": "1", "start": "1", "end": "0", "step": "1"}),
    ("/api/v1/query_range", {"query": "1", "start": "0", "end": "1", "step": "0"}),
    ("/api/v1/query_range", {"query": "1", "start": "0", "end": "1", "step": "-1"}),
    ("/api/v1/query_range", {"query": "1", "start": "0", "end": "11002", "step": "1"}),
    ("/api/v1/query_range", {"query": "1", "start": "", "end": "1", "step": "1"}),
    ("/api/v1/query_range", {"query": "peer_odd[1m]", "start": "0", "end": "1", "step": "1"}),
    ("/api/v1/query_range", {"query": '"text"', "start": "0", "end": "1", "step": "1"}),
    ("/api/v1/query_range", {"query": "1", "start": "0", "end": "11000", "step": "1"}),
    ("/api/v1/series", {}),
    ("/api/v1/series", {"match[]": "{}"}),
    ("/api/v1/series", {"match[]": "sum(x)"}),
    ("/api/v1/labels", {"match[]": '{a=~".*"}'}),
    ("/api/v1/query", {"query": "peer_requests_total + on (job) peer_requests_total"}),
])
def test_mistakes_are_refused_alike(pair, path, pairs):
    ours, theirs = both(pair, path, pairs)
    assert ours.status == theirs.status
    a, b = ours.json, theirs.json
    assert (a["status"], a.get("errorType")) == (b["status"], b.get("errorType")), (a, b)
    assert ours.headers["Content-Type"] == "application/json"
    if a["status"] == "error":
        assert a.keys() == b.keys() and a["error"]


@pytest.mark.parametrize("pairs", [
    {"query": "1", "start": "1", "end": "0", "step": "1"}, {"query": "1", "start": "0", "end": "1", "step": "0"},
    {"query": "1", "start": "0", "end": "11002", "step": "1"}, {"query": "1", "start": "x", "end": "1", "step": "1"},
    {"query": "1", "start": "1", "end": "1", "step": "x"},
])
def test_mistakes_in_ranges_are_worded_alike(pair, pairs):
    ours, theirs = both(pair, "/api/v1/query_range", pairs)
    assert ours.json == theirs.json


def test_federate_hands_over_the_same_samples(pair):
    def samples(answer):
        assert answer.status == 200
        return sorted(line for line in answer.text.splitlines() if line and not line.startswith("#"))

    match = [("match[]", "peer_requests_total"), ("match[]", "peer_odd")]
    ours, theirs = both(pair, "/federate", match)
    assert ours.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert samples(ours) == samples(theirs) != []


def promtool(*args):
    done = kit.run(kit.need("promtool"), "query", *args)
    assert done.returncode == 0, done.stderr.decode()
    return sorted(done.stdout.decode().splitlines())


def test_promtool_reads_from_us_as_from_prometheus(pair):
    urls = (pair.url(), pair.peer.url())
    time, expr = f"--time={pair.end_s}", "sum by (job) (peer_requests_total)"
    start, end = f"--start={pair.end_s - 60}", f"--end={pair.end_s}"
    for args in (["instant", time, "URL", expr], ["range", start, end, "--step=15s", "URL", expr],
                 ["series", "--match=peer_requests_total", "URL"], ["labels", "--match=peer_requests_total", "URL", "job"]):
        ours, theirs = (promtool(*(u if a == "URL" else a for a in args)) for u in urls)
        assert ours == theirs != []


def test_a_prometheus_scrapes_our_federation(start, tmp_path):
    ours = start()
    config = f"""
scrape_configs:
- job_name: federated
  scrape_interval: 1s
  honor_labels: true
  metrics_path: /federate
  params: {{'match[]': ['live_gauge']}}
  static_configs: [{{targets: ['127.0.0.1:{ours.port}']}}]
"""
    ours.put(("live_gauge", 7.5, {"job": "mine"}))
    reader = prom_peer.Prometheus(str(tmp_path), config)
    try:
        def seen():
            result = reader.request("GET", "/api/v1/query?query=live_gauge").json["data"]["result"]
            return [(s["metric"], s["value"][1]) for s in result]

        got = kit.eventually(seen, "the federated sample")
        assert got == [({"__name__": "live_gauge", "job": "mine"}, "7.5")]
    finally:
        reader.end()
