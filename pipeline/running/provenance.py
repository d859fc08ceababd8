"""Where code and data stand while something runs."""

import subprocess
from hashlib import sha256
from pathlib import Path

_LONGEST_TAG = 4000


def provenance(root: Path) -> dict[str, str]:
    """Return tags that say where a project stands: commit, edited files, checksum of dvc.lock.

    Args:
        root: Folder of the project.
    """
    tags = {"git.commit": _git(root, "rev-parse", "HEAD") or "unknown"}
    # dvc.lock and the metrics change with every run, by the run itself.
    own = (":!dvc.lock", ":!data")
    edited = _git(root, "status", "--porcelain", "-uno", "--", ".", *own)
    tags["git.edited"] = "unknown" if edited is None else edited or "no"
    lock = root / "dvc.lock"
    if lock.exists():
        tags["dvc.lock"] = sha256(lock.read_bytes()).hexdigest()
    return tags


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  (fixed words)
            ["git", *words],  # noqa: S607  (git from PATH, as everywhere)
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()[:_LONGEST_TAG]
