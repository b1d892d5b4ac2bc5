// The place that is labelled: its picture, what was said of it, buttons and keys. What is said is counted and kept here
// until the server has it, and the next place is shown at once: somebody may be faster than the page.
const KEYS = { y: "yes", n: "no", u: "unsure" };
const WRITES = "input:not([type=range], [type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable=true]";
const AHEAD = 3;  // pictures that are loaded before they are shown
const QUIET_MS = 150;  // several that come quickly are told at once
const LATE_MS = 3000, LATEST_MS = 15_000;  // what the server does not know so long after it was told, it is told again

const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
};

class Verdicts {
  constructor(host) {
    this.host = host;
    this.said = [];  // [number, tile, verdict] that the server does not have yet
    this.early = [];  // verdicts for places that the page does not know yet
    this.number = 0;
    this.picture = make("img");
    this.picture.onload = () => { this.picture.style.opacity = 1; };
    this.bar = make("div", "bar");
    this.title = make("p", "title");
    this.waits = make("p", "waits");
    this.waits.setAttribute("role", "status");
    const picture = make("div", "picture"), text = make("div", "text"), buttons = make("div", "buttons");
    picture.append(this.picture, this.bar);
    this.buttons = {};
    for (const [key, verdict] of Object.entries(KEYS)) {
      const button = (this.buttons[verdict] = make("button", null, verdict[0].toUpperCase() + verdict.slice(1)));
      button.type = "button";
      button.setAttribute("aria-keyshortcuts", key.toUpperCase());
      button.append(make("kbd", null, key.toUpperCase()));
      button.onclick = () => this.say(verdict);
      buttons.append(button);
    }
    this.away = make("button", "away", "⌫");
    Object.assign(this.away, { type: "button", title: "Take the label away", onclick: () => this.say(null) });
    this.away.setAttribute("aria-label", "take the label away");
    buttons.append(this.away);
    text.append(this.title, buttons, this.waits);
    host.replaceChildren(picture, text);
    this.press = (event) => {
      const verdict = KEYS[event.key?.toLowerCase()], at = event.composedPath()[0];
      if (!verdict || event.repeat || event.ctrlKey || event.metaKey || event.altKey || at.matches?.(WRITES)) return;
      event.preventDefault();
      this.say(verdict);
    };
    document.addEventListener("keydown", this.press);
  }

  update(data, send) {
    Object.assign(this, { data, send });
    this.said = this.said.filter(([number]) => number > data.done);
    if (!data.next.length && data.place.verdict) this.early = [];  // the list has ended
    for (let count = this.early.length; count && this.place; count--) this.say(this.early.shift());
    this.show();
  }

  tell(late = LATE_MS) {
    this.send("said", { rows: [...this.said], at: Date.now() });  // another value each time: the same would be none
    clearTimeout(this.again);  // a server that was away has heard nothing
    this.again = setTimeout(() => this.said.length && this.tell(Math.min(2 * late, LATEST_MS)), late);
  }

  // The place that is next, with what was said here already taken for known; nothing: the page has to tell first.
  get place() {
    const { place, next, onward } = this.data;
    if (!onward || !this.said.length) return place;
    return [place, ...next].find(({ id }) => !this.said.some(([, tile, verdict]) => tile === id && verdict));
  }

  say(verdict) {
    if (!this.place) {
      if (verdict) this.early.push(verdict);
      return this.show();
    }
    this.number = Math.max(Date.now(), this.number + 1, this.data.done + 1);  // also above what this session had before
    this.said.push([this.number, this.place.id, verdict]);
    clearTimeout(this.soon);
    if (this.said.length === 1) this.tell();
    else this.soon = setTimeout(() => this.tell(), QUIET_MS);
    this.show();
  }

  show() {
    const { said } = this, { next } = this.data, place = this.place || next.at(-1) || this.data.place;
    const told = said.findLast(([, tile]) => tile === place.id), verdict = told ? told[2] : place.verdict;
    this.picture.parentElement.hidden = !place.image;
    if (place.image && this.picture.getAttribute("src") !== place.image) {
      this.picture.style.opacity = 0;  // the one before is not to be labelled any more
      this.picture.src = place.image;
    }
    this.picture.alt = `The tile from above: ${place.id}`;
    this.bar.style.width = `${100 * place.share}%`;
    this.bar.replaceChildren(place.length, make("i"));
    const by = place.by && !told ? ` by ${place.by}` : "";
    this.title.replaceChildren(`${place.title}: `, ...(verdict ? ["labelled ", make("b", null, verdict), by] : ["not labelled yet"]));
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-pressed", name === verdict);
    this.away.hidden = !verdict;
    const waiting = said.length + this.early.length;
    this.waits.textContent = waiting > 1 ? `${waiting} being kept …` : "";
    const from = next.findIndex(({ id }) => id === place.id) + 1;
    for (const { image } of next.slice(from, from + AHEAD)) if (image) new Image().src = image;
  }

  close() {
    clearTimeout(this.soon);
    clearTimeout(this.again);
    document.removeEventListener("keydown", this.press);
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const host = parentElement.querySelector(".verdicts");
  host.verdicts ??= new Verdicts(host);
  host.verdicts.update(data, setStateValue);
  return () => {
    host.verdicts?.close();
    host.verdicts = null;
  };
}
