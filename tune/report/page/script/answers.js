// The answers: they are taken out of their compressed form, filtered, searched and paged through.

const answersData = dataOf("answers-data");

if (answersData !== null && "DecompressionStream" in window) {
  const LONG = 20000;
  const WINNER = "winner";
  const BASELINE = "baseline";
  const filters = {
    wrong: (one) => Boolean(one.by[WINNER]?.reason),
    right: (one) => one.by[BASELINE]?.reason === "",
    differ: (one) => one.by[WINNER] && one.by[BASELINE]
      && one.by[WINNER].answer !== one.by[BASELINE].answer,
    none: (one) => Object.values(one.by).some((each) => each.answer === null),
  };
  let all = [];
  let found = [];
  let place = 0;

  // Control characters and marks that reorder text are written out, as everywhere in the report.
  const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
  const seen = (text) => text.replace(/\r\n?/g, "\n").replace(
    UNSEEN, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

  // A text in a box. A very long one is shown in part, until the reader asks for all of it.
  const textOf = (text) => {
    const box = make("div", { class: "text" }, seen(text.slice(0, LONG)));
    if (text.length <= LONG) return box;
    const more = make("button", { type: "button" }, `Show all ${text.length.toLocaleString("en")} characters`);
    more.addEventListener("click", () => { box.textContent = seen(text); });
    box.append(make("p", {}, more));
    return box;
  };

  const pair = (name, ...content) => [make("dt", {}, name), make("dd", {}, ...content)];

  const configuration = (name, one) => {
    const list = make("dl", { class: "example" });
    const right = one.reason === "";
    const score = one.score === null ? "" : ` (score ${Number(one.score.toFixed(3))})`;
    const state = make("strong", { class: right ? "is-right" : "is-wrong" }, right ? "right" : one.reason.replace("_", " "));
    list.append(...pair("result", state, score));
    list.append(...pair("answer", one.answer === null ? "none" : textOf(one.answer)));
    const votes = Object.entries(one.votes);
    if (one.texts.length > 1 && votes.length) {
      list.append(...pair("votes", votes.map(([text, count]) => `${count} × ${seen(text.slice(0, 80))}`).join(", ")));
    }
    one.texts.forEach((text, number) => {
      const label = one.texts.length > 1 ? `text ${number + 1}` : "text";
      list.append(...pair(label, textOf(text)));
    });
    return make("div", { class: "configuration" }, make("h4", { class: name }, name), list);
  };

  const show = () => {
    const view = byId("answers-view");
    byId("answers-count").textContent = found.length
      ? `${place + 1} of ${found.length}` : "no example";
    byId("answers-previous").disabled = place === 0;
    byId("answers-next").disabled = place + 1 >= found.length;
    if (!found.length) {
      view.replaceChildren();
      return;
    }
    const one = found[place];
    const list = make("dl", { class: "example" });
    list.append(...pair("example", `${seen(one.example)} (${one.part})`));
    for (const [name, text] of Object.entries(one.inputs)) list.append(...pair(seen(name), textOf(text)));
    if (one.target !== null) list.append(...pair("target", textOf(one.target)));
    const sides = make("div", { class: "sides" });
    for (const name of [WINNER, BASELINE]) {
      if (one.by[name]) sides.append(configuration(name, one.by[name]));
    }
    view.replaceChildren(list, sides);
  };

  const narrow = () => {
    const wanted = Object.entries(filters).filter(([name]) => byId(`answers-${name}`)?.checked);
    const tuning = byId("answers-tuning").checked;
    const word = byId("answers-search").value.toLowerCase();
    found = all.filter((one) => (tuning || one.part === "holdout")
      && wanted.every(([, test]) => test(one))
      && (word === "" || one.words.includes(word)));
    place = 0;
    show();
  };

  const move = (step) => {
    place = Math.min(Math.max(place + step, 0), found.length - 1);
    show();
  };

  const open = async () => {
    const bytes = Uint8Array.from(atob(answersData), (one) => one.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    all = JSON.parse(await new Response(stream).text());
    for (const one of all) {
      const said = Object.values(one.by).flatMap((each) => [each.answer ?? "", ...each.texts]);
      one.words = [one.example, one.target ?? "", ...Object.values(one.inputs), ...said]
        .join("\n").toLowerCase();
    }
    // An interrupted study has not met its holdout.
    byId("answers-tuning").checked = !all.some((one) => one.part === "holdout");
    for (const name of [...Object.keys(filters), "tuning"]) {
      byId(`answers-${name}`)?.addEventListener("change", narrow);
    }
    byId("answers-search").addEventListener("input", narrow);
    byId("answers-previous").addEventListener("click", () => move(-1));
    byId("answers-next").addEventListener("click", () => move(1));
    narrow();
    byId("answers-tools").hidden = false;
  };

  open();
}
