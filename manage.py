#!/usr/bin/env python
"""Entry point of every command."""

from __future__ import annotations

import os
import sys

UP_VARIABLES = {
    "--port": "SPANBOARD_PORT",
    "--host": "SPANBOARD_HOST",
    "--data-dir": "SPANBOARD_DATA_DIR",
    "--jaeger": "SPANBOARD_JAEGER_URL",
    "--base-path": "SPANBOARD_BASE_PATH",
}


def options_to_environment(arguments: list[str]) -> None:
    """Put the options of ``up`` and ``mesh`` where the settings read them from."""
    for position, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in UP_VARIABLES:
            if not equals and position + 1 < len(arguments):
                value = arguments[position + 1]
            os.environ[UP_VARIABLES[name]] = value
        elif name == "--no-demo":
            os.environ["SPANBOARD_DEMO"] = "0"


def main() -> None:
    """Run the command; a wrong setting is a sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    if sys.argv[1:2] in (["up"], ["mesh"]):
        options_to_environment(sys.argv[2:])
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        print(f"spanboard: {problem}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
