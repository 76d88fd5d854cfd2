"""Names of windows for matplotlib's backends: on a page there are none."""

backend2gui: dict[str, str] = {}
