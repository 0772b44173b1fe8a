"""The page and the rest of plain HTTP: files from memory, health, metrics, errors."""

import gzip
import re
import shutil
import urllib.parse

import pytest

import kit


LINKS = {"html": r'(?:src|href)="([^"#:]+)"', "js": r"""(?:from|import)\s*\(?['"](\.[^'"]+|/[^'"]+)['"]""", "webmanifest": r'"src":\s*"([^"]+)"'}
TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
         "webmanifest": "application/manifest+json", "svg": "image/svg+xml", "png": "image/png"}


def kind_of(path):
    return "html" if path == "/" else path.rpartition(".")[2]


def page_assets(server):
    """Everything the page refers to, and what that refers to."""
    seen, todo = set(), ["/"]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        links = LINKS.get(kind_of(path))
        found = re.findall(links, server.get(path).text) if links else []
        todo += [urllib.parse.urljoin(path, f) for f in found if f != "/metrics"]
    return seen


def test_page_and_everything_it_names_is_served(server):
    paths = page_assets(server)
    assert len(paths) > 5, paths
    for path in paths:
        answer = server.get(path)
        assert answer.status == 200 and answer.body, path
        assert answer.headers["Content-Type"] == TYPES[kind_of(path)], path


def test_etag_and_304(server):
    for path in page_assets(server):
        first = server.get(path)
        tag = first.headers["ETag"]
        assert re.fullmatch(r'"[^"]+"', tag)
        for match in (tag, "W/" + tag, f'"other", {tag}', "*"):
            again = server.get(path, If_None_Match=match)
            assert again.status == 304 and again.body == b"" and again.headers["ETag"] == tag, (path, match)
        assert server.get(path, If_None_Match='"other"').status == 200


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_compressed_variants_are_the_same_page(server, coding):
    plain = server.get("/")
    packed = server.get("/", Accept_Encoding=coding)
    assert plain.headers.get("Content-Encoding") is None and "Accept-Encoding" in plain.headers["Vary"]
    assert packed.headers["Content-Encoding"] == coding and len(packed.body) < len(plain.body)
    assert packed.headers["ETag"] != plain.headers["ETag"] and "Accept-Encoding" in packed.headers["Vary"]
    if coding == "gzip":
        assert gzip.decompress(packed.body) == plain.body
    elif "brotli" in kit.run(kit.need("curl"), "--version").stdout.decode():
        assert kit.run("curl", "-sS", "-H", "Accept-Encoding: br", "--compressed", server.url("/")).stdout == plain.body
    for refused in (f"{coding};q=0", "identity", "*;q=0, identity", ""):
        assert "Content-Encoding" not in server.get("/", Accept_Encoding=refused).headers, refused


def test_head_says_what_get_would(server):
    for path in ("/", "/metrics", "/-/healthy", "/nope"):
        head, get = server.request("HEAD", path), server.get(path)
        assert head.status == get.status and head.body == b""
        assert head.headers["Content-Type"] == get.headers["Content-Type"]
        if path != "/metrics":
            assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_security_headers(server):
    page = server.get("/").headers
    assert page["X-Content-Type-Options"] == "nosniff" and page["X-Frame-Options"] == "DENY"
    assert "default-src 'self'" in page["Content-Security-Policy"] and "unsafe" not in page["Content-Security-Policy"]
    assert page["Referrer-Policy"] == "no-referrer"
    for path in ("/metrics", "/nope", "/-/healthy"):
        h = server.get(path).headers
        assert h["X-Content-Type-Options"] == "nosniff" and h["Cache-Control"] == "no-store", path
    assert "Server" not in page, "no banner"


def test_page_has_no_inline_script_or_foreign_address(server):
    text = server.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", text) and not re.search(r"\son\w+=", text)
    assert not re.search(r"https?://(?!www\.w3\.org)", text)


def test_errors_are_json(server):
    answer = server.get("/nope")
    assert answer.status == 404 and answer.json["error"] and answer.headers["Content-Type"] == "application/json"
    for path, method, allow in (("/", "POST", "GET, HEAD, OPTIONS"), ("/api/v1/samples", "GET", "POST, OPTIONS"), ("/stream", "POST", "GET, OPTIONS"),
                                ("/metrics", "DELETE", "GET, HEAD, OPTIONS"), ("/metrics/job/x", "GET", "POST, PUT, OPTIONS")):
        answer = server.request(method, path)
        assert answer.status == 405 and answer.headers["Allow"] == allow and answer.json["error"], (path, answer, answer.headers["Allow"])
    answer = server.request("OPTIONS", "/api/v1/samples")
    assert answer.status == 204 and answer.headers["Allow"] == "POST, OPTIONS"


def test_get_on_stream_without_upgrade_says_what_is_missing(server):
    answer = server.get("/stream")
    assert answer.status in (400, 426) and answer.json["error"]


def test_health_and_readiness(server):
    assert server.get("/-/healthy").text == "healthy\n"
    assert server.get("/-/ready").text == "ready\n"


def test_metrics_by_promtool(server):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    done = kit.run("promtool", "check", "metrics", input=server.get("/metrics").body)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_metrics_are_well_formed(server):
    text = server.get("/metrics").text
    samples, types, current = kit.parse_metrics(text), {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family not in types, f"{family} twice"
            types[family], current = kind, family
        elif not line.startswith("#"):
            assert re.split(r"[ {]", line)[0] == current, f"{line} outside its family"
    for name in samples:
        family = name.partition("{")[0]
        assert types[family] in ("counter", "gauge")
        assert family.endswith("_total") == (types[family] == "counter"), family
    assert server.get("/metrics").headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_own_metrics_and_host_metrics_are_series_too(start):
    server = start(host=True)
    server.wait_for("streamgauge_ticks_total", lambda v: any(x > 0 for x in v.values()))
    for metric in ("node_load1", "node_memory_MemTotal_bytes", "node_cpu_seconds_total", "node_filesystem_size_bytes", "node_network_receive_bytes_total",
                   "node_boot_time_seconds"):
        assert server.wait_for(metric, lambda v: len(v) >= 1), metric
    got = server.wait_for('sum by (mode) (rate(node_cpu_seconds_total[10s]))', lambda v: len(v) >= 4)
    assert {"idle", "user", "system"} <= {dict(k)["mode"] for k in got}
    assert server.first("node_memory_MemTotal_bytes") > 1 << 20


def test_keep_alive_and_connection_close(server):
    with server.dial() as s:
        for _ in range(3):
            s.send("GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert s.response().status == 200
        s.send("GET /nope HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")  # an error of the address is none of the connection
        assert s.response().status == 404
        s.send("GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = s.response()
        assert answer.headers["connection"] == "close" and s.all() == b""
