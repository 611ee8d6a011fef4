"""What a page's main thread did, from the browser's own trace: processor time, not a wall clock.

Tasks are `RunTask` of the renderer's main thread, with the processor time of that thread (`tdur`); a frame
is what the thread did until it had drawn once more.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

CATEGORIES = ("toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "benchmark")
TASKS = ("RunTask", "ThreadControllerImpl::RunTask")
FRAME = "FireAnimationFrame"
MAIN = "CrRendererMain"
LONG_MS = 50.0

Event = dict[str, Any]


@dataclass
class Work:
    """Of one stretch of time: milliseconds of every task, and of all tasks between two frames."""

    tasks: list[float]
    frames: list[float]
    seconds: float
    parts: Counter[str]

    @property
    def long(self) -> list[float]:
        """Tasks that kept everything else waiting for too long."""
        return [task for task in self.tasks if task > LONG_MS]


def work(trace: bytes) -> Work:
    """What the busiest renderer of a trace did, which is the page under test."""
    events: list[Event] = json.loads(trace)["traceEvents"]
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == MAIN
    }
    found = [of_thread([e for e in events if (e["pid"], e["tid"]) == main]) for main in mains]
    return max(found, key=lambda each: sum(each.tasks))


def of_thread(events: Sequence[Event]) -> Work:
    """The work of one thread."""
    ordered = sorted((e for e in events if e["ph"] == "X" and "ts" in e), key=lambda e: e["ts"])
    tasks, frames, parts = [], [], Counter[str]()
    until, current, is_frame = 0.0, 0.0, False
    for event in ordered:
        name, cost = event["name"], event.get("tdur", 0) / 1000
        if name in TASKS and event["ts"] >= until:
            until = event["ts"] + event.get("dur", 0)
            if is_frame:
                frames.append(current)
                current, is_frame = 0.0, False
            tasks.append(cost)
            current += cost
        elif name == FRAME:
            is_frame = True
        if name not in TASKS:
            parts[name] += cost
    seconds = (ordered[-1]["ts"] - ordered[0]["ts"]) / 1e6 if ordered else 0.0
    return Work(tasks, frames, seconds, parts)
