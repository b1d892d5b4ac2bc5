// The places of an answer as a list: those in sight are drawn, their pages asked for as they come into sight. It can be
// walked with the arrow keys; what is pointed at is told to the map, and the map tells back. All text goes in as text.
const BUS = (window.groundcastBus ??= new EventTarget());
const HIGH = 92, BEYOND = 4;  // pixels from card to card; cards drawn outside the window

const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
};

function thumb() {  // drawn, because not every machine has a font with thumbs
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M2 21h3V9H2zm20-10a2 2 0 0 0-2-2h-6l1-5v-.3a1.5 1.5 0 0 0-.4-1L13.5 2 7.6 8c-.4.3-.6.8-.6 1.4V19"
    + "a2 2 0 0 0 2 2h9a2 2 0 0 0 1.800-1.200l3-7c.1-.3.2-.5.2-.8z");
  drawing.append(path);
  return drawing;
}

class HitList {
  constructor(host) {
    this.host = host;
    this.room = make("div", "room");
    host.append(this.room);
    this.at = 0;  // the one that the keys are at
    host.addEventListener("scroll", () => this.draw(), { passive: true });
    host.addEventListener("keydown", (event) => this.key(event));
    host.addEventListener("mouseleave", () => this.point(null));
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(host);
    this.hear = ({ detail }) => detail.from === "map" && this.mark(detail.place?.id);
    BUS.addEventListener("hover", this.hear);
    this.renewal = new Renewal((name) => this.send("lapsed", name), () => this.lost());
  }

  update(data, send) {
    const other = data.name !== this.data?.name, opened = data.chosen !== this.data?.chosen;
    Object.assign(this, { data, send });
    if (other) {
      this.pages = new Map([[0, data.first]]);
      this.items = new Map();
      this.room.replaceChildren();
      this.host.scrollTop = 0;
      this.at = 0;
    }
    this.room.style.height = `${data.total * HIGH}px`;
    this.host.classList.toggle("whole", !data.scrolls);
    for (const item of this.items.values()) item.setAttribute("aria-selected", item.hit?.id === data.chosen);
    if (opened && data.chosen) this.show(data.first.findIndex(({ id }) => id === data.chosen));
    this.draw();
  }

  hit(i) {
    const { page } = this.data, number = Math.floor(i / page), found = this.pages.get(number);
    if (found === undefined) this.load(number);
    return found?.[i - number * page];
  }

  async load(number) {
    const { url, page, name } = this.data;
    this.pages.set(number, null);  // is on its way
    const answer = await fetch(`${url}?first=${number * page}&count=${page}`).catch(() => null);
    if (name !== this.data.name) return;
    if (!answer?.ok) return void this.renewal.again(name, () => name === this.data.name && this.load(number));
    this.renewal.came(name);
    this.pages.set(number, (await answer.json()).places);
    const held = [...this.items].find(([, item]) => item === this.focused())?.[0];
    for (const [i, item] of this.items) if (!item.hit) { item.remove(); this.items.delete(i); }
    this.draw();
    if (held !== undefined && this.items.get(held) !== this.focused()) this.items.get(held)?.focus({ preventScroll: true });
  }

  lost() {  // of a list that cannot be had, what is not there says so
    for (const item of this.items.values()) if (!item.hit) item.textContent = "This part of the list did not arrive: load the page anew.";
  }

  draw() {
    if (!this.data) return;
    const { total, scrolls } = this.data, { scrollTop, clientHeight } = this.host;
    const first = scrolls ? Math.max(0, Math.floor(scrollTop / HIGH) - BEYOND) : 0;
    const last = scrolls ? Math.min(total, Math.ceil((scrollTop + clientHeight) / HIGH) + BEYOND) : total;
    for (const [i, item] of this.items) if ((i < first || i >= last) && item !== this.focused()) { item.remove(); this.items.delete(i); }
    for (let i = first; i < last; i++) {
      if (this.items.has(i)) continue;
      const item = this.item(i, this.hit(i));
      this.items.set(i, item);
      const after = [...this.items.keys()].filter((other) => other > i).sort((a, b) => a - b)[0];
      this.room.insertBefore(item, after === undefined ? null : this.items.get(after));
    }
  }

  focused() { return this.host.getRootNode().activeElement; }

  item(i, hit) {
    const item = make("div", "hit");
    Object.assign(item, { hit, tabIndex: i === this.at ? 0 : -1 });
    item.style.top = `${i * HIGH}px`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-setsize", this.data.total);
    item.setAttribute("aria-posinset", i + 1);
    if (!hit) return item;
    item.classList.add(hit.grade);
    item.style.setProperty("--colour", hit.colour);
    item.setAttribute("aria-selected", hit.id === this.data.chosen);
    item.setAttribute("aria-label", `${hit.rank}. ${hit.title}. ${hit.says}, relevance ${hit.relevance}. ${hit.place}`);
    const text = make("div", "text"), head = make("div", "head"), meter = make("div", "meter");
    if (hit.image) item.append(Object.assign(make("img"), { src: hit.image, alt: hit.alt, loading: "lazy" }));
    head.append(make("span", "rank", hit.rank), make("span", "title", hit.title));
    const fill = make("span", "fill"), grade = make("div", "grade");
    fill.style.width = `${Math.max(1, 100 * hit.share)}%`;
    meter.append(fill);
    grade.title = this.data.help;
    const [main, other] = [`relevance ${hit.relevance}`, `cosine ${hit.cosine}`];
    grade.append(make("b", null, hit.says), make("span", null, ` · ${main} · ${other}`));
    text.append(head, grade, ...(hit.grade === "unrated" ? [] : [meter]), make("div", "place", hit.place));
    item.append(text);
    if (this.data.votes) item.append(this.votes(hit));
    item.onclick = () => { this.at = i; this.send("chosen", hit.id); };
    item.onmouseenter = item.onfocus = () => this.point(hit);
    return item;
  }

  votes(hit) {
    const votes = make("div", "votes");
    for (const [vote, name] of [[1, "more like this"], [-1, "less like this"]]) {
      const button = make("button", vote < 0 ? "down" : "up");
      button.append(thumb());
      Object.assign(button, { type: "button", title: name });
      button.setAttribute("aria-label", `${name}: ${hit.rank}. ${hit.title}`);
      button.setAttribute("aria-pressed", hit.vote === vote);
      button.onclick = (event) => {
        event.stopPropagation();
        this.send("voted", { id: hit.id, vote: hit.vote === vote ? 0 : vote });
      };
      votes.append(button);
    }
    return votes;
  }

  point(hit) {
    const place = hit && { id: hit.id, lon: hit.lon, lat: hit.lat, size: hit.size };
    BUS.dispatchEvent(new CustomEvent("hover", { detail: { place, from: "list" } }));
  }

  mark(id) {
    for (const item of this.items.values()) item.classList.toggle("pointed", Boolean(id) && item.hit?.id === id);
  }

  show(i) {
    if (i < 0 || !this.data.scrolls) return;
    const { scrollTop, clientHeight } = this.host, top = i * HIGH;
    if (top < scrollTop) this.host.scrollTop = top;
    else if (top + HIGH > scrollTop + clientHeight) this.host.scrollTop = top + HIGH - clientHeight;
  }

  key(event) {
    const { total } = this.data, some = Math.max(1, Math.floor(this.host.clientHeight / HIGH) - 1);
    const to = { ArrowDown: this.at + 1, ArrowUp: this.at - 1, PageDown: this.at + some, PageUp: this.at - some, Home: 0, End: total - 1 }[event.key];
    const here = this.items.get(this.at);
    if (to !== undefined) {
      this.at = Math.max(0, Math.min(total - 1, to));
      this.show(this.at);
      this.draw();
      for (const [i, item] of this.items) item.tabIndex = i === this.at ? 0 : -1;
      this.items.get(this.at)?.focus({ preventScroll: true });
    } else if (event.key === "Enter" && event.target === here && here.hit) this.send("chosen", here.hit.id);
    else return;
    event.preventDefault();
  }

  close() {
    this.sized.disconnect();
    BUS.removeEventListener("hover", this.hear);
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".hits");
  host.list ??= new HitList(host);
  host.list.update(data, setTriggerValue);
  return () => {
    host.list?.close();
    host.list = null;
  };
}
