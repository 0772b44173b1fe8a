"""Samples in, by clients nobody here wrote: curl, hot-shots, the InfluxDB client, prom-client, a shell. What was
sent is what an expression gives afterwards; what was wrong is named and costs its neighbours nothing."""

import contextlib
import gzip
import json
import math
import os
import random
import signal
import threading
import time
import zlib

import pytest

import kit


def labelled(values, label):
    """{value of the label: number} of {labels: number}."""
    return {dict(k)[label]: v for k, v in values.items()}


def done(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


# --- curl ---


def test_curl_d_as_in_the_readme_sends_a_form_type_and_is_taken(server):
    # curl -d says application/x-www-form-urlencoded; the body is JSON all the same.
    out = kit.curl("-d", '{"metric":"orders","value":3}', "-w", "%{http_code}", server.url("/api/v1/samples"))
    assert out == "204"
    server.wait_value("orders", 3)


def test_curl_json_array_with_labels_and_time(server, name):
    body = [{"metric": name, "labels": {"shop": s}, "value": v, "timestamp": kit.now_ms()} for s, v in [("a", 1), ("b", 2.5)]]
    out = kit.curl("--json", json.dumps(body), "-w", "%{http_code}", server.url("/api/v1/samples"))
    assert out == "204"
    server.wait_for(name, lambda v: labelled(v, "shop") == {"a": 1, "b": 2.5})


def test_curl_prometheus_text(server, name):
    body = f'# HELP {name} h\n# TYPE {name} counter\n{name}{{code="200",path="/a\\"b"}} 5\n{name}{{code="500"}} 1 {kit.now_ms()}\n'
    out = kit.curl("--data-binary", body, "-H", "Content-Type: text/plain; version=0.0.4", "-w", "%{http_code}",
                   server.url("/api/v1/import/prometheus"))
    assert out == "204"
    got = server.wait_for(name, lambda v: len(v) == 2)
    assert labelled(got, "code") == {"200": 5, "500": 1}
    assert {dict(k).get("path") for k in got} == {'/a"b', None}


def test_of_samples_without_a_time_the_last_stays(server, name):
    """Whoever sends faster than the clock counts must not see an older value than the last one, and no reset of a counter."""
    names = ("streamgauge_samples_replaced_total", 'streamgauge_samples_rejected_total{reason="duplicate"}')
    before = [server.metric(n) for n in names]
    server.put(*[(name, i) for i in range(300)])
    server.wait_value(name, 299)
    for path, metric, body in (("/api/v1/import/prometheus", name + "_p", f"{name}_p 5\n{name}_p 3\n"), ("/write", name + "_i_v", f"{name}_i v=5\n{name}_i v=3\n")):
        assert server.post(path, body).status == 204
        server.wait_value(metric, 3)
        assert server.first(f"resets({metric}[1m])") == 0
    assert [server.metric(n) - b for n, b in zip(names, before)] == [299 + 2, 0]


def test_curl_openmetrics(server, name):
    body = f'# TYPE {name} counter\n{name}_total 7 # {{trace_id="x"}} 1.0\n# EOF\n'
    out = kit.curl("--data-binary", body, "-H", "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8",
                   "-w", "%{http_code}", server.url("/api/v1/import/prometheus"))
    assert out == "204"
    server.wait_value(f"{name}_total", 7)


@pytest.mark.parametrize("coding,pack", [("gzip", gzip.compress), ("deflate", zlib.compress), ("x-gzip", gzip.compress)])
def test_compressed_bodies_are_taken(server, name, tmp_path, coding, pack):
    file = tmp_path / "body"
    file.write_bytes(pack("".join(f'{name}{{i="{i}"}} {i}\n' for i in range(500)).encode()))
    out = kit.curl("--data-binary", f"@{file}", "-H", f"Content-Encoding: {coding}", "-w", "%{http_code}",
                   server.url("/api/v1/import/prometheus"))
    assert out == "204"
    server.wait_value(f"count({name})", 500)
    server.wait_value(f"sum({name})", sum(range(500)))


@pytest.mark.parametrize("path", ["/api/v1/samples", "/api/v1/import/prometheus", "/write", "/metrics/job/x"])
def test_gzip_bomb_is_413_and_costs_no_memory(server, path):
    bomb = gzip.compress(b" " * (256 << 20))
    before = server.rss()
    for _ in range(3):
        assert server.post(path, bomb, {"Content-Encoding": "gzip"}).status == 413
    assert server.rss() - before < 32 << 20


def test_damaged_and_unknown_codings_are_refused(server):
    good = gzip.compress(b"x 1\n")
    path = "/api/v1/import/prometheus"
    assert server.post(path, good[:-4], {"Content-Encoding": "gzip"}).status == 400
    assert server.post(path, b"not gzip at all", {"Content-Encoding": "gzip"}).status == 400
    assert server.post(path, b"x 1\n", {"Content-Encoding": "zstd"}).status == 415
    assert server.post(path, good, {"Content-Encoding": "gzip, gzip"}).status == 415


def test_what_was_taken_of_a_damaged_body_is_told(server, name):
    """Whoever sends it again should know. Lines of it are kept as far as it could be read."""
    packed = gzip.compress(f"{name} 1\n".encode() + random.Random(1).randbytes(4000).hex().encode())
    cut = server.post("/api/v1/import/prometheus", packed[:-200], {"Content-Encoding": "gzip"})
    assert cut.status == 400 and "cut off" in cut.json["error"] and cut.json["accepted"] == 1, cut
    server.wait_value(name, 1)


def test_a_bomb_is_told_the_limit(server):
    bomb = gzip.compress(b" " * (256 << 20))
    assert "67108864 bytes" in server.post("/write", bomb, {"Content-Encoding": "gzip"}).json["error"]


def test_curl_chunked_upload(server, name):
    body = "".join(f'{name}{{i="{i}"}} 1\n' for i in range(5000))
    out = kit.curl("-T", "-", "-X", "POST", "-H", "Transfer-Encoding: chunked", "-w", "%{http_code}",
                   server.url("/api/v1/import/prometheus"), input=body.encode())
    assert out == "204"
    server.wait_value(f"sum({name})", 5000)


def test_curl_waits_for_100_continue_with_a_big_body(server, name, tmp_path):
    file = tmp_path / "big"
    file.write_text("".join(f'{name}{{i="{i % 1000}"}} {i}\n' for i in range(60000)))  # > 1 MB: curl asks first
    done_ = kit.run(kit.need("curl"), "-sSv", "--expect100-timeout", kit.DEADLINE, "--data-binary", f"@{file}", "-H", "Expect: 100-continue",
                    "-w", "%{http_code}", server.url("/api/v1/import/prometheus"))
    assert done_.stdout == b"204" or b'"accepted":' in done_.stdout, done_.stdout
    assert b"< HTTP/1.1 100 Continue" in done_.stderr
    server.wait_value(f"count({name})", 1000)


def test_body_over_the_limit_is_413_before_it_is_sent(start):
    server = start(config="limits: {body_bytes: 4096}\n")
    with server.dial() as s:
        s.send("POST /api/v1/samples HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4097\r\nExpect: 100-continue\r\n\r\n")
        assert s.response().status == 413
    with server.dial() as s:  # chunked says its length as it comes
        s.send("POST /api/v1/samples HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1001\r\n")
        s.try_send(b" " * 4097)
        assert s.response().status == 413
    assert server.post("/api/v1/samples", '{"metric":"fits","value":1}'.ljust(4096)).status == 204


# --- Influx ---


def test_influx_client_writes_points_of_every_precision(server, name):
    assert done(kit.node("influx.mjs", server.url(), name)) == [{"done": True}]
    got = server.wait_for(f'{{__name__=~"{name}_.+"}}', lambda v: len(v) == 16)
    by_field = {}
    for k, v in got.items():
        k = dict(k)
        assert k["room"] == 'north, "east"=x'
        by_field.setdefault(k["__name__"][len(name) + 1:], {})[k["unit"]] = v
    each = lambda v: {u: v for u in ("ns", "us", "ms", "s")}
    assert by_field == {"celsius": each(21.5), "count": each(-7), "total": each(12), "open": each(1)}


def test_influx_client_hears_which_line_was_bad(server, name):
    said = done(kit.node("influx_partial.mjs", server.url(), name))
    assert said[0]["status"] == 400
    answer = json.loads(said[0]["body"])
    assert (answer["line"], answer["accepted"], answer["rejected"]) == (2, 2, 1)
    assert answer["code"] == "invalid" and answer["message"].startswith("line 2, column ")  # Telegraf and Go's client log these
    server.wait_value(f"{name}_good", 1)
    server.wait_value(f"{name}_fine", 3)


@pytest.mark.parametrize("precision,scale", [("ns", 10**6), ("n", 10**6), ("us", 1000), ("u", 1000), ("ms", 1), ("s", 1e-3), ("", 10**6)])
def test_influx_v1_write_understands_its_precision(server, name, precision, scale):
    argument = f"?db=x&precision={precision}" if precision else "?db=x"
    at = kit.now_ms() // 1000 * 1000
    assert server.post("/write" + argument, f"{name},host=a load=1.5,up=t,n=3i {int(at * scale)}\n").status == 204
    server.wait_value(f"{name}_load", 1.5)
    server.wait_value(f"{name}_up", 1)
    assert server.first(f"timestamp({name}_n)") * 1000 == at


def test_influx_escapes(server, name):
    line = name + r',ho\ st=a\,b\=c,q="x" va\ lue=1,text="say \"hi\", ok",n=2' + "\n"
    assert server.post("/write", line).status == 204
    got = server.wait_for(f'{{__name__=~"{name}.*"}}', lambda v: len(v) == 2)
    assert {dict(k)["ho_st"] for k in got} == {"a,b=c"} and {dict(k)["q"] for k in got} == {'"x"'}


def test_influx_ping_and_a_wrong_precision(server):
    answer = server.get("/ping")
    assert answer.status == 204 and answer.headers["X-Influxdb-Version"]
    answer = server.post("/write?precision=fortnight", "a b=1")
    assert answer.status == 400 and "fortnight" in answer.json["error"]


# --- prom-client ---


@pytest.mark.parametrize("kind", ["text", "openmetrics", "gateway"])
def test_prom_client_exposition(server, name, kind):
    said = done(kit.node("prom_client.mjs", server.url(), name, kind))
    assert said[0]["status"] == (200 if kind == "gateway" else 204), said
    got = server.wait_for(name + "_requests_total", lambda v: len(v) == 2)
    assert labelled(got, "path") == {'/a"b\\c\nd': 3, "/plain": 4.5}
    server.wait_value(name + "_temperature", -3.25)
    server.wait_value(name + "_seconds_count", 5)
    assert math.isclose(server.first(name + "_seconds_sum"), 3.25)
    buckets = server.wait_for(name + "_seconds_bucket", lambda v: len(v) == 4)
    assert {float(k): v for k, v in labelled(buckets, "le").items()} == {0.1: 1, 0.5: 3, 1.0: 4, math.inf: 5}
    assert math.isclose(server.first(f"histogram_quantile(0.5, {name}_seconds_bucket)"), 0.4)
    server.wait_value(name + "_bytes_count", 10)
    assert len(server.wait_for(name + "_bytes", lambda v: len(v) == 2)) == 2
    odd = server.wait_for(name + "_odd", lambda v: len(v) == 3)
    assert labelled(odd, "is") == {"nan": "NaN", "inf": "+Inf", "minus": "-Inf"}
    if kind == "gateway":
        got = server.wait_for(name + "_temperature", lambda v: len(v) == 1)
        assert {("job", "nightly"), ("instance", "i1")} <= set(list(got)[0])


def test_push_gateway_paths(server, name):
    assert server.request("PUT", "/metrics/job/a/instance/b%20c", f"{name} 1\n".encode()).status == 200
    assert server.post("/metrics/job@base64/L3Vzci9iaW4", f"{name} 2\n").status == 200
    server.wait_for(name, lambda v: labelled(v, "job") == {"a": 1, "/usr/bin": 2})
    for path in ("/metrics/job", "/metrics/job/", "/metrics/job/a/b", "/metrics/job/a/0bad/c", "/metrics/job/a/b/c%2Fd", "/metrics/job/a/__name__/other"):
        assert server.post(path, f"{name} 3\n").status in (400, 404, 405), path


# --- StatsD ---


def test_hot_shots_every_type(server, name):
    rejected = server.metric("streamgauge_statsd_lines_rejected_total")
    done(kit.node("hot_shots.mjs", server.statsd_port, name))
    # A counter never falls (statsd_exporter refuses decrements too); the refusal is counted.
    server.wait_for(f"{name}_hits", lambda v: {dict(k).get("shop"): x for k, x in v.items()} == {None: 1, "berlin": 4})
    server.wait_metric("streamgauge_statsd_lines_rejected_total", rejected + 1)
    server.wait_value(f"{name}_sampled", 3)
    server.wait_value(f"{name}_level", 8)
    server.wait_value(f"histogram_count({name}_request)", 4)
    got = server.wait_for(f"histogram_sum({name}_request)", lambda v: len(v) == 1)
    assert math.isclose(list(got.values())[0], 1.0)  # milliseconds become seconds
    assert dict(list(got)[0]).items() >= {"route": "/buy", "verb": "post"}.items()
    assert 0.18 < server.first(f"histogram_quantile(0.4, {name}_request)") < 0.22
    server.wait_value(f"histogram_count({name}_size)", 3)
    server.wait_value(f"histogram_avg({name}_payload)", 5)
    server.wait_value(f"{name}_visitors", 3)
    server.wait_metric('streamgauge_input_events_total{input="statsd"}', lambda v: v >= 2)


def test_hot_shots_buffered_lines_are_all_counted(server, name):
    done(kit.node("hot_shots_buffered.mjs", server.statsd_port, name, 4000))
    server.wait_for(f"sum by (shard, env, version) ({name}_packed)",
                    lambda v: len(v) == 4 and set(v.values()) == {1000}
                    and all({("env", "test"), ("version", "1.2")} <= set(k) for k in v))


def test_shell_dev_udp(server, name):
    script = f'for i in 1 2 3; do echo "{name}:$i|c" >/dev/udp/127.0.0.1/{server.statsd_port}; done'
    assert kit.run(kit.need("bash"), "-c", script).returncode == 0
    server.wait_value(name, 6)


def test_sample_rates_packed_values_and_unknown_fields(server, name):
    server.udp(f"{name}_c:2|c|@0.5", f"{name}_p:1:2:3|h", f"{name}_x:4|c|#a:b|c:container-id|T1656581400|new:thing")
    server.wait_value(f"{name}_c", 4)
    server.wait_value(f"histogram_count({name}_p)", 3)
    server.wait_value(f"{name}_x", 4)


def test_bad_statsd_lines_are_counted_and_good_ones_kept(server, name):
    rejected = "streamgauge_statsd_lines_rejected_total"
    before = server.metric(rejected)
    server.udp(f"{name}:1|c\nnonsense\n{name}:x|c\n{name}:1|zz\n:1|c\n{name}:1|c", b"\xff\xfe\x00", b"", b"\n\n")
    server.wait_value(name, 2)
    server.wait_metric(rejected, lambda v: v >= before + 4)


def test_the_log_names_a_bad_statsd_line(start):
    server = start()
    server.udp("good:1|c\nno \"value\" here\ngood:1|c")
    kit.eventually(lambda: "lines refused" in server.log, "the line in the log")
    assert """count=1 line=2 column=16 reason="'no \\"value\\" here', expected name:value|type\"""" in server.log, server.log


def test_names_and_tags_are_sanitised(server, name):
    server.udp(f"{name}.web-01.hits:1|c|#http.status:200,9lives:yes,bare,Ünï:x")
    got = server.wait_for(f"{name}_web_01_hits", lambda v: len(v) == 1)
    labels = dict(list(got)[0])
    assert labels["http_status"] == "200"
    assert all(l.isascii() and not l[0].isdigit() for l in labels)


# --- what is wrong, and how much of it ---


def test_bad_lines_are_named_and_good_ones_kept(server, name):
    answer = server.post("/api/v1/import/prometheus", f'{name}{{i="1"}} 1\n{name}{{i=2}} 2\n\n{name}{{i="3"}} 3\n{name} x\n')
    said = answer.json
    assert answer.status == 400
    assert (said["line"], said["column"], said["accepted"], said["rejected"]) == (2, len(name) + 4, 2, 2)
    assert [e["line"] for e in said["errors"]] == [2, 5] and all(e["error"] and e["column"] for e in said["errors"])
    server.wait_value(f"sum({name})", 4)


def test_bad_json_samples_are_named_and_good_ones_kept(server, name):
    body = json.dumps([{"metric": name, "labels": {"i": "1"}, "value": 1}, {"metric": name}, {"value": 3},
                       {"metric": name, "value": "many"}, 17, {"metric": name, "labels": {"i": "2"}, "value": 2}], indent=1)
    answer = server.post("/api/v1/samples", body)
    said = answer.json
    assert answer.status == 400 and (said["accepted"], said["rejected"]) == (2, 4) and said["line"] > 1
    server.wait_value(f"sum({name})", 3)


def test_a_body_cut_in_the_middle_keeps_what_was_whole(server, name):
    answer = server.post("/api/v1/samples", f'[{{"metric":"{name}","value":1}},{{"metric":"{name}","va')
    assert answer.status == 400 and answer.json["accepted"] == 1
    server.wait_value(name, 1)


@pytest.mark.parametrize("value,shown", [("NaN", "NaN"), ("+Inf", "+Inf"), ("-Inf", "-Inf"), ("Inf", "+Inf"), ("-0", 0), ("1e308", 1e308),
                                         ("5e-324", 5e-324), ("1,5", None), ("one", None), ("1e999", None)])
def test_odd_values_of_prometheus_text(server, name, value, shown):
    answer = server.post("/api/v1/import/prometheus", f"{name} {value}\n")
    if shown is None:
        assert answer.status == 400 and value in answer.json["error"]
        return
    assert answer.status == 204, answer
    assert server.first(name) == shown


def test_unknown_content_type_and_method(server):
    assert server.post("/api/v1/samples", b"\x00", {"Content-Type": "image/png"}).status == 415
    answer = server.get("/api/v1/samples")
    assert answer.status == 405 and answer.headers["Allow"] == "POST, OPTIONS"


def test_timestamps_too_far_in_the_future_are_refused_and_counted(server, name):
    before = server.metrics()
    answer = server.post("/api/v1/samples", {"metric": name, "value": 1, "timestamp": kit.now_ms() + 86400_000_000})
    assert answer.status in (204, 400)

    def refused():
        after = server.metrics()
        keys = ('streamgauge_samples_rejected_total{reason="future"}', 'streamgauge_input_rejected_total{input="http"}')
        return any(after[k] > before[k] for k in keys)
    kit.eventually(refused, "a count of what was refused")


def test_retention_of_a_century_takes_1970(start):
    server = start("--retention", "100y")
    server.put(("old", 5, {}, 1000), ("old", 6, {}, 2000))
    server.wait_value("old @ 3", 6)
    server.wait_value("old @ 1.5", 5)


def test_series_limit_is_429_and_known_series_go_on(start):
    server = start(config="limits: {series: 600}\n")
    body = lambda n, v: "".join(f'bomb{{i="{i}"}} {v}\n' for i in range(n))
    refused = None
    for n in range(100, 5000, 300):
        answer = server.post("/api/v1/import/prometheus", body(n, 1))
        if answer.status == 429:
            refused = answer
            break
        time.sleep(0.3)
    assert refused and refused.headers["Retry-After"], "the limit was never told"
    assert refused.json["rejected"] > 0
    assert server.metric("streamgauge_series") <= 600
    assert server.metric('streamgauge_net_refused_total{limit="series"}') >= 1
    for value in range(70, 78):  # new connections: whichever edge they come to, the series is known
        time.sleep(0.01)
        assert server.post("/api/v1/import/prometheus", f'bomb{{i="5"}} {value}\n').status == 204
    server.wait_value('bomb{i="5"}', 77)


def test_series_limit_of_one_metric_leaves_others_alone(start):
    server = start(config="limits: {series_per_metric: 50}\n")
    for _ in range(3):
        server.post("/api/v1/import/prometheus", "".join(f'wide{{i="{i}"}} 1\n' for i in range(500)))
        time.sleep(0.2)
    assert server.post("/api/v1/import/prometheus", "narrow 2\n").status == 204
    server.wait_value("narrow", 2)
    assert server.first("count(wide)") <= 50


@contextlib.contextmanager
def engine_last(server):
    """All threads of a server share one processor, which the engine gets when no other wants it: whoever is the faster one
    of edge and engine does not depend on the machine."""
    threads = {}
    for task in os.listdir(f"/proc/{server.pid}/task"):
        with open(f"/proc/{server.pid}/task/{task}/comm", encoding="ascii") as f:
            threads[int(task)] = f.read().strip()
    (engine,) = [task for task, name in threads.items() if name == "engine"]
    processors = os.sched_getaffinity(server.pid)
    try:
        for task in threads:
            os.sched_setaffinity(task, {min(processors)})
        os.sched_setscheduler(engine, os.SCHED_IDLE, os.sched_param(0))
        yield
    finally:
        with contextlib.suppress(PermissionError):  # to go back takes more rights than to step back
            os.sched_setscheduler(engine, os.SCHED_OTHER, os.sched_param(0))
        for task in threads:
            os.sched_setaffinity(task, processors)


def test_full_queue_is_429_with_retry_after_and_counted(start):
    """What comes faster than the engine takes it must be refused, not kept: more than two queues full of new series."""
    server = start("--tick", "1s", config="limits: {queue_bytes: 1048576}\n")
    body = "".join(f'flood{{i="{i}"}} 1\n' for i in range(20000))
    with server.dial() as s, engine_last(server):
        head = f"POST /api/v1/import/prometheus HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        sender = threading.Thread(target=s.send, args=(head + body,))
        server.process.send_signal(signal.SIGSTOP)
        sender.start()
        sender.join(5)  # all of it, or what the kernel has room for, is there before the first line is read
        server.process.send_signal(signal.SIGCONT)
        answer = s.response()
        sender.join()
    assert answer.status == 429, answer
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json["dropped"] > 0
    assert server.metric('streamgauge_net_refused_total{limit="ingest_queue"}') >= 1
    assert server.metric('streamgauge_input_dropped_total{input="http"}') >= 1
    time.sleep(1)
    kit.eventually(lambda: server.post("/api/v1/import/prometheus", "after 1\n").status == 204, "room in the queue")
    server.wait_for("after", lambda v: list(v.values()) == [1], interval="1s")


def test_labels_and_lengths_are_bounded(start):
    server = start(config="limits: {labels_per_series: 5, label_length: 16, line_bytes: 512}\n")
    path = "/api/v1/import/prometheus"
    many = ",".join(f'l{i}="x"' for i in range(6))
    for line, key in ((f"many{{{many}}} 1", "labels_per_series"), (f"{'n' * 17} 1", "label_length"), (f"v{{l=\"{'v' * 17}\"}} 1", "label_length"),
                      (f"long{{l=\"x\"}} {'1' * 600}", "line_bytes")):
        answer = server.post(path, f"before 1\n{line}\nafter 2\n")
        assert answer.status == 400 and answer.json["line"] == 2 and answer.json["accepted"] == 2, (line, answer)
        assert f"limits.{key}" in answer.json["error"], answer  # the key of the configuration
    assert server.post(path, f"{'n' * 16}{{a=\"{'v' * 16}\"}} 1\n").status == 204
