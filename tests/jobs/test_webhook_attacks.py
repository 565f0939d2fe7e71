"""A webhook is an address that a customer chose and our server calls: what that must never become (SSRF)."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jobs.sending import http
from tests.receiver import Answer, receiver

LOOPBACK = [ipaddress.ip_network("127.0.0.1/32")]
PUBLIC = "93.184.216.34"


class Names:
    """A name server: each question of a name gets its next answer, the last one again and again."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): list(found) for name, found in answers.items()}
        self.asked: list[str] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Names":
        real = socket.getaddrinfo

        def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> list:
            name = host.decode() if isinstance(host, bytes) else host
            if name not in self.answers:
                return real(host, port, *arguments, **options)
            self.asked.append(name)
            queue = self.answers[name]
            found = queue.pop(0) if len(queue) > 1 else queue[0]
            return [
                (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
                for one in found
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return self


@pytest.fixture
def connected(monkeypatch) -> list[str]:
    """Where connections went: none is really made."""
    found: list[str] = []

    def connect_tcp(_self: Any, host: str, port: int, **_options: Any) -> Any:
        found.append(host)
        raise httpcore.ConnectError("no network in this test")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_tcp)
    return found


# --- Names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.7"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["fd00::1"],
        [PUBLIC, "10.0.0.7"],
    ],
)
def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(monkeypatch, connected, addresses):
    """Also when only one of its addresses does: which one is taken would be chance."""
    Names(hooks_example=[addresses]).install(monkeypatch)
    outcome = http.post("https://hooks.example/x", b"{}", {})
    assert (outcome.error, outcome.final, connected) == ("private_address", True, [])


def test_dns_rebinding_the_checked_address_is_the_one_that_is_called(monkeypatch, connected):
    """Public when it is checked, ours a moment later: there is no second question."""
    names = Names(hooks_example=[[PUBLIC], ["127.0.0.1"]]).install(monkeypatch)
    outcome = http.post("https://hooks.example/x", b"{}", {})
    assert names.asked == ["hooks.example"] and connected == [PUBLIC]
    assert (outcome.error, outcome.final) == ("no_connection", False)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "localhost", "[::ffff:127.0.0.1]", "0"])
def test_addresses_that_slipped_in_are_refused_at_the_call_too(connected, host):
    outcome = http.post(f"http://{host}/", b"{}", {})
    assert (outcome.error, connected) == ("private_address", [])


def test_a_name_that_does_not_exist_may_exist_tomorrow(monkeypatch):
    def unknown(*_arguments: Any, **_options: Any) -> list:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    outcome = http.post("https://hooks.example/", b"{}", {})
    assert (outcome.error, outcome.final) == ("unknown_host", False)


# --- Redirects, proxies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(settings, status):
    settings.WEBHOOK_NETWORKS = LOOPBACK
    with receiver() as inside, receiver(Answer(status, {"Location": inside.url})) as outside:
        outcome = http.post(outside.url, b"{}", {})
        assert (outcome.error, outcome.status) == ("redirect", status)
        assert len(outside.received) == 1 and inside.received == []


def test_proxies_of_the_environment_are_not_used(settings, monkeypatch):
    settings.WEBHOOK_NETWORKS = LOOPBACK
    with receiver() as proxy, receiver() as hook:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert http.post(hook.url, b"{}", {}).arrived
        assert proxy.received == [] and len(hook.received) == 1


# --- TLS ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Path:
    """A certificate for hooks.example that signs itself, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def served(authority, settings) -> Iterator[Any]:
    settings.WEBHOOK_NETWORKS = LOOPBACK
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority)
    server.asked = []  # type: ignore[attr-defined]
    server.sni_callback = lambda _socket, name, context: server.asked.append(name)  # type: ignore[attr-defined]
    with receiver(tls=server) as hook:
        hook.tls = server
        yield hook


def test_certificate_and_name_are_those_of_the_address_typed_in(served, authority, monkeypatch):
    monkeypatch.setattr(http, "trusted", lambda: ssl.create_default_context(cafile=str(authority)))
    Names(hooks_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]]).install(monkeypatch)
    assert http.post(f"https://hooks.example:{served.port}/x", b"{}", {}).arrived
    assert served.tls.asked == ["hooks.example"]
    assert served.received[0].headers["host"] == f"hooks.example:{served.port}"
    # The same server under another name: its certificate is not for that one.
    outcome = http.post(f"https://other.example:{served.port}/x", b"{}", {})
    assert (outcome.error, len(served.received)) == ("tls", 1)


def test_a_certificate_that_nobody_vouches_for_is_refused(served, monkeypatch):
    Names(hooks_example=[["127.0.0.1"]]).install(monkeypatch)
    outcome = http.post(f"https://hooks.example:{served.port}/x", b"{}", {})
    assert (outcome.error, served.received) == ("tls", [])


# --- Answers that waste our time ----------------------------------------------------------------------------------


@pytest.fixture
def raw_server(settings) -> Iterator[Any]:
    """A server that writes what it likes until the client is gone; `write` sends to its one connection."""
    settings.WEBHOOK_NETWORKS = LOOPBACK
    listening = socket.create_server(("127.0.0.1", 0))
    behaviours: list[Any] = []

    def serve() -> None:
        connection, _address = listening.accept()
        with connection:
            connection.recv(65536)
            with suppress(OSError):
                behaviours[0](connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield behaviours, f"http://127.0.0.1:{listening.getsockname()[1]}/"
    listening.close()
    thread.join(5)


def test_an_answer_that_trickles_ends_with_the_deadline(raw_server, monkeypatch):
    """Each byte comes in time, the whole never does: one deadline holds for all of it."""
    behaviours, url = raw_server
    monkeypatch.setattr(http, "DEADLINE", timedelta(seconds=0.5))
    stopped = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not stopped.wait(0.05):
            connection.sendall(b"X-Slow: 1\r\n")

    behaviours.append(trickle)
    outcome = http.post(url, b"{}", {})
    stopped.set()
    assert outcome.error == "timeout" and 400 <= outcome.milliseconds < 5000


def test_an_endless_answer_is_read_no_further_than_its_beginning(raw_server):
    behaviours, url = raw_server
    sent = []

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        while True:
            sent.append(connection.send(b"x" * 65536))

    behaviours.append(flood)
    outcome = http.post(url, b"{}", {})
    assert outcome.arrived and len(outcome.answer) == http.KEPT
    assert sum(sent) < 50_000_000


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n", b"\x00\xff" * 100])
def test_nonsense_is_a_failure_like_any_other(raw_server, answer):
    behaviours, url = raw_server
    behaviours.append(lambda connection: connection.sendall(answer))
    outcome = http.post(url, b"{}", {})
    assert (outcome.error, outcome.final) == ("no_connection", False)


def test_what_the_log_keeps_of_an_answer_can_be_stored_and_shown(settings):
    settings.WEBHOOK_NETWORKS = LOOPBACK
    with receiver(Answer(500, body=b"\x00\x1b[31m<b>\xff\r\n" + "错误".encode() * 500)) as hook:
        answer = http.post(hook.url, b"{}", {}).answer
    assert answer.isprintable() and len(answer) <= http.KEPT and "<b>" in answer and "错误" in answer
