"""Lint what CloudFormation will really see: `python -m tools.lint_template`.

cfn-lint no longer expands the SAM transform, so of `template.yaml` itself it checks little: a visibility below the
function's timeout passes unseen. Its translation holds plain CloudFormation, which cfn-lint checks in full.
"""

import json
import sys
from pathlib import Path
from typing import Any, cast
from unittest import mock

from cfnlint.api import ManualArgs, lint
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"
REGION = "ap-northeast-1"
# Where the packaged code would be. The translator takes no local folder.
_PACKAGED = "s3://packaged/code.zip"
# W1030 holds a parameter's default against the property it is for: the empty default here means "no VPC".
_IGNORED = ["W1030"]


def parse(path: Path = TEMPLATE) -> dict[str, Any]:
    """The template as written, with the short forms (`!Ref`) spelled out."""
    return cast("dict[str, Any]", yaml_parse(path.read_text(encoding="utf-8")))


def translate(path: Path = TEMPLATE) -> dict[str, Any]:
    """The template after the SAM transform, as CloudFormation would run it.

    Raises:
        samtranslator.model.exceptions.InvalidDocumentException: if SAM refuses the template.
    """
    template = parse(path)
    for resource in template["Resources"].values():
        for location in ("CodeUri", "ContentUri"):
            if location in resource.get("Properties", {}):
                resource["Properties"][location] = _PACKAGED
    # The translator asks boto3 for a region, to know the partition.
    with mock.patch.dict("os.environ", {"AWS_DEFAULT_REGION": REGION}):
        translated = Translator({}, Parser()).translate(template, {})
    return cast("dict[str, Any]", translated)


def findings(path: Path = TEMPLATE) -> list[str]:
    """Every finding of cfn-lint in the translated template, one line each."""
    arguments = ManualArgs(regions=[REGION], ignore_checks=_IGNORED)
    matches = lint(json.dumps(translate(path)), config=arguments)
    return [f"{match.rule.id} {match.path}: {match.message}" for match in matches]


if __name__ == "__main__":
    found = findings()
    print("\n".join(found) or "template.yaml: the translated template is clean")
    sys.exit(1 if found else 0)
