"""Which ways of paying let us authorise first and take the money once the booking stands."""

from typing import Final

# Every method that has `capture_method` in the library's parameters, for intents and for sessions alike; a
# test holds the two together. Card readers (card_present) are left out: nobody pays online with one.
AUTHORISABLE: Final = (
    "affirm",
    "afterpay_clearpay",
    "alma",
    "amazon_pay",
    "billie",
    "card",
    "cashapp",
    "kakao_pay",
    "klarna",
    "kr_card",
    "link",
    "mobilepay",
    "naver_pay",
    "payco",
    "paypal",
    "revolut_pay",
    "samsung_pay",
    "satispay",
    "scalapay",
    "sequra",
    "sunbit",
)
