"""Targets of notices: what may be reached, e-mail through a real server, and the order of lanes."""

from __future__ import annotations

import asyncio
import email
import email.policy
import itertools
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.service.receiver import Got, Receiver

from seawall.engine.history.journal import Journal
from seawall.service.notices import SignatureError, verify
from seawall.service.notices.delivery import Delivery
from seawall.service.notices.notices import Notices
from seawall.service.notices.signature import signed
from seawall.service.notices.tables import NoticeStore, keep
from seawall.service.notices.targets import Senders, Target, check, may_reach, shown_url
from seawall.service.notices.wire import TargetAsked
from seawall.service.words.problem import Problem

# On Python below 3.13 apprise's mail plugin asks for a module that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("93.184.216.34", True, True),
        ("10.0.0.1", False, True),
        ("192.168.1.1", False, True),
        ("172.16.0.1", False, True),
        ("169.254.169.254", False, True),  # Where clouds keep their secrets.
        ("100.64.0.1", False, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("64:ff9b::a00:1", False, True),  # 10.0.0.1 behind NAT64.
        ("2002:a00:1::", False, True),  # And behind 6to4.
        ("fd00::1", False, True),
        ("fe80::1", False, True),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("255.255.255.255", False, False),
        ("2606:2800:220:1:248:1893:25c8:1946", True, True),
    ],
)
def test_which_addresses_a_webhook_may_reach(address: str, public: bool, private: bool) -> None:
    found = ip_address(address)
    assert may_reach(found, named_here=False, private=False) is public
    assert may_reach(found, named_here=False, private=True) is private


def sent(target: TargetAsked, **more: Any) -> str | None:
    async def run() -> str | None:
        senders = Senders(**{"private": False, **more})
        body = '{"id": "n1", "sequence": 7, "kind": "call"}'
        try:
            return await senders.send(Target("t1", target, 0, "secret"), "n1", "a call", body)
        finally:
            await senders.close()

    return asyncio.run(run())


def webhook(url: str, **more: Any) -> TargetAsked:
    return TargetAsked(name="desk", kind="webhook", url=url, **more)


def test_an_address_is_looked_at_when_it_is_connected_to() -> None:
    """A name is public when the target is made and may lead elsewhere later."""
    said = sent(webhook("https://10.0.0.1/hook", timeout_s=2))
    assert said == "ConnectionError: 10.0.0.1 is at 10.0.0.1, which is not public"


@pytest.mark.parametrize(
    "url",
    ["http://example.org", "https://", "file:///etc/passwd", "https://a b/", "https://h:0/",
     "https://h/#x", "https://me:pw@h/", "https://[::1", "https://h:99999/", "https://é/"],
)  # fmt: skip
def test_urls_that_are_none_for_a_webhook(url: str) -> None:
    with pytest.raises(Problem) as caught:
        check(webhook(url))
    assert (caught.value.status, caught.value.code) == (400, "bad_target")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_localhost_by_name_is_found_at_either_of_its_addresses(receiver: Receiver) -> None:
    assert sent(webhook(f"http://localhost:{receiver.port}/a?b=c")) is None
    (got,) = receiver.got
    assert got.path == "/a?b=c"
    assert got.headers["Host"] == f"localhost:{receiver.port}"


def test_an_answer_that_never_ends_is_no_answer() -> None:
    """Each byte comes in time and the whole does not."""

    async def run() -> tuple[str | None, float]:
        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n")
            try:
                for number in range(200):
                    writer.write(f"X-{number}: y\r\n".encode())
                    await writer.drain()
                    await asyncio.sleep(0.02)
            except ConnectionError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        senders = Senders(private=False)
        began = time.monotonic()
        asked = webhook(f"http://127.0.0.1:{port}/", timeout_s=0.3)
        said = await senders.send(Target("t1", asked, 0, "secret"), "n1", "", "{}")
        took = time.monotonic() - began
        await senders.close()
        server.close()
        await server.wait_closed()
        return said, took

    said, took = asyncio.run(run())
    assert said == "no answer within 0.3 s"
    assert took < 2


def test_a_signature_is_of_this_time_this_secret_and_this_body() -> None:
    body = b'{"id":"n1"}'
    headers = signed(["new", "old"], 1_700_000_000, "n1", body)
    lower = httpx.Headers(headers)
    for secret in ("new", "old"):
        assert verify(secret, lower, body, 1_700_000_000)["id"] == "n1"
    wrong: list[tuple[str, dict[str, str], bytes, float]] = [
        ("other", headers, body, 1_700_000_000),
        ("new", headers, b'{"id":"n2"}', 1_700_000_000),
        ("new", headers, body, 1_700_000_301),
        ("new", headers, body, 1_699_999_699),
        ("new", headers | {"Seawall-Timestamp": "1700000001"}, body, 1_700_000_000),
        ("new", headers | {"Seawall-Timestamp": "-1"}, body, 1_700_000_000),
        ("new", {}, body, 1_700_000_000),
        ("new", headers | {"Seawall-Signature": "v1=,é,"}, body, 1_700_000_000),
    ]
    for secret, head, told, now_s in wrong:
        with pytest.raises(SignatureError):
            verify(secret, head, told, now_s)


# -- apprise ---------------------------------------------------------------------------------------


def test_an_e_mail_arrives_at_a_real_server() -> None:
    pytest.importorskip("apprise", reason="apprise is not installed: pip install seawall[notices]")
    smtp = pytest.importorskip("aiosmtpd.smtp", reason="aiosmtpd is not installed")
    letters: list[Any] = []

    class Keeps:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            letters.append(envelope)
            return "250 kept"

    async def run() -> str | None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: smtp.SMTP(Keeps()), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        url = f"mailto://127.0.0.1:{port}?from=venue@example.org&to=risk@example.org"
        asked = TargetAsked(name="risk", kind="apprise", url=url)
        check(asked)
        senders = Senders(private=False)
        body = '{"id": "n1", "sequence": 7, "kind": "call"}'
        said = await senders.send(Target("t1", asked, 0), "n1", "a call", body)
        await senders.close()
        server.close()
        await server.wait_closed()
        return said

    assert asyncio.run(run()) is None
    (letter,) = letters
    read = email.message_from_bytes(letter.content, policy=email.policy.default)
    assert letter.rcpt_tos == ["risk@example.org"]
    assert str(read["Subject"]) == "Seawall: a call"
    assert b"notice n1" in letter.content or "notice n1" in read.as_string()


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("mailtos://me:pass-word@example.org?to=risk@example.org", "pass-word"),
        ("tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/-1001", "abcdefghijklm"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#risk", "TIiajkdnlazkcOXrIdevi7FQ"),
    ],
)
def test_addresses_of_apprise_are_read_and_shown_without_their_secret(
    url: str, secret: str
) -> None:
    pytest.importorskip("apprise", reason="apprise is not installed: pip install seawall[notices]")
    asked = TargetAsked(name="desk", kind="apprise", url=url)
    check(asked)
    assert secret in url
    assert secret not in shown_url(asked)


@pytest.mark.parametrize("url", ["json://10.0.0.1/", "nothing://x", "", "syslog://", "tgram://"])
def test_addresses_that_apprise_may_not_have(url: str) -> None:
    pytest.importorskip("apprise", reason="apprise is not installed: pip install seawall[notices]")
    with pytest.raises(Problem) as caught:
        check(TargetAsked(name="desk", kind="apprise", url=url))
    assert caught.value.code == "bad_target"


# -- lanes -----------------------------------------------------------------------------------------


def row(number: int, account: str, target: str) -> dict[str, Any]:
    return {
        "id": f"n{number:04d}", "occasion": f"o{number}", "sequence": number, "time_ms": 0,
        "held_until_ms": None, "escalates_ms": None, "escalates_to": "", "kind": "call",
        "account": account, "subject": "", "rule": "r", "target": target, "text": "",
        "state": "pending", "body": f'{{"id":"n{number:04d}","account":"{account}"}}',
        "attempts": 0, "due_ms": 0,
    }  # fmt: skip


def test_notices_of_an_account_keep_their_order_and_targets_do_not_wait(tmp_path: Path) -> None:
    """Every third attempt fails, one target is dead, and still each account's come in order."""
    url = f"sqlite:///{tmp_path / 'venue.db'}"
    Journal.create(str(tmp_path / "venue.db")).close()
    good, dead = Receiver(), Receiver()
    port = dead.port
    dead.close()
    attempts, taken, lock = itertools.count(1), list[str](), threading.Lock()

    def answer(got: Got) -> int:
        with lock:
            if next(attempts) % 3 == 0:
                return 500
            taken.append(got.headers["Seawall-Notice"])
            return 204

    good.answer = answer
    targets = {
        "good": Target("good", webhook(good.url, pause_s=0.01), 0, "secret"),
        "dead": Target("dead", webhook(f"http://127.0.0.1:{port}/", pause_s=0.01), 0, "secret"),
    }
    store = NoticeStore(url, durable=False)
    rows = [row(n, f"a{n % 5}", ("good", "dead")[n // 5 % 2]) for n in range(400)]
    with store.writing() as connection:
        keep(connection, rows)
    delivery = Delivery(store, lambda: targets, lambda: 0)
    delivery.start()
    until = time.monotonic() + 20
    wanted = {one["id"] for one in rows if one["target"] == "good"}
    first: dict[str, list[str]] = {}
    accepted: set[str] = set()
    while accepted != wanted:
        assert time.monotonic() < until, len(accepted)
        time.sleep(0.02)
        accepted = {one.id for one in store.notices(0, 500, state="sent")}
    delivery.stop()
    assert sorted(taken) == sorted(wanted)  # Nothing was sent twice that had been taken.
    for got in good.got:
        told = verify("secret", got.headers, got.body)
        ids = first.setdefault(str(told["account"]), [])
        if told["id"] not in ids:
            ids.append(str(told["id"]))
    assert sum(map(len, first.values())) == 200
    for ids in first.values():
        assert ids == sorted(ids)
    assert not store.notices(0, 500, state="sent", target="dead")
    store.close()
    good.close()


def test_whatever_is_written_while_it_looks_is_found(tmp_path: Path) -> None:
    """Each is written just as the one before it is settled, when the delivery looks for more."""
    url = f"sqlite:///{tmp_path / 'venue.db'}"
    Journal.create(str(tmp_path / "venue.db")).close()
    targets = {"t": Target("t", TargetAsked(name="log", kind="log"), 0)}
    store, writing = NoticeStore(url, durable=False), NoticeStore(url, durable=False)
    delivery = Delivery(store, lambda: targets, lambda: 0)
    delivery.start()
    for number in range(300):
        with writing.writing() as connection:
            keep(connection, [row(number, "a", "t")])
        delivery.wake(("t",))
        until = time.monotonic() + 3
        while writing.notice(f"n{number:04d}").state != "sent":
            assert time.monotonic() < until, f"{number} was forgotten"
            time.sleep(0.0002)
    delivery.stop()
    store.close()
    writing.close()


def test_what_nobody_settled_goes_out_again(tmp_path: Path) -> None:
    """A receiver that answers while the delivery ends gets it once more from the next one."""
    url = f"sqlite:///{tmp_path / 'venue.db'}"
    Journal.create(str(tmp_path / "venue.db")).close()
    receiver = Receiver()

    def slow(got: Got) -> int:
        time.sleep(0.5 if len(receiver.got) == 1 else 0)
        return 204

    receiver.answer = slow
    targets = {"t": Target("t", webhook(receiver.url), 0, "secret")}
    store = NoticeStore(url)
    with store.writing() as connection:
        keep(connection, [row(1, "a", "t")])
    first = Delivery(store, lambda: targets, lambda: 0)
    first.start()
    receiver.wait(1)
    first.stop()
    second = Delivery(store, lambda: targets, lambda: 0)
    second.start()
    receiver.wait(2)
    second.stop()
    assert receiver.got[0].body == receiver.got[1].body
    store.close()
    receiver.close()


def test_tables_are_made_once_and_closed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'venue.db'}"
    Journal.create(str(tmp_path / "venue.db")).close()
    for _ in range(2):
        notices = Notices(url)
        assert notices.rules() == []
        notices.stop()
