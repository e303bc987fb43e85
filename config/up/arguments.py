"""The command line of `up`."""

import argparse


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./muster up", description="Start Muster: web, workers, and an embedded Valkey.")
    parser.add_argument("--port", type=int, default=8765, help="default 8765; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="another address is refused until someone has a password")
    parser.add_argument("--no-demo", dest="demo", action="store_false", help="do not start the demo at the first login")
    return parser.parse_args()
