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
    """One row per case where the figures are of several cases, one row per figure where not."""
    figures = result["figures"]
    is_cases = all(isinstance(one, dict) for one in figures.values())
    verdict = "[green]reached[/]" if result["reached"] else "[red]not reached[/]"
    table = Table(title=f"{name}: targets {verdict}", caption=f"targets: {json.dumps(result['targets'])}")
    if not is_cases:
        table.add_column("figure")
        table.add_column("value", justify="right")
        for figure, value in figures.items():
            table.add_row(figure, str(value))
        return table
    columns = list(dict.fromkeys(column for case in figures.values() for column in case))
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    for case, values in figures.items():
        table.add_row(case, *(str(values.get(column, "")) for column in columns))
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
