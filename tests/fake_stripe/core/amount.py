"""What Stripe takes: integer minor units, by currency. From docs.stripe.com/currencies."""

from typing import Final

from tests.fake_stripe.core.refusal import Refused

LARGEST: Final = 99_999_999


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


ZERO_DECIMALS: Final = _codes("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf")
THREE_DECIMALS: Final = _codes("bhd jod kwd omr tnd")
WHOLE_ONLY: Final = _codes("isk ugx")  # sent with two decimals that are 00

_TWO_DECIMALS: Final = _codes("""
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny
    cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr jmd
    kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok
    npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top
    try ttd twd tzs uah uyu uzs wst xcd yer zar zmw
""")
SUPPORTED: Final = _TWO_DECIMALS | ZERO_DECIMALS | THREE_DECIMALS | WHOLE_ONLY

SMALLEST: Final = {
    "usd": 50, "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip  # a table reads better than a line each


def check(amount: int, currency: str) -> None:
    """Raise Refused with Stripe's code where this can't be charged."""
    if currency not in SUPPORTED:
        raise Refused(f"Invalid currency: {currency}.", param="currency")
    if amount < SMALLEST.get(currency, 1):
        least = f"{SMALLEST.get(currency, 1)} {currency}"
        raise Refused(f"Amount must be at least {least}", code="amount_too_small", param="amount")
    if amount > LARGEST:
        raise Refused(f"Amount must be no more than {LARGEST}", code="amount_too_large", param="amount")
    if currency in THREE_DECIMALS and amount % 10:
        raise Refused(
            f"Invalid amount: {currency} is sent in tens.", code="parameter_invalid_integer", param="amount"
        )
    if currency in WHOLE_ONLY and amount % 100:
        raise Refused(
            f"Invalid amount: {currency} is sent in hundreds.",
            code="parameter_invalid_integer",
            param="amount",
        )


def shown(amount: int, currency: str) -> str:
    """As Stripe's pages write it, roughly: `50.00 EUR`."""
    decimals = 0 if currency in ZERO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return f"{amount / 10**decimals:,.{decimals}f} {currency.upper()}"


def whole(value: object, param: str) -> int:
    """An integer as it is sent."""
    text = str(value)
    if not text.removeprefix("-").isdigit():
        raise Refused(f"Invalid integer: {text}", code="parameter_invalid_integer", param=param)
    return int(text)
