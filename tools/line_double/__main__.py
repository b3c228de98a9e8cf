"""``python -m tools.line_double``: one double in this process, until it is told to stop."""

import argparse
import json
import sys
from dataclasses import fields

import uvloop

from tools.line_double.options import Options
from tools.line_double.server import serve


def _options(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tools.line_double", description=__doc__)
    for field in fields(Options):
        flag = "--" + field.name.replace("_", "-")
        if field.type is bool:
            parser.add_argument(flag, action="store_true", default=field.default)
        else:
            parser.add_argument(flag, type=field.type, default=field.default, help="default: %(default)s")
    return Options(**vars(parser.parse_args(arguments)))


def _announce(port: int) -> None:
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(serve(_options(sys.argv[1:]), _announce))
