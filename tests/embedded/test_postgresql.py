import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from server.embedded import place, postgresql
from server.embedded.place import find_place, shared_folder, usual_users
from server.embedded.process import EmbeddedError
from tests.support.programs import program
from tests.support.servers import PostgreSQL, fast_postgresql

SYSTEM = "/usr/lib/postgresql/*/bin"


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's, in the place of SHARED."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    monkeypatch.setattr(place, "SHARED", folder)
    yield folder
    shutil.rmtree(folder)


async def answer(server: PostgreSQL, question: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_it_keeps_what_it_was_told_over_a_restart(spare_postgresql: PostgreSQL) -> None:
    await answer(spare_postgresql, "create table kept ()")
    spare_postgresql.stop()
    spare_postgresql.start()
    assert await answer(spare_postgresql, "select to_regclass('kept')::text") == "kept"


async def test_it_keeps_what_was_committed_over_a_crash(spare_postgresql: PostgreSQL) -> None:
    url = spare_postgresql.url
    await answer(spare_postgresql, "create table kept ()")
    spare_postgresql.kill()
    assert spare_postgresql.start() == url
    assert await answer(spare_postgresql, "select to_regclass('kept')::text") == "kept"


async def test_it_compares_texts_by_code_points_in_utf_8(spare_postgresql: PostgreSQL) -> None:
    question = "select datcollate || ' ' || pg_encoding_to_char(encoding) from pg_database limit 1"
    assert await answer(spare_postgresql, question) == "C.UTF-8 UTF8"


async def test_it_has_the_extension_that_grids_need(spare_postgresql: PostgreSQL) -> None:
    await answer(spare_postgresql, "create extension btree_gist")


async def test_it_wants_the_password(spare_postgresql: PostgreSQL) -> None:
    port = spare_postgresql.port
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://holdfast:wrong@127.0.0.1:{port}/postgres")


async def test_one_that_its_process_left_behind_is_ended_first(spare_postgresql: PostgreSQL) -> None:
    successor = fast_postgresql(spare_postgresql.state)
    successor.start()
    await asyncio.to_thread(os.waitpid, spare_postgresql.pid, 0)
    assert await answer(successor, "select 1") == 1
    successor.stop()


async def test_a_lock_file_that_names_somebody_else_is_no_hindrance(spare_postgresql: PostgreSQL) -> None:
    spare_postgresql.kill()
    lock = spare_postgresql.data / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    spare_postgresql.start()
    assert await answer(spare_postgresql, "select 1") == 1


async def test_a_lock_file_that_makes_no_sense_is_no_orphan(spare_postgresql: PostgreSQL) -> None:
    spare_postgresql.stop()
    (spare_postgresql.data / "postmaster.pid").write_text("")
    with pytest.raises(EmbeddedError, match="lock file"):
        spare_postgresql.start()


async def test_what_a_crash_left_half_made_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "data-unfinished").mkdir()
    (tmp_path / "data-unfinished" / "PG_VERSION").write_text("18\n")
    server = fast_postgresql(tmp_path)
    server.start()
    assert await answer(server, "select 1") == 1
    server.stop()


def test_the_state_of_another_version_is_not_touched(spare_postgresql: PostgreSQL) -> None:
    spare_postgresql.stop()
    (spare_postgresql.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 9 .* --reset"):
        spare_postgresql.start()


def test_a_failing_initdb_says_why(tmp_path: Path, open_folder: Path) -> None:
    binaries = open_folder / "bin"
    binaries.mkdir()
    program(binaries / "postgres", 'echo "postgres (PostgreSQL) 18.1"')
    program(binaries / "initdb", 'echo "no space left" >&2; exit 1')
    with pytest.raises(EmbeddedError, match="initdb failed: no space left"):
        PostgreSQL(tmp_path, binaries=binaries).start()


def any_left(folder: Path) -> bool:
    return any(folder.iterdir())


@pytest.mark.parametrize("user", usual_users())
async def test_it_runs_in_every_way_that_this_user_has(tmp_path: Path, open_folder: Path, user: str) -> None:
    server = PostgreSQL(tmp_path / "state", options={"fsync": "off"}, users=(user,))
    server.start()
    assert server.user == user
    assert await answer(server, "select 1") == 1
    server.kill()
    server.start()
    server.stop()
    server.forget()
    assert not server.state.exists()
    assert not any_left(open_folder)


def test_the_next_way_is_tried_where_one_is_refused(tmp_path: Path, open_folder: Path) -> None:
    program(open_folder / "postgres", "true")
    found = find_place(tmp_path, open_folder, ("no-such-user", usual_users()[0]))
    assert found.user == usual_users()[0]


def test_without_a_way_it_says_what_was_tried(tmp_path: Path, open_folder: Path) -> None:
    with pytest.raises(EmbeddedError, match="set DATABASE_URL") as refused:
        find_place(tmp_path, open_folder / "nowhere", usual_users())
    assert all(f"as {user}: " in str(refused.value) for user in usual_users())


def test_a_shared_folder_of_somebody_else_is_not_trusted(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    with pytest.raises(EmbeddedError, match="belongs to somebody else"):
        find_place(tmp_path, open_folder, ("65534",))
    assert shared_folder(tmp_path).is_dir()


def test_a_link_in_the_place_of_the_shared_folder_is_not_followed(tmp_path: Path, open_folder: Path) -> None:
    shared_folder(tmp_path).symlink_to(tmp_path)
    with pytest.raises(EmbeddedError, match="belongs to somebody else"):
        find_place(tmp_path, open_folder, ("65534",))


def test_the_systems_newest_serves_where_there_is_no_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for major in (14, 15, 17):
        (tmp_path / str(major) / "bin").mkdir(parents=True)
        program(tmp_path / str(major) / "bin" / "postgres", f'echo "postgres (PostgreSQL) {major}.2"')
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr(postgresql, "SYSTEM_BINARIES", (f"{tmp_path}/*/bin",))
    monkeypatch.setenv("PATH", str(tmp_path / "14" / "bin"))
    assert postgresql.find_postgresql() == tmp_path / "17" / "bin"


def test_without_one_that_is_new_enough_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "postgres", 'echo "what?"')
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr(postgresql, "SYSTEM_BINARIES", (f"{tmp_path}/nowhere",))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedError, match="set DATABASE_URL"):
        postgresql.find_postgresql()


def test_a_killed_predecessor_is_waited_for(spare_postgresql: PostgreSQL) -> None:
    os.kill(spare_postgresql.pid, signal.SIGKILL)
    os.waitpid(spare_postgresql.pid, 0)
    successor = fast_postgresql(spare_postgresql.state)
    successor.start()
    successor.stop()
