"""What breaks around the server: readers that stop, limits that are reached, signals, ports, lost processes."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import struct
import time

import kit
from kit import State


def wide(n, value, pad=100):
    return "".join(f'wide{{i="{i:05}",pad="{"x" * pad}"}} {value}\n' for i in range(n))


# --- readers ---


def test_stopped_readers_cost_a_bounded_amount_and_nobody_else_notices(start):
    server = start()
    server.post("/api/v1/import/prometheus", wide(2000, 0))
    server.wait_value("count(wide)", 2000)
    message = json.dumps({"action": "subscribe", "id": "w", "query": "wide", "interval": "100ms"})
    much = json.dumps([{"action": "subscribe", "id": str(i), "query": f"wide * {1 / (i + 3)}", "interval": "100ms"} for i in range(15)])
    with kit.ending(kit.node("readers.mjs", server.url("/stream", "ws"), 5, much)) as readers, server.ws(v1=True) as live:
        assert next(kit.node_lines(readers)) == {"ready": 5}
        live.text(message)
        state = State()
        while not state.known:
            state.take(live.next())
        readers.send_signal(signal.SIGSTOP)
        before, value = server.rss(), 0

        def tick():
            nonlocal value
            value += 1
            assert server.post("/api/v1/import/prometheus", wide(2000, value)).status == 204
            while set(state.values().values()) != {value}:
                state.take(live.next())  # the live one goes on

        while server.metric("streamgauge_hub_sessions_behind") < 5:
            assert value < 1000, "what lies in the sockets of five has a limit"
            tick()
        for _ in range(30):
            tick()
        assert server.rss() - before < 48 << 20
        assert state.fulls == 1 and state.updates >= value
        readers.send_signal(signal.SIGCONT)  # they come back to the present with one frame, not with all of them
        kit.eventually(lambda: tick() or server.metric("streamgauge_hub_sessions_behind") == 0, "the readers to catch up")
        m = server.metrics()
        assert m["streamgauge_hub_conflated_frames_total"] >= 30 and m["streamgauge_hub_stuck_closed_total"] == 0


def test_slow_reader_gets_the_newest_and_skips_the_rest(start):
    server = start()
    server.post("/api/v1/import/prometheus", wide(1000, 0))
    server.wait_value("count(wide)", 1000)
    with server.dial() as slow:
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.upgrade(v1=True)
        slow.send(kit.frame(json.dumps({"action": "subscribe", "id": "w", "query": "wide", "interval": "100ms"})))
        value = 0
        while server.metric("streamgauge_hub_sessions_behind") == 0 or value < 20:
            value += 1
            assert value < 3000
            server.post("/api/v1/import/prometheus", wide(1000, value))
            server.wait_value('wide{i="00999"}', value) if value % 10 == 0 else time.sleep(0.1)
        state, frames = State(), 0
        while set(state.values().values()) != {value}:
            op, _, data = slow.frame()
            if op == 1:
                state.take(json.loads(data))
                frames += 1
        assert frames < value, "what it could not take was conflated"


# --- limits ---


def test_sessions_beyond_the_limit_get_503_or_1013(start):
    server = start(config="limits: {sessions: 8}\n")
    held = [server.ws(v1=True) for _ in range(8)]
    with server.dial() as s:
        assert s.upgrade()[0] == 101
        code, reason = s.close_frame()
        assert code == 1013 and json.loads(reason)["retryAfter"] > 0
    with kit.Sse(server, "/events?metric=up") as sse:
        assert sse.status == 503 and int(sse.headers["retry-after"]) > 0
    server.put(("still", 1))  # requests find room
    assert server.metric('streamgauge_net_refused_total{limit="sessions"}') == 2
    held.pop().drop()
    server.wait_metric("streamgauge_hub_sessions", 7)
    with server.ws(v1=True) as ws:
        ws.type("welcome")
    for ws in held:
        ws.drop()


def test_connections_of_one_address_are_limited(start):
    server = start(config="limits: {sessions_per_address: 5}\n")
    held = [server.dial(source="127.0.0.2") for _ in range(5)]
    for s in held:
        s.send("GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert s.response().status == 200
    with server.dial(source="127.0.0.2") as s:
        s.try_send("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = s.response()
        assert answer.status == 503 and int(answer.headers["retry-after"]) > 0
        assert s.all() == b""
    with server.dial(source="127.0.0.2") as s:  # whoever asks for a WebSocket hears it the WebSocket way
        assert s.upgrade()[0] == 101 and s.close_frame()[0] == 1013
    with server.dial(source="127.0.0.2") as s:
        s.send("GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert s.response().status == 200
    with server.dial(source="127.0.0.3") as s:  # somebody else
        s.send("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = s.response()
        assert answer.status == 200 and 'refused_total{limit="address"} 3' in answer.text
    held += [server.dial() for _ in range(10)]  # exactly 127.0.0.1 may be a proxy that speaks for many
    assert server.get("/metrics").status == 200
    for s in held:
        s.close()

    def again():
        with server.dial(source="127.0.0.2") as s:
            s.send("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return s.response().status == 200
    kit.eventually(again, "room again")


def test_distinct_streams_are_limited(start):
    server = start(config="limits: {streams: 4}\n")
    with server.ws(v1=True) as ws:
        for i in range(4):
            ws.send({"action": "subscribe", "id": str(i), "query": f"vector({i})"})
            ws.type("subscribed", id=str(i))
        ws.send({"action": "subscribe", "id": "more", "query": "vector(4)"})
        m = ws.until(lambda m: m.get("type") == "error" or m.get("id") == "more")
        assert m["type"] == "error" and "4" in m["message"] and m["retryable"], m  # others leave
        assert server.get("/events?query=vector(5)").status == 503
        ws.send({"action": "subscribe", "id": "again", "query": "vector(1)"})  # one that is there costs nothing
        ws.type("subscribed", id="again")


def test_series_beyond_the_limit_of_a_stream_are_left_out_and_counted(start):
    server = start(config="limits: {series_per_stream: 50}\n")
    server.post("/api/v1/import/prometheus", wide(200, 1))
    got = server.wait_for("wide", lambda v: len(v) == 50)
    assert len(got) == 50
    with server.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": "w", "query": "wide", "interval": "100ms"})
        assert ws.type("full")["leftOut"] == 150
        server.wait_metric("streamgauge_stream_series_left_out", 150)
    with server.ws() as ws:  # the one number is of all of them
        ws.subscribe("wide")
        ws.until(lambda m: m["value"] == 200)


def test_viewers_are_told_how_many_series_are_left_out(start):
    server = start(config="limits: {series_per_stream: 50}\n")
    server.post("/api/v1/import/prometheus", wide(40, 1))
    server.wait_for("wide", lambda v: len(v) == 40)
    with server.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": "w", "query": "wide", "interval": "100ms"})
        assert "leftOut" not in ws.type("full")
        server.post("/api/v1/import/prometheus", wide(60, 1))
        ws.until(lambda m: m.get("leftOut") == 10)
        ws.send({"action": "subscribe", "id": "h", "query": "wide", "interval": "100ms", "history": "1s"})
        full = ws.type("full")
        assert full["leftOut"] == 10 and "ended" not in full  # they live


def test_what_has_ended_is_told_from_what_is_left_out(start):
    server = start(config="limits: {series_per_stream: 50}\n")
    now = kit.now_ms()
    server.put(("wide", 7, {"i": "dead"}, now - 20 * 60_000), *[("wide", 1, {"i": f"alive{i}"}, now - 60_000) for i in range(60)])
    server.wait_for("wide", lambda v: len(v) == 50)
    with server.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": "h", "query": "wide", "interval": "10s", "history": "30m"})
        full = ws.type("full")
    assert full["leftOut"] == 10 and [labels["i"] for labels, _ in full["ended"]] == ["dead"]


def test_file_descriptors_run_out_and_come_back(start):
    server = start(prefix=[kit.need("prlimit"), "--nofile=80"])
    held = []
    for _ in range(120):
        s = socket.socket()
        s.settimeout(5)
        s.connect(("127.0.0.1", server.port))
        held.append(s)
    time.sleep(0.5)
    before = server.cpu_s()
    time.sleep(2)
    assert server.cpu_s() - before < 1, "a server without descriptors must not spin"
    for s in held:
        s.close()
    kit.eventually(lambda: answered(server), "service to come back")
    assert server.metric('streamgauge_net_refused_total{limit="files"}') >= 1
    server.put(("after", 1))
    server.wait_value("after", 1)


def answered(server):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return server.get("/-/healthy").status == 200


# --- UDP ---


def test_datagrams_received_and_dropped_are_what_was_sent(start):
    server = start()
    sent = 0
    server.udp("burst:1|c")
    server.wait_value("burst", 1)
    server.process.send_signal(signal.SIGSTOP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(40000):
            s.sendto(b"burst:1|c|#pad:" + b"x" * 100, ("127.0.0.1", server.statsd_port))
            sent += 1
    server.process.send_signal(signal.SIGCONT)
    received, dropped = "streamgauge_statsd_datagrams_total", "streamgauge_statsd_kernel_drops_total"

    def settled():
        # the kernel tells of drops beside a later datagram
        nonlocal sent
        server.udp("late:1|c")
        sent += 1
        time.sleep(0.1)
        m = server.metrics()
        return m[received] + m[dropped] == sent + 1 and m
    m = kit.eventually(settled, "received + dropped = sent")
    assert m[dropped] > 0, "the burst did not overrun the socket"
    server.wait_value("sum(burst) + sum(late)", m[received])


# --- signals ---


def test_sigterm_drains_everybody(start):
    server = start()
    with kit.ending(kit.node("ws.mjs", server.url("/stream", "ws"), kit.V1)) as npm, server.ws() as simple, \
            kit.Sse(server, "/events?metric=up") as sse, server.dial() as idle, server.dial() as posting:
        lines = kit.node_lines(npm)
        assert "open" in next(lines)
        next(lines)  # welcome
        idle.send("GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert idle.response().status == 200
        posting.send("POST /api/v1/samples HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 26\r\nExpect: 100-continue\r\n\r\n")
        assert posting.head()[0] == 100  # the request has begun
        posting.send('{"metric":"x"')
        server.process.send_signal(signal.SIGTERM)
        said = [line for line in lines if "close" in line][0]
        assert said["close"] == 1001 and json.loads(said["reason"])["retryAfter"] > 0
        code, reason = simple.closed()
        assert code == 1001 and json.loads(reason)["retryAfter"] > 0
        sse.raw.all()
        assert idle.all() == b""
        posting.send(',"value":1.5}')  # a request in work is finished
        assert posting.response().status == 204
        assert posting.all() == b""
        assert server.process.wait(15) == 0


def test_second_sigterm_ends_at_once(start):
    server = start()
    server.expect_exit = 128 + signal.SIGTERM
    with server.dial() as stuck:
        stuck.upgrade()  # and never answers the Close
        server.process.send_signal(signal.SIGTERM)
        kit.eventually(lambda: 'msg="stopping"' in server.log, "the drain")
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) in (128 + signal.SIGTERM, 0)
        server.expect_exit = server.process.returncode


def test_sigint_is_a_polite_end_too(start):
    server = start()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(15) == 0


def test_sighup_without_certificates_changes_nothing(start):
    server = start()
    server.process.send_signal(signal.SIGHUP)
    kit.eventually(lambda: "reload" in server.log, "a word about it")
    assert server.get("/-/healthy").status == 200


def test_a_configuration_that_became_a_pipe_is_not_waited_for(start):
    server = start(config="limits: {sessions: 8}\n")
    server.allow_errors = "reload refused"
    os.unlink(server.config)
    os.mkfifo(server.config)
    server.process.send_signal(signal.SIGHUP)
    kit.eventually(lambda: f"cannot read '{server.config}' again: a pipe" in server.log, "a word about it")
    assert server.get("/-/healthy").status == 200  # and it ends when it is told to, as each of these


def test_port_in_use_ends_with_1_and_names_the_address(start, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = kit.run(kit.BINARY, "serve", "--listen", address, "--statsd", "off", "--no-host", "--data", tmp_path)
        said = done.stderr.decode()
        assert done.returncode == 1 and str(taken.getsockname()[1]) in said and "in use" in said.lower(), said


def test_second_server_on_the_same_port_is_refused(start):
    # SO_REUSEPORT must not let two servers share a port unnoticed.
    server = start()
    done = kit.run(kit.BINARY, "serve", "--listen", f"127.0.0.1:{server.port}", "--statsd", "off", "--no-host", "--data", server.folder, timeout=20)
    assert done.returncode == 1 and str(server.port) in done.stderr.decode(), done.stderr


def test_statsd_port_in_use_is_told(start):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{s.getsockname()[1]}"
        done = kit.run(kit.BINARY, "serve", "--listen", "127.0.0.1:0", "--statsd", address, "--no-host")
        assert done.returncode == 1 and str(s.getsockname()[1]) in done.stderr.decode(), done.stderr


def test_kill_9_and_start_again_on_the_same_port(start):
    server = start()
    readers = [server.ws(v1=True) for _ in range(5)]
    server.expect_exit = -signal.SIGKILL
    server.process.kill()
    server.process.wait(10)
    for ws in readers:
        ws.closed()
    again = start(listen=f"127.0.0.1:{server.port}", statsd=f"127.0.0.1:{server.statsd_port}")
    again.put(("second_life", 1))
    again.wait_value("second_life", 1)


def test_stopped_for_a_while_the_server_goes_on(start):
    server = start()
    server.put(("pause", 1))
    with server.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": "p", "query": "pause", "interval": "100ms"})
        ws.type("full")
        server.wait_metric("streamgauge_ticks_total", lambda v: v >= 1)  # late against what, else?
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        server.process.send_signal(signal.SIGCONT)
        server.put(("pause", 2))
        ws.until(lambda m: m.get("d") == [0, 2])
    assert server.metric("streamgauge_ticks_late_total") >= 1


def test_churn_leaves_nothing_behind(start):
    server = start()
    server.put(("churn", 1))
    server.wait_value("churn", 1)

    def reset(s):
        s.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()

    def round_(n):
        for i in range(n):
            s = server.dial()
            s.upgrade(v1=bool(i % 2))
            for j in range(3):
                s.send(kit.frame(json.dumps({"action": "subscribe", "id": str(j), "query": f"churn + {j}", "metric": f"churn + {j}"})))
            if i % 3:
                s.frame()
            reset(s)
            s = server.dial()
            s.send("GET /events?query=churn HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            if i % 2:
                s.head()
            reset(s)
        kit.eventually(lambda: server.metric("streamgauge_hub_sessions") == 0 and server.metric("streamgauge_net_connections") == 1, "everybody gone")

    round_(50)
    files, memory = server.metric("process_open_fds"), server.rss()
    round_(150)
    assert abs(server.metric("process_open_fds") - files) <= 2
    assert server.rss() - memory < 8 << 20
    assert server.metric("streamgauge_hub_subscriptions") == 0


def test_log_cannot_be_forged(start):
    server = start("--log-level", "debug")
    evil = 'x"\nts=1 level=error msg="forged"\x1b[31m'
    server.post("/api/v1/samples", {"metric": evil, "labels": {"a": evil}, "value": 1})
    with server.dial() as s:
        s.try_send(f"GET /{evil} HTTP/1.1\r\nHost: {evil}\r\n\r\n".encode())
        s.all()
    server.udp(evil + ":1|c")
    with server.ws(v1=True) as ws:
        ws.send({"action": "subscribe", "id": evil, "query": evil})
        ws.type("error")
    for line in server.log.splitlines():
        assert re.match(r"ts=\d{4}-\S+ level=(debug|info|warn) part=\w+ msg=", line), line
        assert "\x1b" not in line
