"""The document held against both frameworks by a tool that is not ours.

`python -m tests.soak.fuzz_contract` does the same against real servers, with a hundred thousand requests.
"""

from __future__ import annotations

from typing import Any, cast

import httpx2
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import CheckFunction
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from textmill.service.openapi import document

load_all_checks()
SCHEMA = schemathesis.openapi.from_dict(
    document(secured=False, issuing=False),
    config=SchemathesisConfig.from_dict({"generation": {"max-examples": 20}}),
)
DEPENDING = cast("CheckFunction", CHECKS.get_one("positive_data_acceptance"))
"""Which options a call to a model may have depends on its task, which a schema of the path cannot say."""


@SCHEMA.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_the_answer_is_a_documented_one(
    case: schemathesis.Case[Any], client: httpx2.Client
) -> None:
    """Status, headers and body are those of the document, and never a failure of ours."""
    sent = case.as_transport_kwargs(base_url="http://textmill")
    del sent["cookies"]
    if isinstance(sent.get("data"), bytes):
        sent["content"] = sent.pop("data")
    answer = client.request(**sent)

    case.validate_response(answer, excluded_checks=[DEPENDING])
