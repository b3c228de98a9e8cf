"""Where in a cell a line of CSV ends: for lines that csv itself cannot read, or is not given. Pure.

As csv's tolerant way of reading has it, to which a mark within a cell, as in `"5" pipe"`, is part of the cell.
"""

import re
from typing import Final, Literal

Place = Literal["start", "plain", "quoted", "closing"]
"""At the start of a cell; within one; within its quotation marks; after a mark that ends them, or is half of two."""

_TOKENS: Final = re.compile(r'"|,|[^",]+')
_AFTER: Final[dict[Place, dict[str, Place]]] = {
    "start": {'"': "quoted", ",": "start"},
    "plain": {'"': "plain", ",": "start"},
    "quoted": {'"': "closing", ",": "quoted"},
    "closing": {'"': "quoted", ",": "start"},
}
_AFTER_TEXT: Final[dict[Place, Place]] = {"start": "plain", "plain": "plain", "quoted": "quoted", "closing": "plain"}


def place_after(piece: str, place: Place = "start") -> Place:
    """Where a piece of a line ends that begins at this place."""
    for token in _TOKENS.findall(piece):
        place = _AFTER[place].get(token, _AFTER_TEXT[place])
    return place
