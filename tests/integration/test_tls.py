"""TLS: versions, ALPN, wss, the second port, certificates that change while it runs."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import ssl

import pytest

import kit


def context(low=None, high=None, alpn=("h2", "http/1.1")):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    c.set_alpn_protocols(alpn)
    if low:
        c.minimum_version, c.maximum_version = low, high or low
    return c


@contextlib.contextmanager
def dial(port, c=None):
    with socket.create_connection(("127.0.0.1", port), kit.DEADLINE) as raw, (c or context()).wrap_socket(raw, server_hostname="localhost") as s:
        yield s


def subject(port):
    with dial(port) as s:
        pem = ssl.DER_cert_to_PEM_cert(s.getpeercert(True))
    return kit.run("openssl", "x509", "-noout", "-subject", input=pem.encode()).stdout.decode().strip().rpartition("= ")[2]


def pair(folder, name, **more):
    folder = folder / name
    folder.mkdir()
    return kit.make_certificate(str(folder), name, **more)


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = kit.make_certificate(str(folder), "first")
    s = kit.Server(str(folder), "--tls-cert", cert, "--tls-key", key, tls=True)
    s.cert = cert
    yield s
    s.end()


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_modern_versions_work_and_alpn_is_http_1_1(secure, version):
    v = getattr(ssl.TLSVersion, version)
    with dial(secure.port, context(v)) as s:
        assert s.version() == version.replace("_", ".") and s.selected_alpn_protocol() == "http/1.1"
        s.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := s.recv(65536):  # a proper end, not a cut: recv would raise
            data += piece
        assert data.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(secure, version):
    done = kit.run(kit.need("openssl"), "s_client", "-connect", f"127.0.0.1:{secure.port}", version, "-cipher", "DEFAULT@SECLEVEL=0", input=b"")
    assert b"Cipher is (NONE)" in done.stdout


def test_alpn_h2_only_and_none(secure):
    with contextlib.suppress(ssl.SSLError), dial(secure.port, context(alpn=("h2",))) as s:
        assert s.selected_alpn_protocol() is None
    done = kit.run("openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_3", input=b"")
    assert b"No ALPN negotiated" in done.stdout and b"TLS_AES" in done.stdout


def test_curl_with_the_certificate_and_big_bodies(secure, tmp_path, name):
    file = tmp_path / "body"
    file.write_text("".join(f'{name}{{i="{i}"}} 1\n' for i in range(50000)))
    out = kit.curl("--cacert", secure.cert, "--data-binary", f"@{file}", "-w", "%{http_code} %{ssl_verify_result}",
                   f"https://localhost:{secure.port}/api/v1/import/prometheus")
    assert out == "204 0"
    out = kit.curl("--cacert", secure.cert, f"https://localhost:{secure.port}/metrics")
    assert "streamgauge_samples_total" in out


def test_wss_by_python_and_npm(secure, name):
    secure.put((name, 5))
    c = ssl.create_default_context(cafile=secure.cert)
    with kit.Ws(f"wss://localhost:{secure.port}/stream", ssl=c) as ws:
        ws.subscribe(name)
        assert ws.until(lambda m: m["value"] == 5)
        secure.put((name, 6))
        assert ws.until(lambda m: m["value"] == 6)
    message = '{"action":"subscribe","metric":"%s"}' % name
    with kit.ending(kit.node("ws.mjs", f"wss://127.0.0.1:{secure.port}/stream", "-", message)) as p:
        lines = kit.node_lines(p)
        assert "open" in next(lines) and next(lines)["message"]["value"] == 6


def test_plain_http_and_nonsense_on_the_tls_port_do_no_harm(secure):
    for text in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600, b"\x80\x2e\x01", b"\xff" * 5000, b""):
        for _ in range(10):
            with secure.dial() as s:
                s.try_send(text)
                with contextlib.suppress(OSError):
                    s.sock.shutdown(socket.SHUT_WR)
                s.all()
    assert secure.get("/-/healthy").status == 200


def test_second_port_beside_a_plain_one(start, tmp_path):
    cert, key = pair(tmp_path, "second")
    server = start("--tls-cert", cert, "--tls-key", key, "--tls-listen", "127.0.0.1:0")
    assert len(server.ports) == 2
    assert server.get("/-/healthy").status == 200
    assert subject(server.ports[1]) == "second"
    connection = http.client.HTTPSConnection("127.0.0.1", server.ports[1], timeout=kit.DEADLINE, context=context())
    with contextlib.closing(connection):
        connection.request("GET", "/-/ready")
        assert connection.getresponse().status == 200


def test_sighup_changes_the_certificate_and_a_bad_one_is_refused(start, tmp_path):
    live = tmp_path / "live"
    live.mkdir()
    cert, key = live / "cert.pem", live / "key.pem"

    def install(p):
        shutil.copy(p[0], cert)
        shutil.copy(p[1], key)

    first, second = pair(tmp_path, "one"), pair(tmp_path, "two")
    install(first)
    server = start("--tls-cert", str(cert), "--tls-key", str(key), tls=True)
    server.allow_errors = "reload refused"
    with kit.Ws(f"wss://localhost:{server.port}/stream", ssl=context()) as old:
        old.subscribe("vector(1)")
        assert old.next()["value"] == 1

        def refused(n):
            server.process.send_signal(signal.SIGHUP)
            kit.eventually(lambda: server.log.count("reload refused") == n, "the refusal")
            assert subject(server.port) == "one"

        key.write_text("nonsense")
        refused(1)
        shutil.copy(second[1], key)  # does not belong to the certificate
        refused(2)
        os.unlink(key)
        refused(3)
        os.mkfifo(key)  # nobody writes into it
        refused(4)
        os.unlink(key)
        install(second)
        server.process.send_signal(signal.SIGHUP)
        kit.eventually(lambda: subject(server.port) == "two", "the new certificate")
        old.subscribe("vector(2)")  # who is connected stays
        assert old.until(lambda m: m["metric"] == "vector(2)")["value"] == 2
    days = server.metric("streamgauge_tls_certificate_expires_in_seconds") / 86400
    assert 29 <= days <= 30


@pytest.mark.parametrize("break_it,word", [(lambda c, k: os.unlink(k), "key.pem': No such file or directory"),
                                           (lambda c, k: open(c, "w").close(), "cert.pem': no start line, expected PEM"),
                                           (lambda c, k: open(k, "w").write("x"), "key.pem': unsupported, expected PEM")])
def test_bad_certificate_at_start_is_refused(tmp_path, break_it, word):
    cert, key = pair(tmp_path, "bad")
    break_it(cert, key)
    done = kit.run(kit.BINARY, "serve", "--listen", "127.0.0.1:0", "--statsd", "off", "--no-host", "--tls-cert", cert, "--tls-key", key,
                   "--data", tmp_path)
    assert done.returncode in (1, 2) and word in done.stderr.decode(), done.stderr


def test_cert_without_key_is_wrong_usage(tmp_path):
    done = kit.run(kit.BINARY, "serve", "--listen", "127.0.0.1:0", "--statsd", "off", "--no-host", "--tls-cert", "x", "--data", tmp_path)
    assert done.returncode == 2 and b"tls.key" in done.stderr
