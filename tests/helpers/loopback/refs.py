"""Branches, tags, pull requests, and the commits behind them."""

from .storage import MAIN, HubError


def list_refs(request, kind, name):
    state = request.repository(kind, name).state

    def written(names, place):
        return [{"name": key, "ref": f"{place}{key}", "targetCommit": oid} for key, oid in sorted(names.items())]

    answer = {
        "branches": written(state["branches"], "refs/heads/"),
        "tags": written(state["tags"], "refs/tags/"),
        "converts": [],
    }
    if request.flag("include_prs"):
        heads = {str(item["num"]): item["head"] for item in state["discussions"] if item["isPullRequest"]}
        answer["pullRequests"] = written(heads, "refs/pr/")
    return answer


def list_commits(request, kind, name, revision):
    repository = request.repository(kind, name)
    return [
        {
            "id": oid,
            "title": commit["title"],
            "message": commit["message"],
            "date": commit["date"],
            "authors": [{"user": commit["author"]}],
        }
        for oid, commit in repository.history(repository.resolve(revision))
    ]


def create_branch(request, kind, name, revision):
    repository = request.repository(kind, name, write=True)
    if revision in repository.state["branches"]:
        raise HubError(409, f"Reference already exists: refs/heads/{revision}")
    repository.state["branches"][revision] = repository.resolve(request.json.get("startingPoint") or MAIN)
    repository.save()
    return {}


def delete_branch(request, kind, name, revision):
    if revision == MAIN:
        raise HubError(403, "the main branch cannot be deleted")
    return _remove(request.repository(kind, name, write=True), "branches", revision)


def create_tag(request, kind, name, revision):
    repository = request.repository(kind, name, write=True)
    tag = request.json["tag"]
    if tag in repository.state["tags"]:
        raise HubError(409, f"Tag reference exists already: {tag}")
    repository.state["tags"][tag] = repository.resolve(revision)
    repository.save()
    return {}


def delete_tag(request, kind, name, revision):
    return _remove(request.repository(kind, name, write=True), "tags", revision)


def _remove(repository, place, name):
    if name not in repository.state[place]:
        raise HubError(404, f"Invalid rev id: {name}", "RevisionNotFound")
    del repository.state[place][name]
    repository.save()
    return {}


def open_discussion(request, kind, name):
    repository = request.repository(kind, name)
    if request.user is None or request.user["role"] != "write":
        raise HubError(401 if request.user is None else 403, "a discussion needs a token that may write")
    values = request.json
    base = {"base": MAIN, "head": repository.resolve(MAIN)} if values.get("pullRequest") else {}
    item = repository.discuss(values["title"], values["description"], author=request.user["name"], **base)
    return {"num": item["num"]}


def _discussion(repository, number):
    items = repository.state["discussions"]
    if not 1 <= int(number) <= len(items):
        raise HubError(404, f"there is no discussion {number}")
    return items[int(number) - 1]


def show_discussion(request, kind, name, number):
    item = _discussion(request.repository(kind, name), number)
    comment = {
        "id": f"{item['num']:024x}",
        "type": "comment",
        "createdAt": item["createdAt"],
        "author": item["author"],
        "data": {"edited": False, "hidden": False, "latest": {"raw": item["description"]}},
    }
    shown = {key: item[key] for key in ("num", "title", "author", "createdAt", "status", "isPullRequest")}
    shown |= {"repo": {"name": name, "type": kind}, "events": [comment], "filesWithConflicts": []}
    if item["isPullRequest"]:
        shown["changes"] = {"base": f"refs/heads/{item['base']}"}
        shown["changes"] |= {"mergeCommitId": item["head"]} if item["status"] == "merged" else {}
    return shown


def merge(request, kind, name, number):
    """Move the branch on to a pull request that lies ahead of it."""
    repository = request.repository(kind, name, write=True)
    item = _discussion(repository, number)
    if not item["isPullRequest"] or item["status"] != "open":
        raise HubError(400, f"discussion {number} is no open pull request")
    if repository.resolve(item["base"]) not in {oid for oid, _ in repository.history(item["head"])}:
        raise HubError(409, "the branch has moved on since the pull request was opened")
    repository.state["branches"][item["base"]] = item["head"]
    item["status"] = "merged"
    repository.save()
    return {}
