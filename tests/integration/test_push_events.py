"""Values out over plain HTTP responses: Server-Sent Events and lines of JSON, by curl, the npm package eventsource
and a reader of our own that follows the HTML standard."""

import json
import urllib.parse

import pytest

import kit
from kit import State


def events_of(server, expr, **more):
    return "/events?" + urllib.parse.urlencode({"query": expr, "interval": "100ms", **more})


def test_curl_reads_events(server, name):
    server.put((name, 7))
    server.wait_value(name, 7)
    out = kit.curl_until(lambda text: '"points":[[' in text, "-i", server.url(events_of(server, name)))
    head, _, body = out.partition("\r\n\r\n")
    for line in ("HTTP/1.1 200", "Content-Type: text/event-stream", "Cache-Control: no-store", "X-Accel-Buffering: no"):
        assert line in head, out
    assert "\nevent: full\n" in body and body.startswith("retry: ")


def test_curl_reads_lines(server, name):
    server.put((name, 7))
    server.wait_value(name, 7)
    changed = []

    def both(text):
        if '"value":7' in text and not changed:
            changed.append(server.put((name, 8)))
        return '"value":8' in text and text.endswith("\n")

    out = kit.curl_until(both, "-H", "Accept: application/x-ndjson", server.url("/events?metric=" + name))
    lines = [json.loads(line) for line in out.splitlines() if line]
    assert [m["value"] for m in lines if "value" in m] == [7, 8]


def test_simple_form_is_default_message_events(server, name):
    server.put((name + "_a", 1), (name + "_b", 2))
    server.wait_value(name + "_b", 2)
    with kit.Sse(server, f"/events?metric={name}_a&metric={name}_b") as sse:
        got = {}
        while len(got) < 2:
            e = sse.next()
            assert e["event"] == "message" and set(e["data"]) == {"metric", "value", "timestamp"}, e
            got[e["data"]["metric"]] = e["data"]["value"]
        assert got == {name + "_a": 1, name + "_b": 2}
        server.put((name + "_a", 5))
        e = sse.next()
        assert e["data"]["value"] == 5
        epoch, _, offset = e["id"].rpartition("-")
        assert len(epoch) == 16 and int(offset) > 0


def test_an_unchanged_state_is_as_new_as_its_last_evaluation(server, name):
    """Every form tells a new subscriber up to when the result is known to hold, not when it last changed."""
    query = f"absent({name}_nixy)"

    def v1():
        with server.ws(v1=True) as ws:
            ws.send({"action": "subscribe", "id": "a", "query": query, "interval": "100ms"})
            full = ws.type("full")
            assert full["points"][-1][0] == full["t"]
            return full["t"]

    def simple():
        with server.ws() as ws:
            ws.send({"action": "subscribe", "metric": query, "interval": "100ms"})
            return ws.next()["timestamp"]

    def sse(path, field):
        with kit.Sse(server, path) as stream:
            return stream.until(lambda e: field in e["data"] and e["data"].get("type") != "subscribed")["data"][field]

    def lines():
        with kit.Lines(server, events_of(server, query)) as stream:
            return next(m for m in iter(stream.next, None) if m.get("type") == "full")["t"]

    quoted = urllib.parse.quote(query)
    forms = [v1, simple, lambda: sse(events_of(server, query), "t"), lambda: sse(f"/events?metric={quoted}&interval=100ms", "timestamp"), lines]
    before = [form() for form in forms]
    for was, form in zip(before, forms):
        kit.eventually(lambda: form() >= was + 1000, f"a state that is a second newer than {was}, in the form {forms.index(form)}")
    assert all(t <= kit.now_ms() for t in [form() for form in forms])


def test_an_offset_of_the_future_is_a_gap(server, name):
    server.put((name, 7))
    server.wait_value(name, 7)
    with kit.Sse(server, events_of(server, name)) as sse:
        first = sse.until(lambda e: e["event"] == "full" and e["data"]["series"])
        epoch = sse.until(lambda e: e["id"])["id"].split("-")[0] if not first["id"] else first["id"].split("-")[0]
    with kit.Sse(server, events_of(server, name), **{"Last-Event-ID": f"{epoch}-999999999"}) as sse:
        assert sse.until(lambda e: e["event"] == "subscribed")["data"]["recovered"] is False
        assert sse.until(lambda e: e["event"] == "gap")["data"]["from"] == 0
        assert 7 in sse.until(lambda e: e["event"] == "full")["data"]["points"][-1][1]


def test_events_full_and_update_with_ids_that_grow(server, name):
    server.put((name, 0))
    with kit.Sse(server, events_of(server, name)) as sse:
        state, ids = State(), []
        for i in range(1, 6):
            server.put((name, i))
            while i not in state.values().values():
                e = sse.until(lambda e: e["event"] in ("full", "update"))
                state.take(e["data"])
                ids.append(e["id"])
        assert sse.retry and sse.retry > 0
        offsets = [int(i.rpartition("-")[2]) for i in ids if i]
        assert offsets == sorted(set(offsets)) and offsets[-1] == state.offset


def test_several_queries_share_one_connection_and_one_sequence(server, name):
    server.put((name, 1))
    with kit.Sse(server, f"/events?query={name}&query={name}%2B1&interval=100ms") as sse:
        streams = {sse.until(lambda e: e["event"] == "subscribed")["data"]["stream"] for _ in range(2)}
        assert len(streams) == 2
        seen = set()
        server.put((name, 2))
        while seen != streams:
            e = sse.until(lambda e: e["event"] in ("full", "update"))
            seen.add(e["data"]["s"])


def test_wrong_arguments_are_answered_before_the_stream_begins(server):
    for query, status in (("", 400), ("?query=sum(", 400), ("?query=up&interval=1ms", 400), ("?stream=nope", 404), ("?query=up&interval=x", 400),
                          ("?topic=weather", 404), ("?query=%zz", 400), ("?query=up%5B5m%5D", 400), ("?query=up&history=100d", 400),
                          ("?" + "&".join(["query=up"] * 256), 400)):
        answer = server.get("/events" + query)
        assert answer.status == status and answer.json["error"], (query, answer)
        assert "Retry-After" not in answer.headers


def test_history_and_named_topic(server, name):
    now = kit.now_ms() // 1000 * 1000
    server.put(*[(name, i, {}, now - (20 - i) * 1000) for i in range(21)])
    server.wait_value(name, 20)
    asked = kit.now_ms()
    with kit.Sse(server, f"/events?query={name}&interval=1s&history=10s") as sse:
        full = sse.until(lambda e: e["event"] == "full")["data"]
        assert [v for _, (v,) in full["points"]][:5] == [full["points"][0][1][0] + i for i in range(5)]
        assert 11 <= len(full["points"]) <= 12 + (kit.now_ms() - asked) // 1000  # the past, and what came while it was read
    with kit.Sse(server, "/events?topic=notifications") as sse:
        assert sse.until(lambda e: e["event"] == "subscribed")["data"]["stream"] == 0


@pytest.mark.parametrize("how", ["header", "argument"])
def test_last_event_id_resumes_without_gap_and_double(server, name, how):
    server.put((name, 0))
    server.wait_value(name, 0)
    path = events_of(server, name)
    keeper = kit.Sse(server, path)  # a viewer who stays, and sees everything
    kept, all_seen = State(), []
    keeper_event = keeper.until(lambda e: e["event"] == "full")
    kept.take(keeper_event["data"])
    value, seen, last = 0, [], None

    def more(n):
        nonlocal value
        for _ in range(n):
            value += 1
            server.put((name, value))
            while kept.value[0] != value:
                kept.take(keeper.until(lambda e: e["event"] == "update")["data"])
            all_seen.append((kept.offset, value))

    for cut in range(3):
        headers = {"Last_Event_ID": last} if last and how == "header" else {}
        argument = f"&last_event_id={last}" if last and how == "argument" else ""
        with kit.Sse(server, path + argument, **headers) as sse:
            answer = sse.until(lambda e: e["event"] == "subscribed")["data"]
            assert answer["recovered"] is (cut > 0)
            if cut == 0:
                sse.until(lambda e: e["event"] == "full")
            more(3)
            while not seen or seen[-1][1] != value:
                e = sse.until(lambda e: e["event"] in ("full", "update"))
                assert e["event"] == "update", "recovered, so no full"
                seen.append((e["data"]["o"], e["data"]["d"][1]))
            last = sse.last_id
        more(2)
    assert seen == all_seen[:len(seen)]
    keeper.raw.close()


def test_npm_eventsource_comes_back_by_itself_and_misses_nothing(server, name):
    server.put((name, 0))
    server.wait_value(name, 0)
    with kit.Proxy(server.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}{events_of(server, name)}"
        with kit.ending(kit.node("eventsource.mjs", url, "full", "update", "subscribed", "gap")) as p:
            lines, values, fulls, gaps, recovered = kit.node_lines(p), [], 0, 0, 0

            def read(value):
                nonlocal fulls, gaps, recovered
                for line in lines:
                    kind = line.get("event")
                    fulls += kind == "full"
                    gaps += kind == "gap"
                    recovered += kind == "subscribed" and line["data"]["recovered"]
                    if kind == "update":
                        values.append(line["data"]["d"][1])
                    if value is None and kind == "full" or values and values[-1] == value:
                        return
            read(None)
            value = 0
            for cut in range(2):
                for _ in range(3):
                    value += 1
                    server.put((name, value))
                    read(value)
                assert proxy.cut() == 1
                value += 1
                server.put((name, value))  # while nobody listens
                read(value)
            assert values == list(range(1, value + 1))
            assert (fulls, gaps, recovered) == (1, 0, 2)


def test_post_to_a_session_changes_its_subscriptions_from_any_edge(server, name):
    server.put((name, 3))
    server.wait_value(name, 3)
    with kit.Sse(server, events_of(server, "vector(1)")) as sse:
        session = sse.until(lambda e: e["event"] == "welcome")["data"]["session"]
        for i in range(16):  # new connections: the kernel spreads them over both edges
            answer = server.post(f"/events/{session}", {"action": "ping", "time": i})
            assert answer.status == 204, answer
            assert sse.until(lambda e: e["event"] == "pong")["data"]["time"] == i
        server.post(f"/events/{session}", {"action": "subscribe", "id": "more", "query": name, "interval": "100ms"})
        stream = sse.until(lambda e: e["event"] == "subscribed" and e["data"]["id"] == "more")["data"]["stream"]
        full = sse.until(lambda e: e["event"] == "full" and e["data"]["s"] == stream)
        assert full["data"]["points"][-1][1] == [3]
        server.post(f"/events/{session}", [{"action": "unsubscribe", "id": "more"}, {"action": "ping", "time": 99}])
        sse.until(lambda e: e["event"] == "pong" and e["data"]["time"] == 99)
        server.post(f"/events/{session}", {"action": "subscribe", "id": "bad", "query": "sum("})
        assert sse.until(lambda e: e["event"] == "error")["data"]["id"] == "bad"
    for wrong in (session[:-1] + ("0" if session[-1] != "0" else "1"), "0-0", "9-" + session[2:], "x", "%00"):
        assert server.post(f"/events/{wrong}", {"action": "ping"}).status in (400, 404), wrong
    kit.eventually(lambda: server.post(f"/events/{session}", {"action": "ping"}).status == 404, "the session to be gone")


def test_lines_take_the_same_arguments_and_have_no_framing(server, name):
    server.put((name, 1))
    server.wait_value(name, 1)
    with kit.Lines(server, events_of(server, name)) as lines:
        assert lines.headers["content-type"] == "application/x-ndjson"
        def said():
            """Heartbeats come whenever it is time for them."""
            return next(m for m in iter(lines.next, None) if m.get("type") != "heartbeat")

        state = State()
        assert said()["type"] == "welcome"
        assert said()["type"] == "subscribed"
        state.take(said())
        server.put((name, 2))
        state.take(said())
        assert list(state.values().values()) == [2]


def test_label_values_cannot_forge_events(server, name):
    evil = "x\r\ndata: forged\rid: 1\n\nevent: full\n"
    server.put((name, 1, {"evil": evil}))
    server.wait_value(name, 1)
    with kit.Sse(server, events_of(server, name)) as sse:
        full = sse.until(lambda e: e["event"] == "full")
        assert full["data"]["series"][0]["evil"] == evil
        server.put((name, 2, {"evil": evil}))
        assert sse.next()["event"] in ("update", "heartbeat")


def test_quiet_connections_are_kept_alive_by_comments_and_heartbeats(server):
    with kit.Sse(server, "/events?metric=never_there") as sse, server.ws(v1=True) as ws:
        ws.type("heartbeat")
        ws.type("heartbeat")
        sse.raw.until(b"\n:")  # a comment, after 15 s at most


def test_http_1_0_reader_and_head(server, name):
    server.put((name, 4))
    server.wait_value(name, 4)
    with server.dial() as s:
        s.send(f"GET /events?metric={name} HTTP/1.0\r\nAccept: application/x-ndjson\r\n\r\n")
        assert b"200" in s.until(b"\r\n\r\n")
        assert json.loads(s.until(b"\n"))["value"] == 4
    answer = server.request("HEAD", "/events?metric=" + name)
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/event-stream" and answer.body == b""
