"""Prometheus remote write: messages written here by the specification, and a real Prometheus that scrapes and sends."""

import re
import struct
import subprocess
import textwrap
import threading

import pytest

import kit

PATH = "/api/v1/write"
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"


# --- a sender, as small as the specification allows ---


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def zigzag(n):
    return n << 1 ^ n >> 63


def part(field, value):
    """One field: bytes and text with a length, floats as doubles, integers as varints."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return varint(field << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(field << 3 | 1) + struct.pack("<d", value)
    return varint(field << 3) + varint(value)


def literal_snappy(data):
    """Snappy's block format without a single copy."""
    out = varint(len(data))
    for i in range(0, len(data), 60):
        piece = data[i:i + 60]
        out += bytes([len(piece) - 1 << 2]) + piece
    return out


def sample(value, time_ms):
    return part(2, part(1, float(value)) + part(2, time_ms))


def series(name, labels=None, *samples, more=b""):
    """A TimeSeries of 1.0; samples are (value, time)."""
    pairs = sorted({"__name__": name, **(labels or {})}.items())
    return part(1, b"".join(part(1, part(1, n) + part(2, v)) for n, v in pairs) + b"".join(sample(*s) for s in samples) + more)


class Request2:
    """A message of 2.0 with its symbols."""

    def __init__(self):
        self.symbols, self.series = [""], b""

    def ref(self, text):
        if text not in self.symbols:
            self.symbols.append(text)
        return self.symbols.index(text)

    def add(self, name, labels=None, *samples, kind=0, help_text="", more=b""):
        pairs = sorted({"__name__": name, **(labels or {})}.items())
        refs = b"".join(varint(self.ref(t)) for pair in pairs for t in pair)
        meta = part(5, part(1, kind) + part(3, self.ref(help_text)))
        self.series += part(5, part(1, refs) + b"".join(sample(*s) for s in samples) + more + meta)
        return self

    def bytes(self):
        return b"".join(part(4, s) for s in self.symbols) + self.series


def histogram(counts, time_ms, offset=0, schema=0, total=None):
    """Integer buckets side by side."""
    deltas = [b - a for a, b in zip([0, *counts], counts)]
    return (part(1, sum(counts) if total is None else total) + part(3, 10.0) + part(4, zigzag(schema)) +
            part(11, part(1, zigzag(offset)) + part(2, len(counts))) +
            part(12, b"".join(varint(zigzag(d)) for d in deltas)) + part(15, time_ms))


def write(server, message, **headers):
    fields = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
              "X-Prometheus-Remote-Write-Version": "0.1.0", "User-Agent": "test/1"}
    fields.update({k.replace("_", "-"): v for k, v in headers.items()})
    return server.post(PATH, literal_snappy(message), {k: v for k, v in fields.items() if v is not None})


def written(answer):
    return tuple(int(answer.headers[f"X-Prometheus-Remote-Write-{k}-Written"])
                 for k in ("Samples", "Histograms", "Exemplars"))


# --- 1.0 ---


def test_v1_samples_are_there(server, name):
    now = kit.now_ms()
    answer = write(server, series(name, {"host": "a"}, (1, now - 1000), (2, now)) + series(name, {"host": "b"}, (3.5, now)))
    assert (answer.status, answer.body, written(answer)) == (204, b"", (3, 0, 0))
    got = server.wait_for(name, lambda v: len(v) == 2)
    assert {dict(k)["host"]: v for k, v in got.items()} == {"a": 2, "b": 3.5}


def test_v1_staleness_marker_ends_a_series(server, name):
    now = kit.now_ms()
    assert write(server, series(name, None, (1, now - 500))).status == 204
    server.wait_value(name, 1)
    assert write(server, series(name, None, (STALE, now))).status == 204
    server.wait_for(name, lambda v: len(v) == 0)


def test_v1_metadata_is_taken(server, name):
    now = kit.now_ms()
    meta = part(3, part(1, 1) + part(2, name) + part(4, "what it counts") + part(5, "bytes"))
    assert write(server, series(name, None, (1, now)) + meta).status == 204
    server.wait_value(name, 1)


def test_v1_native_histograms_are_values(server, name):
    now = kit.now_ms()
    answer = write(server, series(name, None, more=part(4, histogram([4, 4, 2], now))))
    assert (answer.status, written(answer)) == (204, (0, 1, 0))
    server.wait_value(f"histogram_count({name})", 10)
    server.wait_value(f"histogram_sum({name})", 10)
    server.wait_value(f"histogram_quantile(1, {name})", 4)


def test_what_is_too_old_to_be_kept_is_refused_and_the_rest_kept(server, name):
    now = kit.now_ms()
    answer = write(server, series(name, None, (1, now - 3700_000), (2, now)))
    assert (answer.status, written(answer)) == (400, (1, 0, 0))
    age = re.search(r"(\d+) s old", answer.json["error"])
    assert name in answer.json["error"] and 3700 <= int(age[1]) <= 3700 + (kit.now_ms() - now) // 1000, answer
    assert answer.json["rejected"] == 1
    server.wait_value(name, 2)
    lines = f"{name} 1 {now - 3700_000}\n{name} 3 {now + 1}\n"
    answer = server.post("/api/v1/import/prometheus", lines, {"Content-Type": "text/plain"})
    assert answer.status == 400 and answer.json["line"] == 1 and answer.json["accepted"] == 1 and "3600 s" in answer.json["error"]


def test_partial_writes_keep_what_is_good(server, name):
    now = kit.now_ms()
    answer = write(server, series(name, {"bad\xff": "x", "": "y"}, (1, now)) + series(name, None, (2, now), (3, now + 10**9)))
    assert (answer.status, written(answer)) == (400, (1, 0, 0))
    assert answer.json["rejected"] == 2 and [e["series"] for e in answer.json["errors"]] == [1, 2]
    assert answer.json["error"].startswith(name) and "empty label name" in answer.json["error"]
    assert "in the future" in answer.json["errors"][1]["error"]
    assert b"\n" not in answer.body
    server.wait_value(name, 2)


def test_invalid_utf8_is_400(server, name):
    raw = part(1, part(1, part(1, "__name__") + part(2, name)) + part(1, part(1, b"x\xff") + part(2, "y")) + sample(1, kit.now_ms()))
    answer = write(server, raw)
    assert answer.status == 400 and "invalid utf-8" in answer.json["error"]


# --- 2.0 ---


def test_v2_samples_histograms_exemplars_and_counts(server, name):
    now = kit.now_ms()
    r = Request2().add(name, {"host": "a"}, (1, now - 1), (2, now), kind=1, help_text="what it counts")
    r.add(name + "_h", None, more=part(3, histogram([1, 2], now)), kind=3)
    trace = varint(r.ref("trace_id")) + varint(r.ref("abc"))
    r.add(name + "_e", None, (3, now), more=part(4, part(1, trace) + part(2, 1.0) + part(3, now)))
    answer = write(server, r.bytes(), Content_Type=V2, X_Prometheus_Remote_Write_Version="2.0.0")
    assert (answer.status, answer.body, written(answer)) == (204, b"", (3, 1, 1))
    server.wait_value(name, 2)
    server.wait_value(f"histogram_count({name}_h)", 3)
    server.wait_value(f"{name}_e", 3)


def test_v2_partial_write(server, name):
    now = kit.now_ms()
    r = Request2().add(name, None, (1, now)).add(name + "_none", None)
    r.add(name + "_h", None, more=part(3, histogram([1, 2], now, total=7)))
    r.series += part(5, part(1, varint(99) + varint(1)) + sample(1, now))
    answer = write(server, r.bytes(), Content_Type=V2)
    assert (answer.status, written(answer)) == (400, (1, 0, 0))
    errors = [e["error"] for e in answer.json["errors"]]
    assert "neither samples nor histograms" in errors[0] and "its buckets 3" in errors[1] and "reference 99" in errors[2]
    server.wait_value(name, 1)


# --- negotiation ---


@pytest.mark.parametrize("header,value,status", [
    ("Content_Type", "application/x-protobuf;proto=prometheus.WriteRequest", 204),
    ("Content_Type", None, 204),
    ("Content_Type", "application/x-protobuf;proto=io.prometheus.write.v3.Request", 415),
    ("Content_Type", "application/json", 415),
    ("Content_Type", "text/plain", 415),
    ("Content_Encoding", None, 204),
    ("Content_Encoding", "Snappy", 204),
    ("Content_Encoding", "gzip", 415),
    ("Content_Encoding", "zstd", 415),
    ("Content_Encoding", "snappy, snappy", 415),
])
def test_negotiation(server, name, header, value, status):
    answer = write(server, series(name, None, (1, kit.now_ms())), **{header: value})
    assert answer.status == status, answer
    if status == 204:
        server.wait_value(name, 1)
    else:
        assert "expected" in answer.json["error"] or "must be snappy" in answer.json["error"]


def test_get_is_not_allowed(server):
    answer = server.get(PATH)
    assert answer.status == 405 and "POST" in answer.headers["Allow"]


# --- bad input ---


BAD = {
    "nothing": b"",
    "no snappy": b"\xff" * 64,
    "a framed stream": b"\xff\x06\x00\x00sNaPpY",
    "cut off": literal_snappy(series("x", None, (1, 1)))[:-1],
    "a copy from before the start": b"\x10\x00a\x12\x40\x00",
    "no protobuf": literal_snappy(b"\xff" * 30),
    "a varint of 11 bytes": literal_snappy(b"\x0a" + b"\xff" * 10 + b"\x01"),
    "a length behind the end": literal_snappy(b"\x0a\xff\xff\xff\xff\x0f"),
    "field 0": literal_snappy(b"\x02\x00"),
    "a group": literal_snappy(b"\x0b\x0c"),
    "bytes as a number": literal_snappy(b"\x08\x01"),
    "announces 16 MiB in 4 bytes": b"\x80\x80\x80\x08",
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("kind", ["application/x-protobuf", V2])
def test_garbage_is_400(codec, what, kind):
    if kind == V2 and what == "bytes as a number":
        pytest.skip("field 1 is unknown to 2.0")
    answer = codec.post(PATH, BAD[what], {"Content-Type": kind, "Content-Encoding": "snappy"})
    assert answer.status == 400 and answer.json["samples"] == 0, answer
    assert written(answer) == (0, 0, 0)


def test_lying_lengths_cost_no_memory(server):
    bodies = [(varint(2**32 - 1) + b"x", 413), (varint(2**31) + b"x" * 100, 413), (varint(60 << 20) + b"\xf0x" * 50, 400)]
    before = server.rss()

    def send(body, status):
        assert server.post(PATH, body, {"Content-Encoding": "snappy"}).status == status

    threads = [threading.Thread(target=send, args=b) for b in bodies * 17]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert server.rss() - before < 16 << 20


def test_many_series_and_a_series_limit(start, name):
    server = start(config="limits:\n  series: 600\n", edges=1)  # the server's own metrics are series too
    now = kit.now_ms()
    assert write(server, series(name, {"i": "0"}, (0, now))).status == 204
    server.wait_value(name, 0)
    message = b"".join(series(name, {"i": str(i)}, (i, now)) for i in range(2000))
    write(server, message)

    def refused():
        answer = write(server, message)
        return answer.status == 429 and answer

    answer = kit.eventually(refused, "429")
    assert answer.headers["Retry-After"] and "limit series" in answer.json["error"]
    assert write(server, series(name, {"i": "0"}, (1, now + 1))).status == 204


# --- a real sender ---


def test_prometheus_scrapes_and_writes(start, tmp_path):
    program = kit.need("prometheus")
    server = start()
    config = tmp_path / "prometheus.yml"
    config.write_text(textwrap.dedent(f"""\
        global: {{scrape_interval: 1s, external_labels: {{sender: real}}}}
        scrape_configs:
        - job_name: streamgauge
          static_configs: [{{targets: ["127.0.0.1:{server.port}"]}}]
        remote_write:
        - url: {server.url(PATH)}
          queue_config: {{batch_send_deadline: 200ms, min_backoff: 100ms}}
          metadata_config: {{send_interval: 1s}}
        """))
    log = open(tmp_path / "prometheus.log", "wb")
    with log, kit.ending(subprocess.Popen(
            [program, f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/tsdb", "--web.listen-address=127.0.0.1:0",
             "--log.level=debug"], stdout=log, stderr=log, cwd=tmp_path)):
        server.wait_value('up{sender="real",job="streamgauge"}', 1)
        # What it scraped from us comes back: a counter of ours that grows.
        server.wait_for('scrape_samples_scraped{sender="real"}', lambda v: len(v) == 1 and list(v.values())[0] > 20)
        server.wait_for('rate(streamgauge_net_http_responses_total{sender="real",class="2xx"}[5s])', lambda v: any(x > 0 for x in v.values()))
        with kit.Sse(server, '/events?query=count(%7Bsender%3D%22real%22%7D)&interval=100ms') as events:
            assert events.next()["data"]
    text = (tmp_path / "prometheus.log").read_text(errors="replace")
    assert "non-recoverable" not in text and "Failed to send" not in text, text[-4000:]
