"""Small students with weights drawn at random, as files: nothing is trained."""

import torch

from dreampedal.engine.model.format.manifest import Training
from dreampedal.export.compile.student import export_student
from dreampedal.export.nets.students.student import Student

TRAINING = Training(data="none", licence="CC0-1.0", seed=1)
TARGETS = "class:flute", "class:choir", "conv3:5"
CARRIERS = "below", "breath"


def drawn(carriers=(), bands=96, filters=12, targets=TARGETS, seed=1):
    """A student that answers loudly."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        student = Student(targets, bands, filters, carriers=carriers)
        for values in student.parameters():
            values.data += 0.2 * torch.randn_like(values)
    return student.eval()


def exported(student, path, name="tiny", **details):
    """The path of a student's file."""
    reach_db = details.pop("reach_db", (6.0, 24.0))
    export_student(student, path, name=name, training=TRAINING, reach_db=reach_db, **details)
    return path
