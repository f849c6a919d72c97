// Makes every table.sortable sortable by buttons in its headers; without scripts it remains a plain table.
// Sorting moves whole tbody elements, so the rows of a group stay together. Cells of numeric columns are compared by
// data-value, others by their text; cells without a value come last in either direction.
"use strict";
(() => {
  // Keeps the current page in view on narrow screens. scrollIntoView would make the first Tab start behind it.
  const here = document.querySelector("nav [aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - (here.parentElement.clientWidth - here.offsetWidth) / 2;
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
    const direction = before ? (before === "ascending" ? -1 : 1) : numeric ? -1 : 1; // numbers start with the largest
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
