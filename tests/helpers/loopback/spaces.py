"""What a Space has beside its files: a runtime, variables and secrets."""

from .cards import check_card, metadata_of
from .storage import MAIN, HubError, now

FREE = ("cpu-basic", "zero-a10g")


def runtime_of(repository, storage):
    """The runtime as the files allow it: a Space without a valid README.md or without its app does not start."""
    state, files = repository.state, repository.files(repository.resolve(MAIN))
    card = files.get("README.md")
    text = storage.get(card["sha256"]).decode() if card else ""
    metadata = metadata_of(text) or {}
    stage = "BUILDING" if state.get("building") else "RUNNING"
    if check_card(text, "space")[0] or not metadata:
        stage = "CONFIG_ERROR"
    elif metadata.get("sdk") == "gradio" and metadata.get("app_file", "app.py") not in files:
        stage = "NO_APP_FILE"
    hardware = {"current": None if stage == "BUILDING" else state["hardware"], "requested": state["hardware"]}
    return {"stage": stage, "hardware": hardware, "gcTimeout": 172800, "storage": None}


def _space(request, kind, name, *, write=False):
    if kind != "space":
        raise HubError(404, f"{name} is a {kind}, no space")
    return request.repository(kind, name, write=write)


def runtime(request, kind, name):
    """The runtime; a build is seen once and then done."""
    repository = _space(request, kind, name)
    answer = runtime_of(repository, request.hub.storage)
    if repository.state.pop("building", False):
        repository.save()
    return answer


def request_hardware(request, kind, name):
    repository = _space(request, kind, name, write=True)
    flavour = request.json["flavor"]
    if flavour not in FREE:
        raise HubError(402, f"Payment required: hardware {flavour} needs a payment method")
    repository.state["hardware"] = flavour
    repository.save()
    return runtime_of(repository, request.hub.storage)


def restart(request, kind, name):
    repository = _space(request, kind, name, write=True)
    repository.state["building"] = True
    repository.save()
    return runtime_of(repository, request.hub.storage)


def list_variables(request, kind, name):
    return _space(request, kind, name, write=True).state["variables"]


def add_variable(request, kind, name):
    return _add(request, kind, name, "variables", "secrets", {"value": request.json["value"]})


def delete_variable(request, kind, name):
    return _delete(request, kind, name, "variables")


def list_secrets(request, kind, name):
    return _space(request, kind, name, write=True).state["secrets"]


def add_secret(request, kind, name):
    # the value goes nowhere: nobody can read it back
    _add(request, kind, name, "secrets", "variables", {})
    return {}


def delete_secret(request, kind, name):
    return _delete(request, kind, name, "secrets")


def _add(request, kind, name, place, other, fields):
    repository = _space(request, kind, name, write=True)
    key = request.json["key"]
    if key in repository.state[other]:
        raise HubError(400, f"{key} exists already among the {other}")
    repository.state[place][key] = fields | {"description": request.json.get("description"), "updatedAt": now()}
    repository.save()
    return repository.state[place]


def _delete(request, kind, name, place):
    repository = _space(request, kind, name, write=True)
    repository.state[place].pop(request.json["key"], None)
    repository.save()
    return repository.state[place]
