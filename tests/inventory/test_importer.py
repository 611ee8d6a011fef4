"""`import`: a file into resources, all of it or nothing."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.database.migrate import MigrationError
from server.database.pool import Database
from server.inventory.generate import stadium
from server.inventory.importer import import_file, write_drafts
from server.inventory.listing import Wanted
from server.inventory.reports import ImportOptions, ImportReport, parse_price
from server.inventory.service import Inventory
from tests.inventory.examples import draft, seat_draft

FILES = Path(__file__).parent / "files"
PRICES = {"Category I": 8500, "Category II": 7000}

BACKWARDS = b"id,price,starts_at,ends_at\nA,1,2026-12-01 10:00,2026-12-01 09:00\n"

CATALOGUE = """\
resources:
  - id: tour
    kind: sessions
    title: Tour
    owner: museum
    time_zone: Europe/London
    currency: gbp
    slots:
      - {id: t1, capacity: 12, price: 1800}
  - id: club
    kind: seats
    title: Club
    owner: cellar
    time_zone: Europe/Berlin
    currency: eur
    slots_csv: seats.csv
"""


@pytest.fixture
async def inventory(database: Database) -> AsyncIterator[Inventory]:
    opened = Inventory(database, clock=iter(range(1_000)).__next__)
    yield opened
    await opened.close()


@pytest.fixture
def hall(tmp_path: Path) -> Path:
    """The plan with doubled guids, in a folder where a sidecar can stand beside it."""
    return Path(shutil.copy(FILES / "doubled.seating-plan.json", tmp_path / "hall.seating-plan.json"))


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    (tmp_path / "seats.csv").write_text("id,price,row\nA,100,1\nB,200,1\n", encoding="utf-8")
    path = tmp_path / "everything.yaml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return path


def rewrite(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


async def ids(inventory: Inventory) -> list[str]:
    return [item["id"] for item in (await inventory.page(Wanted(), 10)).items]


async def test_a_plan_with_doubled_guids_changes_nothing_and_says_how_it_can_be_had(
    database: Database, inventory: Inventory, hall: Path
) -> None:
    report = await import_file(database, inventory, hall, ImportOptions(prices=PRICES))
    assert not report.ok
    text = report.text()
    assert "--seat-id uuid takes the plan by its uuids" in text
    assert "Ground floor/A/1 at zones[0].rows[0].seats[0]" in text
    assert text.endswith("hall.seating-plan.json: refused; nothing was changed")
    assert await ids(inventory) == []


async def test_a_plan_by_its_uuids_becomes_a_resource(
    database: Database, inventory: Inventory, hall: Path
) -> None:
    options = ImportOptions(prices=PRICES, seat_id="uuid", title="Serenade", time_zone="Europe/Berlin")
    report = await import_file(database, inventory, hall, options)
    assert report.text() == "hall: created, 5 slots new, 0 changed"
    loaded = await inventory.get("hall")
    resource = loaded.resource
    assert (resource.kind, resource.title, resource.currency, resource.owner) == (
        "seats",
        "Serenade",
        "usd",
        "house",
    )
    assert [slot.price.amount for slot in loaded.slots] == [8500, 8500, 7000, 7000, 7000]
    assert [(block.start, block.length) for block in loaded.blocks] == [(2, 3), (0, 2)]


async def test_the_same_plan_again_changes_nothing(
    database: Database, inventory: Inventory, hall: Path
) -> None:
    options = ImportOptions(prices=PRICES, seat_id="uuid")
    await import_file(database, inventory, hall, options)
    report = await import_file(database, inventory, hall, options)
    assert report.text() == "hall: is as the file says already"


async def test_what_stands_is_kept_where_nothing_else_is_said(
    database: Database, inventory: Inventory, hall: Path
) -> None:
    first = ImportOptions(prices=PRICES, seat_id="uuid", title="Serenade", currency="eur")
    await import_file(database, inventory, hall, first)
    report = await import_file(
        database, inventory, hall, ImportOptions(prices={"Category I": 9000}, seat_id="uuid")
    )
    assert report.text() == "hall: changed, 0 slots new, 2 changed"
    loaded = await inventory.get("hall")
    assert (loaded.resource.title, loaded.resource.currency) == ("Serenade", "eur")
    assert [slot.price.amount for slot in loaded.slots] == [9000, 9000, 7000, 7000, 7000]


async def test_a_sidecar_file_says_prices_and_more(
    database: Database, inventory: Inventory, hall: Path
) -> None:
    sidecar = hall.with_name("hall.prices.yaml")
    sidecar.write_text(
        "title: Serenade\ncurrency: eur\nseat_id: uuid\npolicy: {hold_seconds: 60}\n"
        "prices:\n  Category I: 8500\n  Category II: 7000\n",
        encoding="utf-8",
    )
    report = await import_file(database, inventory, hall, ImportOptions(prices={"Category II": 6000}))
    assert report.ok, report.text()
    loaded = await inventory.get("hall")
    assert (loaded.resource.title, loaded.resource.policy.hold_seconds) == ("Serenade", 60)
    assert [slot.price.amount for slot in loaded.slots] == [8500, 8500, 6000, 6000, 6000]


@pytest.mark.parametrize(
    ("sidecar", "problem"),
    [
        ("title: Serenade\ntimezone: UTC\n", "hall.prices.yaml: line 2: timezone: is no field of a sidecar"),
        ("prices:\n  Category III: much\n", "hall.prices.yaml: line 2: prices.Category III: is 'much'"),
        ("prices: 8500\n", "hall.prices.yaml: line 1: prices: is 8500; a map of fields"),
        ("- 1\n", "hall.prices.yaml: line 1: sidecar: is no field of a sidecar file"),
        ("a: [\n", "line 2: is not YAML"),
    ],
)
async def test_faults_of_a_sidecar_file_are_named_by_line(
    database: Database, inventory: Inventory, hall: Path, sidecar: str, problem: str
) -> None:
    hall.with_name("hall.prices.yaml").write_text(sidecar, encoding="utf-8")
    report = await import_file(database, inventory, hall, ImportOptions(prices=PRICES, seat_id="uuid"))
    assert any(each.startswith(problem) for each in report.problems), report.text()


async def test_a_category_that_left_the_plan_takes_its_price_along(
    database: Database, inventory: Inventory, hall: Path
) -> None:
    await import_file(database, inventory, hall, ImportOptions(prices=PRICES, seat_id="uuid"))
    rewrite(hall, "Category II", "Balcony")
    report = await import_file(
        database, inventory, hall, ImportOptions(prices={"Balcony": 1, "BalconyI": 1}, seat_id="uuid")
    )
    assert report.ok, report.text()


async def test_a_catalogue_becomes_all_of_its_resources_in_order(
    database: Database, inventory: Inventory, catalogue: Path
) -> None:
    report = await import_file(database, inventory, catalogue, ImportOptions())
    assert report.text() == "tour: created, 1 slots new, 0 changed\nclub: created, 2 slots new, 0 changed"
    assert await ids(inventory) == ["tour", "club"]


async def test_a_dry_run_reports_and_changes_nothing(
    database: Database, inventory: Inventory, catalogue: Path
) -> None:
    report = await import_file(database, inventory, catalogue, ImportOptions(dry_run=True))
    assert report.text().startswith("tour: would be created, 1 slots new")
    assert await ids(inventory) == []


async def test_a_problem_of_one_resource_keeps_all_from_being_written(
    database: Database, inventory: Inventory, catalogue: Path
) -> None:
    await inventory.create(draft(seat_draft("A"), id="club", kind="sessions"))
    report = await import_file(database, inventory, catalogue, ImportOptions())
    assert report.problems == ["club: A resource of sessions does not become one of seats; make a new one"]
    assert await ids(inventory) == ["club"]


async def test_a_catalogue_names_its_faults_by_line(
    database: Database, inventory: Inventory, catalogue: Path
) -> None:
    rewrite(catalogue, "gbp", "GBP")
    rewrite(catalogue, "title: Club", "titel: Club")
    report = await import_file(database, inventory, catalogue, ImportOptions())
    assert [each.partition("; ")[0] for each in report.problems] == [
        "line 7: resources[0].currency: 'GBP' is no ISO 4217 code in lower case",
        "line 10: resources[1].title: is missing",
        "line 12: resources[1].titel: is no field of a resource",
    ]


async def test_a_catalogue_may_be_json(database: Database, inventory: Inventory, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text('{"resources": [{"id": "x"}]}', encoding="utf-8")
    report = await import_file(database, inventory, path, ImportOptions())
    assert report.problems[0].startswith("resources[0].time_zone: is missing")


async def test_csv_fills_a_new_resource(database: Database, inventory: Inventory, tmp_path: Path) -> None:
    path = tmp_path / "tours.csv"
    path.write_text("id,price,capacity,starts_at\nt1,1800,12,2026-12-01 10:00\n", encoding="utf-8")
    report = await import_file(database, inventory, path, ImportOptions(owner="museum", currency="gbp"))
    assert report.ok, report.text()
    loaded = await inventory.get("tours")
    assert (loaded.resource.kind, loaded.resource.owner, loaded.slots[0].capacity) == (
        "sessions",
        "museum",
        12,
    )


async def test_csv_replaces_the_slots_of_a_resource_and_leaves_its_drawing(
    database: Database, inventory: Inventory, hall: Path, tmp_path: Path
) -> None:
    await import_file(database, inventory, hall, ImportOptions(prices=PRICES, seat_id="uuid"))
    path = tmp_path / "other.csv"
    path.write_text("id,price\nextra,1\n", encoding="utf-8")
    before = (await inventory.get("hall")).resource
    report = await import_file(database, inventory, path, ImportOptions(resource="hall"))
    assert report.text() == "hall: changed, 1 slots new, 5 changed"
    loaded = await inventory.get("hall")
    assert [slot.blocked for slot in loaded.slots] == [True] * 5 + [False]
    assert loaded.resource.plan == before.plan
    assert loaded.resource.categories == before.categories


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("hall.xlsx", b"PK", "is of no kind that can be imported; names end in .json"),
        ("hall.json", b"{", "line 1, column 2: is not JSON"),
        ("hall.json", b"[]", "body: is a list; a map of fields is wanted"),
        ("hall.json", b'{"seats": []}', "seats: is no field of a catalogue"),
        ("hall.json", b"\xff", "line 1: is not UTF-8"),
        ("hall.json", None, "cannot be read: No such file or directory"),
        ("slots.csv", b"id,price\nA,x\n", "line 2.price: is 'x'"),
        (
            "slots.csv",
            b"id,price,starts_at,ends_at\nA,1,2026-12-01 10:00,2026-12-01 09:00\n",
            "slots[0].ends_at:",
        ),
        ("hall .csv", b"id,price\nA,1\n", "id: is missing; an id has 1 to 64 letters"),
    ],
)
async def test_a_file_that_cannot_be_used_says_why(
    inventory: Inventory, tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    report = await import_file(inventory._database, inventory, path, ImportOptions())
    assert any(each.startswith(problem) for each in report.problems), report.text()
    assert await ids(inventory) == []


async def test_problems_beyond_the_fiftieth_are_counted(
    database: Database, inventory: Inventory, tmp_path: Path
) -> None:
    path = tmp_path / "slots.csv"
    path.write_text("id,price\n" + "".join(f"{each},x\n" for each in range(60)), encoding="utf-8")
    report = await import_file(database, inventory, path, ImportOptions())
    assert report.problems[-1] == "and 10 more of these"


async def test_warnings_are_shown(database: Database, inventory: Inventory, hall: Path) -> None:
    rewrite(hall, '"zone_id"', '"mood"')
    report = await import_file(database, inventory, hall, ImportOptions(prices=PRICES, seat_id="uuid"))
    assert report.text().startswith("hall.seating-plan.json: warning: zones[].mood is not known and left out")


async def test_a_database_of_another_version_is_refused(empty_database_url: str, hall: Path) -> None:
    database = await Database.connect(empty_database_url)
    with pytest.raises(MigrationError, match="run `holdfast migrate` first"):
        await import_file(database, Inventory(database), hall, ImportOptions())
    await database.close()


async def test_a_stadium_is_written_like_a_file(inventory: Inventory) -> None:
    report = ImportReport("stadium")
    await write_drafts(inventory, [stadium(100)], report)
    assert report.text() == "stadium-100: created, 100 slots new, 0 changed"
    bad = ImportReport("stadium")
    await write_drafts(inventory, [draft(id="no id")], bad)
    assert bad.problems[0].startswith("'no id' is no id; an id has")


async def test_what_postgresql_refuses_is_told(inventory: Inventory) -> None:
    report = ImportReport("x")
    await write_drafts(inventory, [draft(time_zone="Nowhere/Else")], report)
    assert "time_zone 'Nowhere/Else' is not known to the database" in report.problems[0]


@pytest.mark.parametrize(
    ("text", "expected"), [("Category I=8500", ("Category I", 8500)), (" a=b = 0 ", ("a=b", 0))]
)
def test_a_price_is_a_category_and_an_amount(text: str, expected: Any) -> None:
    assert parse_price(text) == expected


@pytest.mark.parametrize("text", ["", "8500", "=8500", "A=", "A=85.00", "A=-1", "A=²", "A=" + "9" * 13])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no price; one looks like"):
        parse_price(text)


async def test_a_sidecar_may_have_price_lists_which_lose_what_the_file_no_longer_has(
    database: Database, inventory: Inventory, tmp_path: Path
) -> None:
    path, sidecar = tmp_path / "club.csv", tmp_path / "club.prices.yaml"
    path.write_text("id,price,category\nA,100,Floor\nB,200,Bar\n", encoding="utf-8")
    sidecar.write_text(
        "price_lists: {gbp: {categories: {Floor: 90, Bar: 180}, slots: {B: 150}}}\n", encoding="utf-8"
    )
    assert (await import_file(database, inventory, path, ImportOptions())).ok
    lists = (await inventory.get("club")).resource.price_lists
    assert lists["gbp"].categories == {"Floor": 90, "Bar": 180}
    sidecar.unlink()
    path.write_text("id,price,category\nA,100,Floor\n", encoding="utf-8")
    assert (await import_file(database, inventory, path, ImportOptions())).ok
    kept = (await inventory.get("club")).resource.price_lists["gbp"]
    assert (kept.categories, kept.slots) == ({"Floor": 90}, {})
    sidecar.write_text("price_lists:\n  gbp: {slots: {B: 150}}\n", encoding="utf-8")
    report = await import_file(database, inventory, path, ImportOptions())
    assert report.problems == [
        "club.prices.yaml: line 2: price_lists.gbp.slots: 'B' is no slot of this resource"
    ]
