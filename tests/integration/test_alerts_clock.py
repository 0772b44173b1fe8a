"""The wall clock jumps by hours under a running server: nothing fires, ends or is told again because of that."""

import os
import struct
import time

import pytest

import kit
from notify_kit import fake

RULES = """
groups:
  - name: shop
    interval: 100ms
    rules:
      - {alert: LoadHigh, expr: load > 4}
      - {alert: LoadGone, expr: absent(load)}
      - {alert: LoadLong, expr: load > 4, for: 1h}
"""
# Half the grace is how long rules hold still after a jump: samples of the new time must come meanwhile.
CONFIG = """
tick: 50ms
restart_grace: 4s
rule_files: ["rules.yml"]
notify: {allow: ["127.0.0.0/8"]}
route: {receiver: team, group_wait: 0s, group_interval: 50ms, repeat_interval: 30m, group_by: ["..."]}
receivers: [{name: team, webhook_configs: [{url: "%s"}]}]
flapping: false
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    path = tmp_path_factory.mktemp("clock") / "wall_clock.so"
    source = os.path.join(kit.ROOT, "tests", "lib", "wall_clock.c")
    done = kit.run(kit.need("cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", path, source, "-ldl")
    assert done.returncode == 0, done.stderr.decode()
    return path


class Clock:
    def __init__(self, folder, shim):
        self.path, self.offset = os.path.join(folder, "offset"), 0
        self.env = {"LD_PRELOAD": str(shim), "WALL_CLOCK": self.path}
        self.jump(0)

    def jump(self, seconds):
        self.offset += seconds
        flags = os.O_RDWR | os.O_CREAT
        fd = os.open(self.path, flags, 0o600)
        os.pwrite(fd, struct.pack("=q", self.offset), 0)
        os.close(fd)


def test_jumps_of_the_wall_clock_tell_nobody_anything(start, shim, tmp_path):
    (tmp_path / "rules.yml").write_text(RULES)
    clock = Clock(tmp_path, shim)
    with fake() as hook:
        s = start(config=CONFIG % hook.url, env=clock.env)

        def told():
            return [(a["labels"]["alertname"], a["status"]) for r in hook.requests for a in r.json["alerts"]]

        def settled():
            """Of before the first sample, LoadGone may have been told."""
            gone = [status for name, status in told() if name == "LoadGone"]
            return ("LoadHigh", "firing") in told() and gone[-1:] != ["firing"]

        def feed(value, condition, what, seconds=kit.DEADLINE):
            """Samples as an agent sends them, until the condition holds."""
            end = time.monotonic() + seconds
            while not condition():
                assert time.monotonic() < end, f"{what}: {told()}\n{s.log}"
                s.put(("load", value))
                time.sleep(0.05)

        def hold(value, seconds):
            end = time.monotonic() + seconds
            feed(value, lambda: time.monotonic() >= end, "time", seconds + kit.DEADLINE)

        feed(9, settled, "it fires")
        hold(9, 1)
        wanted = told()
        assert wanted.count(("LoadHigh", "firing")) == 1
        for jump in (7200, -3600, -7200, 86400, -86400):
            clock.jump(jump)
            server_ms = s.get("/api/v1/query?query=time()").json["data"]["result"][0] * 1000
            assert abs(server_ms - kit.now_ms() - clock.offset * 1000) < 60000, "the server's clock has jumped"
            hold(9, 3)
            assert told() == wanted, f"after a jump of {jump} s"
        wanted += [("LoadHigh", "resolved")]
        feed(1, lambda: told() == wanted, "it resolves")
        wanted += [("LoadHigh", "firing")]
        feed(9, lambda: told() == wanted, "it fires again")
