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

for (const hidden of document.querySelectorAll(".choices, .choices label")) {
  hidden.hidden = false;
}

// One figure of costs at a time: of one test, against one kind of cost.
const costs = document.querySelector("#costs-of-tests");
const test = document.querySelector("#test");
const cost = document.querySelector("#cost");

function showFigure() {
  const figures = [...costs.querySelectorAll("figure")];
  const ofTest = figures.filter((figure) => figure.dataset.test === test.value);
  const chosen = ofTest.find((figure) => figure.dataset.cost === cost.value) ?? ofTest[0];
  figures.forEach((figure) => { figure.hidden = figure !== chosen; });
  for (const row of document.querySelectorAll("#best tbody tr")) {
    row.classList.toggle("chosen", row.dataset.test === test.value);
  }
}

if (costs) {
  costs.hidden = !test.options.length;
  test.addEventListener("change", showFigure);
  cost.addEventListener("change", showFigure);
  document.querySelector("#best tbody").addEventListener("click", (event) => {
    const asked = event.target.closest("tr").dataset.test;
    if (!event.target.closest("a") && [...test.options].some((one) => one.value === asked)) {
      test.value = asked;
      showFigure();
    }
  });
  showFigure();
}

// The leaderboard: rows with a name, blocks of further protocols, columns.
const filter = document.querySelector("#filter");
const further = document.querySelector("#further");

function showRows() {
  const asked = filter.value.trim().toLowerCase();
  for (const block of board.tBodies) {
    const rows = [...block.rows].slice(1);
    for (const row of rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(asked);
    }
    const isFurther = block.classList.contains("further") && further && !further.checked;
    block.hidden = isFurther || rows.every((row) => row.hidden);
  }
}

filter.addEventListener("input", showRows);
further?.addEventListener("change", showRows);
showRows();

headings.forEach((heading, column) => {
  if (column < 2) {
    return;
  }
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = !board.classList.contains(`without-${column + 1}`);
  label.append(box, heading.textContent);
  document.querySelector("#columns").append(label);
  box.addEventListener("change", () => board.classList.toggle(`without-${column + 1}`, !box.checked));
});

// The same crop: all windows of an image are enlarged around the same place.
const zoom = document.querySelector("#zoom");
const errors = document.querySelector("#errors");
const crops = document.querySelector("#crops");
zoom?.addEventListener("input", () => crops.style.setProperty("--zoom", zoom.value));
errors?.addEventListener("change", () => crops.classList.toggle("errors", errors.checked));
for (const same of document.querySelectorAll(".same")) {
  same.addEventListener("pointermove", (event) => {
    const window = event.target.closest(".window");
    if (window) {
      const box = window.getBoundingClientRect();
      same.style.setProperty("--x", `${(100 * (event.clientX - box.left)) / box.width}%`);
      same.style.setProperty("--y", `${(100 * (event.clientY - box.top)) / box.height}%`);
    }
  });
}

// A link to something folded opens it, and what it is in.
function unfold() {
  const place = document.getElementById(location.hash.slice(1));
  for (let fold = place?.closest("details"); fold; fold = fold.parentElement.closest("details")) {
    fold.open = true;
  }
  place?.scrollIntoView();
}

addEventListener("beforeprint", () => {
  costs?.querySelectorAll("figure").forEach((figure) => { figure.hidden = figure.dataset.cost !== cost.value; });
});
addEventListener("afterprint", () => costs && showFigure());

addEventListener("hashchange", unfold);
unfold();
