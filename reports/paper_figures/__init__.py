"""The paper's figures and Table 1 from stored runs, one room each; `python -m reports.draw` is the command line."""
