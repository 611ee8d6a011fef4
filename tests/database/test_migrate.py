"""Migrations: applied once, whoever races; a database that does not fit is refused in words."""

import asyncio
from contextlib import closing
from pathlib import Path
from socket import socket

import asyncpg
import pytest

from server.database import migrate as migrating
from server.database.migrate import (
    MIGRATIONS,
    SCHEMA,
    MigrationError,
    migrate,
    missing_migrations,
    read_migrations,
    require_current,
)
from server.errors import Unavailable
from tests.support.waiting import until

FIRST = "create table schema_migration (name text primary key, sha256 text not null);"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text(FIRST, encoding="utf-8")
    (tmp_path / "0002_second.sql").write_text("create table seat (id int);", encoding="utf-8")
    return tmp_path


async def query(url: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(sql)
        return rows
    finally:
        await connection.close()


async def test_of_four_migrators_at_once_each_migration_is_applied_by_one(empty_database_url: str) -> None:
    answers = await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
    everything = [migration.name for migration in read_migrations()]
    assert sorted(name for names in answers for name in names) == everything


async def test_a_migrated_database_is_left_as_it_is(empty_database_url: str, folder: Path) -> None:
    assert await migrate(empty_database_url, folder=folder) == ["0001_first", "0002_second"]
    assert await migrate(empty_database_url, folder=folder) == []


async def test_line_ends_of_a_checkout_are_no_change(empty_database_url: str, folder: Path) -> None:
    second = folder / "0002_second.sql"
    second.write_bytes(b"create table seat\n(id int);")
    await migrate(empty_database_url, folder=folder)
    second.write_bytes(b"create table seat\r\n(id int);")
    assert await migrate(empty_database_url, folder=folder) == []


async def test_a_changed_migration_is_found_out(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0002_second.sql").write_text("create table seat (id bigint);", encoding="utf-8")
    with pytest.raises(MigrationError, match=r"0002_second\.sql was changed after it was applied"):
        await migrate(empty_database_url, folder=folder)


async def test_a_database_newer_than_the_code_is_refused(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(MigrationError, match="newer than this version of Holdfast: it has 0002_second"):
        await migrate(empty_database_url, folder=folder)


async def test_a_failing_migration_leaves_nothing_of_itself(empty_database_url: str, folder: Path) -> None:
    (folder / "0003_third.sql").write_text("create table row (id int); select 1/0;", encoding="utf-8")
    with pytest.raises(MigrationError, match=r"0003_third\.sql failed and was rolled back"):
        await migrate(empty_database_url, folder=folder)
    rows = await query(empty_database_url, "select name from schema_migration order by name")
    assert [row["name"] for row in rows] == ["0001_first", "0002_second"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("0004_gap.sql", r"0004_gap\.sql stands where number 0003 is due"),
        ("0002_twin.sql", "stands where number 0003 is due"),
        ("third.sql", "no migration's name"),
    ],
)
def test_files_are_numbered_without_a_gap(folder: Path, name: str, problem: str) -> None:
    (folder / name).write_text("select 1;", encoding="utf-8")
    with pytest.raises(MigrationError, match=problem):
        read_migrations(folder)


async def test_a_migrator_waits_for_the_other_and_gives_up_in_the_end(
    empty_database_url: str, folder: Path
) -> None:
    other = await asyncpg.connect(empty_database_url)
    await other.fetchval("select pg_advisory_lock($1)", migrating._LOCK)
    with pytest.raises(MigrationError, match="another migration has been running"):
        await migrate(empty_database_url, folder=folder, wait_seconds=0.2)
    waiting = asyncio.create_task(migrate(empty_database_url, folder=folder))
    await other.close()
    assert await waiting == ["0001_first", "0002_second"]


WAITS = "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and not granted"


async def test_whoever_comes_meanwhile_passes_a_migration_that_waits_for_a_table(
    empty_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that waits for a whole table has everybody else wait behind it: so it waits for moments only."""
    monkeypatch.setattr(migrating, "_TABLE_SECONDS", 0.1)
    monkeypatch.setattr(migrating, "_TRIES", 3_000)
    await migrate(empty_database_url, folder=folder)
    (folder / "0003_third.sql").write_text("alter table seat add column row text;", encoding="utf-8")
    busy, other, looks = [await asyncpg.connect(empty_database_url) for _ in range(3)]
    await busy.execute("begin; select * from seat")
    task = asyncio.create_task(migrate(empty_database_url, folder=folder))

    async def is_waiting() -> bool:
        return bool(await looks.fetchval(WAITS))

    await until(is_waiting)
    async with asyncio.timeout(60):
        assert await other.fetch("select * from seat") == []
    assert not task.done()
    await busy.execute("commit")
    assert await task == ["0003_third"]
    for connection in (busy, other, looks):
        await connection.close()


async def test_a_table_that_is_never_free_is_told(
    empty_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "_TABLE_SECONDS", 0.05)
    monkeypatch.setattr(migrating, "_TRIES", 3)
    await migrate(empty_database_url, folder=folder)
    (folder / "0003_third.sql").write_text("alter table seat add column row text;", encoding="utf-8")
    busy = await asyncpg.connect(empty_database_url)
    await busy.execute("begin; select * from seat")
    with pytest.raises(MigrationError, match=r"0003_third\.sql found its tables in use 3 times"):
        await migrate(empty_database_url, folder=folder)
    await busy.close()
    assert await migrate(empty_database_url, folder=folder) == ["0003_third"]


async def test_an_old_server_is_refused(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "_OLDEST_SERVER", 990000)
    with pytest.raises(MigrationError, match="is too old; Holdfast needs 15 or later"):
        await migrate(empty_database_url)


async def test_no_database_is_unavailable() -> None:
    with closing(socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match="cannot be reached"):
            await migrate(f"postgresql://nobody@127.0.0.1:{port}/nothing")


async def test_a_database_that_goes_away_in_the_middle_is_unavailable(
    empty_database_url: str, folder: Path
) -> None:
    (folder / "0003_third.sql").write_text("select pg_terminate_backend(pg_backend_pid());", encoding="utf-8")
    with pytest.raises(Unavailable, match="went away while it was migrated"):
        await migrate(empty_database_url, folder=folder)


async def test_a_process_starts_only_on_its_own_schema(empty_database_url: str, folder: Path) -> None:
    connection = await asyncpg.connect(empty_database_url)
    with pytest.raises(MigrationError, match="lacks 0001_first, 0002_second: run `holdfast migrate` first"):
        await require_current(connection, folder=folder)
    await migrate(empty_database_url, folder=folder)
    await require_current(connection, folder=folder)
    await connection.close()


def test_nothing_is_missing_where_everything_is_applied() -> None:
    migrations = read_migrations()
    assert missing_migrations(migrations, {each.name: each.sha256 for each in migrations}) == []


CATALOG = """
select 'column' as what, format('%s.%s.%s %s null=%s default=%s identity=%s generated=%s', n.nspname,
    c.relname, a.attname, format_type(a.atttypid, a.atttypmod), not a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated) as described
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'c')
    and n.nspname = any ($1)
union all
select 'relation', format('%s.%s %s %s', n.nspname, c.relname, c.relkind, c.reloptions)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = any ($1)
union all
select 'constraint', format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(k.oid))
  from pg_constraint k join pg_namespace n on n.oid = k.connamespace where n.nspname = any ($1)
union all
select 'index', format('%s %s', i.indrelid::regclass, pg_get_indexdef(i.indexrelid))
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any ($1)
union all
select 'trigger', pg_get_triggerdef(t.oid)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
  where not t.tgisinternal and n.nspname = any ($1)
union all
select 'function', pg_get_functiondef(p.oid)
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where p.prokind in ('f', 'p') and n.nspname = any ($1)
    and not exists (select from pg_depend where objid = p.oid and deptype = 'e')
union all
select 'type', format('%s.%s %s %s', n.nspname, t.typname, t.typtype,
    (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid))
  from pg_type t join pg_namespace n on n.oid = t.typnamespace where n.nspname = any ($1)
union all
select 'extension', extname from pg_extension
"""
SCHEMAS = """
select array_agg(nspname) from pg_namespace
where nspname <> 'information_schema' and nspname not like 'pg\\_%'
"""


async def described(url: str) -> list[tuple[str, str]]:
    """Everything a schema consists of, in lines."""
    connection = await asyncpg.connect(url)
    try:
        schemas = await connection.fetchval(SCHEMAS)
        rows = await connection.fetch(CATALOG, schemas)
        return sorted((row["what"], row["described"]) for row in rows)
    finally:
        await connection.close()


async def test_the_schema_is_the_sum_of_the_migrations(database_url: str, empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(SCHEMA.read_text(encoding="utf-8"))
    await connection.close()
    assert await described(empty_database_url) == await described(database_url)


def test_every_migration_is_read() -> None:
    assert len(read_migrations()) == len(list(MIGRATIONS.iterdir()))


RELEASED = 3
REQUIRED = """
select table_schema || '.' || table_name as name, column_name as added from information_schema.columns
where is_nullable = 'NO' and column_default is null and is_identity = 'NO'
  and table_schema not in ('information_schema', 'pg_catalog')
"""


async def test_processes_of_an_older_release_still_insert_while_a_newer_one_is_rolled_out(
    empty_database_url: str, tmp_path: Path
) -> None:
    for migration in read_migrations()[:RELEASED]:
        (tmp_path / f"{migration.name}.sql").write_text(migration.sql, encoding="utf-8")
    await migrate(empty_database_url, folder=tmp_path)
    before = {(row["name"], row["added"]) for row in await query(empty_database_url, REQUIRED)}
    await migrate(empty_database_url)
    after = {(row["name"], row["added"]) for row in await query(empty_database_url, REQUIRED)}
    older = {table for table, _ in before}
    assert {(table, column) for table, column in after - before if table in older} == set()
