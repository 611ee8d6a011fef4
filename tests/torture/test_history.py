import json
import threading
import time
from pathlib import Path

import pytest

from tests.torture.history import History, Recorder


def test_what_was_recorded_is_read_in_order(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.jsonl") as a, Recorder(tmp_path / "b.jsonl") as b:
        first = a.operation("ann", "hold", resource="hall", items=[["A-1", 1]])
        with b.operation("ben", "hold", resource="hall", items=[["A-1", 1]]) as second:
            second.fail("slot_taken", slots=["A-1"])
        b.observe("ben", "view", resource="hall", epoch="e", how="snapshot", to=4)
        first.ok(hold="h1", version=5)
    history = History.read(tmp_path / "b.jsonl", tmp_path / "a.jsonl")
    ann, ben = history.operations
    assert (ann.client, ann.outcome, ann.result) == ("ann", "ok", {"hold": "h1", "version": 5})
    assert (ben.outcome, ben.result) == ("fail", {"code": "slot_taken", "slots": ["A-1"]})
    assert ann.invoked <= ben.invoked <= (ben.returned or 0) <= (ann.returned or 0)
    assert [seen.what["to"] for seen in history.observations] == [4]


def test_what_many_were_told_alike_is_read_as_told_to_each(tmp_path: Path) -> None:
    what = (("resource", "hall"), ("how", "delta"), ("since", 4), ("to", 5))
    with Recorder(tmp_path / "a.jsonl") as recorder:
        for name in ("ann", "ben", "cy"):
            recorder.observe_alike(name, "view", what)
        recorder.observe("ann", "hold", hold="h1")
    assert len(recorder.path.read_bytes().splitlines()) == 3
    *views, hold = History.read(recorder.path).observations
    assert [(seen.client, seen.kind, seen.what) for seen in views] == [
        (name, "view", dict(what)) for name in ("ann", "ben", "cy")
    ]
    assert views[0].at < views[1].at < views[2].at < hold.at


def test_what_has_no_verdict_is_unknown(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.jsonl")
    with recorder.operation("ann", "hold"):
        pass
    with pytest.raises(OSError, match="gone"), recorder.operation("ann", "book"):
        raise OSError("gone")
    recorder.operation("ann", "release")
    recorder.close()
    operations = History.read(recorder.path).operations
    assert [(each.outcome, each.returned) for each in operations] == [("unknown", None)] * 3
    errors = [each.result["error"] for each in operations]
    assert errors == ["no verdict", "OSError('gone')", "under way at the end"]


def test_a_verdict_is_given_once(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.jsonl") as recorder:
        pending = recorder.operation("ann", "hold")
        pending.ok()
        with pytest.raises(RuntimeError, match="already"):
            pending.fail("slot_taken")
    assert len(History.read(recorder.path).operations) == 1


def test_a_line_cut_short_by_a_death_is_left_out(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.jsonl") as recorder:
        recorder.operation("ann", "hold").ok(hold="h1")
        recorder.operation("ann", "hold").ok(hold="h2")
    data = recorder.path.read_bytes()
    recorder.path.write_bytes(data[:-5])
    assert [each.result["hold"] for each in History.read(recorder.path).operations] == ["h1"]


def test_a_line_is_written_when_the_next_comes_a_second_later(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.jsonl")
    recorder.operation("ann", "hold").ok()
    assert recorder.path.read_bytes() == b""
    recorder._flushed -= 1_000_000_000
    recorder.operation("ann", "hold").ok()
    assert len(recorder.path.read_bytes().splitlines()) == 3
    recorder.close()
    recorder.close()


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    def load(name: str) -> None:
        for number in range(200):
            recorder.operation(name, "hold", number=number).ok(text="x" * 100)

    with Recorder(tmp_path / "a.jsonl") as recorder:
        threads = [threading.Thread(target=load, args=(name,)) for name in ("ann", "ben", "cy")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = recorder.path.read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == 601


def test_times_of_the_product_become_moments_of_the_history(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.jsonl") as recorder:
        pass
    history = History.read(recorder.path)
    now = history.moment(time.time_ns() // 1_000_000)
    assert abs(now - time.monotonic_ns()) < 5_000_000_000
