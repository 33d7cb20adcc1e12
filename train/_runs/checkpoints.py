"""Files of a run's tensors, as training uses them: checkpoints to resume from, weights to begin with and to keep."""

from mixset.generate._networks.checkpoints import FOLDER, checkpoint_path, list_checkpoints, newest_checkpoint
from mixset.generate._networks.files import FORMAT, load, save
from mixset.generate._networks.weights import fitted, load_into, read_weights, write_weights

__all__ = [
    "FOLDER",
    "FORMAT",
    "checkpoint_path",
    "fitted",
    "list_checkpoints",
    "load",
    "load_into",
    "newest_checkpoint",
    "read_weights",
    "save",
    "write_weights",
]
