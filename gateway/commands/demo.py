"""`meshgate demo`: build the example mesh, query it, and serve it."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.demo.run import run_demo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exit", action="store_true", help="stop after the queries")
    parser.add_argument(
        "--mesh", type=Path, metavar="DIR", help="keep the mesh in this folder (a temporary one)"
    )
    parser.add_argument("--listen", metavar="URI", help="grpc://HOST:PORT (port 8815 or the next)")


def run(args: argparse.Namespace) -> int:
    return run_demo(args)
