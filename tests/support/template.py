"""template.yaml as tests read it: translated by SAM, parameters and mappings resolved."""

import json
from functools import cache
from typing import Any

from tools.lint_template import parse, translate

Json = dict[str, Any]


@cache
def translated() -> Json:
    """The template after the SAM transform; shared, so not to be changed."""
    return translate()


def resources(kind: str) -> dict[str, Json]:
    """The properties of every resource of a type, by logical id."""
    return {
        name: resource["Properties"] for name, resource in translated()["Resources"].items() if resource["Type"] == kind
    }


def target(reference: object) -> str:
    """The logical id that a Ref or a GetAtt points to."""
    match reference:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return name
    raise AssertionError(f"no reference: {json.dumps(reference)}")


def parameters(**given: object) -> Json:
    """The template's defaults, with those given in their place."""
    return {name: parameter.get("Default") for name, parameter in parse()["Parameters"].items()} | given


def number(value: object, given: Json) -> int:
    """An integer property with its parameter or its mapping resolved."""
    match value:
        case {"Ref": str(name)}:
            return int(given[name])
        case {"Fn::FindInMap": [str(mapping), key, str(column)]}:
            return int(translated()["Mappings"][mapping][str(number(key, given))][column])
        case int() | str():
            return int(value)
    raise AssertionError(f"no number: {json.dumps(value)}")


def statements(role: Json) -> list[Json]:
    """Every statement of a role's own policies."""
    return [statement for policy in role.get("Policies", []) for statement in policy["PolicyDocument"]["Statement"]]


def as_list(value: object) -> list[Any]:
    """IAM writes a list of one as the one."""
    return value if isinstance(value, list) else [value]
