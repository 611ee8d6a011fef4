"""ISO 4217: the currencies money can be in, and how amounts in their minor units are written.

Codes are in lower case, as payment providers write them. Funds, metals and codes for testing (CLF, XAU, XTS)
are left out: nobody pays with them.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

_TWO_DIGITS: Final = (
    "aed afn all amd aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd btn bwp byn bzd cad cdf chf cny "
    "cop crc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gtq gyd hkd hnl htg huf "
    "idr ils inr irr jmd kes kgs khr kpw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mru mur "
    "mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sdg "
    "sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt top try ttd twd tzs uah usd uyu uzs ved ves "
    "wst xcd xcg yer zar zmw zwg"
)
_NO_DIGITS: Final = "bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf"
_THREE_DIGITS: Final = "bhd iqd jod kwd lyd omr tnd"

# Code → digits behind the point: 8500 of "usd" is 85.00, of "jpy" 8500, of "kwd" 8.500.
EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(_TWO_DIGITS.split(), 2),
        **dict.fromkeys(_NO_DIGITS.split(), 0),
        **dict.fromkeys(_THREE_DIGITS.split(), 3),
    }
)

# What was withdrawn in the last years and is still found in files, and what came in its place.
_REPLACED: Final = {
    "ang": "xcg",
    "bgn": "eur",
    "byr": "byn",
    "cuc": "cup",
    "hrk": "eur",
    "mro": "mru",
    "sll": "sle",
    "std": "stn",
    "vef": "ves",
    "zmk": "zmw",
    "zwl": "zwg",
}
_AMOUNT: Final = re.compile(r"(-?)([0-9]{1,30})(?:\.([0-9]{1,3}))?", re.ASCII)


def exponent(code: str) -> int:
    """How many digits the minor unit has: 2 for "usd", 0 for "jpy", 3 for "kwd".

    Raises ValueError, whose text is that of `problem_of`.
    """
    try:
        return EXPONENTS[code]
    except KeyError:
        raise ValueError(problem_of(code)) from None


def problem_of(code: str) -> str:
    """What is wrong with a code and what would be right; "" if it is a currency's."""
    if code in EXPONENTS:
        return ""
    lower = code.strip().lower()
    shown = repr(code if len(code) <= 10 else f"{code[:10]}…")
    if lower in EXPONENTS:
        return f'{shown} is no ISO 4217 code in lower case; "{lower}" would be right'
    if lower in _REPLACED:
        return f'{shown} was withdrawn from ISO 4217; "{_REPLACED[lower]}" came in its place'
    near = get_close_matches(lower, EXPONENTS, n=1, cutoff=0.6)
    hint = f'; did you mean "{near[0]}"?' if near else ', such as "usd"'
    return f"{shown} is no ISO 4217 code in lower case{hint}"


def format_amount(amount: int, code: str) -> str:
    """Minor units as people write them, without the currency: 8500 of "usd" is "85.00"."""
    digits = exponent(code)
    sign = "-" if amount < 0 else ""
    text = str(abs(amount)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else sign + text


def parse_amount(text: str, code: str) -> int:
    """The minor units of "85", "85.5" or "85.00"; nothing is rounded.

    Raises ValueError where the text is no amount or has more digits than the currency.
    """
    digits = exponent(code)
    found = _AMOUNT.fullmatch(text.strip())
    fraction = (found[3] or "") if found else ""
    if found is None or len(fraction) > digits:
        raise ValueError(f"{text[:40]!r} is no amount in {code}; one looks like {format_amount(8500, code)}")
    amount = int(found[2] + fraction.ljust(digits, "0"))
    return -amount if found[1] else amount
