"""Trying again, signing, and which addresses may be called: the pure parts of what goes out."""

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Invalid
from jobs.sending import http, signature
from jobs.sending.rules import BACK_OFF, LONGEST_WISH, MOST_TRIES, Outcome, next_try, of_status

NOW = datetime(2026, 6, 15, 4, 0, tzinfo=UTC)
FAILED = Outcome("no_connection")


# --- Back-off -----------------------------------------------------------------------------------------------------


def test_tries_come_later_and_later_for_three_days_and_then_end():
    waits = [next_try(FAILED, tries, NOW, 0.0) - NOW for tries in range(1, MOST_TRIES)]
    assert waits == list(BACK_OFF) and waits == sorted(waits)
    assert timedelta(days=3) < sum(waits, timedelta()) < timedelta(days=4)
    assert next_try(FAILED, MOST_TRIES, NOW, 0.0) is None


@given(st.integers(1, MOST_TRIES - 1), st.floats(0, 1))
def test_jitter_only_makes_it_later_by_a_fifth_at_most(tries, share):
    wait = next_try(FAILED, tries, NOW, share) - NOW
    assert BACK_OFF[tries - 1] <= wait <= BACK_OFF[tries - 1] * 1.2 + timedelta(seconds=1)


@pytest.mark.parametrize("outcome", [Outcome(status=204), Outcome("x", final=True), Outcome("gone", gone=True)])
def test_what_arrived_or_cannot_arrive_is_not_tried_again(outcome):
    assert next_try(outcome, 1, NOW, 0.0) is None


@pytest.mark.parametrize(
    ("wish", "expected"),
    [(1, 5), (60, 60), (10**7, LONGEST_WISH.total_seconds())],
)
def test_a_receiver_may_ask_for_more_time_within_reason(wish, expected):
    asked = Outcome("refused", 429, wait=timedelta(seconds=wish))
    assert (next_try(asked, 1, NOW, 0.0) - NOW).total_seconds() == expected


@pytest.mark.parametrize(
    ("status", "error", "gone"),
    [
        (200, "", False),
        (299, "", False),
        (301, "redirect", False),
        (308, "redirect", False),
        (404, "refused", False),
        (410, "gone", True),
        (429, "refused", False),
        (503, "refused", False),
    ],
)
def test_what_a_status_means(status, error, gone):
    found = of_status(status)
    assert (found.error, found.gone, found.final) == (error, gone, False)


# --- Signature ----------------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_standard():
    """The worked example of standardwebhooks.com."""
    signed = signature.sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


# --- Addresses ----------------------------------------------------------------------------------------------------

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo around 127.0.0.1
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_in_every_spelling(address):
    assert not http.permitted(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address):
    assert http.permitted(ipaddress.ip_address(address))


def test_an_operator_opens_networks_one_by_one(settings):
    settings.WEBHOOK_NETWORKS = [ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd00::/8")]
    for address, permitted in {"10.20.3.4": 1, "::ffff:10.20.3.4": 1, "fd00::1": 1, "10.21.0.1": 0, "::1": 0}.items():
        assert http.permitted(ipaddress.ip_address(address)) is bool(permitted)


BAD = {
    "": None,
    "example.com/hook": None,
    "ftp://example.com/": None,
    "file:///etc/passwd": None,
    "gopher://example.com/": None,
    "javascript:alert(1)": None,
    "//example.com/": None,
    "https://": None,
    "https:///path": None,
    "https://user:secret@example.com/": None,
    "https://user@example.com/": None,
    "https://example.com:0/": None,
    "https://example.com:99999/": None,
    "https://exa mple.com/": None,
    "https://example.com/\r\nX-Evil: 1": None,
    "https://example.com/" + "x" * 500: None,
    "http://127.0.0.1/": "private_address",
    "http://127.1/": "private_address",
    "http://2130706433/": "private_address",
    "http://0x7f000001/": "private_address",
    "http://0177.0.0.1/": None,
    "http://0/": "private_address",
    "http://[::1]/": "private_address",
    "http://[::ffff:127.0.0.1]/": "private_address",
    "http://[::ffff:7f00:1]:8000/": "private_address",
    "http://169.254.169.254/latest/meta-data/": "private_address",
    "http://10.0.0.1:5432/": "private_address",
    "http://localhost/": "private_address",
    "http://LOCALHOST./": "private_address",
    "http://hooks.localhost/": "private_address",
    "http://db/": "private_address",
    "http://metadata.google.internal/": "private_address",
    "http://printer.local/": "private_address",
    "http://ⓛocalhost/": None,
    "http://１２７.0.0.1/": None,
}


@pytest.mark.parametrize(("url", "code"), BAD.items())
def test_addresses_that_we_would_never_call_are_refused(url, code):
    with pytest.raises(Invalid) as refused:
        http.check_url(url)
    assert set(refused.value.errors) == {"url"}
    if code:
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://hooks.example.com/a?b=c", "https://hooks.example.com/a?b=c"),
        ("  http://hooks.example.com:8080/x  ", "http://hooks.example.com:8080/x"),
        ("https://93.184.216.34/", "https://93.184.216.34/"),
        ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
        ("https://例子.中国/钩子", "https://xn--fsqu00a.xn--fiqs8s/%E9%92%A9%E5%AD%90"),
        ("https://example.com/#part", "https://example.com/"),
    ],
)
def test_addresses_are_kept_as_they_are_called(url, kept):
    assert http.check_url(url) == kept
