"""What the schema says is what is answered: schemathesis against a running service.

Every operation of `/schema/openapi.json` gets generated requests, the same ones each time. No
answer may be a fault of the service, have a status or a content type that its operation does not
name, or a body that does not fit its schema. `SEAWALL_SCHEMA_EXAMPLES=200` looks longer.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from seawall.service.client import Client, requests

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed: the schema is not fuzzed"
)
EXAMPLES = int(os.environ.get("SEAWALL_SCHEMA_EXAMPLES", "4"))
KNOWN = {"name": "alice", "coin": "BTC", "auction": 1, "order": 1, "proposal": 1}


def test_every_operation_answers_as_its_schema_says(
    start: Callable[..., Any], born: Callable[[Client], None]
) -> None:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
    from schemathesis import checks

    served = start("--bootstrap").ready()
    secret = next(line for line in served.said if line.startswith("admin key")).split()[-1]
    with served.client(secret) as client:
        born(client)
    schema = schemathesis.openapi.from_url(f"{served.url}/schema/openapi.json")
    checked = [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    asked = dict.fromkeys(("GET", "POST", "PUT", "DELETE"), 0)
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), knows=st.booleans())
        def ask(case: Any, knows: bool) -> None:
            if knows:
                for name in case.path_parameters or ():
                    case.path_parameters[name] = KNOWN.get(name, case.path_parameters[name])
            answer = case.call(headers={"Authorization": f"Bearer {secret}"}, timeout=30)
            asked[case.method.upper()] += 1
            case.validate_response(answer, checks=checked)

        ask()
    assert asked["GET"] > 20
    assert asked["POST"] > 20
    with served.client(secret) as client:
        assert client.send(requests.view("venue"))["started"]
