"""The report as a static site from stored runs: results, claims, figures, and a browser of all captions."""
