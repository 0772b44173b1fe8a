"""Who may do what: addresses, tokens, origins. Every endpoint with every kind of credential."""

import glob
import json
import os
import re

import pytest

import kit

TOKENS = {"none": None, "wrong": "w" * 48, "read": "r" * 48, "ingest": "i" * 48, "admin": "a" * 48, "alert": "l" * 48, "both": "b" * 48}


def config(**more):
    hashes = {name: kit.token_hash(TOKENS[name]) for name in ("read", "ingest", "admin", "alert", "both")}
    rights = {"read": "[read]", "ingest": "[ingest]", "admin": "[admin]", "alert": "[alert]", "both": "[read, ingest]"}
    lines = "".join(f'    - {{name: {n}, hash: "{h}", rights: {rights[n]}}}\n' for n, h in hashes.items())
    return "auth:\n" + "".join(f"  {k}: {v}\n" for k, v in more.items()) + "  tokens:\n" + lines


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    s = kit.Server(str(tmp_path_factory.mktemp("guarded")), "--log-level", "debug", config=config(origins='["https://ops.example"]'))
    yield s
    s.end()
    for token in TOKENS.values():
        assert not token or token not in s.log, "a token is in the log"


def bearer(who):
    return {"Authorization": "Bearer " + TOKENS[who]} if TOKENS[who] else {}


def route_table():
    """[(method, path, right)] as the source has it, so that no endpoint can be forgotten here."""
    found = []
    for file in sorted(glob.glob(os.path.join(kit.ROOT, "server", "net", "*.c"))):
        with open(file, encoding="utf-8") as f:
            rows = re.findall(r'\{"(/[^"]*)",\s*([^"}]*?),\s*SG_RIGHT_(\w+)', f.read())
        for path, methods, right in rows:
            method = next((m for m in ("GET", "POST", "DELETE") if m in methods), "GET")
            found.append((method, path.replace("*", "x"), right.lower()))
    return found


ROUTES = route_table()


def test_route_table_was_found():
    paths = {path for _, path, _ in ROUTES}
    assert {"/metrics", "/api/v1/samples", "/stream", "/events", "/events/x", "/metrics/job/x", "/write", "/ping"} <= paths


@pytest.mark.parametrize("method,path,right", ROUTES, ids=[f"{r[0]} {r[1]}" for r in ROUTES])
@pytest.mark.parametrize("who", TOKENS)
def test_endpoint_asks_for_its_right(guarded, method, path, right, who):
    body = b'{"metric":"a","value":1}' if method == "POST" else None
    if path in ("/stream", "/notifications"):  # may bring its token in a message
        if who != "none":
            with guarded.dial() as s:
                assert s.upgrade(path, more=f"Authorization: Bearer {TOKENS[who]}\r\n")[0] == (
                    401 if who == "wrong" else 101 if who in (right, "both") else 403)
        return
    if path == "/events":
        path += "?query="  # ends at once when it gets that far
    answer = guarded.request(method, path, body, bearer(who))
    if right == "none":
        assert answer.status in (200, 204), answer
    elif who in ("none", "wrong"):
        assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer"), answer
    elif who == right or (who == "both" and right in ("read", "ingest")) or (who == "admin" and right == "alert"):
        assert answer.status not in (401, 403) and answer.status < 500, answer
    else:
        assert answer.status == 403 and right in answer.text, answer


def test_other_ways_to_show_a_token(guarded):
    for headers, status in (({"Authorization": f"Token {TOKENS['both']}"}, 204),  # as Influx clients do
                            ({"authorization": f"bearer {TOKENS['both']}"}, 204),
                            ({"Cookie": f"theme=dark; streamgauge_token={TOKENS['both']}; x=y"}, 204),
                            ({"Cookie": f"streamgauge_token={TOKENS['wrong']}"}, 401),
                            ({"Cookie": f"xstreamgauge_token={TOKENS['both']}"}, 401),
                            ({"Authorization": kit.basic("both", TOKENS["both"])}, 401),
                            ({"Authorization": "Bearer"}, 401), ({"Authorization": "Bearer "}, 401),
                            ({"Authorization": f"Bearer {TOKENS['both']}x"}, 401),
                            ({"Authorization": "Bearer " + kit.token_hash(TOKENS["both"])}, 401),
                            ({"Authorization": "Bearer " + "x" * 5000}, 401)):
        assert guarded.post("/api/v1/samples", {"metric": "a", "value": 1}, headers).status == status, headers


def test_influx_client_with_a_token(guarded):
    p = kit.node("influx.mjs", guarded.url(), "by_token", TOKENS["ingest"])
    out, err = p.communicate(timeout=60)
    assert p.returncode == 0 and "done" in out, err
    guarded.headers = bearer("read")
    try:
        guarded.wait_for('{__name__=~"by_token_.+"}', lambda v: len(v) == 16)
    finally:
        guarded.headers = {}


def test_websocket_token_in_the_header(guarded):
    with guarded.ws(v1=True, extra_headers=bearer("read")) as ws:
        ws.send({"action": "subscribe", "id": "x", "query": "vector(1)"})
        ws.type("full")
        ws.send({"action": "report", "samples": [{"metric": "a", "value": 1}]})
        assert ws.type("error")["code"] == "denied"
    for who, status in (("wrong", 401), ("ingest", 403)):
        with guarded.dial() as s:
            assert s.upgrade(more=f"Authorization: Bearer {TOKENS[who]}\r\n")[0] == status, who


@pytest.mark.parametrize("v1", [False, True])
def test_websocket_token_in_a_message(guarded, v1):
    subscribe = {"action": "subscribe", "id": "x", "query": "vector(1)"} if v1 else {"action": "subscribe", "metric": "vector(1)"}
    with guarded.ws(v1=v1) as ws:
        ws.send(subscribe)
        refused = ws.until(lambda m: m.get("type") == "error" or "error" in m)
        assert refused["code"] == "denied"
        ws.send({"action": "auth", "token": TOKENS["read"]})
        ws.send(subscribe)
        ws.until(lambda m: m.get("value") == 1 or m.get("type") == "full")
    with guarded.ws(v1=v1) as ws:
        ws.send({"action": "auth", "token": TOKENS["wrong"]})
        code, _ = ws.closed()
        assert code == 4001


def test_websocket_cookie(guarded):
    with guarded.ws(v1=True, extra_headers={"Cookie": f"streamgauge_token={TOKENS['read']}"}) as ws:
        ws.send({"action": "subscribe", "id": "x", "query": "vector(1)"})
        ws.type("full")


def test_login_keeps_the_token_in_a_cookie(guarded):
    answer = guarded.request("POST", "/api/v1/login", None, bearer("read"))
    assert answer.status == 204
    cookie = answer.headers["Set-Cookie"]
    value, *attributes = cookie.split("; ")
    assert value == f"streamgauge_token={TOKENS['read']}"
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes) and "Secure" not in attributes  # not over TLS here
    assert guarded.request("GET", "/metrics", None, {"Cookie": value}).status == 200
    assert guarded.request("POST", "/api/v1/login", None, {"Cookie": value}).status == 204  # in already: nothing to set
    wrong = guarded.request("POST", "/api/v1/login", None, bearer("wrong"))
    assert wrong.status == 401 and "Set-Cookie" not in wrong.headers
    left = guarded.request("DELETE", "/api/v1/login")
    assert left.status == 204 and "streamgauge_token=;" in left.headers["Set-Cookie"] and "Max-Age=0" in left.headers["Set-Cookie"]


def test_guest_who_never_shows_a_token_is_sent_away(guarded):
    with guarded.ws(v1=True) as ws, guarded.ws(v1=True) as second:
        second.send({"action": "auth", "token": TOKENS["ingest"]})  # a right, but not to read
        code, _ = ws.closed(60)
        assert code in (4001, 4003)
        assert second.closed(60)[0] in (4001, 4003)


def test_refusals_are_counted(guarded):
    guarded.headers = bearer("read")
    try:
        before = guarded.metrics()
        guarded.request("GET", "/metrics", headers=bearer("wrong"))
        guarded.post("/api/v1/samples", b"{}", bearer("read"))
        after = guarded.metrics()
        for reason in ("token", "right"):
            k = f'streamgauge_net_denied_total{{reason="{reason}"}}'
            assert after[k] == before[k] + 1
    finally:
        guarded.headers = {}


# --- origins ---


@pytest.mark.parametrize("origin,allowed", [
    ("https://ops.example", True), ("https://OPS.example", True), ("http://ops.example", False), ("https://ops.example.evil.example", False),
    ("https://evil-ops.example", False), ("https://ops.example:8443", False), ("null", False), ("https://evil.example", False), ("", False)])
def test_cors_and_origin_list(guarded, origin, allowed):
    headers = {"Origin": origin, **bearer("both")}
    answer = guarded.post("/api/v1/samples", {"metric": "a", "value": 1}, headers)
    assert answer.status == (204 if allowed else 403), answer
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    if allowed:
        assert answer.headers["Vary"] == "Origin"
    preflight = guarded.request("OPTIONS", "/api/v1/samples", headers={
        "Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"})
    assert ("Access-Control-Allow-Methods" in preflight.headers) is allowed
    with guarded.dial() as s:
        assert s.upgrade(more=f"Origin: {origin}\r\nAuthorization: {headers['Authorization']}\r\n")[0] == (101 if allowed else 403)


def test_a_listed_page_may_save_a_dashboard_it_has_read(guarded):
    preflight = guarded.request("OPTIONS", "/api/v1/dashboards/x", headers={
        "Origin": "https://ops.example", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type,if-match"})
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"] and "If-Match" in preflight.headers["Access-Control-Allow-Headers"]


def test_own_origin_is_welcome_without_a_list(server):
    own = f"http://127.0.0.1:{server.port}"
    with server.dial() as s:
        s.send(f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {own}\r\n\r\n")
        assert s.response().status == 200


def test_absent_origin_may_be_forbidden(start):
    server = start(config=config(absent_origin="false", origins='["https://ops.example"]'))
    with server.dial() as s:
        assert s.upgrade(more=f"Authorization: Bearer {TOKENS['read']}\r\n")[0] == 403
    with server.dial() as s:
        assert s.upgrade(more=f"Authorization: Bearer {TOKENS['read']}\r\nOrigin: https://ops.example\r\n")[0] == 101


@pytest.mark.parametrize("site,dest,status", [("cross-site", "image", 401), ("cross-site", "iframe", 401), ("cross-site", "empty", 401),
                                              ("cross-site", "document", 200), ("same-origin", "empty", 200), ("none", "document", 200)])
def test_what_a_foreign_page_embeds_is_not_here(server, site, dest, status):
    """Without tokens: a picture in any page on the web must not be a heavy query. Files of the page may be embedded."""
    told = {"Sec_Fetch_Site": site, "Sec_Fetch_Dest": dest}
    assert server.get("/api/v1/query?query=1", **told).status == status
    assert server.get("/", **told).status == 200


def test_dns_rebinding_is_refused(server):
    for host, status in (("evil.example", 403), ("evil.example:8420", 403), ("localhost", 200), ("[::1]:1", 200), ("127.0.0.1", 200), ("a.localhost", 200)):
        assert server.request("GET", "/metrics", headers={"Host": host}).status == status, host


# --- addresses ---


def test_default_addresses_are_loopback_only(tmp_path):
    ss = kit.need("ss")
    if ":8420 " in kit.run(ss, "-ltn").stdout.decode() or ":8125 " in kit.run(ss, "-lun").stdout.decode():
        pytest.skip("port 8420 or 8125 is in use")
    with kit.Server(str(tmp_path), listen=None, statsd=None) as server:
        assert server.port == 8420
        tcp = re.findall(r"(\S+):8420 ", kit.run(ss, "-ltnH").stdout.decode())
        assert set(tcp) <= {"127.0.0.1", "[::1]"} and "127.0.0.1" in tcp
        udp = re.findall(r"(\S+):8125 ", kit.run(ss, "-lunH").stdout.decode())
        assert set(udp) == {"127.0.0.1"}


def test_default_addresses_without_ipv6(tmp_path):
    """As in most containers: the kernel has IPv6, but it is switched off."""
    world = [kit.need("unshare"), "-rn", "sh", "-ec", f"echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; {kit.need('ip')} link set lo up; exec \"$@\"", "sh"]
    if kit.run(*world, "true").returncode != 0:
        pytest.skip("no network namespace of our own")
    server = kit.Server(str(tmp_path), listen=None, statsd=None, prefix=world, wait=False)
    try:
        kit.eventually(lambda: not server.alive() or 'msg="serving"' in server.log, "the server to serve")
        assert server.alive() and re.findall(r"address=(\S+) port=8420", server.log) == ["127.0.0.1:8420"], server.log
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", ":0", "*:0"])
def test_public_address_without_tokens_is_refused(tmp_path, listen):
    done = kit.run(kit.BINARY, "serve", "--listen", listen, "--statsd", "off", "--no-host", "--data", tmp_path)
    said = done.stderr.decode()
    assert done.returncode == 2 and "auth.tokens" in said and "--anonymous" in said and len(said.splitlines()) == 1


def test_public_address_with_anonymous_or_tokens_serves(start):
    server = start("--anonymous", listen="0.0.0.0:0")
    server.put(("open", 1))
    server.wait_value("open", 1)
    guarded = start(config=config(), listen="0.0.0.0:0")
    assert guarded.get("/metrics").status == 401


def test_anonymous_beside_tokens_reads_and_ingests(start):
    server = start("--anonymous", config=config())
    assert server.get("/metrics").status == 200
    assert server.request("GET", "/metrics", headers=bearer("wrong")).status == 401


def test_json_of_errors_never_repeats_a_token(guarded):
    answer = guarded.request("GET", "/metrics", headers=bearer("wrong"))
    assert TOKENS["wrong"] not in answer.text and json.loads(answer.text)["error"]
