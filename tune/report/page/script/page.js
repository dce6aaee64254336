// Shared by every section: data, announcements for screen readers, and copying.

const byId = (id) => document.getElementById(id);

// Returns the data that a section left for the script; null where it is not there.
const dataOf = (id) => {
  const element = byId(id);
  return element === null ? null : JSON.parse(element.textContent);
};

// Tells screen readers what changed.
const say = (text) => {
  byId("said").textContent = text;
};

// Makes an element. Texts are always set as text, never as HTML.
const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
  element.append(...children);
  return element;
};

// The clipboard works on https and on files of this machine; the old command works elsewhere.
const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", { class: "unseen", readonly: true });
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say("copied");
};

// Every block of code can be copied.
for (const block of document.querySelectorAll("main pre")) {
  const button = make("button", {
    type: "button", class: "copy", id: block.id ? `${block.id}-copy` : null,
  }, "Copy");
  button.addEventListener("click", async () => {
    await copy(block.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  // The button stands in the corner of its block.
  const box = make("div", { class: "code" });
  block.before(box);
  box.append(block, button);
}
