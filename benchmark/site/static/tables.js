// Makes every table.sortable sortable: a button in each header, by mouse or keyboard. Without it, it is still a table.
// A tbody is what moves: the lines of one group stay together. Cells are compared by data-value, else by their text;
// those without a number stand last in either direction.
"use strict";
document.querySelector("nav [aria-current]")?.scrollIntoView({block: "nearest", inline: "center"}); // on a phone
(() => {
  const text = (cell) => cell.textContent.trim();
  const number = (cell) => (cell.dataset.value === undefined ? NaN : Number(cell.dataset.value));
  const missing = (cell) => !text(cell) || text(cell) === "-";

  function compare(a, b, numeric, direction) {
    const absent = (cell) => (numeric ? Number.isNaN(number(cell)) : missing(cell));
    if (absent(a) || absent(b)) return absent(a) - absent(b);
    return direction * (numeric ? number(a) - number(b) : text(a).localeCompare(text(b)));
  }

  function sort(table, header, column) {
    const headers = [...table.tHead.rows[0].cells];
    const numeric = header.classList.contains("number");
    const before = header.getAttribute("aria-sort");
    const direction = before ? (before === "ascending" ? -1 : 1) : numeric ? -1 : 1; // numbers: the best first
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
    const cell = (body) => body.rows[0].cells[column];
    const bodies = [...table.tBodies].sort((a, b) => compare(cell(a), cell(b), numeric, direction));
    table.append(...bodies);
  }

  for (const table of document.querySelectorAll("table.sortable"))
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      if (!text(button)) button.setAttribute("aria-label", "name");
      button.addEventListener("click", () => sort(table, header, column));
      header.append(button);
    });
})();
