"""The query pool: limits by name, clients that leave or are slow, answers in pieces and encodings, ticks that go on,
and what is said about streams."""

import contextlib
import gzip
import json
import os
import socket
import threading
import time
import urllib.parse

import pytest

import kit

# Sorts a window of 36 000 values at every step: minutes of work if nobody stops it.
HEAVY = "quantile_over_time(0.5, (vector(1) * time())[1h:100ms])"


def query(expr, **more):
    return "/api/v1/query?" + urllib.parse.urlencode({"query": expr, **more})


def query_range(expr, seconds=3600, step=1, **more):
    now = int(time.time())
    return "/api/v1/query_range?" + urllib.parse.urlencode({"query": expr, "start": now - seconds, "end": now, "step": step, **more})


def fill(server, name, series, points, step_ms=1000):
    now = kit.now_ms()
    for first in range(0, points, 100):
        lines = [f'{name}{{i="{i}",text="some longer value to fill the answer"}} {k * (i + 1)} {now - (points - k) * step_ms}'
                 for i in range(series) for k in range(first, min(first + 100, points))]
        assert server.post("/api/v1/import/prometheus", "\n".join(lines) + "\n", {"Content-Type": "text/plain"}).status == 204


def refused(answer, status, kind, *words):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["status"] == "error" and answer.json["errorType"] == kind
    for word in words:
        assert word in answer.json["error"]


# --- limits ---


def test_who_wrote_is_answered_from_what_they_wrote(server):
    for i in range(30):
        server.put(("written", i, {"round": str(i)}))
        answer = server.get(query(f'written{{round="{i}"}}'))
        assert [s["value"][1] for s in answer.json["data"]["result"]] == [str(i)]


def test_timeout_of_the_server_and_of_the_request(start):
    s = start("--query-timeout", "300ms")
    refused(s.get(query_range(HEAVY, 10000)), 503, "timeout", "timed out", "query.timeout")
    refused(s.get(query_range(HEAVY, 10000, timeout="50ms")), 503, "timeout", "timed out")
    assert s.metric("streamgauge_queries_timed_out_total") == 2


# For every value it is tried on, much work before it is known not to match.
COSTLY = "(a|aa|aaa)*(b|c)"


def fill_values(server, n):
    lines = [f'values{{v="{"a" * 60}{i:05}"}} 1' for i in range(n)]
    assert server.post("/api/v1/import/prometheus", "\n".join(lines) + "\n", {"Content-Type": "text/plain"}).status == 204


@pytest.mark.parametrize("path", ["/api/v1/query?query=", "/api/v1/series?match[]=", "/api/v1/label/v/values?match[]=",
                                  "/federate?match[]=", "/api/v1/query?query=label_replace(values,%22x%22,%22%22,%22v%22,%22REGEX%22)"])
def test_timeout_while_a_costly_regex_is_tried_on_many_values(start, path):
    s = start("--query-timeout", "100ms")
    fill_values(s, 30000)
    regex = urllib.parse.quote(COSTLY)
    path = path.replace("REGEX", regex) if "REGEX" in path else path + urllib.parse.quote(f'{{v=~"{COSTLY}"}}')
    refused(s.get(path), 503, "timeout", "timed out", "query.timeout")


def test_a_thousand_selectors_of_the_same(server, name):
    server.put(*[(name, 1, {"i": str(i)}) for i in range(200)])
    form = "&".join([f"match[]={name}"] * 1000)
    answer = server.post("/api/v1/series", form, {"Content-Type": "application/x-www-form-urlencoded"})
    assert len(answer.json["data"]) == 200


def test_samples_and_series_have_limits_with_names(start):
    s = start("--query-max-samples", "5000", "--query-max-series", "50")
    fill(s, "many", 60, 10)
    fill(s, "few", 10, 10)
    refused(s.get(query("many")), 422, "execution", "50")
    refused(s.get(query_range("few", 3000)), 422, "execution", "max_samples")
    refused(s.get("/api/v1/series?match[]=many"), 422, "execution", "50")
    assert s.get(query("few")).status == 200


def test_a_full_pool_says_so(start):
    s = start("--query-concurrency", "1", edges=1)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(s.dial()).send(f"GET {query_range(HEAVY, 10000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

        def full():
            answer = s.get(query("1"))
            return answer if answer.status == 503 else None

        answer = kit.eventually(full, "a refusal")
        refused(answer, 503, "unavailable", "query.concurrency 1")
        assert answer.headers["Retry-After"]
        assert s.get("/-/healthy").status == 200
    # All of them have gone: what was at work stops, and there is room again.
    kit.eventually(lambda: s.get(query("1")).status == 200, "room in the pool")
    assert s.metric("streamgauge_queries_refused_total") >= 1


def threads_of(s):
    """{thread: the hundredths of a second it was at work}"""
    folder, found = f"/proc/{s.pid}/task", {}
    for task in os.listdir(folder):
        with contextlib.suppress(OSError), open(f"{folder}/{task}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
            found[task] = int(fields[11]) + int(fields[12])
    return found


def at_work(s):
    """A client whose query is being evaluated; that it was given to the pool says less."""
    before, sock = threads_of(s), s.dial().sock
    sock.sendall(f"GET {query_range(HEAVY, 10000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    # The pool's threads are new; those that have nothing to do only wait.
    kit.eventually(lambda: any(ticks >= 3 for task, ticks in threads_of(s).items() if task not in before), "the query to begin")
    return sock


def test_a_query_ends_when_its_client_goes(start):
    s = start("--query-timeout", "10m")
    at_work(s).close()
    s.wait_metric("streamgauge_queries_canceled_total", 1)


def test_stopping_does_not_wait_for_queries(start):
    s = start("--query-timeout", "10m")
    with contextlib.closing(at_work(s)):
        assert s.stop() == 0


# --- bad input ---


@pytest.mark.parametrize("expr", ["(" * 300 + "1" + ")" * 300, "a" * 70000, "x{a=~\"" + "(a+)+" * 30 + "\"} or " * 20 + "y",
                                  "nosuch(x)", "sum(x) by", "\x00", "é", "x[5m:0s]", "rate(x)"])
def test_expressions_that_are_wrong_are_refused_with_their_place(server, expr):
    answer = server.post("/api/v1/query", urllib.parse.urlencode({"query": expr}), {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status in (200, 400), answer
    if answer.status == 400:
        assert answer.json["errorType"] == "bad_data"


def test_a_misspelt_function_gets_a_hint(server):
    assert "rate" in server.get(query("rat(x[5m])")).json["error"]


def test_a_form_too_large_is_refused_before_it_is_read(server):
    answer = server.post("/api/v1/query", "query=" + "a" * (2 << 20), {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 413


def test_whoever_sends_all_of_it_before_reading_hears_that_it_was_too_large(server):
    """Most clients do; with a small buffer on the way to us, all of it has to be taken from them."""
    with server.dial() as s:
        s.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 131072)
        s.send(f"POST /api/v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {3 << 20}\r\n\r\n")
        s.send(b"a" * (3 << 20))
        assert s.response().status == 413


def test_forms_that_are_no_forms(server):
    refused(server.get("/api/v1/query?query=%zz"), 400, "bad_data")
    refused(server.get("/api/v1/query?" + "a=b&" * 1500), 400, "bad_data")
    refused(server.get("/api/v1/query?query=%00"), 400, "bad_data", "%00", "NUL")
    refused(server.get("/api/v1/label/x"), 404, "not_found")
    refused(server.get("/api/v1/label/%00/values"), 400, "bad_data")


def test_errors_before_any_handler_have_the_form_of_the_api(server):
    refused(server.get("/api/v1/nothing"), 404, "not_found", "no such path")
    refused(server.request("DELETE", "/api/v1/query"), 405, "bad_data")
    refused(server.post("/api/v1/query", "query=" + "a" * (2 << 20), {"Content-Type": "application/x-www-form-urlencoded"}),
            413, "bad_data", "too large")
    assert server.get("/nothing").json == {"error": "no such path"}


@pytest.mark.parametrize("path", ["/federate", "/api/v1/series", "/api/v1/labels"])
@pytest.mark.parametrize("selector", ["{}", '{a=""}', '{a=~".*"}', 'x, {}'])
def test_a_selector_of_everything_is_refused(server, path, selector):
    answer = server.get(path + "?" + urllib.parse.urlencode({"match[]": selector}))
    refused(answer, 400, "bad_data", 'invalid parameter "match[]": ')
    assert selector == "x, {}" or answer.json["error"].endswith("match[] must contain at least one non-empty matcher")


def test_an_empty_federation_has_its_type(server):
    answer = server.get("/federate?match[]=nothing_here")
    assert (answer.status, answer.body) == (200, b"") and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_a_federation_has_the_external_labels(start):
    server = start(config="inputs: {host: off}\nexternal_labels: {region: eu, instance: gauge}\n")
    server.put(("fed", 1, {"job": "a"}), ("fed", 2, {"job": "b", "region": "own", "instance": "i"}))

    def lines():
        return sorted(line.rsplit(" ", 1)[0] for line in server.get("/federate?match[]=fed").text.splitlines() if line[0] != "#")

    assert lines() == ['fed{instance="i",job="b",region="own"} 2', 'fed{job="a",instance="gauge",region="eu"} 1']
    with open(server.config, "w", encoding="utf-8") as f:
        f.write("inputs: {host: off}\nexternal_labels: {region: us}\n")
    assert server.post("/-/reload", "").status == 200
    assert lines() == ['fed{instance="i",job="b",region="own"} 2', 'fed{job="a",region="us",instance=""} 1']


# --- large answers ---


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    s = kit.Server(str(tmp_path_factory.mktemp("large")), "--retention", "2h")
    fill(s, "large", 300, 600)
    s.path = query_range("large", 900, 1)
    s.whole = s.get(s.path)
    yield s
    s.end()


def test_a_large_answer_comes_in_chunks(large):
    assert large.whole.headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in large.whole.headers
    assert len(large.whole.body) > 3 << 20
    result = large.whole.json["data"]["result"]
    assert len(result) == 300 and len(result[0]["values"]) >= 590


def test_a_small_answer_comes_with_its_length(large):
    answer = large.get(query("large"))
    assert int(answer.headers["Content-Length"]) == len(answer.body) and "Transfer-Encoding" not in answer.headers


@pytest.mark.parametrize("path", ["query", "large"])
def test_encodings(large, path):
    path = query("large", time=int(time.time())) if path == "query" else large.path
    plain = large.get(path)
    assert "Content-Encoding" not in plain.headers
    packed = large.get(path, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip" and "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body) / 2
    out = kit.run(kit.need("curl"), "-sS", "--compressed", "-H", "Accept-Encoding: br", "-D", "-", large.url(path)).stdout
    head, body = out.split(b"\r\n\r\n", 1)
    assert b"Content-Encoding: br" in head and body == plain.body
    assert "Content-Encoding" not in large.get(query("1"), Accept_Encoding="gzip").headers


def test_http_1_0_ends_with_the_connection(large):
    out = kit.run(kit.need("curl"), "-sS", "--http1.0", large.url(large.path)).stdout
    assert out == large.whole.body


def test_head_has_no_body(large):
    answer = large.request("HEAD", large.path)
    assert answer.status == 200 and answer.body == b""


def test_a_connection_goes_on_behind_a_large_answer(large):
    raw = large.dial()
    sock = raw.sock
    with contextlib.closing(sock):
        request = f"GET {large.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        last = "GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        sock.sendall((request * 2 + last).encode())  # pipelined
        got = b""
        while part := sock.recv(1 << 20):
            got += part
        assert got.count(b"HTTP/1.1 200 OK") == 3 and got.count(b"0\r\n\r\n") >= 2 and got.endswith(b"healthy\n")


def test_a_slow_client_holds_little_memory_and_gets_everything(large):
    large.get(large.path)
    before, socks = large.rss(), []
    try:
        for _ in range(8):
            raw = large.dial()
            sock = raw.sock
            sock.sendall(f"GET {large.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            socks.append(sock)
        large.wait_metric("streamgauge_net_pool_jobs_total", lambda v: v >= 8)
        time.sleep(1)
        # Results are held, answers are not: those would be more than 8 * 3 MB, and as much again in the sockets' queues.
        assert large.rss() - before < 8 * 12 << 20
        for sock in socks:
            size = 0
            while part := sock.recv(1 << 20):
                size += len(part)
            assert size > len(large.whole.body)
    finally:
        for sock in socks:
            sock.close()


def test_memory_of_big_results_goes_back(start):
    s = start("--query-concurrency", "4")
    fill(s, "wide", 1000, 5)
    before, path = s.rss(), query_range(f"wide @ {time.time():.3f}", 800)
    threads = [threading.Thread(target=s.get, args=(path,)) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    # Each result is 13 MB; kept by the 12 threads of the pool that made one, they would be 154 MB.
    kit.eventually(lambda: s.rss() - before < 48 << 20, "memory given back")


@contextlib.contextmanager
def asking(server, path, n):
    """n clients that ask for a path and read nothing."""
    with contextlib.ExitStack() as stack:
        for _ in range(n):
            sock = stack.enter_context(contextlib.closing(server.dial(receive_buffer=4096).sock))
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        yield


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """(flags) → a server, and the path of an answer of 16 MB: more than sockets and queues of a connection take."""
    servers = []

    def make(*flags):
        s = kit.Server(str(tmp_path_factory.mktemp("wide")), *flags)
        servers.append(s)
        fill(s, "wide", 200, 5)
        return s, query_range(f"wide @ {time.time():.3f}", 3000)

    yield make
    for s in servers:
        s.end()


def test_slow_clients_of_big_answers_leave_threads_for_small_ones(wide):
    s, path = wide("--query-concurrency", "2")
    with asking(s, path, 4):
        s.wait_metric("streamgauge_query_answers_sending", lambda v: v == 4)
        for _ in range(3):
            refused(s.get(path), 503, "unavailable", "big answers", "query.concurrency")
            assert s.get(query("1")).status == 200
        assert s.metric("streamgauge_query_answers_refused_total") == 3
    s.wait_metric("streamgauge_query_answers_sending", lambda v: v == 0)
    assert s.metric("streamgauge_query_answers_bytes") == 0
    assert s.get(path).status == 200


def test_what_slow_clients_hold_has_a_limit_all_together(wide):
    s, path = wide("--query-result-bytes", 16 << 20)
    with asking(s, path, 1):
        s.wait_metric("streamgauge_query_answers_bytes", lambda v: 9 << 20 < v < 16 << 20)
        refused(s.get(path), 503, "unavailable", "query.result_bytes")
        assert s.get(query("wide")).status == 200
    s.wait_metric("streamgauge_query_answers_bytes", lambda v: v == 0)
    assert s.get(path).status == 200


def test_one_answer_that_would_never_have_room_is_not_worth_another_try(wide):
    s, path = wide("--query-result-bytes", 1 << 20)
    refused(s.get(path), 422, "execution", "query.result_bytes")


def test_a_client_that_leaves_in_the_midst_frees_its_thread(start):
    s = start("--query-concurrency", "1", edges=1)
    fill(s, "big", 200, 300)
    for _ in range(3):
        raw = s.dial()
        sock = raw.sock
        sock.sendall(f"GET {query_range('big', 900)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert sock.recv(1000)
        sock.close()
        assert s.get(query("1")).status == 200


# --- ticks go on ---


def ticks(server, count):
    """How many of the next `count` ticks did not come right behind the one before."""
    server.put(("ticking", 1))
    times = []
    with kit.Lines(server, "/events?query=ticking%20%2B%20time()&interval=100ms") as lines:
        while len(times) < count:
            message = lines.next()
            if "t" in message and message.get("type") != "heartbeat":
                times.append(message["t"])
    return sum(b - a > 100 for a, b in zip(times, times[1:]))


def test_ticks_are_not_missed_while_heavy_queries_run(start):
    """The ticks before the queries show what this machine's other work costs anybody."""
    s = start("--query-timeout", "4s", edges=1)
    missed_quiet = ticks(s, 20)
    over, asked = threading.Event(), []

    def ask():
        while not over.is_set():
            asked.append(s.get(query_range(HEAVY, 10000)).status)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for t in threads:
        t.start()
    try:
        missed = ticks(s, 40)
    finally:
        over.set()
        for t in threads:
            t.join()
    assert len(asked) >= len(threads) and missed <= 4 + 4 * missed_quiet, (missed, missed_quiet, asked)


def test_a_stream_with_a_costly_regex_does_not_keep_others_from_theirs(start):
    s = start(edges=1)
    fill_values(s, 100000)
    s.put(("ticking", 1))
    with kit.Lines(s, "/events?query=ticking%20%2B%20time()&interval=100ms") as lines, \
            s.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": "x", "query": f'values{{v=~"{COSTLY}"}}'})
        told = ws.until(lambda m: m.get("id") == "x" or m.get("type") == "full")
        while told.get("type") != "full":
            told = ws.until(lambda m: m.get("type") == "full")
        assert told["error"]["code"] == "timeout"
        for _ in range(20):
            lines.next()


# --- streams, features, the command ---


def test_streams_are_listed_with_their_cost(start):
    s = start()
    s.put(("counted", 1))
    with kit.Lines(s, "/events?query=sum(%20counted%20)&interval=200ms") as lines:
        lines.next()

        def listed():
            streams = s.get("/api/v1/streams").json["data"]["streams"]
            return [one for one in streams if one["evaluations"] >= 2]

        one = kit.eventually(listed, "the stream in the list")[0]
    assert one["query"] == "sum(counted)" and one["interval"] == 200 and one["series"] == 1 and one["edges"] == 1 and one["viewers"] == 1
    assert one["missed"] >= 0 and not one["failing"] and one["evaluationTime"] > 0 and one["load"] > 0


def test_features_change_what_they_say(start):
    plain = start()
    s = start("--enable-feature=promql-delayed-name-removal,no-such-thing", "--enable-feature", "type-and-unit-labels")
    assert 'unknown feature, ignored" feature="no-such-thing"' in s.log
    for one, expected in ((plain, {}), (s, {"was": "kept"})):
        one.put(("kept", 3))
        answer = one.get(query('label_replace(kept * 1, "was", "$1", "__name__", "(.+)")'))
        assert [r["metric"] for r in answer.json["data"]["result"]] == [expected]


def command(server, *args):
    done = kit.run(kit.BINARY, "query", "--url", server.url(), *args)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_query_command(start):
    s = start()
    s.put(("asked", 2.5, {"a": 'x"y'}), ("asked", 1e-7, {"a": "z"}))
    assert command(s, "asked{a!='z'}") == (0, 'asked{a="x\\"y"}  2.5\n', "")
    assert command(s, "1 + 1") == (0, "2\n", "")
    assert json.loads(command(s, "asked", "--json")[1])["status"] == "success"
    code, out, _ = command(s, "sum(asked)", "--range", "10s", "--step", "1s")
    assert code == 0 and out.splitlines()[0] == "{}" and out.splitlines()[-1].endswith("  2.5000001")
    code, out, err = command(s, "sum((asked")
    assert code == 1 and "1:" in err and "parse error" in err
    code, out, _ = command(s, "sum by(a)(rate(asked[5m]))>0", "--explain")
    assert code == 0 and "sum by (a) (rate(asked[5m])) > 0" in out and "nobody subscribes" in out and "samples looked at" in out
    assert command(s, "asked", "--wrong")[0] == 2 and command(s)[0] == 2


def test_metadata_and_status(server):
    text = "# HELP told_total what it is\n# TYPE told_total counter\ntold_total 1\n"
    assert server.post("/api/v1/import/prometheus", text, {"Content-Type": "text/plain"}).status == 204
    assert server.get("/api/v1/metadata?metric=told_total").json["data"] == {
        "told_total": [{"type": "counter", "unit": "", "help": "what it is"}]}
    assert server.get("/api/v1/metadata?limit=0").json["data"] == {}
    info = server.get("/api/v1/status/buildinfo").json["data"]
    assert info["version"].startswith("3.") and info["application"] == "streamgauge"
    assert server.get("/api/v1/status/runtimeinfo").json["data"]["storageRetention"] == "1h"
    server.put(*((f"tsdb_{i}", i, {}) for i in range(3)))
    tsdb = server.get("/api/v1/status/tsdb?limit=3").json["data"]
    assert tsdb["headStats"]["numSeries"] > 3 and len(tsdb["seriesCountByMetricName"]) == 3
    assert server.get("/api/v1/status/tsdb?limit=0").status == 400
    assert server.get("/api/v1/targets").json["data"]["activeTargets"] == []


def test_parse_query_gives_the_tree(server):
    tree = server.get("/api/v1/parse_query?" + urllib.parse.urlencode({"query": "sum by (a) (rate(x{b!='c'}[5m])) / 2"})).json["data"]
    assert tree["type"] == "binaryExpr" and tree["op"] == "/" and tree["matching"] is None
    assert tree["rhs"] == {"type": "numberLiteral", "val": "2"}
    call = tree["lhs"]["expr"]
    assert call["func"]["name"] == "rate" and call["args"][0]["range"] == 300000
    assert call["args"][0]["matchers"] == [{"name": "__name__", "type": "=", "value": "x"}, {"name": "b", "type": "!=", "value": "c"}]


def test_expressions_are_shown_as_they_were_written(server):
    def asked(path, expr):
        return server.get(f"/api/v1/{path}?" + urllib.parse.urlencode({"query": expr})).json["data"]

    tree = asked("parse_query", "(+a > 1h) and -(b)")
    assert tree["lhs"]["type"] == "parenExpr" and tree["lhs"]["expr"]["rhs"] == {"type": "numberLiteral", "val": "3600"}
    assert tree["lhs"]["expr"]["lhs"] == {"type": "unaryExpr", "op": "+", "expr": asked("parse_query", "a")}
    assert tree["rhs"] == {"type": "unaryExpr", "op": "-", "expr": {"type": "parenExpr", "expr": asked("parse_query", "b")}}
    assert asked("format_query", "sum  by(b,a)((x+y))>( 1h )") == "sum by (b, a) ((x + y)) > (1h)"
    high = "(" * 200 + "a" + "+a" * 900 + ")" * 200  # too high as it was written
    assert asked("format_query", high).count("a") == 901
    long = "abs((some_rather_long_name_of_a_metric or another_rather_long_name_of_a_metric or a_third_name_of_a_metric))"
    lines = [line.strip() for line in asked("format_query", f"-max_over_time({long}[1h:5m] offset 1m)").splitlines()]
    assert lines == ["-max_over_time(", "abs(", "(", "some_rather_long_name_of_a_metric or another_rather_long_name_of_a_metric",
                     "or", "a_third_name_of_a_metric", ")", ")[1h:5m] offset 1m", ")"]


def test_long_expressions_are_formatted_over_lines(server):
    long = "sum by (job) (rate(a_rather_long_metric_name[5m])) / on (job) group_left () (max by (job) (another_long_metric_name) + 1)"
    out = server.get("/api/v1/format_query?" + urllib.parse.urlencode({"query": long})).json["data"]
    assert len(out.splitlines()) == 3
    again = server.get("/api/v1/format_query?" + urllib.parse.urlencode({"query": out})).json["data"]
    assert again == out


def test_a_python_client_library_reads_it(start):
    parser = pytest.importorskip("prometheus_client.parser")
    s = start()
    body = b"# HELP bought_total Things sold.\n# TYPE bought_total counter\n"
    body += b'bought_total{shop="a \\"b\\"\\n"} 2\nbought_total{shop="c"} 3.5\nbought_nan NaN\n'
    assert s.post("/api/v1/import/prometheus", body).status == 204

    def families():
        answer = s.get("/federate?" + urllib.parse.urlencode({"match[]": '{__name__=~"bought.*"}'}))
        return list(parser.text_string_to_metric_families(answer.text))

    got = {f.name: f for f in kit.eventually(families, "the federated families")}
    counter = got["bought"]
    assert counter.type == "counter"
    assert sorted((p.name, p.labels["shop"], p.value) for p in counter.samples) == [
        ("bought_total", 'a "b"\n', 2), ("bought_total", "c", 3.5)]
    assert all(p.timestamp > 1.7e9 for p in counter.samples)
    assert got["bought_nan"].samples[0].value != got["bought_nan"].samples[0].value
    assert any(f.name == "streamgauge_queries" for f in parser.text_string_to_metric_families(s.get("/metrics").text))


def test_a_mistyped_stream_is_refused_with_its_place(server):
    query = urllib.parse.urlencode({"query": "sum(\n  raet(x[1m]))"})
    answer = server.get("/events?" + query)
    assert answer.status == 400
    assert answer.json["error"].startswith("2:3: query: parse error: unknown function")
    assert "did you mean 'rate'?" in answer.json["error"]


def test_a_node_client_library_reads_it(start):
    s = start()
    s.put(("bought", 2, {"shop": "a"}), ("bought", 3.5, {"shop": "b"}))
    process = kit.node("prom_query.mjs", s.url(), "bought")
    with kit.ending(process):
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["type"] == "vector" and sorted(v for _, v in lines[0]["values"]) == [2, 3.5]
    assert lines[1] == {"type": "matrix", "last": 5.5}
    assert sorted(one[1]["shop"] for one in lines[2]["series"]) == ["a", "b"]
    assert lines[3]["labels"] == ["a", "b"]
    assert "parse error" in json.dumps(lines[-1]["error"])
