// The answer as a list that can be walked with the arrow keys. All text goes in as text, never as markup.
export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".hits");
  const make = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined && text !== null) made.textContent = text;
    return made;
  };
  const thumb = () => {  // drawn, because not every machine has a font with thumbs
    const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    drawing.setAttribute("viewBox", "0 0 24 24");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", "M2 21h3V9H2zm20-10a2 2 0 0 0-2-2h-6l1-5v-.3a1.5 1.5 0 0 0-.4-1L13.5 2 7.6 8c-.4.3-.6.8-.6 1.4V19"
      + "a2 2 0 0 0 2 2h9a2 2 0 0 0 1.800-1.200l3-7c.1-.3.2-.5.2-.8z");
    drawing.append(path);
    return drawing;
  };
  const items = data.hits.map((hit) => {
    const item = make("li", `hit ${hit.grade}`);
    item.tabIndex = -1;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", hit.id === data.chosen);
    item.setAttribute("aria-label", `${hit.rank}. ${hit.title}. ${hit.says || hit.grade}, relevance ${hit.relevance}. ${hit.place}`);
    const picture = make("img");
    picture.src = hit.image;
    picture.alt = hit.alt;
    picture.loading = "lazy";
    const text = make("div", "text");
    const head = make("div", "head");
    const rank = make("span", "rank", hit.rank);
    head.append(rank, make("span", "title", hit.title));
    const meter = make("div", "meter");
    const fill = make("span", "fill");
    fill.style.width = `${Math.round(100 * Number(hit.relevance))}%`;
    meter.append(fill);
    const grade = make("div", "grade");
    grade.title = data.help;
    grade.append(make("b", null, hit.says || hit.grade), make("span", null, ` · relevance ${hit.relevance} · cosine ${hit.cosine}`));
    text.append(head, grade, meter, make("div", "place", hit.place));
    item.append(picture, text);
    if (data.votes) {
      const votes = make("div", "votes");
      for (const [vote, name] of [[1, "more like this"], [-1, "less like this"]]) {
        const button = make("button", vote < 0 ? "down" : "up");
        button.append(thumb());
        button.type = "button";
        button.title = name;
        button.setAttribute("aria-label", `${name}: ${hit.rank}. ${hit.title}`);
        button.setAttribute("aria-pressed", hit.vote === vote);
        button.onclick = (event) => {
          event.stopPropagation();
          setTriggerValue("voted", { id: hit.id, vote: hit.vote === vote ? 0 : vote });
        };
        votes.append(button);
      }
      item.append(votes);
    }
    item.onclick = () => setTriggerValue("chosen", hit.id);
    return item;
  });
  const focus = (number) => {
    const item = items[Math.max(0, Math.min(items.length - 1, number))];
    items.forEach((other) => (other.tabIndex = -1));
    item.tabIndex = 0;
    item.focus();
  };
  list.replaceChildren(...items);
  if (items.length) items[Math.max(0, data.hits.findIndex((hit) => hit.id === data.chosen))].tabIndex = 0;
  list.onkeydown = (event) => {
    const at = items.indexOf(event.target.closest("li"));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) focus(to);
    else if (event.key === "Enter" && event.target === items[at]) setTriggerValue("chosen", data.hits[at].id);
    else return;
    event.preventDefault();
  };
}
