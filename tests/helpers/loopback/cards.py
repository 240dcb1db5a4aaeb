"""What the Hub checks of the YAML at the top of a README.md. Rules: https://huggingface.co/docs/hub/model-cards and
https://huggingface.co/docs/hub/spaces-config-reference."""

import re

import yaml

HEADER = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
LICENCES = set(
    "apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bsd bsd-2-clause bsd-3-clause cc cc0-1.0 "
    "cc-by-2.0 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-4.0 cc-by-nc-sa-4.0 cc-by-nc-nd-4.0 "
    "cc-by-nd-4.0 gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 agpl-3.0 mpl-2.0 isc unlicense wtfpl zlib "
    "artistic-2.0 afl-3.0 ecl-2.0 epl-2.0 eupl-1.1 eupl-1.2 odbl odc-by pddl llama2 llama3 gemma unknown other".split()
)
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
SDKS = {"gradio", "docker", "static", "streamlit"}
# a model, files of it, a commit; the error message of a real Space
PRELOAD = re.compile(r"[\w.-]+(?:/[\w.-]+)?(?: [^\s,]+(?:,[^\s,]+)*)?(?: [0-9a-f]{40})?")
REPO_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?")


def metadata_of(content):
    """The metadata of a README.md, None where it has no valid block of them."""
    found = HEADER.match(content)
    try:
        values = yaml.safe_load(found.group(1)) if found else None
    except yaml.YAMLError:
        return None
    return values if isinstance(values, dict) else None


def check_card(content, kind):
    """Return the errors and the warnings of a README.md of a model, a dataset or a space, as texts."""
    found = HEADER.match(content)
    if not found:
        return [], ["empty or missing yaml metadata in repo card"]
    try:
        values = yaml.safe_load(found.group(1))
    except yaml.YAMLError as error:
        return [f"YAML parse error: {' '.join(str(error).split())}"], []
    if values is None:
        return [], ["empty or missing yaml metadata in repo card"]
    if not isinstance(values, dict):
        return ["metadata must be an object"], []
    errors = _types(values) + _licence(values)
    if kind == "space":
        errors += _space(values)
    elif "model-index" in values:
        errors += _model_index(values["model-index"])
    return errors, []


def _types(values):
    errors = []
    for key in ("tags", "datasets", "metrics", "language", "base_model", "models"):
        value = values.get(key)
        if key in values and not _texts(value if isinstance(value, list) else [value]):
            errors.append(f'"{key}" must be a string or an array of strings')
    for key in ("pipeline_tag", "library_name", "license", "license_name", "license_link"):
        if key in values and not isinstance(values[key], str):
            errors.append(f'"{key}" must be a string')
    for language in _list(values.get("language")):
        if isinstance(language, str) and not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]+)?|code|multilingual", language):
            errors.append(f'"language" with value "{language}" is not valid. It must be an ISO 639 code')
    for key in ("base_model", "datasets", "models"):
        errors += [
            f'"{key}" with value "{name}" is not valid. Use a model id from https://hf.co/models.'
            for name in _list(values.get(key))
            if isinstance(name, str) and not REPO_ID.fullmatch(name)
        ]
    return errors


def _licence(values):
    licence = values.get("license")
    if isinstance(licence, str) and licence not in LICENCES:
        return [f'"license" must be one of [{", ".join(sorted(LICENCES))}]']
    return []


def _space(values):
    errors = []
    if values.get("sdk") not in SDKS:
        errors.append(f'"sdk" must be one of [{", ".join(sorted(SDKS))}]')
    for key in ("colorFrom", "colorTo"):
        if key in values and values[key] not in COLOURS:
            errors.append(f'"{key}" must be one of [{", ".join(sorted(COLOURS))}]')
    version = values.get("sdk_version")
    if version is not None and not re.fullmatch(r"\d+(\.\d+){2}\w*", str(version)):
        errors.append(f'"sdk_version" with value "{version}" is not valid')
    if "python_version" in values and not re.fullmatch(r"3(\.\d+){0,2}", str(values["python_version"])):
        errors.append(f'"python_version" with value "{values["python_version"]}" is not valid')
    if not all(PRELOAD.fullmatch(str(value)) for value in _list(values.get("preload_from_hub"))):
        errors.append("invalid preload model spec format, expected [repo_name] [file1,file2,file3]? [revision]?")
    if len(values.get("short_description") or "") > 60:
        errors.append('"short_description" length must be less than or equal to 60 characters long')
    return errors


def _model_index(index):
    if not isinstance(index, list):
        return ['"model-index" must be an array']
    errors = []
    for number, model in enumerate(index):
        where = f"model-index[{number}]"
        if not isinstance(model, dict) or not isinstance(model.get("name"), str):
            errors.append(f'"{where}.name" is required')
            continue
        for place, result in enumerate(model.get("results") or []):
            errors += _result(result, f"{where}.results[{place}]")
    return errors


def _result(result, where):
    needed = {"task": ["type"], "dataset": ["type", "name"]}
    errors = [
        f'"{where}.{part}.{key}" is required'
        for part, keys in needed.items()
        for key in keys
        if not isinstance((result.get(part) or {}).get(key), str)
    ]
    metrics = result.get("metrics") or []
    if not metrics:
        errors.append(f'"{where}.metrics" is required')
    for number, metric in enumerate(metrics):
        if not isinstance(metric.get("type"), str):
            errors.append(f'"{where}.metrics[{number}].type" is required')
        if metric.get("value") is None:
            errors.append(f'"{where}.metrics[{number}].value" is required')
    return errors


def _list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def _texts(values):
    return all(isinstance(value, str) for value in values)
