"""What README and docs tell a reader to type, and how a test does it in seconds."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOW_TOS = ("mixing-sets", "mixing-sets-compared", "your-loop", "your-method", "measures", "arena", "reproduce")
PAGES = ("README.md", *(f"docs/{name}.md" for name in HOW_TOS))
"""Pages for readers to follow, each from a folder of its own."""
RECORD = "docs/measurements.md"
"""What was typed once, in folders that are not there any more."""
IN_PART = ("mixset info --stats", "mixset make fvis")
"""What a record's text names without all it takes; other commands in part end in three dots."""
KINDS = ("", "python", "text")
"""Info strings of fenced blocks: commands, Python, and what is only to be read."""
_INLINE = re.compile(r"`((?:mixset|pixmix) [\w-]+ [^`\n]+)`")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of a page whose info string is `kind`."""
    return [body for info, body in _BLOCK.findall((ROOT / page).read_text()) if info == kind]


def strange_blocks(page: str) -> list[str]:
    """Fences that are no block of a known kind, whose commands would be tried by nobody."""
    text = (ROOT / page).read_text()
    return re.findall(r"^.*```.*$", _BLOCK.sub(lambda block: "" if block[1] in KINDS else block[0], text), re.MULTILINE)


def commands(page: str) -> list[tuple[str, ...]]:
    """The words of each command of a page, in plain blocks and in its text; shell variables filled in, no comments."""
    lines = [line for block in blocks(page, "") for line in block.replace("\\\n", " ").splitlines()]
    text = _BLOCK.sub("", (ROOT / page).read_text())
    found: list[tuple[str, ...]] = []
    variables: dict[str, str] = {}
    whole = [line for line in _INLINE.findall(text) if line not in IN_PART and not line.endswith("...")]
    for line in (*lines, *whole):
        if assigned := re.fullmatch(r'(\w+)="(.*)"', line):
            variables[assigned[1]] = assigned[2]
            continue
        for name, value in variables.items():
            line = line.replace(f"${name} ", f"{value} ")
        if words := shlex.split(line, comments=True):
            found.append(tuple(words))
    return list(dict.fromkeys(found))


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How commands are tried whose words begin as `begins` and hold all of `holds`."""

    begins: str
    holds: tuple[str, ...] = ()
    instead: tuple[tuple[str, str], ...] = ()
    """Words and what stands in for them."""
    more: str = ""
    """Flags behind: of one that comes twice, the last holds."""
    parsed: str = ""
    """Why the command is not run but only understood."""

    def matches(self, words: tuple[str, ...]) -> bool:
        """Whether this is a command of the rule's."""
        return " ".join(words).startswith(self.begins) and all(word in words for word in self.holds)

    def scaled(self, words: tuple[str, ...]) -> list[str]:
        """The command as it is tried."""
        indices = dict(self.instead)
        return [*(indices.get(word, word) for word in words), *shlex.split(self.more)]


CIFAR = (("cifar10", "folder:tiny"), ("cifar100", "folder:tiny"))
TRAIN = "--recipe quick --network wrn-10-1 --epochs 1 --batch-size 8 --threads 1 --workers 0 --suite clean"
FVIS = "--steps 2 --batch 4 --count 4 --size 32 --workers 1 --devices cpu"
NETWORK = (("resnet50", "tinynet:make"),)
IMAGENET = "asks for ImageNet's images or weights"

RULES = (
    # Setting up is what comes before a test.
    Rule(begins="make", parsed="is a target of the Makefile"),
    Rule(begins="python3 -m venv", parsed="is what the Makefile does"),
    # mixset
    Rule(begins="mixset make fractals --count 14230", more="--count 8 --size 32 --workers 1"),
    Rule(begins="mixset make fractals --count 4096", instead=(("4096", "8"), ("64", "32")), more="--workers 1"),
    Rule(begins="mixset make fractals --count 1000000", holds=("--part",), more="--part 1/1 --count 2 --size 32"),
    Rule(begins="mixset make fractals --count 1000000", holds=("dask://HOST:8786",), parsed="asks for a cluster"),
    Rule(begins="mixset make fvis --network resnet50 --list-layers", instead=NETWORK),
    Rule(begins="mixset make fvis --network resnet50 --count", instead=NETWORK, more=FVIS),
    Rule(begins="mixset make fvis --network efficientnet_lite0", more=FVIS),
    Rule(begins="mixset make fvis --network timm:vit_tiny_patch16_224", parsed=IMAGENET),
    Rule(begins="mixset make fvis --network vit_b_16", parsed=IMAGENET),
    Rule(begins="mixset make fvis --network run:runs/cifar10-baseline-0", more=FVIS),
    Rule(begins="mixset make stripes.py:Stripes", more="--count 8 --size 40 --workers 1"),
    Rule(begins="mixset sheet"),
    Rule(begins="mixset info"),
    Rule(begins="mixset show", instead=(("17", "7"), ("1024", "64"))),
    Rule(begins="mixset check"),
    Rule(begins="mixset import"),
    Rule(begins="mixset export"),
    # pixmix train
    Rule(
        begins="pixmix train cifar10 --method pixmix --mixing-set fractals",
        instead=(*CIFAR, ("fractals", "my-set")),
        more=TRAIN,
    ),
    Rule(begins="pixmix train cifar10 --method pixmix --mixing-set my-set", instead=CIFAR, more=TRAIN),
    Rule(begins="pixmix train cifar10 --method pixmix --mixing-set stripes", instead=CIFAR, more=TRAIN),
    Rule(begins="pixmix train cifar10 --method mine.py:Jitter", instead=CIFAR, more=TRAIN),
    Rule(
        begins="pixmix train cifar10 --network small.py:small",
        instead=CIFAR,
        more=TRAIN.replace("--network wrn-10-1", ""),
    ),
    Rule(begins="pixmix train cifar100", instead=CIFAR, more=TRAIN),
    Rule(begins="pixmix train cifar10 --method oe", instead=CIFAR, more=TRAIN),
    Rule(begins="pixmix train cifar10 --method augmix", instead=CIFAR, more=TRAIN),
    Rule(begins="pixmix train cifar10 --method ipmix+jsd", instead=CIFAR, more=TRAIN),
    Rule(begins="pixmix train cifar10 --method prime", instead=CIFAR, more=TRAIN),
    Rule(begins="pixmix train cifar10 --method pixprime", instead=CIFAR, more=TRAIN),
    Rule(
        begins="pixmix train digits",
        more="--network wrn-10-1 --subset 20 --test-subset 20 --epochs 1 --batch-size 8 --threads 1 --suite clean",
    ),
    Rule(begins="pixmix train folder:PATH --recipe imagenet --init torchvision", parsed=IMAGENET),
    Rule(
        begins="pixmix train folder:PATH --recipe imagenet --method sin",
        instead=(("folder:PATH", "folder:tiny"),),
        more=TRAIN,
    ),
    Rule(begins="pixmix train folder:flowers --recipe imagenet --init torchvision", parsed=IMAGENET),
    Rule(begins="torchrun", parsed="is run under torchrun in tests/train"),
    # pixmix corrupt; of a set that is already whole nothing is made again
    Rule(begins="pixmix corrupt cifar10", holds=("c",), instead=CIFAR, more="--frost frost --workers 1"),
    Rule(begins="pixmix corrupt cifar10", holds=("cbar",), instead=CIFAR, more="--workers 1"),
    Rule(begins="pixmix corrupt folder:flowers", holds=("c",), more="--size 32 --frost frost --workers 1"),
    Rule(begins="pixmix corrupt folder:flowers", holds=("cbar",), more="--size 32 --workers 1"),
    Rule(begins="pixmix corrupt folder:flowers", holds=("p",), more="--size 32 --workers 1"),
    Rule(begins="pixmix corrupt cifar10 CIFAR-10-lines", instead=CIFAR, more="--workers 1"),
    Rule(begins="pixmix corrupt --show dog.jpg corruptions.png", more="--size 32 --frost frost"),
    # pixmix evaluate
    Rule(begins="pixmix evaluate runs/cifar10-pixmix-0 --suite c cbar p"),
    Rule(begins="pixmix evaluate runs/cifar10-pixmix-0 --suite c --c CIFAR-10-lines"),
    Rule(begins="pixmix evaluate runs/small", more="--suite clean"),
    Rule(begins="pixmix evaluate runs/cifar10-pixmix-0 --suite anomalies"),
    Rule(
        begins="pixmix evaluate runs/cifar10-pixmix-0 --score",
        holds=("--calibrate-on",),
        parsed="images that are held out are not here",
    ),
    Rule(
        begins="pixmix evaluate runs/cifar10-pixmix-0 --score knn gen rmds",
        more="--score-settings knn.k=2 vim.dimension=8",
    ),
    Rule(begins="pixmix evaluate runs/cifar10-pixmix-0 --score margin.py:margin"),
    Rule(begins="pixmix evaluate runs/cifar10-pixmix-0 --suite autoattack", parsed="asks for pyautoattack"),
    Rule(begins="pixmix evaluate runs/cifar10-pixmix-0 --suite clean", more="--attack.steps 2"),
    Rule(begins="pixmix evaluate runs/cifar10-pixmix-0 --dataset folder:STL10", parsed="STL-10 is not here"),
    Rule(begins="pixmix evaluate runs/cifar10-pixmix-0 --suite openood", parsed="asks for OpenOOD's images"),
    Rule(begins="pixmix evaluate runs/cifar10-pixmix-0 --suite cifar10_1", parsed="CIFAR-10.1 is not here"),
    Rule(begins="pixmix evaluate runs/flowers --suite c cbar p"),
    Rule(
        begins="pixmix evaluate checkpoint.pth.tar",
        instead=(*CIFAR, ("wrn-40-4", "wrn-10-1")),
        more="--suite clean calibration",
    ),
    Rule(begins="pixmix evaluate resnet50", parsed=IMAGENET),
    Rule(begins="pixmix evaluate --logits logits.npz"),
    # pixmix ablate: tests/train runs one; of these the commands are planned, and each of them is understood
    Rule(begins="pixmix ablate"),
    Rule(begins="pixmix report"),
    Rule(begins="pixmix export openood", parsed="asks for measures of OpenOOD's images"),
    Rule(begins="pixmix export robustbench", parsed="asks for measures of CIFAR-10's 10,000 images"),
    Rule(begins="pixmix show dog.jpg mine.png", more="--size 32 --mixing-set my-set"),
    # The figure of all methods is drawn in tests/train.
    Rule(begins="pixmix show cat.jpg methods.png", more="--size 32 --mixing-set my-set --methods pixmix augmix"),
    Rule(begins="pixmix show cat.jpg rounds.png", more="--size 32 --mixing-set my-set"),
    Rule(begins="python examples/", parsed="is run in tests/examples"),
    Rule(begins="python benchmarks/evidence.py", parsed="is run in tests/benchmarks"),
    Rule(begins="python benchmarks/mixing_sets.py", parsed="is run in tests/benchmarks"),
)
