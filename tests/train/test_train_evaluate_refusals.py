"""`pixmix evaluate` says bad input in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from evaluate_samples import C, configure, pixmix_evaluate

from mixset._common.errors import InputError
from mixset._common.flags import flags_of
from mixset._common.parsing import in_flags, parse
from pixmix.train._evaluation.config import EvaluateConfig
from pixmix.train._evaluation.evaluate import evaluate


def broken_c(sets: Path, out: Path, **changes: np.ndarray) -> Path:
    shutil.copytree(sets / "c", out)
    for name, array in changes.items():
        np.save(out / f"{name}.npy", array)
    return out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("RUN --suite beauty", "--suite beauty: unknown; the suites are clean, calibration"),
        ("RUN --suite", "--suite"),
        ("RUN --suite c", "--suite c: needs the folder of its set, --c PATH; `pixmix corrupt` makes one"),
        ("RUN --suite r", "--suite r: needs the folder of its set, --r PATH"),
        ("RUN --suite c --c nowhere", "nowhere: no such folder"),
        ("RUN --suite c --c other", "labels run to 4, the network has 3 classes"),
        ("RUN --suite c --c large", "has images of 32x32 px, the test images have 16x16"),
        ("RUN --suite clean --c SETS/c", "--c SETS/c: is for the suite c; add it to --suite"),
        ("RUN --suite clean --ood SETS/c", "is for the suite anomalies; add it to --suite"),
        ("RUN --suite p --p SETS/c", "unknown name"),
        ("RUN --suite r --r SETS", "a network of ImageNet's 1,000 classes"),
        ("RUN --mean 0 0 0", "a run knows its normalisation; leave --mean and --std out"),
        ("RUN --out file", "folder file cannot be written (File exists)"),
        ("RUN --out damaged", "damaged/metrics.json is damaged"),
        ("RUN --out list", "list/metrics.json is damaged (it is not an object)"),
        ("RUN --device tpu", "device tpu"),
        ("RUN --size 9000", "--size: a whole number"),
        ("RUN --eval-batch-size 0", "--eval-batch-size"),
        ("RUN --attack.steps x", "--attack.steps"),
        ("", "give a MODEL, or --logits FILE without one"),
        ("RUN --logits x.npz", "give a MODEL, or --logits FILE without one"),
        ("--logits x.npz --suite clean", "x.npz: no such file"),
        ("--logits x.npz --suite clean --dataset cifar10", "--logits: needs no --dataset"),
        ("--logits file --suite clean", "file is damaged (File is not a zip file)"),
        ("emptyfolder --suite clean", "emptyfolder/config.json: no such file"),
        ("foreign --suite clean", "foreign/config.json: names torch.nn:Identity, and what files name is not run"),
        ("nowhere.pth.tar --suite clean", "MODEL nowhere.pth.tar: no such run folder or file"),
        ("runs/nowhere --suite clean", "MODEL runs/nowhere: no such run folder or file"),
        ("resnet5000 --suite clean --dataset digits", "resnet5000"),
        ("nets.deep:make --suite clean --dataset digits", "nets.deep:make: cannot be imported"),
        ("file --network wrn-10-1 --suite clean", "weights file is damaged or no file of weights"),
        ("WEIGHTS --suite clean", "does not say which network it is of; name it: --network wrn-40-4"),
        ("WEIGHTS --network wrn-10-1 --suite clean", "name the test images: --dataset cifar10, folder:PATH"),
        ("WEIGHTS --network wrn-16-1 --suite clean --dataset digits", "does not fit the network: it lacks"),
        ("WEIGHTS --network wrn-11-1 --suite clean --dataset digits", "wrn-11-1"),
        ("WEIGHTS --network wrn-10-1 --suite clean --dataset digits", "digits: has 10 classes, the network 3"),
        ("WEIGHTS --network wrn-10-1 --suite clean --dataset nothing", "dataset nothing: unknown"),
        ("WEIGHTS --network wrn-10-1 --suite clean --dataset folder:nothing", "folder:nothing"),
        (
            "WEIGHTS --network wrn-10-1 --suite clean --dataset digits --std 0 1 1",
            "--std: a number above 0 and at most 1000 is needed, got 0.0",
        ),
        (
            "WEIGHTS --network wrn-10-1 --suite clean --dataset digits --mean nan 1 1",
            "--mean: a number from -1000",
        ),
        ("WEIGHTS --network wrn-10-1 --suite clean --dataset digits --mean 0 1", "--mean"),
        ("RUN --ema --suite clean", "of a run that averages them are the averages"),
        ("resnet18 --ema --suite clean", "--ema: belongs to a file of weights"),
        ("WEIGHTS --network wrn-10-1 --ema --suite clean --dataset digits", "holds no averaged weights"),
        ("RUN --network wrn-16-1 --suite clean", "has the network wrn-10-1, not wrn-16-1"),
        ("foreign --trust --suite clean", "torch.nn:Identity: num_classes None must be"),
        ("resnet18 --network wrn-10-1 --suite clean", "--network wrn-10-1: belongs to a file of weights"),
        ("nowhere --suite clean", "MODEL 'nowhere': unknown"),
    ],
)
def test_bad_input_is_one_line(
    run: Path, sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "run")
    (tmp_path / "emptyfolder").mkdir()
    Path("file").write_text("no checkpoint")
    for name, content in (("damaged", "{"), ("list", "[]")):
        Path(name).mkdir()
        Path(name, "metrics.json").write_text(content)
    Path("foreign").mkdir()
    Path("foreign", "config.json").write_text('{"network": {"factory": "torch.nn:Identity", "arguments": {}}}')
    if "other" in words:
        broken_c(sets, tmp_path / "other", labels=np.tile([0, 1, 2, 0, 4, 1, 1], 5))
    if "large" in words:
        broken_c(sets, tmp_path / "large", **{name: np.zeros((35, 32, 32, 3), np.uint8) for name in C})
    before = (tmp_path / "run" / "metrics.json").read_text()
    arguments = (
        words.replace("RUN", "run").replace("WEIGHTS", "run/weights.safetensors").replace("SETS", str(sets)).split()
    )
    with pytest.raises(InputError) as caught:
        config = parse(EvaluateConfig, "pixmix evaluate", arguments)
        with in_flags(flags_of(EvaluateConfig, config)):
            evaluate(config)
    assert line.replace("SETS", str(sets)) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "run" / "metrics.json").read_text() == before


def test_bad_input_ends_the_command_with_one_line(tmp_path: Path) -> None:
    done = pixmix_evaluate("nowhere.pt", "--suite", "clean", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert not list(tmp_path.iterdir())


def test_a_network_that_takes_other_images_is_one_line(functions: Path, colours: Path) -> None:
    config = configure(
        "mynets.flat:vit", "--dataset", f"folder:{colours}", "--suite", "clean", "--out", functions / "o"
    )
    with pytest.raises(InputError, match=r"the network fails on .*Wrong image height.*of the size it ta") as caught:
        evaluate(config)
    assert "\n" not in str(caught.value)
