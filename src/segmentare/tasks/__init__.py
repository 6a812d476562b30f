"""The tasks, by name. To add one: write its file, then name it here."""

from collections.abc import Mapping
from typing import Any

from segmentare.errors import ModelError
from segmentare.json_values import shown
from segmentare.tasks.base import Head, Maps, Task
from segmentare.tasks.body import BodyTask
from segmentare.tasks.instance import InstanceTask
from segmentare.tasks.panoptic import PanopticTask
from segmentare.tasks.pose import PoseTask
from segmentare.tasks.semantic import SemanticTask

TASKS: dict[str, type[Task[Any]]] = {
    task.name: task for task in (SemanticTask, InstanceTask, PanopticTask, PoseTask, BodyTask)
}


def task_from_dict(data: Mapping[str, Any]) -> Task[Any]:
    """Rebuild a task from what its `to_dict` wrote.

    Raises:
        ModelError: When this version knows no task of that name.
    """
    name = data.get("name")
    if not isinstance(name, str) or name not in TASKS:
        raise ModelError(
            f"The model's task must be one of {', '.join(TASKS)}; found {shown(name)}. "
            "A newer version of segmentare may know it."
        )
    return TASKS[name].from_dict(data)


__all__ = [
    "TASKS",
    "BodyTask",
    "Head",
    "InstanceTask",
    "Maps",
    "PanopticTask",
    "PoseTask",
    "SemanticTask",
    "Task",
    "task_from_dict",
]
