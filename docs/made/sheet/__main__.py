"""Print the sheet: `python docs/made/sheet build/docs/sheet.pdf`. Needs a headless Chromium."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3])]

from made.sheet.printed import print_pdf  # noqa: E402


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python docs/made/sheet FILE.pdf", file=sys.stderr)
        return 2
    try:
        print_pdf(Path(arguments[0]))
    except (OSError, RuntimeError, ModuleNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    print(arguments[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
