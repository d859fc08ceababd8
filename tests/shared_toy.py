"""A toy in Git with an origin and a DVC remote, and clones of it that stand for other machines."""

import subprocess
from pathlib import Path

from tests.toy import make_toy

IGNORED = "/out/\n/trace\n/data/checkpoints/\n*.started\n.restore/\n"

MORE_STAGES = """\
  score:
    cmd: mkdir -p data && cp out/join data/score.json
    deps: [out/join]
    metrics:
      - data/score.json: {cache: false}
  train:
    cmd: python train.py --checkpoints data/checkpoints/net
    deps: [train.py]
    outs: [out/net]
"""

TRAIN = """\
import os, signal, sys, time
from pathlib import Path

checkpoint = Path(sys.argv[2], "a.pt")

def stop(*_):
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_text("half of it was done elsewhere")
    sys.exit(1)

signal.signal(signal.SIGTERM, stop)
Path(os.environ["TOY_STARTED"]).touch()
if not checkpoint.exists():
    time.sleep(600)
Path("out").mkdir(exist_ok=True)
Path("out/net").write_text(checkpoint.read_text())
"""


def git(folder: Path, *words: str) -> str:
    """Run Git as somebody, and return what it prints."""
    somebody = ("-c", "user.name=Toy", "-c", "user.email=toy@example.com")
    done = subprocess.run(
        ["git", *somebody, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def make_shared_toy(base: Path) -> Path:
    """Make ``base/head``, pushed to ``base/origin.git``, with the DVC remote ``base/remote``."""
    head = make_toy(base / "head")
    (base / "remote").mkdir()
    git(base, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
    (head / ".dvc/config").write_text(
        "[core]\n    remote = shared\n    analytics = false\n"
        f"['remote \"shared\"']\n    url = {base / 'remote'}\n"
    )
    (head / ".dvc/.gitignore").write_text("/cache\n/tmp\n/config.local\n")
    (head / ".gitignore").write_text(IGNORED)
    (head / "train.py").write_text(TRAIN)
    with (head / "dvc.yaml").open("a") as file:
        file.write(MORE_STAGES)
    git(head, "init", "--quiet", "--initial-branch=main")
    git(head, "remote", "add", "origin", str(base / "origin.git"))
    git(head, "add", "--all")
    git(head, "commit", "--quiet", "--message=Toy")
    git(head, "push", "--quiet", "--set-upstream", "origin", "main")
    return head


def move_remote(head: Path, **settings: str) -> None:
    """Give the toy another DVC remote, and push that."""
    lines = "".join(f"    {key} = {value}\n" for key, value in settings.items())
    (head / ".dvc/config").write_text(
        f"[core]\n    remote = shared\n    analytics = false\n['remote \"shared\"']\n{lines}"
    )
    git(head, "commit", "--quiet", "--all", "--message=Another remote")
    git(head, "push", "--quiet")


def clone(base: Path, name: str) -> Path:
    """Clone the origin to ``base/name``."""
    git(base, "clone", "--quiet", "origin.git", name)
    return base / name
