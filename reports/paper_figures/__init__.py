"""The paper's figures and its Tables 1 and A6 from stored runs, one room each; the command line is `reports.draw`."""
