"""The assignment of rows to columns with the largest sum (Kuhn 1955), exact, without a library.

Shortest augmenting paths with potentials (Jonker and Volgenant 1987): cost grows with the square of the shorter side
times the longer one. Tables are small, a few boxes each way, and for most of them the best of each row is the answer.
"""

import numpy as np


def assign(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose cells, at most one in each row and column and as many as the shorter side, with the largest sum.

    Args:
        table: finite values, shape (n_rows, n_columns); a side may be 0.

    Returns:
        Rows and columns of the cells, sorted by row; int64, shape (min(n_rows, n_columns),) each.
    """
    if table.shape[0] > table.shape[1]:
        columns, rows = assign(table.T)
        order = np.argsort(rows)
        return rows[order], columns[order]
    n = table.shape[0]
    if not n:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    best = table.argmax(axis=1)
    if len(set(best.tolist())) < n:
        best = _augmented(-table)
    return np.arange(n), best


def _augmented(cost: np.ndarray) -> np.ndarray:
    """The column of each row in the assignment of lowest cost; there are at least as many columns as rows."""
    n_rows, n_columns = cost.shape
    of_row, of_column = np.zeros(n_rows), np.zeros(n_columns)  # potentials
    taken_by = np.full(n_columns, -1)
    for start in range(n_rows):
        shortest = np.full(n_columns, np.inf)
        before = np.full(n_columns, -1)
        done = np.zeros(n_columns, bool)
        row, reached, column = start, 0.0, -1
        visited = [start]
        while True:
            through = reached + cost[row] - of_row[row] - of_column
            better = ~done & (through < shortest)
            shortest[better] = through[better]
            before[better] = column
            column = int(np.where(done, np.inf, shortest).argmin())
            reached = float(shortest[column])
            done[column] = True
            if taken_by[column] < 0:
                break
            row = int(taken_by[column])
            visited.append(row)
        of_row[start] += reached
        for other in visited[1:]:
            of_row[other] += reached - shortest[np.flatnonzero(taken_by == other)[0]]
        of_column[done] -= reached - shortest[done]
        while column >= 0:  # turn the path around
            taken_by[column] = start if before[column] < 0 else taken_by[before[column]]
            column = int(before[column])
    columns = np.full(n_rows, -1)
    found = np.flatnonzero(taken_by >= 0)
    columns[taken_by[found]] = found
    return columns
