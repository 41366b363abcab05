"""`GET /v1/stream`: who may read, and one reader for each connection.

Knows Litestar's WebSocket and the desk. Without keys only loopback names are served; a page of
another origin is never.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from seawall.service.desk import Desk, check_host, checked, desk_of
from seawall.service.live.reader import Asked, Reader
from seawall.service.live.readers import BUSY, FOREIGN, UNAUTHENTICATED, Ending, Readers
from seawall.service.words.problem import Problem

AUTHENTICATE_S = 5.0
CLOSE_S = 5.0
FIRST_MOST = 4096  # Bytes of a first message.
Socket = WebSocket[Any, Any, Any]


@websocket("/v1/stream")
async def stream(socket: Socket) -> None:
    """Follow channels of the venue until the client leaves or is dropped."""
    desk = desk_of(socket)
    if not _may_come(socket, desk):
        await socket.close(FOREIGN.code, FOREIGN.reason)
        return
    await socket.accept()
    readers = desk.readers
    if not readers.admit():
        await _end(socket, BUSY)
        return
    try:
        token = await _authenticated(socket, desk)
        if isinstance(token, Ending):
            await _end(socket, token)
            return
        await _follow(socket, desk, readers, token)
    except WebSocketDisconnect:
        return  # It left before it was let in.
    finally:
        readers.connecting -= 1


def _may_come(socket: Socket, desk: Desk) -> bool:
    """Whether a browser, if it is one, shows a page of ours."""
    origin = socket.headers.get("origin")
    host = socket.headers.get("host", "")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return False
    if desk.keys.is_open:
        try:
            check_host(socket)
        except Problem:
            return False
    return True


async def _authenticated(socket: Socket, desk: Desk) -> str | Ending | None:
    """The Authorization header of who may read, or how this ends."""
    if desk.keys.is_open:
        return None
    header = socket.headers.get("authorization")
    try:
        if header is None:
            text = await asyncio.wait_for(socket.receive_data(mode="text"), AUTHENTICATE_S)
            asked = msgspec.json.decode(text[:FIRST_MOST], type=Asked)
            if asked.op != "authenticate" or not asked.key:
                return UNAUTHENTICATED
            header = f"Bearer {asked.key}"
        actor = desk.keys.known(header) or await checked(desk.keys, header)
    except (TimeoutError, msgspec.MsgspecError):
        return UNAUTHENTICATED
    except Problem as problem:
        return UNAUTHENTICATED if problem.status == 401 else BUSY
    if not actor.may("read"):
        return Ending(UNAUTHENTICATED.code, "scope_missing", "this needs a key with the scope read")
    return header


async def _follow(socket: Socket, desk: Desk, readers: Readers, token: str | None) -> None:
    reader = Reader(readers.live, desk.writer, socket.send_data)
    sending = asyncio.create_task(reader.send_all())
    hearing = asyncio.create_task(_hear(socket, reader))
    readers.enter(reader, token, sending)
    try:
        sequence, _ = readers.live.position()
        reader.answer({"type": "welcome", "sequence": sequence})
        await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        ending = readers.leave(reader, gone=hearing.done() and not sending.done())
    finally:
        for task in (sending, hearing):
            task.cancel()
        readers.leave(reader, gone=True)  # Where the service itself is stopping.
        await asyncio.gather(sending, hearing, return_exceptions=True)
        reader.leave_all()
    if ending is not None:
        await _end(socket, ending, told=False)


async def _hear(socket: Socket, reader: Reader) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await reader.hear(await socket.receive_data(mode="text"))


async def _end(socket: Socket, ending: Ending, *, told: bool = True) -> None:
    """Close, and never wait for who does not read."""
    extensions: Any = socket.scope.get("extensions") or {}
    drop = extensions.get("seawall.drop")
    with contextlib.suppress(WebSocketDisconnect, TimeoutError):
        if told:
            said = {"type": "error", "code": ending.reason, "detail": ending.detail}
            await socket.send_data(msgspec.json.encode(said).decode())
        if drop is not None:
            drop(ending.code, ending.reason)
        else:
            await asyncio.wait_for(socket.close(ending.code, ending.reason), CLOSE_S)
