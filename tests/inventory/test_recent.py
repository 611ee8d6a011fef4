"""A bounded memory."""

from server.inventory.recent import Recent


def test_what_was_not_used_for_longest_goes_first() -> None:
    recent: Recent[str] = Recent(10)
    recent.put("a", "A", 4)
    recent.put("b", "B", 4)
    assert recent.get("a") == "A"
    recent.put("c", "C", 4)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == ("A", None, "C")


def test_the_latest_stays_however_heavy() -> None:
    recent: Recent[str] = Recent(10)
    recent.put("a", "A", 4)
    recent.put("b", "B", 40)
    assert (recent.get("a"), recent.get("b")) == (None, "B")
    recent.put("b", "b", 1)
    recent.put("c", "C", 9)
    assert (recent.get("b"), recent.get("c")) == ("b", "C")


def test_what_is_dropped_is_gone() -> None:
    recent: Recent[str] = Recent(10)
    recent.put("a", "A", 4)
    recent.drop("a")
    recent.drop("a")
    assert recent.get("a") is None
