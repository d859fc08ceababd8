"use strict";

// Before and after: one picture over the other, under a range input that arrow keys move too.
for (const pair of document.querySelectorAll(".pair")) {
  const range = document.createElement("input");
  range.type = "range";
  range.min = "0";
  range.max = "100";
  range.value = "50";
  range.setAttribute("aria-label", `Degraded to the left, restored to the right: ${pair.dataset.name}`);
  range.addEventListener("input", () => pair.style.setProperty("--at", `${range.value}%`));
  pair.append(range);
}
document.documentElement.classList.add("live");

// Headings sort the rows of each block; the block's own heading stays on top.
const board = document.querySelector("#board");
const headings = [...board.tHead.rows[0].cells];

function compare(one, other, kind, sign) {
  if (one === undefined || other === undefined) {
    return (one === undefined) - (other === undefined);
  }
  return sign * (kind === "text" ? one.localeCompare(other, "en") : number(one) - number(other) || 0);
}

function number(text) {
  return text.endsWith("inf") ? (text.startsWith("-") ? -1e9 : 1e9) : Number(text);
}

function sortBy(column, ascending) {
  const kind = headings[column].dataset.sort;
  for (const block of board.tBodies) {
    const rows = [...block.rows].slice(1);
    const value = (row) => row.cells[column].dataset.value;
    rows.sort((one, other) => compare(value(one), value(other), kind, ascending ? 1 : -1));
    block.append(...rows);
  }
  headings.forEach((heading, at) => {
    if (at === column) {
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    } else {
      heading.removeAttribute("aria-sort");
    }
  });
}

headings.forEach((heading, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...heading.childNodes);
  heading.append(button);
  button.addEventListener("click", () => {
    const textFirst = heading.dataset.sort === "text";
    const sorted = heading.getAttribute("aria-sort");
    sortBy(column, sorted ? sorted === "descending" : textFirst);
  });
});

// A link to something folded opens it.
function unfold() {
  const place = document.getElementById(location.hash.slice(1));
  const fold = place && place.closest("details");
  if (fold) {
    fold.open = true;
    fold.scrollIntoView();
  }
}

addEventListener("hashchange", unfold);
unfold();
