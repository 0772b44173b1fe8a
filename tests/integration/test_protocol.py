"""RFC 9112 and RFC 6455 to the letter, over raw sockets. Runs against the sanitized build too (STREAMGAUGE_ASAN)."""

import json
import random
import struct
import zlib

import pytest

import kit
from kit import frame

BODY = b'{"metric":"raw","value":1}'
POST = "POST /api/v1/samples HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def ask(server, data):
    """What the server says to these bytes until it hangs up; the test fails when it does not hang up."""
    with server.dial() as s:
        s.try_send(data)
        return s.all()


# --- HTTP: what must be refused, and the connection closed, so that nothing can hide behind it ---

REFUSED = {
    "transfer-encoding and content-length": (POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "content-length twice, different": (POST + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
    "content-length list, different": (POST + "Content-Length: 5, 6\r\n\r\n", 400),
    "content-length with a sign": (POST + "Content-Length: +5\r\n\r\n", 400),
    "content-length negative": (POST + "Content-Length: -1\r\n\r\n", 400),
    "content-length hexadecimal": (POST + "Content-Length: 0x5\r\n\r\n", 400),
    "content-length empty": (POST + "Content-Length: \r\n\r\n", 400),
    "content-length over 64 bits": (POST + "Content-Length: 18446744073709551617\r\n\r\n", 400),
    "content-length 2^63": (POST + "Content-Length: 9223372036854775808\r\n\r\n", (400, 413)),
    "transfer-encoding unknown": (POST + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "transfer-encoding not chunked at the end": (POST + "Transfer-Encoding: chunked, identity\r\n\r\n", (400, 501)),
    "transfer-encoding twice": (POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", (400, 501)),
    "transfer-encoding with a trick": (POST + "Transfer-Encoding: \x0bchunked\r\n\r\n", (400, 501)),
    "transfer-encoding in HTTP/1.0": ("POST /api/v1/samples HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "blank before the colon": (POST + "Content-Length : 5\r\n\r\n", 400),
    "folded line": (POST + "X: a\r\n b\r\n\r\n", 400),
    "folded first line": ("GET / HTTP/1.1\r\n X: a\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "bare LF line ends": ("GET / HTTP/1.1\nHost: 127.0.0.1\n\n", 400),
    "bare LF in the head": ("GET / HTTP/1.1\r\nHost: 127.0.0.1\nX: y\r\n\r\n", 400),
    "bare CR in a value": ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\rb\r\n\r\n", 400),
    "NUL in a value": ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\0b\r\n\r\n", 400),
    "NUL in the target": ("GET /\0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "no host": ("GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "host with a blank": ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "host with a user": ("GET / HTTP/1.1\r\nHost: me@127.0.0.1\r\n\r\n", 400),
    "field without a colon": ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nnonsense\r\n\r\n", 400),
    "field with an empty name": ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n: x\r\n\r\n", 400),
    "field name not a token": ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX(y): x\r\n\r\n", 400),
    "version 2.0 on the line": ("GET / HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n", 505),
    "version missing": ("GET /\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "version in small letters": ("GET / http/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "two blanks in the request line": ("GET  / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "blank in the target": ("GET /a b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "tab in the request line": ("GET\t/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "target without a slash": ("GET index.html HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "method unknown": ("BREW / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", (405, 501)),
    "CONNECT": ("CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (400, 405, 501)),
    "expectation unknown": (POST + "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n", 417),
    "head too large": ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + "x" * 70000 + "\r\n\r\n", 431),
    "too many fields": ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + "".join(f"X{i}: y\r\n" for i in range(2000)) + "\r\n", 431),
    "target too long": ("GET /" + "x" * 70000 + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", (414, 431)),
    "TLS on a plain port": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\0" * 64, 400),
    "HTTP/2 preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
}

CHUNKS = {
    "size not a number": "xyz\r\n",
    "size empty": "\r\n\r\n",
    "size negative": "-1\r\n",
    "size with 0x": "0x5\r\nabcde\r\n",
    "size over 64 bits": "fffffffffffffffff\r\n",
    "size with a blank before": " 5\r\nabcde\r\n",
    "no line end behind the data": "2\r\n{}x\r\n0\r\n\r\n",
    "LF only behind the size": "2\n{}\r\n0\r\n\r\n",
    "LF only behind the data": "2\r\n{}\n0\r\n\r\n",
    "bare CR in an extension": "2;a=\rb\r\n{}\r\n0\r\n\r\n",
    "endless extension": "2;" + "a" * 70000 + "\r\n",
    "trailer with a folded line": "0\r\nA: b\r\n c\r\n\r\n",
    "endless trailers": "0\r\n" + "A: b\r\n" * 20000,
}


@pytest.mark.parametrize("case", REFUSED)
def test_http_is_refused_and_closed(codec, case):
    data, status = REFUSED[case]
    got = ask(codec, data.encode("latin-1") + b"GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 "), got
    allowed = status if isinstance(status, tuple) else (status,)
    assert int(got[9:12]) in allowed, got[:200]
    assert got.count(b"HTTP/1.1 ") == 1, "a second request hid behind the first"


@pytest.mark.parametrize("head,line,column,says", [
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 2, 7, "malformed Host 'a b'"),
    ("GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", 1, 5, "no Host header in the request of '/'"),
    ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.2\r\n\r\n", 2, 7, "more than one Host header, first '127.0.0.1'"),
    ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX : y\r\n\r\n", 3, 1, "expected 'name: value', got 'X : y'"),
    ("GET / HTTP/3.7\r\nHost: 127.0.0.1\r\n\r\n", 1, 7, "expected HTTP/1.1, got 'HTTP/3.7'"),
    (POST + "Content-Length: +5\r\n\r\n", 3, 17, "expected digits, got '+5'"),
    (POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 4, 20, "beside Content-Length"),
    (POST + "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n", 3, 9, "200-ok")])
def test_refusal_of_a_head_names_the_place(codec, head, line, column, says):
    for cut in (0, 20):  # in one piece, and in two
        with codec.dial() as s:
            s.send(head[:cut])
            s.try_send(head[cut:])
            said = s.response().json
        assert (said["line"], said["column"]) == (line, column) and says in said["error"], said


def test_refusal_of_a_chunk_names_the_place_and_what_was_taken(codec):
    line = '{"metric":"chunked_place","value":1}'
    with codec.dial() as s:
        s.send(POST + f"Transfer-Encoding: chunked\r\n\r\n{len(line):x}\r\n{line}\r\nzz\r\n")
        said = s.response().json
    assert f"behind {len(line)} bytes" in said["error"] and (said["accepted"], said["rejected"]) == (1, 0), said
    codec.wait_value("chunked_place", 1)


@pytest.mark.parametrize("case", CHUNKS)
def test_bad_chunks_are_refused_and_closed(codec, case):
    data = POST + "Transfer-Encoding: chunked\r\n\r\n" + CHUNKS[case]
    got = ask(codec, data.encode() + b"GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert int(got[9:12]) in (400, 413, 431), got[:200]
    assert got.count(b"HTTP/1.1 ") == 1


def test_what_is_allowed_works(codec):
    with codec.dial() as s:
        # empty lines before a request, a list of equal lengths, chunk extensions, trailers, case of names and codings
        s.send(b"\r\n" + POST.encode() + b"CONTENT-LENGTH: 26\r\n\r\n" + BODY)
        assert s.response().status == 204
        s.send(POST + "Transfer-Encoding: CHUNKED\r\n\r\n" + "1A;name=\"va;lue\"\r\n" + BODY.decode() + "\r\n0\r\nX-Sum: 1\r\n\r\n")
        assert s.response().status == 204
        s.send("GET http://127.0.0.1/-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")  # absolute form
        assert s.response().status == 200
        s.send("OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert s.response().status in (200, 204)
        s.send("GET /-/h%65althy?x=1 HTTP/1.1\r\nHost:127.0.0.1\t \r\nconnection: close\r\n\r\n")
        assert s.response().status == 200
        assert s.all() == b""


def test_one_byte_at_a_time(codec):
    with codec.dial() as s:
        for b in (POST + "Transfer-Encoding: chunked\r\n\r\n").encode():
            s.send(bytes([b]))
        for b in BODY:
            s.send(b"1\r\n" + bytes([b]) + b"\r\n")
        s.send(b"0\r\n\r\n")
        assert s.response().status == 204


def test_pipelined_requests_are_answered_in_order(codec):
    with codec.dial() as s:
        s.send(b"".join(f"GET {p} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for p in ["/ping", "/nope", "/-/healthy", "/metrics"] * 25)
               + POST.encode() + b"Content-Length: 26\r\n\r\n" + BODY)
        assert [s.response().status for _ in range(101)] == [204, 404, 200, 200] * 25 + [204]


def test_http_1_0_is_answered_and_closed_unless_kept_alive(codec):
    got = ask(codec, b"GET /-/healthy HTTP/1.0\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"healthy\n")
    with codec.dial() as s:
        s.send("GET /-/healthy HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert s.response().status == 200
        s.send("GET /-/healthy HTTP/1.0\r\n\r\n")
        assert s.response().status == 200
        assert s.all() == b""


def test_paths_stay_inside(codec):
    for path in ("/../etc/passwd", "/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/a/../../x", "/%00", "/\\..\\x", "/%zz", "/%"):
        got = ask(codec, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        assert int(got[9:12]) in (400, 404), (path, got[:100])


# --- WebSocket: handshake ---


def handshake(server, path="/stream", **change):
    fields = {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": kit.KEY, "Sec-WebSocket-Version": "13"}
    method, version = change.pop("method", "GET"), change.pop("version", "1.1")
    for k, v in change.items():
        fields[k.replace("_", "-")] = v
    lines = []
    for k, v in fields.items():
        lines += [f"{k}: {x}" for x in (v if isinstance(v, list) else [v])] if v is not None else []
    with server.dial() as s:
        s.send(f"{method} {path} HTTP/{version}\r\n" + "\r\n".join(lines) + "\r\n\r\n")
        return s.head()


def test_ws_handshake_answer_is_the_one_of_the_rfc(codec):
    status, h = handshake(codec)
    assert status == 101 and h["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert h["upgrade"].lower() == "websocket" and "upgrade" in h["connection"].lower()
    assert "sec-websocket-protocol" not in h and "sec-websocket-extensions" not in h
    status, h = handshake(codec, Sec_WebSocket_Protocol="graphql-ws, streamgauge.v1")
    assert status == 101 and h["sec-websocket-protocol"] == "streamgauge.v1"
    status, h = handshake(codec, Connection="keep-alive, UPGRADE", Upgrade="WebSocket")
    assert status == 101


@pytest.mark.parametrize("change,status", [
    ({"Sec_WebSocket_Version": "8"}, 426), ({"Sec_WebSocket_Version": "=13"}, (400, 426)), ({"Sec_WebSocket_Version": None}, (400, 426)),
    ({"Sec_WebSocket_Version": "13, 13"}, (400, 426)), ({"Sec_WebSocket_Key": None}, 400), ({"Sec_WebSocket_Key": "short"}, 400),
    ({"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ="}, 400), ({"Sec_WebSocket_Key": [kit.KEY, kit.KEY]}, 400),
    ({"Sec_WebSocket_Key": kit.KEY[:-3] + "!=="}, 400), ({"Connection": "close"}, (400, 426)), ({"Connection": None}, (400, 426)),
    ({"Upgrade": "h2c"}, (400, 426)), ({"Upgrade": None}, (400, 426)), ({"method": "POST"}, (400, 405)), ({"method": "HEAD"}, (400, 405)),
    ({"version": "1.0"}, (400, 426)), ({"Content_Length": "5"}, 400), ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403),
    ({"Sec_WebSocket_Extensions": "permessage-deflate;="}, (101, 400)), ({"Host": "evil.example"}, 403)])
def test_ws_handshake_is_refused(codec, change, status):
    got, headers = handshake(codec, **dict(change))
    assert got in (status if isinstance(status, tuple) else (status,)), (got, headers)
    if got == 426:
        assert headers["sec-websocket-version"] == "13"


# --- WebSocket: frames ---


def close_of(server, data, v1=True):
    """The close code these bytes get; the connection must end behind it."""
    with server.dial() as s:
        status, _ = s.upgrade(v1=v1)
        assert status == 101
        s.try_send(data)
        code = s.close_frame()
        assert s.all() == b"", "bytes behind Close"
        return code and code[0]


WRONG = {
    "unmasked frame": (frame("{}", mask=b""), 1002),
    "RSV1 without an extension": (frame("{}", rsv=4), 1002),
    "RSV2": (frame("{}", rsv=2), 1002),
    "RSV3": (frame("{}", rsv=1), 1002),
    "opcode 3": (frame("", opcode=3), 1002),
    "opcode 7": (frame("", opcode=7), 1002),
    "opcode 11": (frame("", opcode=11), 1002),
    "opcode 15": (frame("", opcode=15), 1002),
    "fragmented ping": (frame("", opcode=9, fin=False), 1002),
    "ping of 126 bytes": (frame(b"x" * 126, opcode=9), 1002),
    "continuation of nothing": (frame("x", opcode=0), 1002),
    "new message within fragments": (frame("a", fin=False) + frame("b"), 1002),
    "16-bit length not minimal": (b"\x81\xfe\x00\x05\0\0\0\0abcde", 1002),
    "64-bit length not minimal": (b"\x81\xff" + struct.pack(">Q", 300) + b"\0\0\0\0" + b"x" * 300, 1002),
    "top bit of the 64-bit length": (b"\x81\xff" + struct.pack(">Q", 1 << 63) + b"\0\0\0\0", (1002, 1009)),
    "length 2^62": (b"\x81\xff" + struct.pack(">Q", 1 << 62) + b"\0\0\0\0", 1009),
    "message over the limit": (frame(b"x" * 70000), 1009),
    "fragments over the limit": (frame(b"x" * 40000, fin=False) + frame(b"x" * 40000, opcode=0), 1009),
    "bad UTF-8": (frame(b"\xce\xba\xff"), 1007),
    "bad UTF-8 in the first fragment": (frame(b"\xf4\x90", fin=False), 1007),
    "overlong UTF-8": (frame(b"\xc0\xaf"), 1007),
    "surrogate in UTF-8": (frame(b"\xed\xa0\x80"), 1007),
    "UTF-8 cut at the end": (frame(b"\xe2\x82"), 1007),
    "close with one byte": (frame(b"\x03", opcode=8), 1002),
    "close code 999": (frame(struct.pack(">H", 999), opcode=8), 1002),
    "close code 1005": (frame(struct.pack(">H", 1005), opcode=8), 1002),
    "close code 1006": (frame(struct.pack(">H", 1006), opcode=8), 1002),
    "close code 5000": (frame(struct.pack(">H", 5000), opcode=8), 1002),
    "close reason not UTF-8": (frame(struct.pack(">H", 1000) + b"\xff", opcode=8), 1007),
    "binary message": (frame(b"{}", opcode=2), 1003),
    "endless empty fragments": (frame("{", fin=False) + frame("", opcode=0, fin=False) * 5000, (1008, 1009, 1002)),
    "close": (frame(b"", opcode=8), (1000, 1005)),
    "close 1000": (frame(struct.pack(">H", 1000), opcode=8), 1000),
    "close 4999": (frame(struct.pack(">H", 4999) + b"bye", opcode=8), 4999),
}


@pytest.mark.parametrize("case", WRONG)
def test_ws_frames_end_with_the_right_code(codec, case):
    data, code = WRONG[case]
    got = close_of(codec, data)
    assert got in (code if isinstance(code, tuple) else (code,)), got


def test_ws_fragments_and_pings_between_them(codec):
    with codec.dial() as s:
        s.upgrade(v1=True)
        text = json.dumps({"action": "ping", "time": 77, "pad": "äöü€😀" * 20}, ensure_ascii=False).encode()
        s.send(frame(text[:1], fin=False))
        for i in range(1, len(text)):
            s.send(frame(text[i:i + 1], opcode=0, fin=False))
        s.send(frame(b"between", opcode=9))
        s.send(frame(b"", opcode=0))
        pong, answer = None, None
        while not (pong and answer):
            op, fin, data = s.frame()
            assert fin
            if op == 10:
                pong = data
                assert answer is None, "the ping came first"
            elif b'"pong"' in data:
                answer = json.loads(data)
        assert pong == b"between" and answer["time"] == 77


def test_ws_burst_of_pings_is_answered_by_the_last(codec):
    with codec.dial() as s:
        s.upgrade()
        s.send(b"".join(frame(str(i), opcode=9) for i in range(100)))
        while True:
            op, _, data = s.frame()
            assert op == 10
            if data == b"99":
                break
        s.send(frame(b"nobody asked", opcode=10))  # an unasked pong is allowed
        s.send(frame(b"still there", opcode=9))
        assert s.frame()[2] == b"still there"


def test_ws_nothing_counts_after_close(codec, name):
    with codec.dial() as s:
        s.upgrade(v1=True)
        report = json.dumps({"action": "report", "samples": [{"metric": name, "value": 1}]})
        s.try_send(frame(struct.pack(">H", 1000), opcode=8) + frame(report) + b"\xff\xff garbage")
        assert s.close_frame()[0] == 1000
        assert s.all() == b""
    codec.put((name, 2))
    codec.wait_value(name, 2)
    assert codec.first(f"count_over_time({name}[1h])") == 1


def test_ws_frames_may_come_with_the_handshake(codec):
    with codec.dial() as s:
        s.send((f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {kit.KEY}\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n").encode() + frame(json.dumps({"action": "subscribe", "metric": "vector(5)"})))
        assert s.head()[0] == 101
        assert json.loads(s.frame()[2])["value"] == 5


def test_ws_compressed_frames_bombs_included(tmp_path):
    binary = kit.ASAN or kit.BINARY
    with kit.Server(str(tmp_path), "--deflate", binary=binary) as server:
        def compressed(data):
            c = zlib.compressobj(9, zlib.DEFLATED, -15)
            return (c.compress(data) + c.flush(zlib.Z_SYNC_FLUSH))[:-4]

        def open_():
            s = server.dial()
            status, headers = s.upgrade(v1=True, more="Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
            assert status == 101 and headers["sec-websocket-extensions"].startswith("permessage-deflate")
            return s

        with open_() as s:
            s.send(frame(compressed(b'{"action":"ping","time":8}'), rsv=4))
            while b"pong" not in (s.frame() or (0, 0, b"pong closed"))[2]:
                pass
        before = server.rss()
        for payload, code in ((compressed(b" " * (64 << 20)), 1009), (b"\xff" * 20, 1007), (compressed(b"\xff\xfe"), 1007)):
            with open_() as s:
                s.try_send(frame(payload, rsv=4))
                got = s.close_frame()
                assert got and got[0] in (code, 1002, 1007, 1009), (code, got)
        with open_() as s:
            s.try_send(frame(b"", opcode=9, rsv=4))
            assert s.close_frame()[0] == 1002
        if not kit.ASAN:
            assert server.rss() - before < 32 << 20
        for offer in ("permessage-deflate; server_max_window_bits=7", "permessage-deflate; x=1", "permessage-deflate; client_no_context_takeover=1",
                      "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "foo"):
            with server.dial() as s:
                status, headers = s.upgrade(more=f"Sec-WebSocket-Extensions: {offer}\r\n")
                assert status == 101 and "sec-websocket-extensions" not in headers, offer


def test_garbage_does_no_harm(codec):
    for seed in range(40):
        data = random.Random(seed).randbytes(200 + seed * 50)
        with codec.dial() as s:
            if seed % 2:
                s.upgrade()
            s.try_send(data)
            s.try_send(b"\r\n\r\n")
    assert codec.get("/-/healthy").status == 200
