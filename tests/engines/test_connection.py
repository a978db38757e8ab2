"""What is wrong with the connection to a server is told apart, and the remedy that is named works."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.ports import closed_port
from servers.unwell import UnwellServer, answer, refusal

from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.engines.connection import checked_url, shown
from cosmos_workflow.engines.server import ServerEngine
from cosmos_workflow.errors import EngineUnavailable, UsageError
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("SSL_CERT")]:
        monkeypatch.delenv(name)


def ask(url: str, text: str = "a", **options: object) -> Answer:
    answers: list[Answer] = []
    engine = ServerEngine(url, **{"max_retries": 0, **options})  # type: ignore[arg-type]
    try:
        engine.answer([Conversation("a", text)], answers.append)
    finally:
        engine.close()
    (answer,) = answers
    return answer


def well() -> UnwellServer:
    return UnwellServer(lambda text, attempt: answer("well"))


@contextmanager
def talker(reply: bytes | None) -> Iterator[int]:
    """A port where whoever connects gets these bytes; with None, nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65536)
                    if reply is None:
                        over.wait()
                    else:
                        peer.sendall(reply)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        over.set()


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("localhost:8000/v1", "give --server-url http://localhost:8000/v1"),
        ("127.0.0.1:8000", "give --server-url http://127.0.0.1:8000"),
        ("ftp://localhost/v1", "http:// or https://"),
        ("ws://localhost/v1", "http:// or https://"),
        ("http://", "give --server-url"),
        ("http:///v1", "give --server-url"),
        ("http://[::1/v1", "give --server-url"),
        ("http://host:99999/v1", "give --server-url"),
        ("http://host:port/v1", "give --server-url"),
        ("http://a host/v1", "give --server-url"),
        ("http://me:secret@[::1/v1", "give --server-url"),
        ("http://me:secret/1@host/v1", "give --server-url"),
        ("me:secret@host/v1", "give --server-url http://host/v1"),
        ("http://host\x00/v1", "give --server-url"),
    ],
)
def test_what_is_no_url_is_a_usage_error(url: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_engine("server", EngineSettings(server_url=url))
    assert remedy in caught.value.remedy
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://host:8000/v1", "http://host:8000/v1"),
        (" http://host:8000/v1/ ", "http://host:8000/v1"),
        ("http://host/v1/chat/completions", "http://host/v1"),
        ("http://host/v1/models/", "http://host/v1"),
        ("http://host", "http://host"),
        ("https://host/a/b?version=1", "https://host/a/b?version=1"),
    ],
)
def test_the_root_of_an_api(url: str, root: str) -> None:
    assert checked_url(url) == root


def test_a_password_in_a_url_is_not_shown() -> None:
    assert shown("http://me:secret@host/v1") == "http://host/v1"
    with closed_port() as port, pytest.raises(EngineUnavailable) as caught:
        ask(f"http://me:secret@127.0.0.1:{port}/v1")
    assert "secret" not in str(caught.value)


def test_nobody_listens() -> None:
    with closed_port() as port, pytest.raises(EngineUnavailable, match="refuses connections"):
        ask(f"http://127.0.0.1:{port}/v1")


def test_a_name_that_is_not_known() -> None:
    with pytest.raises(EngineUnavailable, match=r"name of the server is not known: no-such-host\.invalid"):
        ask("http://no-such-host.invalid/v1", max_retries=100)  # and it is not tried again


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody trusts, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[UnwellServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with UnwellServer(lambda text, attempt: answer("well"), tls=context) as server:
        yield server


def test_a_certificate_that_is_not_trusted_and_the_remedy(
    secure: UnwellServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EngineUnavailable, match="certificate is not trusted") as caught:
        ask(secure.url, max_retries=100)
    assert "SSL_CERT_FILE" in caught.value.remedy
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert ask(secure.url).text == "well"
    with pytest.raises(EngineUnavailable, match="certificate is not trusted"):
        ask(secure.url.replace("127.0.0.1", "localhost"))  # another name than it is made out to


def test_the_wrong_scheme(secure: UnwellServer) -> None:
    with well() as server, pytest.raises(EngineUnavailable, match="does not speak TLS") as caught:
        ask(server.url.replace("http", "https"), max_retries=100)
    assert "http://" in caught.value.remedy
    with pytest.raises(EngineUnavailable, match="no answer") as caught:
        ask(secure.url.replace("https", "http"))
    assert "https://" in caught.value.remedy


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 2", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\x01\x02", b"220 ready\r\n"])
def test_what_answers_speaks_no_http(reply: bytes) -> None:
    with talker(reply) as port, pytest.raises(EngineUnavailable, match=r"no answer|no HTTP"):
        ask(f"http://127.0.0.1:{port}/v1")


def test_a_server_that_says_nothing() -> None:
    with talker(None) as port, pytest.raises(EngineUnavailable, match=r"no answer in 0\.2 s") as caught:
        ask(f"http://127.0.0.1:{port}/v1", timeout=0.2)
    assert "timeout=" in caught.value.remedy


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as port, well() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@127.0.0.1:{port}")
        with pytest.raises(EngineUnavailable, match=f"proxy http://127.0.0.1:{port} refuses") as caught:
            ask(server.url)
        assert "NO_PROXY" in caught.value.remedy
        assert "secret" not in str(caught.value)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert ask(server.url).text == "well"


def test_a_proxy_with_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://no-such-proxy.invalid:3128")
    with pytest.raises(EngineUnavailable, match=r"the name of the proxy .* no-such-proxy\.invalid"):
        ask("https://server.example/v1")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with talker(refused) as port:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://127.0.0.1:{port}")
        with pytest.raises(EngineUnavailable, match=r"wants a name and a password \(407\)") as caught:
            ask(f"{scheme}://server.example/v1")
    assert "NAME:PASSWORD@" in caught.value.remedy


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "foo://127.0.0.1:9"])
def test_a_proxy_of_another_kind(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(EngineUnavailable, match="proxy"):
        ask("http://server.example/v1")


@pytest.mark.parametrize("given", ["", "/v1/chat/completions", "/api", "/"])
def test_a_path_that_is_wrong_is_mended_and_told(given: str) -> None:
    with well() as server:
        root = server.url.removesuffix("/v1")
        reply = ask(root + given)
    assert (reply.text, reply.error) == ("well", "")
    assert f"asked at {server.url}" in reply.note


def test_the_right_path_needs_no_note() -> None:
    with well() as server:
        assert ask(server.url).note == ""


@pytest.mark.parametrize(
    "elsewhere", [(404, "404 page not found"), (200, {"error": "Unexpected endpoint or method. (GET /models)"}),
                  (200, "<html><title>Welcome</title></html>"), (405, {"detail": "Method Not Allowed"})]
)  # fmt: skip
@pytest.mark.parametrize("listing", [None, (404, ""), (405, ""), (501, ""), (200, "<html></html>"), (403, "")])
def test_a_wrong_path_and_no_list(elsewhere: tuple[int, object], listing: tuple[int, object] | None) -> None:
    with UnwellServer(lambda text, attempt: answer("well"), listing=listing, elsewhere=elsewhere) as server:
        reply = ask(server.url.removesuffix("/v1"), model="m")
    assert (reply.text, reply.error) == ("well", "")
    assert f"asked at {server.url}" in reply.note


def test_no_list_and_no_model() -> None:
    with UnwellServer(lambda text, attempt: answer("well"), listing=(404, {"detail": "Not Found"})) as server:
        with pytest.raises(EngineUnavailable, match=r"no list of models at .*/v1/models .*404: Not Found") as caught:
            ask(server.url)
        assert "--server-model" in caught.value.remedy
        with pytest.raises(EngineUnavailable, match=r"/models or http://.*/v1/models"):
            ask(server.url.removesuffix("/v1") + "/nowhere")


def test_a_list_without_a_model() -> None:
    with UnwellServer(lambda text, attempt: answer("well"), listing=(200, {"object": "list", "data": None})) as server:
        with pytest.raises(EngineUnavailable, match="has no model; it has: none"):
            ask(server.url)
        assert ask(server.url, model="m").text == "well"


def test_a_server_that_sends_elsewhere() -> None:
    moved = {"Location": "https://login.example/?next=v1"}
    with (
        UnwellServer(lambda text, attempt: (302, ""), listing=(302, ""), headers=moved) as server,
        pytest.raises(EngineUnavailable, match=r"redirects to https://login\.example"),
    ):
        ask(server.url)


@pytest.mark.parametrize(
    ("location", "goal"),
    [
        ("http://[::1", "http://[::1"),
        ("http://me:secret@[::1", "http://[::1"),
        ("//[", "//["),
        ("http://me:secret@host:port/", "http://host:port/"),
        ("http://host:99999/\x1b[2J", "http://host:99999/[2J"),
        ("http://host/" + "x" * 9000, "http://host/x"),
    ],
)
def test_a_server_that_sends_to_what_is_no_url(location: str, goal: str) -> None:
    with (
        UnwellServer(lambda text, attempt: (302, ""), headers={"Location": location}, listing=(302, "")) as server,
        pytest.raises(EngineUnavailable) as caught,
    ):
        ask(server.url)
    assert f"redirects to {goal}" in caught.value.what
    assert "secret" not in str(caught.value)
    assert caught.value.what.isprintable() and len(caught.value.what) < 400
    assert "--server-url" in caught.value.remedy


@given(
    st.text()
    | st.lists(st.sampled_from([*"[]@:/?#\x1b\ud83d", "http", "://", "me:secret", "host", "99999"])).map("".join)
)
def test_any_text_can_be_shown_in_place_of_a_url(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 301


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize(
    "proxy", ["http://[::1", "http://me:secret@[::1", "me:secret@[::1", "http://me:secret@host:port", "://", "http://"]
)
def test_a_proxy_that_is_no_url(name: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, proxy)
    scheme = name.partition("_")[0].lower().replace("all", "http")
    with pytest.raises(EngineUnavailable, match="the proxy's address is not a valid URL") as caught:
        ask(f"{scheme}://server.example/v1")
    assert "HTTPS_PROXY" in caught.value.remedy
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["COSMOS_API_KEY", "OPENAI_API_KEY"])
def test_the_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with well() as server:
        ask(server.url)
        monkeypatch.setenv(name, " sk-secret\n")
        ask(server.url)
    assert server.keys == [None, "Bearer sk-secret"]


@pytest.mark.parametrize("key", ["sk-ä", "sk\nsecret", "sk\x01"])
def test_a_key_that_no_header_takes(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMOS_API_KEY", key)
    with well() as server, pytest.raises(UsageError) as caught:
        ask(server.url)
    assert "sk" not in str(caught.value)


def test_a_gateway_with_nobody_behind_it_ends_the_run() -> None:
    with (
        UnwellServer(lambda text, attempt: (502, "<html><title>502 Bad Gateway</title>"), listing=(502, "")) as server,
        pytest.raises(EngineUnavailable, match="502"),
    ):
        ask(server.url, model="m")


def test_a_refused_key_ends_the_run() -> None:
    with (
        UnwellServer(lambda text, attempt: refusal(401, "bad key")) as server,
        pytest.raises(EngineUnavailable, match="bad key") as caught,
    ):
        ask(server.url)
    assert "COSMOS_API_KEY" in caught.value.remedy
