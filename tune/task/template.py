"""A text with fields, filled with an example's inputs.

A template can name a column and do nothing else: `{identifier}` is a field. Text that begins like a
field and reaches further (`{text.x}`, `{text[0]}`, `{0}`, `{text!r}`, `{text:>10}`) is refused.
Every other brace is literal, so JSON in a prompt needs no escaping. What is filled in is never read
again, whatever braces the data holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tune.errors import SpaceError

_FIELD = re.compile(r"\{([^\W\d]\w*)\}")
_REACHING = re.compile(r"\{(?:[^\W\d]\w*[.\[!:]|\d+[.\[!:}])")

LONGEST_SHOWN = 30
"""Characters of a refused field that a message shows."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with fields.

    Attributes:
        literals: the texts before, between and behind the fields, one more than there are fields.
        names: the fields, in order.
    """

    literals: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template as users write it.

        Raises:
            SpaceError: the text is empty, or something begins like a field and reaches further.
        """
        if not isinstance(text, str) or not text.strip():
            raise SpaceError(
                f"a template is a text with something in it, but got {text!r}"
            )
        # str.format would follow these into attributes of our objects.
        reaching = _REACHING.search(text)
        if reaching:
            rest_of_line = text[reaching.start() :].partition("\n")[0]
            shown = rest_of_line[:LONGEST_SHOWN]
            raise SpaceError(
                "a field is a column's name in braces and nothing more, as {text}, "
                f"but got {shown!r}; "
                "where the brace is meant literally, put a space behind it"
            )
        # A split by a pattern with one group gives texts and names in turn.
        pieces = _FIELD.split(text)
        return cls(tuple(pieces[::2]), tuple(pieces[1::2]))

    @property
    def source(self) -> str:
        """The template as it was written."""
        return self.fill({name: f"{{{name}}}" for name in self.names})

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with every field filled.

        Raises:
            KeyError: a field has no value.
        """
        pieces = [self.literals[0]]
        followed = zip(self.names, self.literals[1:], strict=True)
        for name, literal in followed:
            pieces += [values[name], literal]
        return "".join(pieces)

    def fix(self, name: str, value: str) -> Template:
        """Return the template with one field turned into literal text."""
        literals = [self.literals[0]]
        names = list[str]()
        followed = zip(self.names, self.literals[1:], strict=True)
        for found, literal in followed:
            if found == name:
                literals[-1] += value + literal
            else:
                names.append(found)
                literals.append(literal)
        return Template(tuple(literals), tuple(names))
