"""What was found, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from tools.bench.figures import REFERENCE, Race


def race(title: str, found: Race) -> Iterator[str]:
    """One workload in which Kabine ran beside others."""
    fsyncs = "" if found.fsyncs is None else f"   {found.fsyncs.cabin} and {found.fsyncs.hub} fsyncs"
    yield f"{title}, median of {found.runs} runs"
    yield (
        f"  Kabine                   {found.kabine_s:7.3f} s   {found.per_s:,.0f}/s   {found.mb_per_s:.0f} MB/s"
        f"   wire/payload {found.wire_ratio:.4f}{fsyncs}"
    )
    yield (
        f"    CPU of cabin, hub      {found.cpu_s.cabin:7.3f} s   {found.cpu_s.hub:7.3f} s"
        f"   {found.cpu_ratio.cabin:.2f} and {found.cpu_ratio.hub:.2f} times the reference's"
    )
    for name, seconds in {REFERENCE: found.reference_s, **found.peers_s}.items():
        ratio = found.faster_than[name]
        counted = f"   {found.peers_fsyncs[name]} fsyncs" if name in found.peers_fsyncs else ""
        yield f"  {name:<24} {seconds:7.3f} s   Kabine is {ratio:.2f} times as fast{counted}"
    for name, reason in found.left_out.items():
        yield f"  {name:<24} left out: {reason}"
