"""The JSON schema that editors complete and check ``params.yaml`` with."""

from typing import Any

from pipeline.settings.params import Params

_MERGED = {"description": "An entry whose values this one takes, but for those written here."}


def editor_schema() -> dict[str, Any]:
    """Return the schema of ``params.yaml`` as an editor sees the file: before entries are merged.

    An entry may begin with ``<<: *ANCHOR``. What it then lacks is written at the anchor, so that
    nothing is required of it but that what it has is known.
    """
    schema = Params.model_json_schema()
    for definition in schema["$defs"].values():
        if definition.get("type") != "object" or "required" not in definition:
            continue
        definition["properties"] = {"<<": _MERGED, **definition["properties"]}
        required = definition.pop("required")
        definition["anyOf"] = [{"required": ["<<"]}, {"required": required}]
    return schema
