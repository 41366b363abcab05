"""`seawall mcp`: questions of an assistant to a running service, over standard input and output."""

from __future__ import annotations

import re
from pathlib import Path

from seawall.cli.output import DONE, WRONG_INPUT, Failure, wrong_input


def run(url: str, key_file: Path | None) -> int:
    """Serve until the assistant hangs up."""
    if not re.fullmatch(r"https?://[^/\s]+/?", url):
        raise Failure(WRONG_INPUT, f"--url {url}: not the address of a service")
    key = None if key_file is None else _key(key_file)
    try:
        from seawall.service import mcp
    except ModuleNotFoundError as error:
        said = f"{error.name} is missing: pip install 'seawall[mcp]'"
        raise Failure(WRONG_INPUT, said) from None
    mcp.run(url, key)
    return DONE


def _key(file: Path) -> str:
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not text"
        raise wrong_input(f"{file}: {said}") from None
    if not re.fullmatch(r"sw_[0-9A-Za-z]+_[0-9A-Za-z_-]+", key):
        raise wrong_input(f"{file}: not an API key")
    return key
