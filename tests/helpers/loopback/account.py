"""Who am I, and is this card in order."""

from .cards import check_card
from .messages import Answer
from .storage import HubError


def whoami(request):
    if request.user is None:
        raise HubError(401, "Invalid username or password.")
    role = {"displayName": "loopback", "role": request.user["role"]}
    return {"type": "user", "name": request.user["name"], "orgs": [], "auth": {"accessToken": role}}


def validate_yaml(request):
    errors, warnings = check_card(request.json["content"], request.json.get("repoType", "model"))
    body = {"errors": [{"message": text} for text in errors], "warnings": [{"message": text} for text in warnings]}
    return Answer(body, 400 if errors else 200)
