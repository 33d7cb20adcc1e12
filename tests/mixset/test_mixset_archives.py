"""Sources as the world has them: links, pipes, claims, odd names, and folders that cannot be read."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from mixset_samples import noise
from PIL import Image

from mixset import InputError, MixingSet
from mixset._store import importing, manifest
from mixset._store.check import check
from mixset._store.exporting import export_images
from mixset._store.importing import import_images
from mixset._store.shard_writer import ShardWriter
from mixset._store.sources import open_source
from mixset.generate._command import cli


def png(seed: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(noise(1, seed=seed)[0]).save(stream, "PNG")
    return stream.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def write_tar(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for info, content in members:
            info.size = len(content) if content else info.size
            archive.addfile(info, io.BytesIO(content))
    return path


def test_links_in_a_tar_lead_where_they_would_once_unpacked_or_are_named(tmp_path: Path) -> None:
    archive = write_tar(
        tmp_path / "a.tar",
        (member("set/a.png"), png()),
        (member("set/hard.png", tarfile.LNKTYPE, "set/a.png"), b""),
        (member("set/deep/soft.png", tarfile.SYMTYPE, "../a.png"), b""),
        (member("set/out.png", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (member("set/round.png", tarfile.SYMTYPE, "round.png"), b""),
        (member("set/pipe.png", tarfile.FIFOTYPE), b""),
        (member("set/notes.txt"), b"x"),
        (member("set/notes-too.txt", tarfile.SYMTYPE, "notes.txt"), b""),
    )
    done = import_images(archive, tmp_path / "out", quiet=True)
    assert (done.count, done.ignored) == (3, 2)
    assert dict(done.left_out) == {
        "set/out.png": "a link to /etc/passwd, which the archive lacks",
        "set/round.png": "a circular link",
        "set/pipe.png": "neither a file nor a link to one",
    }
    assert manifest.read(tmp_path / "out").left_out == done.left_out
    assert {one.tobytes() for one in MixingSet(tmp_path / "out")} == {noise(1)[0].tobytes()}


def test_a_member_that_claims_more_than_an_image_may_have_is_named(tmp_path: Path) -> None:
    """As `tar -S` writes 20 GB of nothing: 10 kB."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png())
    with open(tmp_path / "in" / "big.png", "wb") as file:
        file.truncate(20 << 30)
    subprocess.run(["tar", "-S", "-C", tmp_path, "-cf", tmp_path / "s.tar", "in"], check=True)
    assert (tmp_path / "s.tar").stat().st_size < 100_000
    done = import_images(tmp_path / "s.tar", tmp_path / "out", quiet=True)
    assert (done.count, [name for name, _ in done.left_out]) == (1, ["in/big.png"])
    assert "21,474,836,480 bytes are more than an image may have (512 MiB)" in done.left_out[0][1]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
@pytest.mark.parametrize("size", [-512, 20 << 30])
@pytest.mark.parametrize("packed", [False, True])
def test_headers_that_claim_too_much_or_less_than_nothing(tmp_path: Path, kind: bytes, size: int, packed: bool) -> None:
    header = member("a.png", kind, size=size).tobuf(tarfile.GNU_FORMAT)
    content = write_tar(tmp_path / "a.tar", (member("b.png"), png())).read_bytes()
    (tmp_path / "a.tar").write_bytes(gzip.compress(header + content) if packed else header + content)
    with pytest.raises(InputError, match=r"a\.tar (is damaged|holds no images)") as caught:
        import_images(tmp_path / "a.tar", tmp_path / "out", quiet=True)
    assert "\n" not in str(caught.value)
    assert len(open_source(write_tar(tmp_path / "b.tar", (member("b.png"), png()))).names) == 1


def test_what_is_read_ahead_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BYTES_IN_FLIGHT", 2 * len(png()) - 1)
    batches = list(importing._batches((index, png()) for index in range(5)))
    assert [len(batch) for batch in batches] == [2, 2, 1]


def test_folders_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("open", "shut"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "a.png").write_bytes(png())
    scandir = os.scandir

    def scan(path: str) -> object:  # permissions do not bind root
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    done = import_images(tmp_path / "in", tmp_path / "out", quiet=True)
    assert (done.count, done.left_out) == (1, ((str(tmp_path / "in" / "shut"), "Permission denied"),))
    assert manifest.read(tmp_path / "out").left_out == done.left_out
    with pytest.raises(InputError, match="shut cannot be read: Permission denied"):
        MixingSet(tmp_path / "in")


def test_a_pipe_among_the_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png())
    os.mkfifo(tmp_path / "in" / "b.png")
    done = import_images(tmp_path / "in", tmp_path / "out", quiet=True)
    assert done.count == 1
    assert done.left_out == (("b.png", f"{tmp_path / 'in' / 'b.png'} is not a regular file but a pipe"),)


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_names_that_are_no_utf_8_pass_through_everything(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    source = tmp_path / os.fsdecode(b"images \xe9")
    source.mkdir()
    for index, name in enumerate((b"caf\xe9.png", b"plain.png")):
        (source / os.fsdecode(name)).write_bytes(png(index))
    (source / os.fsdecode(b"broken \xff.png")).write_bytes(b"x")
    if kind == "tar":
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            archive.add(source, os.fsdecode(b"images \xe9"))
    out = tmp_path / os.fsdecode(b"out \xfe")

    def mixset(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["mixset", *map(str, arguments)])
        cli.main()
        said = capsysbinary.readouterr()
        return (said.out + said.err).decode("ascii")

    prefix = os.fsdecode(b"images \xe9/") if kind == "tar" else ""
    assert "broken \\udcff.png" in mixset("import", tmp_path / "a.tar" if kind == "tar" else source, out)
    held = sorted(record for record in (MixingSet(out).caption(index)[1] for index in range(2)))
    assert [name.split("/")[-1] for name in held] == ["caf\\udce9.png", "plain.png"]
    assert manifest.read(out).left_out[0][0] == prefix + os.fsdecode(b"broken \xff.png")
    assert "2 images" in mixset("info", out)
    assert not check(out, quiet=True).damage
    assert mixset("sheet", out, tmp_path / "sheet.png").startswith("wrote")
    assert export_images(MixingSet(out), tmp_path / "png", quiet=True) == 2


def test_a_killed_export_resumes_and_refuses_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for index in range(6):
        (tmp_path / "in" / f"{index}.png").write_bytes(png(index))
    code = """
import os, sys
import mixset._store.exporting as exporting
from mixset import MixingSet
exporting._IN_FLIGHT, exporting.usable_cores = 1, lambda: 1
write, left = exporting.write_atomically, [int(sys.argv[3])]
def counted(*arguments):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), 9)
    write(*arguments)
exporting.write_atomically = counted
exporting.export_images(MixingSet(sys.argv[1]), sys.argv[2], quiet=True)
"""

    def run(out: Path, kill_at: int) -> int:
        return subprocess.run([sys.executable, "-c", code, tmp_path / "in", out, str(kill_at)], check=False).returncode

    out = tmp_path / "out"
    assert run(out, 4) == -9
    assert sorted(path.name for path in out.iterdir()) == ["images", manifest.UNFINISHED]
    kept = {path.name: path.stat().st_ino for path in (out / "images").glob("*.png")}
    assert len(kept) == 3
    with pytest.raises(InputError, match="is unfinished"):
        MixingSet(out)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.png").write_bytes(png(9))
    with pytest.raises(InputError, match="holds a set of another recipe"):
        export_images(MixingSet(tmp_path / "other"), out, quiet=True)
    assert run(out, 0) == 0
    assert sorted(path.name for path in out.iterdir()) == ["images"]
    assert len(list((out / "images").iterdir())) == 6
    assert all((out / "images" / name).stat().st_ino == inode for name, inode in kept.items())
    for index, image in enumerate(MixingSet(out)):
        np.testing.assert_array_equal(image, noise(1, seed=index)[0])
    with pytest.raises(InputError, match="is not empty and not a mixing set"):
        export_images(MixingSet(tmp_path / "in"), out, quiet=True)


def test_a_refused_folder_keeps_its_partial_files(tmp_path: Path) -> None:
    out = tmp_path / "Downloads"
    out.mkdir()
    # One of another program, and one that looks like ours but lies among other things.
    names = ("movie.mp4.partial", "a.h5.12-host-0123456789abcdef.partial", "thesis.txt")
    for name in names:
        (out / name).write_text("x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png())
    for use in (import_images, lambda source, out, quiet: export_images(MixingSet(source), out, quiet=quiet)):
        with pytest.raises(InputError, match=r"is not empty and not a mixing set \(it holds movie\.mp4\.partial\)"):
            use(tmp_path / "in", out, quiet=True)
    assert sorted(path.name for path in out.iterdir()) == sorted(names)


@pytest.mark.parametrize("workers", [0, -1, 10**9, True, "2", 1.5])
def test_workers_out_of_range(tmp_path: Path, workers: object) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png())
    with pytest.raises(InputError, match=r"workers: a whole number from 1 to 1,024 is needed"):
        import_images(tmp_path / "in", tmp_path / "out", workers=workers)
    assert not (tmp_path / "out").exists()


def test_a_family_called_as_our_own_file_ends_an_export_in_one_line(tmp_path: Path) -> None:
    with ShardWriter(
        tmp_path / "in" / "a.h5", family="unfinished.json", recipe={}, start_index=0, shape=(8, 8), count=1
    ) as writer:
        writer.add(np.zeros((8, 8, 3), np.uint8), 0, {})
    with pytest.raises(InputError, match=r"cannot write .*unfinished\.json: .*; choose another folder"):
        export_images(MixingSet(tmp_path / "in"), tmp_path / "out", quiet=True)


def test_the_checksum_of_a_compressed_archive_is_compared(tmp_path: Path) -> None:
    image, plain = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (16, 16)).save(image, "PNG")
    with tarfile.open(fileobj=plain, mode="w") as archive:
        member = tarfile.TarInfo("a.png")
        member.size = len(image.getvalue())
        archive.addfile(member, io.BytesIO(image.getvalue()))
    whole = gzip.compress(plain.getvalue())
    for name, content in (("whole", whole), ("damaged", whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:])):
        (tmp_path / f"{name}.tar.gz").write_bytes(content)
    assert import_images(tmp_path / "whole.tar.gz", tmp_path / "out", quiet=True).count == 1
    with pytest.raises(InputError, match=r"damaged\.tar\.gz is damaged \(CRC check failed"):
        import_images(tmp_path / "damaged.tar.gz", tmp_path / "other", quiet=True)
