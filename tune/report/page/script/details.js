// The details of one configuration: its numbers, its prompt, and settings to copy.

const search = dataOf("search-data");
const trialOf = new Map((search?.trials ?? []).map((trial) => [trial.number, trial]));

// A reading is a list in the data; its parts have names here.
const reading = (place) => {
  const [trial, n, aggregate, cap, stop, quality, examples, cost, seconds, approximate] =
    search.readings[place];
  return { place, trial, n, aggregate, cap, stop, quality, examples, cost, seconds, approximate };
};

const configOf = (trial, one) => ({
  ...trial.point,
  n: one.n,
  ...(one.n > 1 ? { aggregate: one.aggregate } : {}),
  max_tokens: one.cap,
  ...(one.stop.length ? { stop: one.stop } : {}),
});

const freeWords = (one) => {
  const parts = [one.n === 1 ? "n 1" : `n ${one.n} by ${one.aggregate}`, `max_tokens ${one.cap}`];
  if (one.stop.length) {
    parts.push(`stop ${JSON.stringify(one.stop)}`);
  }
  return parts.join(", ");
};

// Writes a value as Python does.
const asPython = (value, indent = "") => {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) {
    return `[${value.map((one) => asPython(one, indent)).join(", ")}]`;
  }
  if (typeof value === "object") {
    const inner = `${indent}    `;
    const items = Object.entries(value).map(
      ([name, one]) => `${inner}${JSON.stringify(name)}: ${asPython(one, inner)},\n`
    );
    return items.length ? `{\n${items.join("")}${indent}}` : "{}";
  }
  return JSON.stringify(value);
};

// Writes a flat configuration as YAML. Texts are quoted as in JSON, which YAML reads.
const asYaml = (config, prompt) => {
  const lines = Object.entries(config).map(([name, one]) => `${name}: ${JSON.stringify(one)}`);
  if (prompt) {
    lines.push(`prompt_text: ${JSON.stringify(prompt.text)}`);
  }
  return `${lines.join("\n")}\n`;
};

// The arguments of `client.chat.completions.create`, with the prompt's fields in braces.
const asKwargs = (trial, one) => {
  const prompt = search.prompts[trial.point.prompt];
  const { model, prompt: _, ...settings } = trial.point;
  const served = trial.agent?.config_list[0].model ?? model;
  const messages = prompt?.messages.length ? { messages: prompt.messages } : { prompt: prompt?.text };
  const kept = Object.entries(settings).filter(([, value]) => value !== null);
  return asPython({
    model: served,
    ...messages,
    ...Object.fromEntries(kept),
    max_tokens: one.cap,
    ...(one.n > 1 ? { n: one.n } : {}),
    ...(one.stop.length ? { stop: one.stop } : {}),
  });
};

// The `llm_config` of the trial with the cap and the stop strings of one reading.
const asAgent = (trial, one) => {
  const { config_list: [entry], ...shared } = trial.agent;
  const list = [{ ...entry, ...(one.stop.length ? { stop: one.stop } : {}) }];
  return asPython({ config_list: list, ...shared, max_tokens: one.cap });
};

const copyButton = (label, text) => {
  const button = make("button", { type: "button", "data-copy": label }, `Copy as ${label}`);
  button.addEventListener("click", async () => {
    await copy(text());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = `Copy as ${label}`; }, 1500);
  });
  return button;
};

const copyButtons = (trial, one) => {
  const prompt = search.prompts[trial.point.prompt];
  const row = make("p", { class: "copies" });
  if (trial.agent && one.n === 1) {
    row.append(copyButton("llm_config", () => asAgent(trial, one)));
  }
  row.append(
    copyButton("kwargs", () => asKwargs(trial, one)),
    copyButton("YAML", () => asYaml(configOf(trial, one), prompt))
  );
  if (one.n > 1) {
    row.append(make("small", { class: "faint" },
      `An agent reads one answer, so this has no llm_config: its ${one.n} answers are read by ${one.aggregate}.`));
  }
  return row;
};

const facts = (pairs) => {
  const list = make("dl", { class: "pairs" });
  for (const [name, value] of pairs) {
    if (value) {
      list.append(make("dt", {}, name), make("dd", {}, String(value)));
    }
  }
  return list;
};

const readingsTable = (trial, chosen) => {
  const body = make("tbody");
  search.readings.forEach((row, place) => {
    if (row[0] !== trial.number) return;
    const one = reading(place);
    const pick = make("button", { type: "button", class: "open" }, freeWords(one));
    pick.addEventListener("click", () => showDetails(trial.number, place));
    body.append(make("tr", { "aria-current": place === chosen ? "true" : null },
      make("th", { scope: "row" }, pick),
      make("td", {}, one.quality + (one.approximate ? " ≈" : "")),
      make("td", {}, String(one.examples)),
      make("td", {}, one.cost ?? "-"),
      make("td", {}, one.seconds ?? "-")));
  });
  const head = ["reading", search.metric, "examples", "cost", "seconds"];
  const cells = head.map((name) => make("th", { scope: "col" }, name));
  return make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Readings" },
    make("table", {}, make("thead", {}, make("tr", {}, ...cells)), body));
};

// Opens the details of a trial, with one of its readings; its best one by default.
const showDetails = (number, place = null) => {
  const trial = trialOf.get(number);
  if (trial === undefined) return;
  const chosen = place ?? trial.best;
  const body = byId("details-body");
  body.replaceChildren(make("p", {}, trial.name));
  if (chosen !== null) {
    const one = reading(chosen);
    const isBest = chosen === trial.best;
    body.append(
      facts([
        ["reading", freeWords(one) + (isBest ? " (the best of this trial)" : "")],
        [`${search.metric} on ${one.examples} tuning examples`, isBest ? trial.quality : one.quality],
        ["cost per request", one.cost],
        ["seconds per request", one.seconds],
        ["not right", isBest ? trial.wrong : ""],
      ]),
      copyButtons(trial, one)
    );
  }
  body.append(facts([
    ["state", trial.state], ["examples met", trial.examples], ["draws", trial.draws],
    ["worth at list price", trial.spent],
  ]));
  const prompt = search.prompts[trial.point.prompt];
  if (prompt) {
    body.append(make("h4", {}, `Prompt ${trial.point.prompt}`));
    if (prompt.messages.length) {
      for (const message of prompt.messages) {
        body.append(make("p", { class: "role" }, message.role), make("pre", {}, message.content));
      }
    } else {
      body.append(make("pre", {}, prompt.text));
    }
  }
  if (search.readings.some((row) => row[0] === number)) {
    body.append(make("h4", {}, "All its readings"), readingsTable(trial, chosen));
  }
  byId("details-title").textContent = `Trial ${number}`;
  const dialog = byId("details");
  if (!dialog.open) {
    dialog.showModal();
  }
  body.scrollTop = 0;
  byId("details-title").focus();
};

byId("details-close")?.addEventListener("click", () => byId("details").close());
