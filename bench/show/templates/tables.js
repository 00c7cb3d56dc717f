// Tables sort, filter and hide columns; without this script they are plain tables.
(() => {
  const copied = (button) => { button.textContent = "copied"; setTimeout(() => { button.textContent = "copy"; }, 1500); };
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", () => navigator.clipboard.writeText(button.dataset.copy).then(() => copied(button)));
  }
  // A link into a fold opens it.
  const open = () => { const fold = document.getElementById(location.hash.slice(1))?.closest("details.fold"); if (fold) fold.open = true; };
  addEventListener("hashchange", open);
  open();
  if (!window.DataTable) return;
  DataTable.ext.errMode = "throw";
  const number = (value) => (value === "" || value === null || isNaN(value) ? null : Number(value));
  // What is missing comes last both ways.
  const compare = (sign) => (a, b) => {
    const [x, y] = [number(a), number(b)];
    return x === y ? 0 : x === null ? 1 : y === null ? -1 : sign * (x - y);
  };
  DataTable.type("num-last", { className: "num", order: { asc: compare(1), desc: compare(-1) } });
  for (const table of document.querySelectorAll("table[data-tools]")) {
    const bar = document.getElementById(table.dataset.tools);
    const made = new DataTable(table, {
      paging: false, info: false, autoWidth: false, order: [], orderClasses: false,
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
      columnDefs: [
        { targets: "n-desc", type: "num-last", orderSequence: ["desc", "asc", ""] },
        { targets: "n-asc", type: "num-last", orderSequence: ["asc", "desc", ""] },
      ],
      language: {
        zeroRecords: "no row matches the filter", emptyTable: "no rows",
        aria: { orderable: ": sort", orderableReverse: ": sort the other way", orderableRemove: ": back to the first order" },
      },
    });
    table.tHead.addEventListener("keydown", (event) => {
      // The library hears Enter alone; a button hears the space bar, too.
      if (event.key === " " && event.target.matches(".dt-column-order")) { event.preventDefault(); event.target.click(); }
    });
    const [filter, status] = [bar.querySelector("input"), bar.querySelector("[role=status]")];
    const say = () => { const page = made.page.info(); status.textContent = `${page.recordsDisplay} of ${page.recordsTotal} rows`; };
    filter.addEventListener("input", () => made.search(filter.value).draw());
    made.on("draw", say);
    say();
    made.columns().every(function (index) {
      if (index === 0) return;
      const [label, box] = [document.createElement("label"), document.createElement("input")];
      box.type = "checkbox";
      box.checked = this.visible();
      box.addEventListener("change", () => this.visible(box.checked));
      label.append(box, " " + (table.dataset.names ? JSON.parse(table.dataset.names)[index] : this.title()));
      bar.querySelector("fieldset").append(label);
    });
    const menu = bar.querySelector("details");
    menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
    });
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
    bar.hidden = false;
  }
})();
