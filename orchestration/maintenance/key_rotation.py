"""What is stored sealed, sealed anew with MUSTER_SECRET_KEY while MUSTER_SECRET_KEY_OTHER still opens it."""

from dataclasses import dataclass
from importlib import import_module

from django.apps import apps
from django.db.models import Model

from orchestration.configuration import credentials, secrets
from orchestration.models import Credential, Secret, Trigger
from orchestration.triggers import hooks
from workspaces.models import Channel, SecondFactor
from workspaces.notices.kinds import signing
from workspaces.people.password_login import codes
from workspaces.secrets import sealing

Place = tuple[str, type[Model], str, str]
PLACES: tuple[Place, ...] = (
    ("secrets of workspaces", Secret, "sealed", secrets.PURPOSE),
    ("keys of credentials", Credential, "sealed", credentials.PURPOSE),
    ("secrets of triggers", Trigger, "sealed", hooks.PURPOSE),
    ("signing secrets of webhooks", Channel, "sealed", signing.PURPOSE),
    ("second factors", SecondFactor, "sealed_key", codes.PURPOSE),
)


@dataclass
class Count:
    """`current`: MUSTER_SECRET_KEY opens it. `other`: the other key does. `lost`: neither, by primary key."""

    what: str
    current: int
    other: int
    lost: list[str]


def rotate(*, write: bool) -> list[Count]:
    """Count what each key opens; `write`: and seal it anew. Each row by itself, unless another process changed it meanwhile: a second call goes on."""
    return [_rotate(*place, write=write) for place in (*PLACES, *_of_single_sign_on())]


def _of_single_sign_on() -> list[Place]:
    if not apps.is_installed("workspaces.sso"):  # its models can be imported only where it is set up
        return []
    purpose = import_module("workspaces.sso.people").PURPOSE
    return [("refresh tokens of single sign-on", apps.get_app_config("sso").get_model("ProviderLogin"), "refresh_token", purpose)]


def _rotate(what: str, model: type[Model], field: str, purpose: str, *, write: bool) -> Count:
    count = Count(what, 0, 0, [])
    rows = model._default_manager.order_by("pk").values_list("pk", field)
    for pk, sealed in [(pk, bytes(sealed)) for pk, sealed in rows.iterator() if sealed]:
        if sealing.is_current(sealed, purpose=purpose):
            count.current += 1
            continue
        try:
            value = sealing.unseal(sealed, purpose=purpose)
        except sealing.Sealed:
            count.lost.append(str(pk))
            continue
        fresh = {field: sealing.seal(value, purpose=purpose)}
        if write and model._default_manager.filter(pk=pk, **{field: sealed}).update(**fresh):
            count.current += 1
        else:
            count.other += 1
    return count
