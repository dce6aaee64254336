// The table of all configurations: sorting, filtering, and opening details.

const table = byId("configs-table");

if (table !== null) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];

  const valueOf = (row, column, kind) => {
    const cell = row.cells[column];
    if (kind === "text") return cell.textContent;
    // What has no number comes last, in both directions.
    return cell.dataset.v === "" ? null : Number(cell.dataset.v);
  };

  const sortBy = (column, direction) => {
    const kind = heads[column].dataset.kind;
    const sign = direction === "ascending" ? 1 : -1;
    const rows = [...body.rows].map((row) => [valueOf(row, column, kind), row]);
    rows.sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      return sign * (kind === "text" ? one.localeCompare(other) : one - other);
    });
    body.append(...rows.map(([, row]) => row));
    for (const head of heads) {
      head.setAttribute("aria-sort", head === heads[column] ? direction : "none");
    }
    say(`sorted by ${heads[column].textContent}, ${direction}`);
  };

  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sortBy(column, now === "ascending" ? "descending" : "ascending");
    });
  });

  const filter = byId("configs-filter");
  const narrow = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    byId("configs-count").textContent = `${shown} of ${body.rows.length}`;
  };
  filter.addEventListener("input", narrow);
  narrow();

  body.addEventListener("click", (event) => {
    const row = event.target.closest(".open")?.closest("tr");
    if (row) showDetails(Number(row.dataset.trial));
  });
}
