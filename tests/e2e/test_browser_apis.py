"""Chromium's own WebSocket and EventSource, without a line of our client."""
import json


def blank(server, browse):
    """A page of the server's origin that runs nothing of its own."""
    return browse(server.simple + "icon.svg")


def test_websocket_simple_form(server, browse):
    page = blank(server, browse)
    server.send("active_users", 41)
    page.eval("""(() => {
        window.got = [];
        window.ws = new WebSocket(`ws://${location.host}/stream`);
        ws.onopen = () => ws.send(JSON.stringify({action: 'subscribe', metric: 'active_users'}));
        ws.onmessage = (e) => got.push(JSON.parse(e.data));
    })()""")
    page.wait("got.length >= 1")
    server.send("active_users", 42.5)
    page.wait("got.some((m) => m.value === 42.5)")
    got = page.eval("got")
    assert got[0]["value"] == 41
    assert all(set(m) == {"metric", "value", "timestamp"} and m["metric"] == "active_users" for m in got)
    page.eval("ws.send(JSON.stringify({action: 'unsubscribe', metric: 'active_users'}))")
    page.eval("ws.send('nonsense')")
    page.wait("got.some((m) => m.error)")
    count = len(page.eval("got"))
    server.send("active_users", 43)
    page.eval("new Promise((r) => setTimeout(r, 600))")
    assert len(page.eval("got")) == count, "nothing comes after unsubscribe"


def test_websocket_closes_cleanly(server, browse):
    page = blank(server, browse)
    closed = page.eval("""new Promise((resolve) => {
        const ws = new WebSocket(`ws://${location.host}/stream`, ['streamgauge.v1']);
        ws.onmessage = () => ws.close(1000, 'done');
        ws.onclose = (e) => resolve([ws.protocol, e.code, e.wasClean]);
    })""")
    assert closed == ["streamgauge.v1", 1000, True]


def test_eventsource_simple_form(server, browse):
    page = blank(server, browse)
    server.send("orders", 1)
    page.eval("""(() => {
        window.got = [];
        window.es = new EventSource('/events?metric=orders');
        es.onmessage = (e) => got.push([e.lastEventId, JSON.parse(e.data)]);
    })()""")
    page.wait("got.length >= 1")
    server.send("orders", 2)
    page.wait("got.some((m) => m[1].value === 2)")
    got = page.eval("got")
    assert all(m[1]["metric"] == "orders" for m in got)
    epoch, offset = got[-1][0].split("-")
    assert len(epoch) == 16 and int(offset) > 0


def test_eventsource_named_events(server, browse):
    page = blank(server, browse)
    server.send("orders", 5)
    page.eval("""(() => {
        window.got = {full: [], update: []};
        window.es = new EventSource('/events?query=' + encodeURIComponent('orders * 2') + '&interval=200ms&history=1m');
        for (const type of ['full', 'update']) es.addEventListener(type, (e) => got[type].push(JSON.parse(e.data)));
    })()""")
    # The first state is that of the tick before, which may not have seen the sample yet.
    page.wait("got.full.length === 1 && JSON.stringify(got).includes('[10]') || got.update.some((u) => u.d.includes(10))")
    assert page.eval("got.full[0].points.length") > 1, "history came with it"
    server.send("orders", 6)
    page.wait("got.update.some((u) => u.d.includes(12))")


def test_eventsource_resumes_by_itself(server, relay, browse):
    page = browse(relay.url + server.simple.removeprefix(server.url) + "icon.svg")
    server.send("orders", 1)
    page.eval("""(() => {
        window.got = []; window.opened = 0;
        window.es = new EventSource('/events?metric=orders');
        es.onopen = () => opened++;
        es.onmessage = (e) => got.push(JSON.parse(e.data).value);
    })()""")
    page.wait("got.includes(1)")
    relay.cut()
    server.send("orders", 2)
    page.wait("opened >= 2 && got.includes(2)")
    got = page.eval("got")
    assert got == sorted(got) and got.count(2) == 1, json.dumps(got)


def test_foreign_origins_are_refused(server, browse, start):
    other = start("--no-host")
    page = browse(other.url + "/icon.svg")
    outcome = page.eval(f"""new Promise((resolve) => {{
        const ws = new WebSocket('ws://127.0.0.1:{server.port}/stream');
        ws.onopen = () => resolve('open');
        ws.onerror = () => resolve('refused');
    }})""")
    assert outcome == "refused"
