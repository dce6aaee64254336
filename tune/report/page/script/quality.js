// Quality against cost: what a mark is, and the choice under another limit.

const area = document.querySelector('[data-chart="quality"] .area');
const readout = byId("quality-readout");

// Describes the configuration of a dot or a mark in one line.
const describe = (element) => {
  if (element.hasAttribute("aria-label")) {
    return element.getAttribute("aria-label");
  }
  const one = reading(Number(element.dataset.reading));
  const trial = trialOf.get(one.trial);
  return `trial ${one.trial}: ${trial?.name}, ${freeWords(one)}; ${one.quality} on ` +
    `${one.examples} tuning examples, at ${one.cost ?? one.seconds} per request`;
};

const openMark = (element) => {
  const place = element.dataset.reading;
  if (place) {
    showDetails(reading(Number(place)).trial, Number(place));
  } else if (element.dataset.trial) {
    showDetails(Number(element.dataset.trial));
  }
};

if (area !== null && search !== null) {
  const pointed = (event) => event.target.closest(".mark, .dots circle");
  area.addEventListener("pointerover", (event) => {
    const element = pointed(event);
    if (element) readout.textContent = describe(element);
  });
  area.addEventListener("focusin", (event) => {
    const element = pointed(event);
    if (element) readout.textContent = describe(element);
  });
  area.addEventListener("click", (event) => {
    const element = pointed(event);
    if (element) openMark(element);
  });
  // One stop of the Tab key for the chart; arrows move between its marks, by cost.
  const marks = [...area.querySelectorAll(".mark")];
  marks.sort((one, other) => one.dataset.cost - other.dataset.cost);
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  area.addEventListener("keydown", (event) => {
    const place = marks.indexOf(event.target);
    if (place < 0) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      openMark(marks[place]);
    } else if (event.key in steps) {
      event.preventDefault();
      const next = marks[(place + steps[event.key] + marks.length) % marks.length];
      marks[place].setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    }
  });
}

// --- the choice under another limit

const allLimits = dataOf("limits-data");

if (allLimits !== null) {
  const kinds = [...new Set(allLimits.map((one) => one.kind))];
  const slider = byId("limit");
  let limits = [];
  let choice = null;

  const placeLine = () => {
    const line = byId("limit-line");
    const figure = document.querySelector('[data-chart="quality"]');
    if (line === null || figure === null) return;
    const { xLow, xHigh, xLog } = figure.dataset;
    const [low, high] = [Number(xLow), Number(xHigh)];
    const shown = choice.kind === figure.dataset.kind && choice.limit !== null &&
      choice.limit >= low && choice.limit <= high;
    line.setAttribute("visibility", shown ? "visible" : "hidden");
    if (!shown) return;
    const share = xLog === "true"
      ? Math.log(choice.limit / low) / Math.log(high / low)
      : (choice.limit - low) / (high - low);
    line.setAttribute("x1", `${100 * share}%`);
    line.setAttribute("x2", `${100 * share}%`);
  };

  const show = () => {
    choice = limits[Number(slider.value)];
    byId("limit-shown").textContent = choice.shown;
    slider.setAttribute("aria-valuetext", choice.shown);
    const kept = choice.keeps ? "" : "Nothing that was read keeps this limit. The closest is: ";
    byId("limit-choice").textContent =
      `${kept}${choice.config}; ${choice.score}, at ${choice.cost} and ${choice.seconds} per request`;
    for (const dot of document.querySelectorAll('[data-chart="quality"] .chosen')) {
      dot.classList.remove("chosen");
    }
    if (choice.reading !== null) {
      const same = `[data-chart="quality"] [data-reading="${choice.reading}"]`;
      for (const element of document.querySelectorAll(same)) {
        element.classList.add("chosen");
      }
    }
    placeLine();
  };

  const take = (kind) => {
    limits = allLimits.filter((one) => one.kind === kind);
    slider.max = limits.length - 1;
    slider.value = limits.length - 1;
    show();
  };

  if (kinds.length > 1) {
    for (const kind of kinds) {
      const box = make("input", { type: "radio", name: "limit-kind", value: kind,
        checked: kind === kinds[0] });
      box.addEventListener("change", () => take(kind));
      byId("limit-kinds").append(make("label", {}, box, ` a limit on ${kind}`));
    }
  }
  slider.addEventListener("input", show);
  byId("limit-details").addEventListener("click", () => showDetails(choice.trial, choice.reading));
  take(kinds[0]);
  byId("limits").hidden = false;
}
