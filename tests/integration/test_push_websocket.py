"""Values out over WebSocket, as DESIGN section 5 says it: the simple form and streamgauge.v1, by the Python library
`websockets` and the npm package `ws`."""

import json
import os
import threading
import time

import pytest

import kit
from kit import State


def subscribed(ws, state=None, **fields):
    """Subscribes and follows until the first full; (answer to subscribe, state)."""
    state = state or State()
    ws.send({"action": "subscribe", **fields})
    answer = ws.type("subscribed", id=fields["id"])
    while True:
        m = ws.next()
        assert m.get("type") != "error", m
        if m.get("s") == answer["stream"]:
            state.take(m)
        if state.known:
            return answer, state


def follow(ws, state, stream, condition):
    """Applies what comes for a stream until the condition on its values holds."""
    end = time.monotonic() + kit.DEADLINE
    while not (state.known and condition(state.values())):
        assert time.monotonic() < end, f"waited in vain, last: {state.values()}"
        m = ws.next()
        if m.get("s") == stream:
            state.take(m)
    return state.values()


# --- the simple form ---


def test_simple_form_to_the_letter(server, name):
    server.put((name, 42.5))
    server.wait_value(name, 42.5)
    with server.ws() as ws:
        ws.subscribe(name)
        first = ws.next()  # nothing before it: no welcome, no answer to subscribe
        assert first == {"metric": name, "value": 42.5, "timestamp": first["timestamp"]}
        assert isinstance(first["timestamp"], int) and abs(first["timestamp"] - kit.now_ms()) < 60000
        assert ws.quiet(0.5), ws.surprise  # unchanged: nothing is said
        server.put((name, 43))
        second = ws.next()
        assert second["value"] == 43 and second["timestamp"] >= first["timestamp"]
        ws.send({"action": "unsubscribe", "metric": name})
        ws.send({"action": "subscribe", "metric": "vector(7)"})  # its answer shows that unsubscribe was carried out
        assert ws.next()["value"] == 7
        server.put((name, 44))
        server.wait_value(name, 44)
        assert ws.quiet(0.3), ws.surprise


def test_simple_form_sums_series_and_takes_selectors_and_expressions(server, name):
    server.put((name, 1, {"i": "a"}), (name, 2, {"i": "b"}), (name, 4, {"i": "c"}))
    server.wait_value(f"count({name})", 3)
    selector, expression = f'{name}{{i=~"a|c"}}', f"max({name}) * 10"
    with server.ws() as ws:
        for metric in (name, selector, expression):
            ws.subscribe(metric)
        got = {}
        while len(got) < 3:
            m = ws.next()
            got[m["metric"]] = m["value"]
        assert got == {name: 7, selector: 5, expression: 40}


def test_simple_form_takes_names_that_promql_writes_in_quotes(server, name):
    metric = name + ".höhe"
    assert server.post("/api/v1/samples", json.dumps({"metric": metric, "value": 8})).status == 204
    server.wait_value(f'{{"{metric}"}}', 8)
    with server.ws() as ws:
        ws.subscribe(metric)
        got = ws.next()
        assert (got["metric"], got["value"]) == (metric, 8), got


def test_simple_form_interval(server, name):
    server.put((name, 1))
    with server.ws() as ws:
        ws.subscribe(name, interval="300ms")
        for i in range(2, 5):
            m = ws.until(lambda m: m["value"] == i - 1)
            assert m["timestamp"] % 300 == 0
            server.put((name, i))


def test_simple_form_tells_only_own_mistakes(server, name):
    with server.ws() as ws:
        for mistake, metric in (("nonsense", None), ('{"action":"dance"}', None), ('{"action":"subscribe"}', None), ("[1]", None),
                                ('{"action":"subscribe","metric":"sum(rate(x[5m])"}', "sum(rate(x[5m])"),
                                ('{"action":"subscribe","metric":"x[5m]"}', "x[5m]"),
                                ('{"action":"unsubscribe","metric":"never_was"}', "never_was"),
                                ('{"action":"ping"}', None), ('{"action":"subscribe","metric":"up","interval":"1ms"}', "up")):
            ws.text(mistake)
            m = ws.next()
            assert m["error"] and m.get("metric") == metric, (mistake, m)
        ws.subscribe("sum(foo bar)")
        assert ws.until(lambda m: m.get("metric") == "sum(foo bar)")["position"] == 8
        server.put((name, 1))  # all of that cost nothing
        ws.subscribe(name)
        assert ws.until(lambda m: m.get("metric") == name)["value"] == 1


def test_simple_form_nan_and_infinities_are_strings(server, name):
    body = f"{name}_nan NaN\n{name}_inf +Inf\n{name}_minus -Inf\n"
    assert server.post("/api/v1/import/prometheus", body).status == 204
    with server.ws() as ws:
        for kind in ("nan", "inf", "minus"):
            ws.subscribe(f"{name}_{kind}")
        got = {}
        while len(got) < 3:
            m = ws.next()
            got[m["metric"].rsplit("_", 1)[1]] = m["value"]
        assert got == {"nan": "NaN", "inf": "+Inf", "minus": "-Inf"}


def test_simple_form_subscribe_before_the_first_sample(server, name):
    with server.ws() as ws:
        ws.subscribe(name)
        ws.subscribe("vector(1)")
        assert ws.next()["metric"] == "vector(1)"
        server.put((name, 9))
        assert ws.next() == {"metric": name, "value": 9, "timestamp": pytest.approx(kit.now_ms(), abs=60000)}


# --- streamgauge.v1 ---


def test_v1_welcome(server):
    with server.ws(v1=True) as ws:
        assert ws.socket.subprotocol == kit.V1
        m = ws.next()
        assert m["type"] == "welcome" and len(m["epoch"]) == 16 and m["session"] and m["heartbeat"] == 5000
        assert m["server"].startswith("streamgauge") and m["limits"]["subscriptions"] == 200


def test_v1_full_then_updates_with_add_and_change(server, name):
    server.put((name, 1, {"i": "a"}), (name, 2, {"i": "b"}))
    server.wait_value(f"count({name})", 2)
    with server.ws(v1=True) as ws:
        answer, state = subscribed(ws, id="x", query=name, interval="100ms")
        assert answer["interval"] == "100ms" and answer["recovered"] is False
        assert {dict(k)["i"]: v for k, v in state.values().items()} == {"a": 1, "b": 2}
        server.put((name, 3, {"i": "c"}), (name, 2.5, {"i": "b"}))
        follow(ws, state, answer["stream"], lambda v: {dict(k)["i"]: x for k, x in v.items()} == {"a": 1, "b": 2.5, "c": 3})
        assert state.updates >= 1 and state.fulls == 1


def test_v1_array_of_actions_ping_and_unsubscribe(server, name):
    server.put((name, 1))
    server.wait_value(name, 1)
    with server.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": "a", "query": name, "interval": "100ms"}, {"action": "dance", "id": "d"},
                {"action": "subscribe", "id": "b", "query": f"{name} * 2", "interval": "100ms"}, {"action": "ping", "time": 5})
        a, b = None, None
        while not (a and b):
            m = ws.next()
            a = m["stream"] if m.get("type") == "subscribed" and m["id"] == "a" else a
            b = m["stream"] if m.get("type") == "subscribed" and m["id"] == "b" else b
        ws.send({"action": "ping", "time": 17})
        assert ws.type("pong", time=17)["server"]
        ws.send({"action": "unsubscribe", "id": "a"}, {"action": "ping", "time": 18})
        ws.type("pong", time=18)
        server.put((name, 5))
        while True:
            m = ws.next()
            assert m.get("s") != a, m
            if m.get("s") == b and m.get("d") == [0, 10]:
                break


def test_v1_errors_name_id_code_and_position(server):
    with server.ws(v1=True) as ws:
        cases = [
            ({"action": "subscribe", "id": "1", "query": "sum(foo bar)"}, "1", 8),
            ({"action": "subscribe", "id": "2", "query": "foo[5m]"}, "2", 0),
            ({"action": "subscribe", "id": "3", "stream": "never_configured"}, "3", None),
            ({"action": "subscribe", "id": "4", "query": "up", "interval": "10ms"}, "4", None),
            ({"action": "subscribe", "id": "5", "query": "up", "history": "10y"}, "5", None),
            ({"action": "subscribe", "id": "6", "query": "up", "stream": "x"}, "6", None),
            ({"action": "subscribe", "id": "7", "topic": "weather"}, "7", None),
            ({"action": "subscribe", "query": "up"}, None, None),
            ({"action": "unsubscribe", "id": "9"}, "9", None),
            ({"action": "rate", "max": -1}, None, None),
            ({"action": "rate", "max": "fast"}, None, None),
            ({"action": "report"}, None, None),
            ({"action": "subscribe", "id": "13", "query": "up", "offset": 5}, "13", None),
        ]
        for action, id_, position in cases:
            ws.send(action)
            m = ws.type("error")
            assert m.get("id") == id_ and m["code"] and m["message"] and m["retryable"] is False, (action, m)
            assert m.get("position") == position, (action, m)
        for text in ("", "{", "[" * 500, '{"action":"ping","action":"ping"}', '"x"', "null", '{"a":"\\ud800"}'):
            ws.text(text)
            assert ws.type("error")["message"], text
        ws.send({"action": "subscribe", "id": "a", "query": "vector(1)"}, {"action": "subscribe", "id": "a", "query": "vector(1)"})
        assert ws.type("error")["id"] == "a"  # twice the same id
        ws.send({"action": "ping", "time": 1})
        ws.type("pong", time=1)


def test_v1_history_has_series_that_ended(server, name):
    """A chart opened after the crash shows what crashed: it is in the history, without a slot."""
    now = kit.now_ms()
    server.put((name, 7, {"i": "dead"}, now - 20 * 60_000), (name, 5, {"i": "alive"}, now - 15_000))
    server.wait_value(name, 5)
    with server.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": "h", "query": name, "interval": "10s", "history": "30m"})
        full = ws.type("full")
    (labels, values), = full["ended"]
    assert labels == {"__name__": name, "i": "dead"} and full["series"] == [{"__name__": name, "i": "alive"}]
    known = [t for (t, _), v in zip(full["points"], values) if v == 7]
    answer = server.get(f"/api/v1/query_range?query={name}{{i='dead'}}&start={full['points'][0][0] / 1000}&end={full['points'][-1][0] / 1000}&step=10")
    assert known == [round(t * 1000) for t, _ in json.loads(answer.text)["data"]["result"][0]["values"]] and len(known) == 30


def test_v1_history_comes_before_the_live_values_on_the_interval(server, name):
    now = kit.now_ms() // 1000 * 1000
    server.put(*[(name, i, {}, now - (60 - i) * 1000) for i in range(61)])
    server.wait_value(name, 60)
    with server.ws(v1=True) as ws:
        asked = kit.now_ms()
        ws.send({"action": "subscribe", "id": "h", "query": name, "interval": "1s", "history": "30s"})
        full = ws.type("full")
        State().take(full)
        times = [t for t, _ in full["points"]]
        # What came while the past was read stands behind it.
        assert 31 <= len(times) <= 32 + (kit.now_ms() - asked) // 1000 and all(t % 1000 == 0 for t in times)
        assert all(b - a == 1000 for a, b in zip(times, times[1:]))
        for t, (v,) in full["points"]:
            assert v == min(60, 60 - (now - t) / 1000), (t, v)


def test_v1_intervals_share_a_stream_when_they_round_to_the_same(server, name):
    server.put((name, 1))
    with server.ws(v1=True) as ws:
        a, _ = subscribed(ws, id="a", query=f"sum( {name} )", interval="300ms")
        b, state = subscribed(ws, id="b", query=f"sum({name})", interval="250ms")
        c, _ = subscribed(ws, id="c", query=f"sum({name})", interval="1s")
        assert a["stream"] == b["stream"] != c["stream"] and b["interval"] == "300ms"
        assert state.time % 300 == 0


def test_v1_rate_limits_frames_and_ends_with_the_newest(server, name):
    server.put((name, 0))
    with server.ws(v1=True) as fast, server.ws(v1=True) as slow:
        fs, fstate = subscribed(fast, id="f", query=name, interval="100ms")
        slow.send({"action": "rate", "max": 1})
        ss, sstate = subscribed(slow, id="s", query=name, interval="100ms")
        for i in range(1, 21):
            server.put((name, i))
            follow(fast, fstate, fs["stream"], lambda v: i in v.values())
        follow(slow, sstate, ss["stream"], lambda v: 20 in v.values())
        assert fstate.updates >= 20 and sstate.updates + sstate.fulls < fstate.updates
        slow.send({"action": "rate", "max": None})
        server.put((name, 21))
        follow(slow, sstate, ss["stream"], lambda v: 21 in v.values())


def test_v1_stale_series_become_null_and_go(start):
    server = start(config="inputs: {http: {stale_after: 3s}}\n")
    with server.ws(v1=True) as ws, server.ws() as simple:
        answer, state = subscribed(ws, id="x", query="gone", interval="100ms")
        simple.subscribe("gone")
        server.put(("gone", 5, {"i": "a"}))
        assert simple.next()["value"] == 5
        follow(ws, state, answer["stream"], lambda v: 5 in v.values())
        m = ws.until(lambda m: m.get("s") == answer["stream"])
        assert m["d"] == [0, None]
        last = simple.next()
        assert last["metric"] == "gone" and last["value"] is None
        server.put(("gone", 6, {"i": "a"}))  # it comes back
        assert ws.until(lambda m: m.get("s") == answer["stream"])["d"] == [0, 6]
        assert simple.next()["value"] == 6
    assert server.metric("streamgauge_stale_markers_total") >= 1


def test_v1_heartbeat_comes_without_being_asked(server):
    with server.ws(v1=True) as ws:
        assert abs(ws.type("heartbeat")["t"] - kit.now_ms()) < 60000


def test_v1_report_sends_samples_through_the_session(server, name):
    with server.ws(v1=True) as ws:
        ws.send({"action": "report", "samples": [{"metric": name, "value": 12}]})
        server.wait_value(name, 12)


def test_subscription_limit_of_a_session(start):
    server = start(config="limits: {subscriptions_per_session: 3}\n")
    with server.ws(v1=True) as ws:
        for i in range(3):
            subscribed(ws, id=str(i), query=f"vector({i})")
        ws.send({"action": "subscribe", "id": "3", "query": "vector(3)"})
        assert "3" in ws.type("error", id="3")["message"]
        ws.send({"action": "unsubscribe", "id": "0"})
        subscribed(ws, id="3", query="vector(3)")


def test_too_many_actions_are_refused_not_carried_out(server):
    with server.ws(v1=True) as ws:
        ws.send_each({"action": "ping", "time": i} for i in range(1200))
        answers = [ws.until(lambda m: m.get("type") in ("pong", "error")) for _ in range(1200)]
        refused = [m for m in answers if m["type"] == "error"]
        assert refused and len(answers) - len(refused) >= 100
        assert all(m["retryable"] is True and "per second" in m["message"] for m in refused)

        def again():
            ws.send({"action": "ping", "time": -1})
            return ws.until(lambda m: m.get("type") in ("pong", "error"))["type"] == "pong"
        kit.eventually(again, "pings to work again")


# --- coming back ---


def recorder(ws, answer, state, frames):
    """Appends (offset, values) of every frame until the connection is over."""
    def run():
        try:
            while True:
                m = ws.next()
                if m.get("s") == answer["stream"]:
                    state.take(m)
                    frames.append((state.offset, state.value[0]))
        except Exception:  # noqa: BLE001 - closed
            return
    t = threading.Thread(target=run, daemon=True)
    t.start()
    return t


def test_resume_by_epoch_and_offset_has_no_gap_and_no_double(server, name):
    server.put((name, 0))
    server.wait_value(name, 0)
    watcher = server.ws(v1=True)
    answer, state = subscribed(watcher, id="w", query=name, interval="100ms")
    all_frames, stop = [(state.offset, state.value[0])], threading.Event()
    thread = recorder(watcher, answer, state, all_frames)

    def feed():
        i = 0
        while not stop.wait(0.06):
            i += 1
            server.put((name, i))
    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        seen, epoch, offset, mine = [], None, None, State()
        for cut in range(4):
            ws = server.ws(v1=True)
            welcome = ws.next()
            action = {"action": "subscribe", "id": "r", "query": name, "interval": "100ms"}
            if offset is not None:
                assert welcome["epoch"] == epoch
                action.update(epoch=epoch, offset=offset)
            epoch = welcome["epoch"]
            ws.send(action)
            again = ws.type("subscribed")
            assert again["recovered"] is (offset is not None)
            for _ in range(6):
                m = ws.until(lambda m: m.get("s") == again["stream"])
                if offset is not None and cut:
                    assert m.get("type") is None, ("recovered, so no full", m)
                mine.take(m)
                seen.append((mine.offset, mine.value[0]))
            offset = mine.offset
            ws.drop()
            time.sleep(0.4)  # things happen meanwhile
    finally:
        stop.set()
        feeder.join()
    kit.eventually(lambda: all_frames[-1][0] >= seen[-1][0], "the watcher to see the last frame too")
    watcher.drop()
    thread.join(kit.DEADLINE)
    between = [f for f in all_frames if seen[0][0] <= f[0] <= seen[-1][0]]
    assert seen == between, "what came over four connections is what one unbroken connection saw"


def test_resume_of_an_unknown_epoch_says_so(server, name):
    with server.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": "x", "query": f"{name} or vector(1)", "epoch": "0123456789abcdef", "offset": 7})
        assert ws.type("subscribed")["recovered"] is False
        assert ws.type("full")["points"][-1][1] == [1]


def test_after_a_restart_there_is_a_new_epoch_and_a_full(start):
    server = start()
    server.put(("kept", 1))
    with server.ws(v1=True) as ws:
        epoch = ws.next()["epoch"]
        _, state = subscribed(ws, id="x", query="kept or vector(0)", interval="100ms")
        follow(ws, state, _["stream"], lambda v: 1 in v.values())
        offset, port = state.offset, server.port
        server.expect_exit = -9
        server.process.kill()
        assert ws.closed()[0] in (1006, None)
    server.process.wait(10)
    again = start(listen=f"127.0.0.1:{port}")
    with again.ws(v1=True) as ws:
        assert ws.next()["epoch"] != epoch
        ws.send({"action": "subscribe", "id": "x", "query": "kept or vector(0)", "interval": "100ms", "epoch": epoch, "offset": offset})
        assert ws.type("subscribed")["recovered"] is False
        State().take(ws.type("full"))


# --- named streams, the pipeline, sharing ---


def test_named_streams_of_the_configuration(start):
    server = start(config='streams:\n  double: "sum(base) * 2"\n  latency.p50: histogram_quantile(0.5, base)\n')
    server.put(("base", 1, {"i": "a"}), ("base", 2, {"i": "b"}))
    with server.ws() as ws:
        ws.subscribe("double")
        assert ws.until(lambda m: m["value"] == 6)["metric"] == "double"
    with server.ws(v1=True) as ws:
        answer, state = subscribed(ws, id="d", stream="double", interval="100ms")
        follow(ws, state, answer["stream"], lambda v: list(v.values()) == [6])
        same, _ = subscribed(ws, id="q", query="sum(base)*2", interval="100ms")
        assert same["stream"] == answer["stream"]  # the words differ, the expression does not
    with kit.Lines(server, "/events?stream=double&interval=100ms") as lines:
        assert lines.status == 200
    with kit.Lines(server, "/events?stream=nothing") as lines:
        assert lines.status == 404


def test_rate_over_the_pipeline_is_what_was_sent(server, name):
    # Counters that rise by 3 and 7 a second, from a minute ago to a minute ahead: the window is always full.
    start_ms = kit.now_ms() // 1000 * 1000 - 60000
    server.put(*[(name, step * i, {"job": job}, start_ms + i * 1000) for job, step in (("a", 3), ("b", 7)) for i in range(120)])
    got = server.wait_for(f"sum(rate({name}[30s]))", lambda v: len(v) == 1)
    assert list(got.values())[0] == pytest.approx(10, abs=1e-9)
    got = server.wait_for(f"sum by (job) (increase({name}[10s]))", lambda v: len(v) == 2)
    assert {dict(k)["job"]: v for k, v in got.items()} == pytest.approx({"a": 30, "b": 70}, abs=1e-9)


def test_twenty_viewers_on_two_edges_share_one_stream_and_its_evaluations(start):
    server, name = start(), "shared"
    server.put((name, 1))
    viewers = [server.ws(v1=True) for _ in range(20)]
    edges = set()
    for ws in viewers:
        edges.add(ws.next()["session"].split("-")[0])
        subscribed(ws, id="v", query=f"sum({name}) + 0", interval="100ms")
    assert edges == {"0", "1"}, "with 20 connections both edges have some"
    assert server.metric("streamgauge_streams") == 1
    before = server.metrics()
    server.put((name, 2))
    for ws in viewers:
        ws.until(lambda m: m.get("d") == [0, 2])
    after = server.metrics()
    grown = after["streamgauge_evaluations_total"] - before["streamgauge_evaluations_total"]
    ticks = after["streamgauge_ticks_total"] - before["streamgauge_ticks_total"]
    assert 1 <= grown <= ticks + 1
    for ws in viewers:
        ws.drop()


def test_streams_end_with_their_last_viewer(start):
    server = start()
    with server.ws(v1=True) as ws:
        for i in range(5):
            subscribed(ws, id=str(i), query=f"vector({i})")
        assert server.metric("streamgauge_streams") == 5
    server.wait_metric("streamgauge_hub_sessions", 0)
    server.wait_metric("streamgauge_hub_subscriptions", 0)


# --- npm ws, /notifications ---


def test_npm_ws_simple_and_v1(server, name):
    server.put((name, 5))
    server.wait_value(name, 5)
    with kit.ending(kit.node("ws.mjs", server.url("/stream", "ws"), "-", json.dumps({"action": "subscribe", "metric": name}))) as p:
        lines = kit.node_lines(p)
        assert next(lines)["open"] == ""
        assert next(lines)["message"]["value"] == 5
        p.stdin.write("close\n")
        p.stdin.flush()
        assert next(line for line in lines if "close" in line)["close"] == 1000
        assert p.wait(20) == 0
    query = json.dumps({"action": "subscribe", "id": "q", "query": name, "interval": "100ms"})
    with kit.ending(kit.node("ws.mjs", server.url("/stream", "ws"), kit.V1, query)) as p:
        lines, state = kit.node_lines(p), State()
        assert next(lines)["open"] == kit.V1
        for line in lines:
            state.take(line["message"])
            if state.known:
                break
        server.put((name, 6))
        for line in lines:
            state.take(line["message"])
            if 6 in state.values().values():
                break


def test_notifications_feed_exists(server):
    with server.ws("/notifications") as ws:
        assert ws.quiet(0.3), ws.surprise
        ws.send({"action": "subscribe", "metric": "up"})
        assert "notifications only" in ws.next()["error"]
        ws.send({"action": "ack", "notification": "n1"})
        assert ws.next()["error"]
    with server.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": "n", "topic": "notifications", "filter": {"severity": ["critical"]}})
        assert ws.type("subscribed", id="n")


def test_deflate_is_negotiated_and_messages_survive_it(start):
    server = start("--deflate")
    server.put(*[("wide", i, {"i": f"{i:04}", "text": "lorem ipsum dolor sit amet"}) for i in range(400)])
    with server.ws(v1=True, compression="deflate") as ws:
        assert any(e.name == "permessage-deflate" for e in ws.socket.extensions)
        answer, state = subscribed(ws, id="w", query="wide", interval="100ms")
        follow(ws, state, answer["stream"], lambda v: len(v) == 400)
        ws.send({"action": "ping", "time": 3, "padding": "x" * 3000})
        ws.type("pong", time=3)
    with server.ws(v1=True) as ws:  # who does not offer it does not get it
        assert not ws.socket.extensions
        subscribed(ws, id="w", query="wide")
    with kit.ending(kit.node("ws.mjs", server.url("/stream", "ws"), kit.V1,
                             json.dumps({"action": "subscribe", "id": "q", "query": "wide"}), env={**os.environ, "DEFLATE": "1"})) as p:
        lines, state = kit.node_lines(p), State()
        assert "permessage-deflate" in next(lines)["extensions"]
        for line in lines:
            state.take(line["message"])
            if len(state.values()) == 400:
                break


def test_deflate_is_off_unless_asked_for(server):
    with server.ws(v1=True, compression="deflate") as ws:
        assert not ws.socket.extensions
