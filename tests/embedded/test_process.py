import os
import socket
import subprocess
from pathlib import Path

import pytest

from server.embedded import process
from server.embedded.process import (
    EmbeddedError,
    choose_port,
    command_line,
    environment,
    is_alive,
    write_secret,
)
from tests.support.programs import program


def test_a_port_is_remembered(tmp_path: Path) -> None:
    memory = tmp_path / "port"
    assert choose_port(memory) == choose_port(memory) == int(memory.read_text())


def test_what_is_no_port_is_forgotten(tmp_path: Path) -> None:
    memory = tmp_path / "port"
    memory.write_text("none")
    assert choose_port(memory) in process.PORTS


def test_without_a_free_port_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(process, "PORTS", range(port, port + 1))
        with pytest.raises(EmbeddedError, match="no free port"):
            choose_port(tmp_path / "port")


def test_a_secret_is_its_owners_alone_even_over_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_secret(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)


def test_postgresqls_own_variables_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDATA", "/elsewhere")
    assert "PGDATA" not in environment()
    assert environment()["LC_ALL"] == "C.UTF-8"


def test_a_process_is_alive_though_it_is_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert is_alive(1)


def test_a_process_that_ended_is_not_alive() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    assert not is_alive(ended.pid)
    assert command_line(ended.pid) == ""


def test_a_command_line_is_known_without_proc_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "python" in command_line(os.getpid())
    program(tmp_path / "ps", 'echo "python, says ps"')
    monkeypatch.setattr(process, "PROC", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_line(os.getpid()) == "python, says ps\n"
