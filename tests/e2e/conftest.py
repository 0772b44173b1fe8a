"""Fixtures of the browser tests."""
import os
import shutil

import pytest

from browser_kit import BINARY, ROOT, Chromium, Relay, Server


@pytest.fixture(scope="session", autouse=True)
def binary():
    if not BINARY.is_file():
        pytest.exit(f"no binary at {BINARY}: build it, or set STREAMGAUGE", 2)
    return BINARY


@pytest.fixture(scope="session")
def chromium():
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    if not (ROOT / "tests/clients/node_modules/playwright-core").is_dir():
        pytest.skip("playwright-core is not installed (tests/tools/npm-install tests/clients)")
    browser = Chromium(path)
    yield browser
    browser.close()


@pytest.fixture
def start(tmp_path):
    """start(*flags) runs a server that ends with the test."""
    servers = []

    def run(*flags):
        servers.append(Server(tmp_path, *flags))
        return servers[-1].start()

    yield run
    for s in servers:
        s.stop()


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def relay(server):
    r = Relay(server.port)
    yield r
    r.close()


@pytest.fixture
def browse(chromium):
    """browse(url, **context options) opens a page that is closed with the test."""
    pages = []

    def run(url, **options):
        pages.append(chromium.open(url, **options))
        return pages[-1]

    yield run
    for p in pages:
        p.ask("close")
