"""Ask the second implementation (age_peer.mjs, in Node). One process answers one list of questions."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def ask(*questions: dict[str, Any]) -> list[Any]:
    """The answers, in order; an AssertionError names the question that the peer refused. Fails where Node is missing: without
    the second implementation nothing is proved."""
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "age-encryption").is_dir():
        pytest.fail(
            "The second implementation is missing. Install Node (>= 20.19) and run "
            "`npm ci --ignore-scripts --no-audit --no-fund`, or simply `make test`."
        )
    done = subprocess.run(
        [node, str(HERE / "age_peer.mjs")],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    given = []
    for question, answer in zip(questions, json.loads(done.stdout), strict=True):
        assert "answer" in answer, f"The peer refused {question['ask']}: {answer.get('error')}"
        given.append(answer["answer"])
    return given


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
