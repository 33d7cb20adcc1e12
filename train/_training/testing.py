"""The test after each epoch."""

from __future__ import annotations

import torch

from pixmix._evaluators.forwarding import autocast, to_device
from pixmix._evaluators.image_sets import ImageSet

from .state import TrainingState


@torch.no_grad()
def clean_error(training: TrainingState) -> tuple[float, bool]:
    """The clean error of a training's network as it is, the images shared out over the processes; and whether one of
    them was asked to stop, and so the error is of no use."""
    config, processes, device = training.config, training.processes, training.device
    network = training.measured.eval()
    processes.level(network)
    wrong = torch.zeros((), dtype=torch.int64, device=device)
    share = training.data.test.share(processes.rank, processes.world)
    training.writer.join()  # workers are forked, which goes with no thread at work
    if len(share):
        images = ImageSet(share.labelled, workers=training.workers)
        with training.step.autocast() if config.test_amp else autocast(device, config.eval_precision):
            for batch in images.batches(config.eval_batch_size):
                if processes.stop.asked:
                    break
                predictions = network(to_device(batch.images, device)).argmax(1)
                wrong += (predictions != torch.from_numpy(batch.labels).to(device, non_blocking=True)).sum()
    errors, stopped = processes.total(wrong.item(), processes.stop.asked)
    return errors / len(training.data.test), bool(stopped)
