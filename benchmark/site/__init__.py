"""Static sites: folders of HTML that open from disk; what the leaderboard and the reports share.

The only package of `benchmark/` that needs Jinja2, and so never imported by the rest of the harness.
"""
