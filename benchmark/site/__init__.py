"""Static sites, shared by the leaderboard and the reports: folders of HTML pages that open from disk.

`pages` is the only module of `benchmark` that loads Jinja2, so the harness imports it only where it writes pages.
"""
