"""`make bench`: run all benchmarks or one, print each as a table, keep it in `.local/bench/<name>.json`."""

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tools.local_stack.state import LOCAL

NAMES: Final = ("gate", "fanout", "writer", "dispatch", "summary", "registration", "sweep")
_CONSOLE: Final = Console()


def main(names: list[str]) -> int:
    """Run the named ones (all when none is named); 0 when every target was reached."""
    if unknown := set(names) - set(NAMES):
        _CONSOLE.print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
        return 2
    results = {name: _run(name) for name in names or NAMES}
    return 0 if all(result["reached"] for result in results.values()) else 1


def _run(name: str) -> dict[str, Any]:
    result: dict[str, Any] = import_module(f"tools.bench.{name}").run()
    kept = LOCAL / "bench" / f"{name}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(result, indent=2) + "\n")
    _CONSOLE.print(_table(name, result))
    return result


def _table(name: str, result: Mapping[str, Any]) -> Table:
    """One row per case, or one for all where there is one; figures wrap, so that none is cut on a narrow screen."""
    figures = result["figures"]
    cases = figures if all(isinstance(one, dict) for one in figures.values()) else {name: figures}
    verdict = "[green]reached[/]" if result["reached"] else "[red]not reached[/]"
    table = Table(
        "case", "figures", title=f"{name}: targets {verdict}", caption=f"targets: {_listed(result['targets'])}"
    )
    for case, values in cases.items():
        table.add_row(case, _listed(values))
    return table


def _listed(values: Mapping[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in values.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
