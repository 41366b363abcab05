"""A read-only MCP server over the calls of the service, for assistants that ask about a venue.

It speaks the Model Context Protocol over its standard input and output and asks a running service
over HTTP, with a key that needs the scope `read` only. No tool sends a command: every request that
goes out is checked to have no key of a command. Every answer has the sequence of the event that it
stands on and its time; money, prices and quantities are text, to the last digit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

import anyio
import msgspec
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from seawall import __version__
from seawall.service.client import (
    AsyncClient,
    Problem,
    UnknownOutcomeError,
    repair_requests,
    requests,
)
from seawall.service.client.requests import Wanted
from seawall.service.words.wire import Supposed

__all__ = ["run", "server_of"]

Told = dict[str, Any]
Name = Annotated[str, Field(min_length=1, max_length=100, description="Name of an account.")]
Limit = Annotated[int, Field(ge=1, le=100)]
Event = Annotated[int, Field(ge=1, description="Sequence of an event.")]
EVENTS_MOST = 50
INSTRUCTIONS = """\
Questions to one derivatives venue whose margin engine is Seawall; nothing here changes anything.
Every answer has `sequence`, the last event it stands on, and `time_ms`, that event's time (UTC).
Money and prices are decimal text in the numeraire unless a coin is named; quantities are base \
coins, or dollars where a contract is sized in them. `headroom` is margin equity - maintenance; \
`distance` is headroom / notional: a fall of everything by less calls nobody. Numbers under \
`systemic` are modelled."""


@dataclass
class Trade:
    """A trade that is only supposed."""

    instrument: str
    quantity: str  # Negative sells.
    price: str | None = None  # Default: the mark.


@dataclass
class Change:
    """What is supposed to happen."""

    trades: list[Trade] = field(default_factory=list)
    deposits: dict[str, str] = field(default_factory=dict)  # By coin; negative: withdrawals.
    moves: dict[str, str] = field(default_factory=dict)  # By coin: "-10%" or "-0.1".
    volatility: str | None = None  # Of every implied volatility: "+15%".


class _Questions:
    """What can be asked; each method is a tool, and its docstring what an assistant reads."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def overview(self) -> Told:
        """Say how the venue stands: accounts by status, funds, breakers, prices of coins."""
        venue = await self._ask(requests.view("venue"))
        funds = await self._ask(requests.view("insurance-funds"))
        breakers = await self._ask(requests.view("breakers"))
        prices = await self._ask(requests.view("prices"))
        return {
            **venue,
            "insurance_funds": funds["funds"],
            "breakers_shut": breakers["standing"],
            "prices": prices["coins"],
        }

    async def nearest_to_liquidation(self, limit: Limit = 20) -> Told:
        """List accounts by distance, the nearest to a margin call first."""
        return await self._ask(requests.accounts(order="distance", limit=limit))

    async def account(self, name: Name) -> Told:
        """Show one account: verdict, status, and rows that sum to its equity."""
        return await self._ask(requests.account(name))

    async def explain(self, name: Name, at: Event | None = None) -> Told:
        """Say why an account's margin is what it is, now or just after an earlier event."""
        told = await self._ask(requests.explain(name, at))
        margin = told["margin"]
        return {"sequence": margin["sequence"], "time_ms": margin["time_ms"], **told}

    async def what_if(self, name: Name, change: Change) -> Told:
        """Say where an account would stand after trades, deposits or moves; nothing is done."""
        kept = {key: entry for key, entry in asdict(change).items() if entry is not None}
        try:
            supposed = msgspec.convert(kept, Supposed)
        except msgspec.ValidationError as error:
            raise ToolError(f"bad_request: {error}") from None
        return await self._ask(requests.what_if(name, supposed))

    async def liquidation_prices(self, name: Name) -> Told:
        """Say at which prices, volatilities and times an account is called and liquidated."""
        return await self._ask(requests.liquidation_prices(name))

    async def calls(self) -> Told:
        """List the margin calls that stand, the next deadline first, at most 100."""
        return _first(await self._ask(requests.view("calls")), "calls")

    async def liquidations(self) -> Told:
        """List the accounts in liquidation with the orders that they wait for, at most 100."""
        return _first(await self._ask(requests.view("liquidations")), "liquidations")

    async def history(
        self,
        of: Literal["calls", "liquidations", "funding", "settlements"],
        first: Event = 1,
        last: Event = 2**53 - 1,
        limit: Limit = 50,
    ) -> Told:
        """Tell calls, liquidations, funding or expiries of a range of events, the latest first."""
        return await self._ask(repair_requests.history(of, first=first, last=last, limit=limit))

    async def systemic(self) -> Told:
        """Say how far a fall would spread: R0, distance to a cascade, what is at risk; modelled."""
        return await self._ask(requests.view("systemic"))

    async def journal(
        self, first: Event, limit: Annotated[int, Field(ge=1, le=EVENTS_MOST)] = 10
    ) -> Told:
        """Show a run of the journal as it is kept: integers in atoms, accounts by number."""
        told = await self._ask(requests.journal(first, limit))
        return await self._stamped({"sequence": told["last"], **told})

    async def rulebook(self) -> Told:
        """Show every rule that holds now, and their fingerprint."""
        return await self._ask(requests.view("rulebook"))

    async def _ask(self, wanted: Wanted[Any]) -> Told:
        """Send a question; what goes wrong is told by its stable code."""
        assert wanted.key is None, "a command was about to be sent"
        try:
            told = msgspec.to_builtins(await self._client.send(wanted))
        except Problem as problem:
            raise ToolError(f"{problem.code}: {problem.detail}") from None
        except UnknownOutcomeError as error:
            raise ToolError(f"no answer: {error}") from None
        except msgspec.MsgspecError as error:
            raise ToolError(f"this is no Seawall service: {error}") from None
        return await self._stamped(told) if "sequence" in told else told

    async def _stamped(self, told: Told) -> Told:
        """Add the time of the event that an answer stands on, where it does not say it itself."""
        if "time_ms" in told or not told["sequence"]:
            return told
        entries = (await self._client.send(requests.journal(told["sequence"], 1)))["entries"]
        return {"sequence": told["sequence"], "time_ms": entries[0]["time_ms"], **told}


def server_of(client: AsyncClient) -> MCPServer[Any]:
    """An MCP server that asks through a client."""
    server: MCPServer[Any] = MCPServer(
        "seawall", version=__version__, instructions=INSTRUCTIONS, log_level="ERROR"
    )
    questions = _Questions(client)
    for ask in (
        questions.overview,
        questions.nearest_to_liquidation,
        questions.account,
        questions.explain,
        questions.what_if,
        questions.liquidation_prices,
        questions.calls,
        questions.liquidations,
        questions.history,
        questions.systemic,
        questions.journal,
        questions.rulebook,
    ):
        only_reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
        server.add_tool(ask, annotations=only_reads)
    return server


def run(url: str, key: str | None) -> None:
    """Serve over standard input and output until they end."""

    async def serve() -> None:
        async with AsyncClient(url, key, retries=2) as client:
            await server_of(client).run_stdio_async()

    anyio.run(serve)


def _first(told: Told, of: str, most: int = 100) -> Told:
    return {**told, of: told[of][:most]}
