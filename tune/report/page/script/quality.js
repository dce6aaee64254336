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

// --- the choice under other limits

const limitsData = dataOf("limits-data");

if (limitsData !== null) {
  const { choices, scales } = limitsData;
  const slider = (scale) => byId(`limit-${scale.kind}`);
  const limitOf = (scale) => scale.values[Number(slider(scale).value)];
  let choice = null;

  const placeLine = () => {
    const line = byId("limit-line");
    const figure = document.querySelector('[data-chart="quality"]');
    if (line === null || figure === null) return;
    const { xLow, xHigh, xLog } = figure.dataset;
    const [low, high] = [Number(xLow), Number(xHigh)];
    const limit = choice.limits[figure.dataset.kind];
    const shown = limit !== null && limit >= low && limit <= high;
    line.setAttribute("visibility", shown ? "visible" : "hidden");
    if (!shown) return;
    const share = xLog === "true"
      ? Math.log(limit / low) / Math.log(high / low)
      : (limit - low) / (high - low);
    line.setAttribute("x1", `${100 * share}%`);
    line.setAttribute("x2", `${100 * share}%`);
  };

  const show = () => {
    for (const scale of scales) {
      const words = scale.shown[Number(slider(scale).value)];
      byId(`limit-${scale.kind}-shown`).textContent = words;
      slider(scale).setAttribute("aria-valuetext", words);
    }
    choice = choices.find((one) => scales.every(
      (scale) => one.limits[scale.kind] === limitOf(scale)));
    const limits = scales.filter((scale) => limitOf(scale) !== null).length > 1;
    const kept = choice.keeps ? ""
      : `Nothing that was read keeps ${limits ? "these limits" : "this limit"}. The closest is: `;
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

  for (const scale of scales) slider(scale).addEventListener("input", show);
  byId("limit-details").addEventListener("click", () => showDetails(choice.trial, choice.reading));
  show();
  byId("limits").hidden = false;
}
