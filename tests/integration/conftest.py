"""Fixtures: servers with a folder of their own, which end with the test and must not have complained."""

import itertools
import os

import pytest

import kit


def pytest_report_header():
    return [f"streamgauge: {kit.BINARY}", f"streamgauge with sanitizers: {kit.ASAN or 'none (STREAMGAUGE_ASAN)'}"]


def pytest_sessionstart(session):
    if not os.access(kit.BINARY, os.X_OK):
        pytest.exit(f"no streamgauge at {kit.BINARY}; set STREAMGAUGE", 2)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server as it comes, shared by the tests of one file: each uses metric names of its own."""
    s = kit.Server(str(tmp_path_factory.mktemp("server")))
    yield s
    s.end()


@pytest.fixture(scope="module", params=["release"] + (["asan"] if kit.ASAN else []))
def codec(request, tmp_path_factory):
    """A server for what attacks the codecs: as shipped, and with sanitizers where there is such a build."""
    s = kit.Server(str(tmp_path_factory.mktemp("codec")), binary=kit.ASAN if request.param == "asan" else None,
                   env={"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"})
    yield s
    s.end()


@pytest.fixture
def start(tmp_path):
    """start(*flags, config=…, …) gives a server of the test's own. Further ones share the folder."""
    servers = []

    def make(*flags, **more):
        s = kit.Server(str(tmp_path), *flags, **more)
        servers.append(s)
        return s

    yield make
    for s in servers:
        s.end()


@pytest.fixture(autouse=True)
def shared_servers_live(request):
    """The test that kills a shared server is the one that fails."""
    yield
    for name in ("server", "codec"):
        if name in request.fixturenames:
            request.getfixturevalue(name).check()


_names = itertools.count()


@pytest.fixture
def name(request):
    """A metric name no other test uses."""
    return f"m{next(_names)}_{request.node.originalname[5:45]}".lower()
