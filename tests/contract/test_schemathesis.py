"""Schemathesis against the whole API: what it can think of answers with a documented status and shape, and never with a 5xx.

More examples: MUSTER_TEST_EXAMPLES=200 ./muster test tests/contract/test_schemathesis.py
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from ninja.responses import NinjaJSONEncoder

from config.asgi import wsgi
from config.http.api import api
from orchestration.models import Proposal, Session
from orchestration.sessions.logs import chunks as log_chunks
from tests import sampling
from tests.contract.operations import FOR_AGENTS, NAMED, Operation
from tests.factories import a_charge, a_session, a_token, a_workspace, an_entry, ended, keep_alive
from tests.orchestration.proposals.made import PLANNER, a_run
from tests.plugins import stages
from workspaces.people import tokens

EXAMPLES = int(os.environ.get("MUSTER_TEST_EXAMPLES", "8" if sampling.WHOLE else "5"))


def in_the_middle_of_work() -> Session:
    workspace = a_workspace(planner=PLANNER)
    a_run(workspace, "Parse dates")
    entry = an_entry(workspace, files=["a.py"])
    ended(a_session(entry))
    session = a_session(entry)
    a_charge(entry, "0.5")
    writer = log_chunks.Writer(session, limit=10_000)
    writer.add("stdout", "a line")
    writer.flush()
    return session


@pytest.fixture
def stage() -> stages.Make:
    return in_the_middle_of_work


@pytest.fixture
def seeded(db: None) -> dict[str, str]:
    """The ids of a workspace in the middle of its work, and who calls."""
    session = stages.row(in_the_middle_of_work)
    keep_alive()
    proposal = Proposal.objects.get(run__session__workspace=session.workspace_id)
    return {
        "runID": proposal.run_id,
        "proposalID": str(proposal.pk),
        "workspaceID": session.workspace_id,
        "entryID": session.entry_id,
        "sessionID": session.pk,
        "admin": a_token(),
        "agent": tokens.create("agent", workspace=session.workspace, session_ref=session.pk),
    }


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Close no connection at a request's end, as Django's own test client does: the test's transaction is in it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def schema() -> Any:
    """Loaded by the processes that use it: it takes seconds, which collecting would cost each process of the run. Without a request, whose end
    would look at the database's connection before the test may use it."""
    import schemathesis

    schema = schemathesis.openapi.from_dict(
        json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"), cls=NinjaJSONEncoder))
    )
    schema.app = wsgi
    schema.config.phases.coverage.enabled = sampling.WHOLE  # the boundary values of every schema
    return schema


@pytest.mark.parametrize("operation", **NAMED)
def test_every_generated_request_gets_a_documented_response(operation: Operation, schema: Any, seeded: dict[str, str]) -> None:
    from schemathesis.checks import load_all_checks, not_a_server_error
    from schemathesis.generation.feedback import FeedbackSources
    from schemathesis.pytest._test_builder import build_operation_test  # as its own plugin does, which builds all at collection
    from schemathesis.python._constants.orchestrator import make_constants_value_source
    from schemathesis.specs.openapi import checks

    load_all_checks()
    expected = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.negative_data_rejection,
        checks.ignored_auth,
        checks.unsupported_method,
    ]

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answers_as_documented(case: Any) -> None:
        if not operation.name.endswith("Delete") or operation.name == "workspaceDelete":  # what exists is what gets deep
            case.path_parameters = {key: seeded.get(key, value) for key, value in (case.path_parameters or {}).items()}
        token = seeded["agent" if operation.name in FOR_AGENTS else "admin"]
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=expected)

    build_operation_test(
        config=schema.config,
        operation=schema[operation.path][operation.method],
        test_func=answers_as_documented,
        given_kwargs={},
        feedback=FeedbackSources(constants_value_source=make_constants_value_source(schema)),
    )()
