"""`pixmix evaluate` end to end: runs, checkpoint files, functions, saved logits, two processes, bad input."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from processes_alive import wait_for
from test_train_run import QUICK, quick
from torch import nn

import pixmix
from mixset._common.errors import InputError
from mixset._common.flags import flags_of
from mixset._common.parsing import in_flags, parse
from mixset.generate._networks.spec import network_spec
from pixmix.corruptions._making import manifest
from pixmix.readers import IMAGENET
from pixmix.train._data.datasets import load_test
from pixmix.train._evaluation.config import EvaluateConfig
from pixmix.train._evaluation.evaluate import evaluate
from pixmix.train._evaluation.models import load_model
from pixmix.train._runs import checkpoints
from pixmix.train._training.run import train

C = ("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "snow")
C += ("frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression")
P = ("gaussian_noise", "shot_noise", "motion_blur", "zoom_blur", "snow")
P += ("brightness", "translate", "rotate", "tilt", "scale")
OURS = str(Path(sys.executable).parent / "pixmix")


def configure(*arguments: object) -> EvaluateConfig:
    return parse(EvaluateConfig, "pixmix evaluate", [*map(str, arguments), "--workers", "0"])


def pixmix_evaluate(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [OURS, "evaluate", *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def run(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    train(quick(colours, out))
    return out


@pytest.fixture
def own(run: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be measured further."""
    return Path(shutil.copytree(run, tmp_path / "own"))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """C and P of 16 px for three classes, 7 and 3 images."""
    root = tmp_path_factory.mktemp("sets")
    random = np.random.default_rng(0)
    (root / "c").mkdir()
    for name in C:
        np.save(root / "c" / f"{name}.npy", random.integers(0, 256, (35, 16, 16, 3), dtype=np.uint8))
    np.save(root / "c" / "labels.npy", np.tile(np.arange(7) % 3, 5))
    manifest.begin(root / "p", {"suite": "p", "dataset": "x", "pictures": 3, "size": 16, "seed": 5, "severities": None})
    for name in P:
        np.save(root / "p" / f"{name}.npy", random.integers(0, 256, (3, 16, 16, 16, 3), dtype=np.uint8))
    return root


def test_a_run_is_measured_further(own: Path, sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a command: suites that are added keep those that are there, and nothing goes through the network twice."""
    before = json.loads((own / "metrics.json").read_text())
    done = pixmix_evaluate(own, "--suite", "c", "calibration", "--c", sets / "c", "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert "C mCE" in done.stdout and "Clean error" in done.stdout
    assert "c fog 5 (50 of 75 sets)" in done.stderr
    assert "clean images" not in done.stderr  # kept since the training ended
    metrics = json.loads((own / "metrics.json").read_text())
    assert metrics == {**before, **{name: metrics[name] for name in ("c", "calibration")}}
    assert metrics["c"]["mce"]["n"] == 7
    found = evaluate(configure(own, "--suite", "p", "--p", sets / "p"))
    assert found is not None
    assert found == {**metrics, "p": found["p"]}
    assert (found["p"]["mfr"]["source"], found["p"]["mfr"]["seed"]) == ("generated", 5)
    capsys.readouterr()
    assert evaluate(configure(own, "--suite", "clean", "c", "p", "--c", sets / "c", "--p", sets / "p")) == found
    (line,) = capsys.readouterr().err.splitlines()  # no progress, so no image went through the network
    assert "its config.json names the test images folder:" in line


def test_a_run_is_measured_on_other_images_elsewhere(
    own: Path, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Classes are those of the run by name, also where a folder has no images of some of them."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(colours / "test", "others")
    shutil.rmtree("others/blue")
    with pytest.raises(InputError, match="its folder is for measures of its own test images; give `out`"):
        evaluate(configure(own, "--suite", "clean", "--dataset", "folder:others"))
    found = evaluate(configure(own, "--suite", "clean", "--dataset", "folder:others", "--out", "there"))
    assert found is not None
    assert (found["dataset"], found["model"]) == ("folder:others", str(own))
    model = load_model(str(own))
    _, test = load_test("folder:others", size=16)
    with torch.no_grad():
        logits = model.network.eval()(torch.from_numpy(test.array).permute(0, 3, 1, 2) / 255)
    wrong = (logits.argmax(1).numpy() != test.labels + 1).mean()  # blue is 0
    assert found["clean"]["error"]["value"] == pytest.approx(wrong)
    (tmp_path / "others" / "violet").mkdir()
    shutil.copy(next((tmp_path / "others" / "red").iterdir()), tmp_path / "others" / "violet")
    shutil.rmtree("others/red")
    with pytest.raises(InputError, match="folder:others: its class violet is none of the 3 known classes"):
        evaluate(configure(own, "--suite", "clean", "--dataset", "folder:others", "--out", "elsewhere"))


def test_a_run_needs_no_test_images_for_sets_of_their_own(own: Path, sets: Path, tmp_path: Path) -> None:
    config = json.loads((own / "config.json").read_text())
    config["config"]["dataset"] = "folder:/gone"
    (own / "config.json").write_text(json.dumps(config))
    found = evaluate(configure(own, "--suite", "c", "--c", sets / "c"))
    assert found is not None and "mce" in found["c"]


def test_images_that_a_run_names_are_said_and_nothing_is_written_where_it_names(
    own: Path, sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(configure(own, "--suite", "clean"))
    config = json.loads((own / "config.json").read_text())
    said = f"MODEL {own}: its config.json names the test images {config['config']['dataset']}; --dataset names others"
    assert said in capsys.readouterr().err
    config["config"] |= {"dataset": "cifar10", "data_folder": str(tmp_path / "named")}
    (own / "config.json").write_text(json.dumps(config))
    asked: list[Path] = []

    def download(kind: object, folder: Path, train: bool, title: str) -> None:
        asked.append(folder)
        raise InputError("no network")

    monkeypatch.setattr("pixmix.train._data.datasets._download", download)
    with pytest.raises(InputError, match=r"CIFAR-10 is not in .*named, the folder that the run's config.json names"):
        evaluate(configure(own, "--suite", "clean"))
    assert not asked and not (tmp_path / "named").exists()
    with pytest.raises(InputError, match="no network"):
        evaluate(configure(own, "--suite", "clean", "--data-folder", tmp_path / "given"))
    assert asked == [tmp_path / "given"]


def test_an_unfinished_run_is_not_ended_by_measuring_it(own: Path, colours: Path, tmp_path: Path) -> None:
    """Its metrics.json would say that it has ended."""
    ended = json.loads((own / "metrics.json").read_text())
    for name in ("metrics.json", "weights.safetensors"):
        (own / name).unlink()
    with pytest.raises(InputError, match="has not ended"):
        evaluate(configure(own, "--suite", "clean"))
    assert not (own / "metrics.json").exists()
    elsewhere = evaluate(configure(own, "--suite", "clean", "--out", tmp_path / "there"))
    assert elsewhere is not None
    assert elsewhere["clean"] == ended["clean"]  # one epoch: the checkpoint is that of its end
    assert train(quick(colours, own, resume=True)) == ended


def test_measures_of_two_networks_do_not_mix(own: Path, colours: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "weights.safetensors"
    shutil.copy(own / "weights.safetensors", file)
    options = ("--network", "wrn-10-1", "--dataset", f"folder:{colours}", "--size", "16", "--out", out)
    first = evaluate(configure(file, "--suite", "clean", *options))
    second = evaluate(configure(file, "--suite", "calibration", *options))
    assert first is not None and second == {**first, "calibration": second["calibration"]}
    weights = checkpoints.read_weights(file)
    weights["fc.bias"] += 0.5
    checkpoints.write_weights(weights, file)
    with pytest.raises(InputError, match=r"holds measures of network .*weights\.safetensors, not .* as it is now"):
        evaluate(configure(file, "--suite", "calibration", *options))
    with pytest.raises(InputError, match="is the folder of a run, and MODEL is not this run"):
        evaluate(configure(file, "--suite", "clean", *options[:-1], own))
    with pytest.raises(InputError, match="holds measures of network"):
        evaluate(configure(file, "--suite", "clean", *options, "--mean", 0, 0, 0))


def test_files_of_the_papers_form(run: Path, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `pixmix train` trained, saved as the paper's code saves it, measures as itself."""
    state = {f"module.{name}": value for name, value in checkpoints.read_weights(run / "weights.safetensors").items()}
    content = {"epoch": 99, "dataset": "cifar10", "model": "wrn", "state_dict": state, "best_acc": np.float64(0.9)}
    torch.save({**content, "optimizer": {"state": {}}}, tmp_path / "checkpoint.pth.tar")
    monkeypatch.chdir(tmp_path)
    data = ("--network", "wrn-10-1", "--dataset", f"folder:{colours}", "--suite", "clean", "calibration")
    evaluate(configure("checkpoint.pth.tar", *data))
    metrics = json.loads((tmp_path / "evaluations" / "checkpoint" / "metrics.json").read_text())
    assert metrics["clean"] == json.loads((run / "metrics.json").read_text())["clean"]
    assert metrics["model"] == "checkpoint.pth.tar"
    assert (tmp_path / "evaluations" / "checkpoint" / "logits" / "clean.npz").exists()


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of networks in its own package."""
    (tmp_path / "lib" / "mynets").mkdir(parents=True)
    (tmp_path / "lib" / "mynets" / "__init__.py").touch()
    (tmp_path / "lib" / "mynets" / "flat.py").write_text(
        "import os, time\nimport torch\nfrom torch import nn\n\n\n"
        "class Slow(nn.Sequential):\n"
        "    def forward(self, x):\n"
        "        time.sleep(float(os.environ.get('SECONDS_A_BATCH', 0)))\n"
        "        return super().forward(x)\n\n\n"
        "def make(num_classes=3):\n"
        "    return Slow(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, num_classes))\n\n\n"
        "def imagenet():\n    return make(1000)\n\n\n"
        "def vit():\n"
        "    import torchvision\n\n"
        "    return torchvision.models.VisionTransformer(224, 32, 1, 1, 8, 8)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    return tmp_path


def test_a_function_in_two_processes_and_killed(functions: Path, colours: Path, sets: Path) -> None:
    """One, two processes under torchrun, and one that is killed and goes on: the same metrics.json."""
    words = [
        "mynets.flat:make",
        "--dataset",
        f"folder:{colours}",
        "--eval-batch-size",
        "4",
        "--workers",
        "0",
        "--seed",
        "3",
    ]
    words += ["--suite", "clean", "calibration", "anomalies", "c", "p", "--c", str(sets / "c"), "--p", str(sets / "p")]
    killed = functions / "killed"
    slow = {**os.environ, "OMP_NUM_THREADS": "1", "SECONDS_A_BATCH": "0.02"}
    with subprocess.Popen(
        [OURS, "evaluate", *words, "--out", str(killed)], env=slow, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: process.poll() is not None or (killed / "logits/c-fog-1.npz").exists(), 120)
        process.send_signal(signal.SIGKILL)
    assert not (killed / "metrics.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in (killed / "logits").glob("*.npz")}
    assert len(kept) < 80
    evaluate(configure(*words, "--out", killed))
    assert all(path.stat().st_mtime_ns == written for path, written in kept.items())
    # Without -- its own parser takes --p and --r for the beginnings of several options of its own.
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    command = [*torchrun, "--", OURS, "evaluate", *words, "--out", str(functions / "two")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("metrics.json") == 1
    one = evaluate(configure(*words, "--out", functions / "one"))
    assert one is not None and one["clean"]["error"]["n"] == 30
    for name in ("two", "killed"):
        assert json.loads((functions / name / "metrics.json").read_text()) == json.loads(json.dumps(one)), name


def test_folders_of_some_of_imagenets_classes(functions: Path, colours: Path) -> None:
    """A network of 1,000 classes has ImageNet's: folders that are called as these have their numbers."""
    numbers = {"blue": 1, "green": 8, "red": 207}
    wnids = ("n01443537", "n01514859", "n02099601")
    for name, wnid in zip(numbers, wnids, strict=True):
        shutil.copytree(colours / "test" / name, functions / "val" / wnid)
    found = evaluate(
        configure(
            "mynets.flat:imagenet",
            "--dataset",
            f"folder:{functions / 'val'}",
            "--suite",
            "clean",
            "--out",
            functions / "o",
        )
    )
    assert found is not None
    kept = np.load(functions / "o" / "logits" / "clean.npz", allow_pickle=False)
    assert kept["labels"].tolist() == [number for number in numbers.values() for _ in range(10)]
    assert found["clean"]["error"]["value"] == np.mean(kept["logits"].argmax(1) != kept["labels"])
    model = load_model("mynets.flat:imagenet")
    assert tuple(model.network.mean.flatten().tolist()) == pytest.approx((0.485, 0.456, 0.406))
    assert IMAGENET.crop == 224


def test_saved_logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(50, 4)), random.integers(0, 4, 50)
    np.savez(tmp_path / "mine.npz", logits=logits, labels=labels, ood_night=random.normal(size=(9, 4)))
    evaluate(configure("--logits", "mine.npz", "--suite", "clean", "anomalies"))
    metrics = json.loads((tmp_path / "evaluations" / "mine" / "metrics.json").read_text())
    assert metrics["clean"]["error"]["value"] == np.mean(logits.argmax(1) != labels)
    assert metrics["anomalies"]["mean"]["auroc"]["sets"] == ["night"]
    assert metrics["model"] == "mine.npz"
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.savez(tmp_path / "shares.npz", logits=shares, labels=labels)
    with pytest.raises(InputError, match="say so: `probabilities`"):
        evaluate(configure("--logits", "shares.npz", "--suite", "clean"))
    evaluate(configure("--logits", "shares.npz", "--suite", "clean", "--logits-are", "probabilities"))
    metrics = json.loads((tmp_path / "evaluations" / "shares" / "metrics.json").read_text())
    assert metrics["clean"]["error"]["value"] == np.mean(logits.argmax(1) != labels)
    with pytest.raises(InputError, match="says what the file of --logits holds"):
        configure("mynets.flat:make", "--logits-are", "probabilities")


def test_images_in_files_are_forwarded_once(functions: Path, colours: Path) -> None:
    """Larger than 64 px they are read from their files each time, but not where their logits are kept."""
    options = ("--dataset", f"folder:{colours}", "--size", "72", "--suite", "clean", "--out", functions / "out")
    first = evaluate(configure("mynets.flat:make", *options))
    kept = functions / "out" / "logits" / "clean.npz"
    before = kept.stat().st_mtime_ns
    assert evaluate(configure("mynets.flat:make", *options)) == first
    assert kept.stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_run_of_two_processes_ends_with_the_metrics_of_one(colours: Path, tmp_path: Path) -> None:
    """Batch statistics of both processes are those of the first, in `weights.safetensors` and when both measure."""
    words = [f"folder:{colours}", *QUICK, "--epochs", "1", "--out", str(tmp_path / "two"), "--workers", "0"]
    words += ["--suite", "clean", "calibration", "anomalies"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*torchrun, "-m", "pixmix.train", *words], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "two" / "metrics.json").read_text())
    shutil.rmtree(tmp_path / "two" / "logits")
    found = evaluate(configure(tmp_path / "two", "--suite", "clean", "calibration", "anomalies"))
    assert found is not None
    for suite in ("clean", "calibration", "anomalies"):
        assert json.loads(json.dumps(found[suite])) == metrics[suite]


def test_load_gives_the_network_of_a_run(own: Path, colours: Path) -> None:
    network = pixmix.load(own)
    assert not any(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    _, test = load_test(f"folder:{colours}", size=16)
    with torch.no_grad():
        wrong = network(torch.from_numpy(test.array).permute(0, 3, 1, 2) / 255).argmax(1).numpy() != test.labels
        assert wrong.mean() == json.loads((own / "metrics.json").read_text())["clean"]["error"]["value"]
        # Another caller has another network.
        before = pixmix.load(str(own)).body.fc.weight.clone()
        network.body.fc.weight += 1
        assert torch.equal(pixmix.load(own).body.fc.weight, before)


def test_load_refuses_what_is_no_run_and_code_that_a_file_names(own: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"run {tmp_path}/nowhere: no such folder"):
        pixmix.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="run: a path is needed, got 3"):
        pixmix.load(3)  # type: ignore[arg-type]
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(
        json.dumps(config | {"network": {"factory": "torch.nn:Identity", "arguments": {}}})
    )
    with pytest.raises(InputError, match=r"names torch\.nn:Identity, and what files name is not run"):
        pixmix.load(own)


def test_training_and_measuring_leave_torch_as_it_was(colours: Path, tmp_path: Path) -> None:
    torch.manual_seed(11)
    threads = torch.get_num_threads()
    expected = torch.random.get_rng_state().clone()
    train(quick(colours, tmp_path / "run", threads=threads + 1))
    evaluate(EvaluateConfig(model=str(tmp_path / "run"), suite=("clean",), out=tmp_path / "out", workers=0))
    assert torch.equal(torch.random.get_rng_state(), expected)
    assert torch.get_num_threads() == threads


def test_killed_between_weights_and_metrics_a_run_goes_on(own: Path, colours: Path) -> None:
    ended = json.loads((own / "metrics.json").read_text())
    before = checkpoints.read_weights(own / "weights.safetensors")
    (own / "metrics.json").unlink()
    shutil.rmtree(own / "logits")
    assert json.loads(json.dumps(train(quick(colours, own, resume=True)))) == ended
    after = checkpoints.read_weights(own / "weights.safetensors")
    assert all(torch.equal(after[name], value) for name, value in before.items())


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
        ("RUN --ema --suite clean", "a run keeps no averaged weights"),
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


def test_names_of_networks_with_points_are_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """timm's, and functions in packages; no files."""
    from pixmix.train._evaluation import models

    asked = []

    def load(name: str, **options: object) -> object:
        asked.append(name)
        return type("Loaded", (), {"body": nn.Identity(), "mean": (0, 0, 0), "std": (1, 1, 1)})

    monkeypatch.setattr(models, "load_network", load)
    names = ["resnet50", "resnet50.a1_in1k", "timm:hf-hub:me/net.v1", "a.b.c:make"]
    assert [type(load_model(name).network) for name in names] == [pixmix.Normalized] * 4
    assert asked == names


def test_weights_of_another_number_of_classes_say_so_themselves(tmp_path: Path) -> None:
    spec = network_spec("wrn-10-1", classes=7)
    checkpoints.write_weights(spec.build().state_dict(), tmp_path / "seven.safetensors")
    model = load_model(str(tmp_path / "seven.safetensors"), network="wrn-10-1", mean=(0.1, 0.2, 0.3))
    assert model.network(torch.zeros(1, 3, 16, 16)).shape == (1, 7)
    assert model.network.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert model.network.std.flatten().tolist() == [0.5] * 3


def test_a_run_on_a_subset_is_measured_on_it(colours: Path, tmp_path: Path) -> None:
    """Its further measures are of the same images; others go into a folder of their own."""
    out = tmp_path / "run"
    first = train(quick(colours, out, subset=12, test_subset=6, suite=("clean",)))
    assert first is not None and first["clean"]["error"]["n"] == 6
    assert np.load(out / "logits" / "clean.npz")["labels"].tolist() == [0, 0, 1, 1, 2, 2]
    found = evaluate(configure(out, "--suite", "calibration"))
    assert found is not None and found["calibration"]["rms_all_bins"]["n"] == 6
    with pytest.raises(InputError, match="its folder is for measures of its own test images; give `out`"):
        evaluate(configure(out, "--suite", "clean", "--test-subset", "3"))
    elsewhere = evaluate(configure(out, "--suite", "clean", "--test-subset", "3", "--out", tmp_path / "three"))
    assert elsewhere is not None and (elsewhere["test_subset"], elsewhere["clean"]["error"]["n"]) == (3, 3)


def test_classes_called_otherwise_are_measured_by_a_class_map(
    own: Path, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by their own names; never by the order of others."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(colours / "test", "others")
    Path("others/green").rename("others/azure")  # between blue and red no more
    words = (own, "--suite", "clean", "--dataset", "folder:others", "--out", "there")
    with pytest.raises(InputError, match="its class azure is none of the 3 known classes, which include green"):
        evaluate(configure(*words))
    Path("map.txt").write_text("azure green\n")
    with pytest.raises(InputError, match="its folder is for measures of its own test images"):
        evaluate(configure(own, "--suite", "clean", "--classes", "map.txt"))
    found = evaluate(configure(*words, "--classes", "map.txt"))
    expected = json.loads((own / "metrics.json").read_text())
    assert found is not None and found["class_map"] == {"azure": "green"}
    assert found["clean"]["error"]["value"] == expected["clean"]["error"]["value"]
    Path("map.txt").write_text("azure -\n")
    with pytest.raises(InputError, match=r"holds measures of class_map .* choose another `out`"):
        evaluate(configure(*words, "--classes", "map.txt"))
    for content, line in (("violet 1", "has no class folder violet"), ("azure 3", "the network's classes are 0 to 2")):
        Path("map.txt").write_text(content)
        with pytest.raises(InputError, match=line):
            evaluate(configure(*words[:-1], "elsewhere", "--classes", "map.txt"))
    with pytest.raises(InputError, match="--logits: needs no --classes"):
        configure("--logits", "mine.npz", "--suite", "clean", "--classes", "map.txt")
