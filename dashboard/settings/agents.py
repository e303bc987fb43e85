"""The page of a workspace's agents: health, configuration and secrets."""

import json
from typing import Any

from django import forms
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.settings import credentials
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import done
from orchestration import configuration
from orchestration.configuration import agent_checks, agent_states, circuit_breaker, difference, secrets
from orchestration.configuration.config import agent_kinds
from orchestration.edge import queries
from orchestration.models import Secret
from workspaces.access import Need


class SecretForm(forms.Form):
    name = forms.CharField(max_length=100, error_messages={"required": "Write the variable's name"})
    value = forms.CharField(max_length=16_000, strip=False, error_messages={"required": "Write its value"})


@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    regions = HEADER | {
        "agents": Region("settings/agents.html#agents", agents_region),
        "credentials": Region("settings/credentials.html", credentials.region),
        "secrets": Region("settings/agents.html#secrets", secrets_region),
    }
    return render_page(page_request, "settings/agents.html", regions)


@require_POST
@in_workspace(Need.OPERATE)
def retry(page_request: PageRequest) -> HttpResponse:
    credential = page_request.request.POST.get("credential", "")
    circuit_breaker.try_again(page_request.workspace.pk, by=page_request.caller, credential=credential)
    return done(page_request, "Entries that waited for the provider may start now")


@require_POST
@in_workspace(Need.OPERATE)
def check(page_request: PageRequest) -> HttpResponse:
    agent_checks.request(page_request.workspace.pk)
    return done(page_request, "A session worker looks for the agents' programs and keys now")


@require_POST
@in_workspace(Need.ADMIN)
def put_secret(page_request: PageRequest) -> HttpResponse:
    form_data = validated(SecretForm(page_request.request.POST))
    row = secrets.put(page_request.workspace.pk, form_data["name"], form_data["value"], by=page_request.caller)
    return done(page_request, f"{row.name} is saved; agents that start from now on receive it")


@require_POST
@in_workspace(Need.ADMIN)
def remove_secret(page_request: PageRequest, name: str) -> HttpResponse:
    secrets.remove(page_request.workspace.pk, name, by=page_request.caller)
    return done(page_request, f"{name} is removed; agents that start from now on do not receive it")


def agents_region(page_request: PageRequest) -> dict[str, Any]:
    """The agents that implement, review and verify, and the versions of their programs."""
    executor = page_request.executor
    config = configuration.load(executor.config)
    roles: list[tuple[str, configuration.Agent, str, int | None]] = [("Implements", config.agent, "", None)]
    for does, part in (("Reviews each diff", config.interceptor), ("Verifies the criteria", config.verifier)):
        if part:
            roles.append((does, part.acting_agent, part.agent_name, configuration.micro(part.round_usd)))
    by_role = {"plan": "Plans", "expand": "Splits entries", "orchestrate": "Rearranges the backlog"}
    for role, proposer in config.proposers.items():
        if proposer:
            roles.append((by_role[role], proposer.acting_agent, proposer.agent_name, configuration.micro(proposer.run_usd)))
    states = agent_states.of_executor(executor)
    state = queries.agent_state_of(executor, states)
    asked = queries.asked_for_agents(page_request.workspace.pk) if config.agents else {}
    offer = queries.private_network_offer(config)
    return {
        "agents": states,
        "state": state,
        "agent_check": agent_checks.current(page_request.workspace.pk),
        "roles": [
            {"does": does, "agent": agent, "name": name, "title": agent_kinds.title(agent.kind), "limit": limit}
            for does, agent, name, limit in roles
        ],
        "named": [
            {
                "name": name or configuration.DEFAULT,
                "agent": agent,
                "title": agent_kinds.title(agent.kind),
                "asked": asked.get(name, 0),
            }
            for name, agent in config.by_name.items()
        ],
        "programs": [
            (
                program["host"],
                [(agent_kinds.title(kind), version) for kind, version in sorted(program["versions"].items())],
                program["sandbox"] or "not known yet",
            )
            for program in state["programs"]
        ],
        "sandbox": queries.sandbox_in_force(config, offer),
        "private_network_offer": offer,
        "config_version": difference.version(executor.config),
        "may_admin": page_request.may(Need.ADMIN),
        "config": json.dumps(configuration.without_values(configuration.as_json(config)), indent=2, ensure_ascii=False),
    }


def secrets_region(page_request: PageRequest) -> dict[str, Any]:
    return {
        "secrets": list(Secret.objects.filter(workspace=page_request.workspace).order_by("name")),
        "may_admin": page_request.may(Need.ADMIN),
    }
