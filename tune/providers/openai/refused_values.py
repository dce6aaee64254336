"""Read from the words of a refusal whether it is about a value, and which values would be taken."""

from __future__ import annotations

import re

from tune.providers.openai.error_body import error_codes, plain_numbers

_NUMBER = r"`?(-?\d+(?:\.\d+)?)`?"

# "the supported range is from 1 (inclusive) to 9 (exclusive)", "range: 0..1", "range: -1 or 0..1",
# "the valid range of max_tokens is [1, 8192]", "Range of top_p should be (0.0, 1.0)", "between 0
# and 2", "in [0, 2]", "0 <= value <= 2"
_RANGES = (
    re.compile(
        rf"from {_NUMBER} \(inclusive\) to {_NUMBER} \((?P<open>exclusive|inclusive)\)",
        re.IGNORECASE,
    ),
    re.compile(
        r"range:? (?:of \w+ )?(?:(?:is|should be|must be) )?(?:of )?(?:from )?(?:-?\d+ or )?"
        rf"[\[(]?{_NUMBER}(?:\.\.| ?[-,\u2013] ?| to ){_NUMBER}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"between {_NUMBER}(?: and |,? ?-+ ?|, ?| to ){_NUMBER}", re.IGNORECASE
    ),
    # Zhipu: "the values are limited to the range [0,1]"
    re.compile(
        rf"(?:in |to |within |\u8303\u56f4)[\[(]{_NUMBER}, ?{_NUMBER}[\])]",
        re.IGNORECASE,
    ),
    re.compile(
        rf"{_NUMBER} ?(?:<=|\u2264) ?(?:value|[a-z_]+) ?(?:<=|\u2264) ?{_NUMBER}",
        re.IGNORECASE,
    ),
    # "must be > 0.0 and < 1.0"
    re.compile(rf">=? ?{_NUMBER} and <=? ?{_NUMBER}", re.IGNORECASE),
)

_MUST_BE = r"(?:must|should|has to|have to) (?:be|satisfy)(?: strictly)?(?: \w+)? ?"
_MAY_NOT_BE = r"(?:must not|should not|may not|cannot|can not|can't) be "

# The last forms are Anthropic's, "max_tokens: 99999 > 64000, which is the maximum allowed number of
# output tokens", and Fireworks', "Requests with max_tokens > 4096 must have stream=true".
_MOST = re.compile(
    r"(?:(?:less|lower|smaller) (?:than )?or equal to|at most|<=|\u2264"
    r"|no (?:more|greater|larger) than"
    r"|maximum(?: value)? (?:of|is|:)|max(?:imum)? allowed(?: value)?(?: is| of|:)?"
    r"|maximum (?:length|item count):?|maximum number of \w+ (?:is|of)|limited to|limit (?:is|of)"
    r"|cannot exceed|must not exceed|exceeds|up to"
    r"|maximum (?:allowed )?(?:number of )?(?:\w+ ){0,2}tokens (?:is|of)"
    rf"|{_MAY_NOT_BE}(?:greater|larger|higher|more) than"
    # Zhipu: "at most 4 stop words"
    r"|\u6700[\u5927\u591a](?:\u53ea\u80fd)?\u6709?"
    rf"|{_MUST_BE}(?:<|less than|smaller than|below)) ?{_NUMBER}"
    rf"|> ?{_NUMBER}(?:,? which is the maximum| must have)",
    re.IGNORECASE,
)
_BELOW = re.compile(
    rf"{_MUST_BE}(?:<|less than|smaller than|below) ?{_NUMBER}", re.IGNORECASE
)
_LEAST = re.compile(
    r"(?:(?:greater|larger|higher) (?:than )?or equal to|at least|>=|\u2265"
    r"|no (?:less|smaller) than"
    r"|minimum(?: value)? (?:of|is|:)"
    rf"|{_MAY_NOT_BE}(?:less|smaller|lower) than"
    rf"|{_MUST_BE}(?:>|(?:greater|larger|more) than|above)) ?{_NUMBER}"
    # "in range (0, +inf)"
    rf"|range [\[(]{_NUMBER}, ?\+?(?:inf|infinity|\u221e)",
    re.IGNORECASE,
)
_ONLY = re.compile(
    rf"only the default \({_NUMBER}\)"
    rf"|may only be set to {_NUMBER}"
    rf"|(?:must|has to|can only) be (?:set to |equal to )?{_NUMBER}"
    r"(?! ?(?:<|\u2264|and|to|or|\.\.))"
    rf"|only (?:the value |\w+ ?= ?)?{_NUMBER} is (?:supported|allowed)",
    re.IGNORECASE,
)


def read_bounds(text: str, *, whole: bool = False) -> tuple[float | None, float | None]:
    """Return the smallest and the largest value that a refusal allows; None where it names none.

    Args:
        text: the words of the refusal.
        whole: the values are whole numbers: "less than 5" is 4 at most.
    """
    text = plain_numbers(text)
    for pattern in _RANGES:
        if found := pattern.search(text):
            return _range(found, whole=whole)
    if found := _ONLY.search(text):
        value = float(next(group for group in found.groups() if group))
        return value, value
    most, least = _MOST.search(text), _LEAST.search(text)
    # The patterns have two forms, each with its own group.
    low = float(least[1] or least[2]) if least else None
    high = float(most[1] or most[2]) if most else None
    if high is not None and whole and _BELOW.search(text):
        high -= 1
    return low, high


def _range(found: re.Match[str], *, whole: bool) -> tuple[float, float]:
    low, high = float(found[1]), float(found[2])
    if whole and found.groupdict().get("open") == "exclusive":
        high -= 1
    return low, high


# Words about a value that is out of range.
_VALUE = re.compile(
    r"too (?:large|small|high|low|big|long|many)|at (?:most|least)"
    r"|(?:must|should|may only) be|is limited|range"
    r"|less than|greater than|≤|≥|<=|>=|maximum|minimum|between|invalid value|is invalid"
    r"|invalid [^.:]{1,60} value|must satisfy|struct field"
    r"|must contain|exceeds the limit|expected type"
    r"|\u6700[\u5927\u591a]|\u975e\u6cd5|\u4e0d\u5408\u6cd5",
    re.IGNORECASE,
)

# Words about a parameter that is refused whatever its value.
_WHOLE = re.compile(
    r"unsupported|not support|not enabled|only the default|extra inputs|unknown|unrecogni"
    r"|deprecated|must be (?:unset|omitted|removed)|incompatible",
    re.IGNORECASE,
)


TOGETHER = (
    r"\bboth\b|\btogether\b|\bonly one of\b|at the same time|simultaneously"
    r"|mutually exclusive"
)
"""A pattern for the words of a refusal of two parameters that do not go together."""

# Words that are about one value, whatever else the refusal says.
_ONE_VALUE = re.compile(
    r"(?:supported|valid|allowed|accepted|permitted) (?:values|levels|options)"
    r"|\bexpected one of\b|\bof type '|be (?:disabled|turned off)|only works in"
    r"|\bvalue [\"'`]|input should be '|only \S+ (?:is|are) (?:allowed|supported)|only the default"
    # A type of `response_format`; others may be taken.
    r"|\btype is unavailable|\bjson(?: mode|_mode|_object|_schema)\b|\binvalid schema"
    rf"|unsupported value|{TOGETHER}",
    re.IGNORECASE,
)


def is_about_value(error: object, text: str) -> bool:
    """Tell whether a refusal is about a value of a parameter, and not about the whole parameter."""
    if _ONE_VALUE.search(text):
        return True
    codes = error_codes(error)
    if "unsupported" in codes or "extra_forbidden" in codes or _WHOLE.search(text):
        return False
    return "_value" in codes or bool(_VALUE.search(text))
