"use strict";
// Rows of a table sorted by the clicked column; fields without a value stay at the end.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  headings.forEach((heading, column) => {
    heading.addEventListener("click", () => {
      const key = (row) => row.cells[column].dataset.sort ?? "";
      const rows = [...body.rows];
      const numeric = rows.every((row) => key(row) === "" || !Number.isNaN(Number(key(row))));
      const before = heading.getAttribute("aria-sort");
      const descending = before ? before === "ascending" : numeric;
      const compare = numeric
        ? (a, b) => Number(key(a)) - Number(key(b))
        : (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
      rows.sort((a, b) => {
        if ((key(a) === "") !== (key(b) === "")) return key(a) === "" ? 1 : -1;
        return descending ? compare(b, a) : compare(a, b);
      });
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      body.append(...rows);
    });
  });
}
