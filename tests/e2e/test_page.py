"""The first page in Chromium, against the real server."""
import json
import re
import signal
import subprocess
import time

import pytest

from browser_kit import free_port, wait_until

LIVE = "document.body.dataset.link === 'live' && document.querySelector('#tile-memory .value span').textContent !== '–'"
PANELS = ["cpu", "memory", "network", "disk", "load", "pressure", "mounts"]


def ink(panel):
    """Pixels of a chart that are not empty."""
    return f"""(() => {{
        const c = document.querySelector('{panel} canvas.plot');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0;
        for (let i = 3; i < d.length; i += 4) n += d[i] > 0;
        return n;
    }})()"""


@pytest.fixture
def page(server, browse):
    p = browse(server.simple, viewport={"width": 1440, "height": 900})
    p.wait(LIVE)
    return p


def test_loads_without_complaints_and_asks_only_its_own_server(server, page):
    page.wait(f"{ink('#panel-memory')} > 500")
    assert page.ask("complaints") == []
    assert page.eval("window.violations") == []
    assert [u for u in page.ask("requests") if not u.startswith(server.url)] == []
    assert len(page.ask("sockets")) == 1, "one WebSocket carries everything"
    assert page.text("#badge-word") == "LIVE"
    assert page.eval("document.getElementById('banner').hidden")


def test_every_tile_and_panel_has_values(page):
    # Rates need two readings of the host, a second apart.
    page.wait("[...document.querySelectorAll('.tile .value span')].every((e) => e.textContent !== '–')")
    page.wait("[...document.querySelectorAll('#panel-cpu .legend .name')].map((e) => e.textContent).join().startsWith('user,system')")
    for panel in PANELS[:-2]:
        page.wait(f"{ink('#panel-' + panel)} > 300")
        page.wait(f"document.querySelectorAll('#panel-{panel} .legend li').length > 0")
    page.wait("document.querySelectorAll('#panel-mounts .mount').length > 0")
    assert re.fullmatch(r"(\d+(\.\d)?)", page.text("#tile-memory .value span"))
    assert page.text("#host") != ""


def test_memory_agrees_with_the_kernel(page):
    with open("/proc/meminfo", encoding="ascii") as f:
        kernel = {k: int(v.split()[0]) for k, v in (line.split(":") for line in f)}
    page.wait("document.querySelector('#tile-memory .sub').textContent !== ''")
    used = float(page.text("#tile-memory .value span"))
    assert used == pytest.approx(100 * (1 - kernel["MemAvailable"] / kernel["MemTotal"]), abs=10)


def test_the_clock_and_the_values_move(page):
    before = page.text("#clock")
    page.wait(f"document.getElementById('clock').textContent !== {json.dumps(before)}")
    uptime = page.eval(ink("#panel-memory"))
    page.wait(f"{ink('#panel-memory')} !== {uptime}")


def test_a_sample_sent_with_curl_arrives(server, page):
    assert server.url in page.text("#own-command")
    page.wait("document.querySelector('#own-chart .note').textContent.includes('waiting')")
    server.send("orders", 3)
    page.wait("document.getElementById('own-lead').textContent.includes('orders is 3.')")
    server.send("orders", 7)
    page.wait("document.getElementById('own-lead').textContent.includes('orders is 7.')")
    page.wait("document.querySelector('#own-chart .legend b').textContent === '7'")


def test_an_expression_is_tried(server, page):
    server.send("basket", 4)
    page.ask("fill", selector="#try-input", text="basket * 2.5")
    page.ask("press", key="Enter")
    page.wait("document.querySelector('#try-rows td:last-child')?.textContent === '10'")
    assert page.eval("document.getElementById('try-error').hidden")
    server.send("basket", 6)
    page.wait("document.querySelector('#try-rows td:last-child')?.textContent === '15'")


def test_the_link_of_an_alert_shows_its_expression(server, browse):
    server.send("basket", 4)
    page = browse(server.url + "/graph?g0.expr=basket+%2A+3+%3E+10&g0.tab=1")
    page.wait("document.querySelector('#try-rows td:last-child')?.textContent === '12'")
    assert page.eval("document.getElementById('try-input').value") == "basket * 3 > 10"


def test_a_wrong_expression_is_shown_with_its_place(page):
    page.ask("fill", selector="#try-input", text='label_replace(up, "é", "x"')
    page.ask("press", key="Enter")
    page.wait("!document.getElementById('try-error').hidden")
    lines = page.text("#try-error").split("\n")
    assert lines[0] == 'label_replace(up, "é", "x"'
    assert lines[1].lstrip(" ").startswith("^ ")
    assert len(lines[1].split("^")[1]) > 10, "and with words"
    assert page.eval("document.getElementById('try-input').getAttribute('aria-invalid')") == "true"
    page.ask("click", selector="#try-examples button:first-child")
    page.wait("document.getElementById('try-error').hidden && document.querySelectorAll('#try-rows tr').length > 0")


def test_a_silent_server_is_shown_as_stale_and_then_as_live_again(server, page):
    value = page.text("#tile-memory .value span")
    server.signal(signal.SIGSTOP)
    try:
        page.wait_link("stale")
        assert page.text("#badge-word") == "STALE"
        assert not page.eval("document.getElementById('banner').hidden")
        assert re.match(r"data from \d\d:\d\d:\d\d", page.text("#banner-text"))
        assert page.text("#tile-memory .value span") not in ("–", ""), f"the last value ({value} or newer) stays"
        assert "Stale" in page.text("#live-alert")
        before = page.text("#clock")
        time.sleep(1.2)
        assert page.text("#clock") == before, "the clock is the server's"
    finally:
        server.signal(signal.SIGCONT)
    page.wait_link("live")
    assert page.eval("document.getElementById('banner').hidden")
    assert page.text("#live-status") == "Live"


def test_a_killed_server_is_shown_as_disconnected_until_it_is_back(server, page):
    server.kill()
    page.wait_link("lost")
    page.wait("!document.getElementById('banner').hidden")
    assert page.text("#banner-word") == "DISCONNECTED"
    assert "data from" in page.text("#banner-text")
    assert "Disconnected" in page.text("#live-alert")
    assert page.text("#tile-memory .value span") != "–"
    server.start()
    page.wait_link("live")
    server.send("orders", 11)
    page.wait("document.getElementById('own-lead').textContent.includes('orders is 11.')")


def test_a_polite_end_of_the_server_says_when_to_come_back(server, page):
    server.stop()
    page.wait_link("lost")
    server.start()
    page.wait_link("live")


def test_a_cut_connection_is_resumed_without_a_gap(server, relay, browse):
    seen = server.ticks("time()")  # the page's pulse; a machine that is busy may leave a second out
    page = browse(relay.url + server.simple.removeprefix(server.url))
    page.wait(LIVE)
    resumed = server.counter("streamgauge_hub_resumed_total")
    relay.refuse = True
    relay.cut()
    page.wait_link("lost")
    time.sleep(2.5)  # ticks are missed meanwhile
    relay.refuse = False
    page.wait_link("live")
    page.wait("document.getElementById('banner').hidden")

    def frames():
        """What came before the cut, and what after it."""
        sockets = page.ask("sockets")
        return [[json.loads(f) for s in some for f in s["frames"]] for some in (sockets[:1], sockets[1:])]

    def times(messages):
        return [m["t"] for m in messages if m.get("s") == pulse and m.get("type") in (None, "full")]

    pulse = next(m["stream"] for m in frames()[0] if m.get("id") == "pulse")
    wait_until("the pulse to go on", lambda: times(frames()[1]))
    first, later = frames()
    assert any(m.get("type") == "subscribed" and m["recovered"] for m in later)
    assert not any(m.get("type") == "gap" for m in later)
    ticks = sorted(times(first + later))
    wait_until("the last one on the connection that was not cut", lambda: seen[-1] >= ticks[-1])
    assert ticks == [t for t in seen if ticks[0] <= t <= ticks[-1]], f"all of them, each once: {ticks}, {seen}"
    assert server.counter("streamgauge_hub_resumed_total") >= resumed


def test_pause_keeps_the_picture_still(page):
    page.ask("click", selector="#pause")
    page.wait("document.getElementById('pause').getAttribute('aria-pressed') === 'true'")
    page.painted()
    before, clock = page.eval(ink("#panel-cpu")), page.text("#clock")
    page.wait(f"document.getElementById('clock').textContent !== {json.dumps(clock)}")
    page.painted()
    assert page.eval(ink("#panel-cpu")) == before
    page.ask("click", selector="#pause")
    page.wait(f"{ink('#panel-cpu')} !== {before}")


@pytest.mark.parametrize("scheme, background", [("dark", "rgb(11, 15, 20)"), ("light", "rgb(243, 245, 247)")])
def test_follows_the_systems_theme(server, browse, scheme, background):
    page = browse(server.simple, colorScheme=scheme)
    page.wait(LIVE)
    assert page.eval("getComputedStyle(document.body).backgroundColor") == background


@pytest.mark.parametrize("width, height", [(320, 640), (390, 844), (820, 1180), (1366, 768), (1920, 1080), (3840, 2160)])
def test_nothing_sticks_out_sideways(server, browse, width, height):
    page = browse(server.simple, viewport={"width": width, "height": height}, isMobile=width < 500, hasTouch=width < 500)
    page.wait(LIVE)
    assert page.eval("document.documentElement.scrollWidth") == width
    assert page.eval("""[...document.querySelectorAll('.tile, .panel, header, footer')]
        .filter((e) => { const r = e.getBoundingClientRect(); return r.left < 0 || r.right > innerWidth + 0.5; }).length""") == 0


def test_works_by_keyboard(page):
    seen = []
    for _ in range(30):
        page.ask("press", key="Tab")
        seen.append(page.eval("document.activeElement.id || document.activeElement.className"))
    for wanted in ("skip", "pause", "plot", "own-copy", "try-input"):
        assert wanted in seen, f"{wanted} is reached by Tab: {seen}"
    page.eval("document.querySelector('#panel-load canvas').focus()")
    assert page.eval("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.ask("press", key="ArrowLeft")
    page.wait("document.querySelector('#panel-load canvas').getAttribute('aria-label').includes(' at ')")
    page.ask("press", key="Escape")
    page.wait("document.querySelector('#panel-load canvas').getAttribute('aria-label').includes('; now: ')")


def test_says_what_it_shows_to_a_screen_reader(page):
    page.wait(f"{ink('#panel-load')} > 300")
    assert page.eval("""[...document.querySelectorAll('canvas.plot')].every((c) => c.getAttribute('role') === 'img' && c.getAttribute('aria-label'))""")
    assert re.match(r"Load average, last \d minutes?; now: 1 min [\d.]+", page.eval("document.querySelector('#panel-load canvas').getAttribute('aria-label')"))
    assert page.eval("document.getElementById('live-status').getAttribute('role')") == "status"
    assert page.eval("document.querySelectorAll('main h2').length") >= 9


def test_live_over_tls(binary, start, browse, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
                   check=True, capture_output=True)
    port = free_port()
    server = start("--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem", "--tls-listen", f"127.0.0.1:{port}")
    page = browse(f"https://127.0.0.1:{port}" + server.simple.removeprefix(server.url), ignoreHTTPSErrors=True)
    page.wait(LIVE)
    assert page.ask("sockets")[0]["url"] == f"wss://127.0.0.1:{port}/stream"
    assert page.eval("window.violations") == []


def test_live_with_compressed_messages(start, browse):
    server = start("--deflate")
    page = browse(server.simple)
    page.wait(LIVE)
    page.wait("[...document.querySelectorAll('.tile .value span')].every((e) => e.textContent !== '–')")
    assert page.ask("complaints") == []


def test_without_host_metrics_the_page_says_so_and_stays_live(start, browse):
    server = start("--no-host")
    page = browse(server.simple)
    page.wait_link("live")
    server.send("orders", 3)
    page.wait("document.getElementById('own-lead').textContent.includes('orders is 3.')")
    assert page.eval("document.querySelector('#panel-load .note').checkVisibility()")
    assert "no load metrics" in page.text("#panel-load .note")
    time.sleep(4)
    assert page.link() == "live", "a quiet stream is not a stale one: the server's clock goes on"


def make_token(server_binary, tmp_path):
    text = subprocess.run([server_binary, "token"], check=True, capture_output=True, text=True).stdout
    token, hashed = re.search(r"token:\s+(\S+)", text)[1], re.search(r"hash:\s+(\S+)", text)[1]
    config = tmp_path / "token.yml"
    config.write_text(f'auth: {{tokens: [{{name: wall, hash: "{hashed}", rights: [read, ingest]}}]}}\n')
    return token, config


def test_asks_for_a_token_and_keeps_it_for_the_tab(binary, start, browse, tmp_path):
    token, config = make_token(binary, tmp_path)
    server = start("--config", config)
    page = browse(server.simple)
    page.wait("document.getElementById('token').open")
    assert page.link() == "token"
    page.ask("fill", selector="#token-input", text="wrong")
    page.ask("press", key="Enter")
    page.wait("document.getElementById('token').open && document.getElementById('token-reason').textContent.includes('not accepted')")
    page.ask("fill", selector="#token-input", text=token)
    page.ask("press", key="Enter")
    page.wait(LIVE)
    assert not page.eval("document.getElementById('token').open")
    page.ask("reload")
    page.wait(LIVE)
    assert page.eval("location.href") == server.simple, "a token is never in an address"
