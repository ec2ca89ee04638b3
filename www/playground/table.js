// The timeline as a table, for those who do not see it, and for exact figures.

import { byId, make, seconds, setText } from "../dom.js";

const EVERY = 400; // milliseconds

export function table(session) {
  const body = byId("request-rows");
  const panel = byId("requests-table");
  let shown = -1; // the version that shows

  function look() {
    const { requests } = session;
    if (panel.hidden || shown === requests.version) return;
    shown = requests.version;
    const rows = [...requests];
    while (body.children.length > rows.length) body.lastChild.remove();
    rows.forEach((request, i) => fill(body.children[i] ?? body.appendChild(emptyRow()), request));
    byId("no-requests").hidden = rows.length > 0;
  }

  setInterval(look, EVERY);
  return { connect: look };
}

function emptyRow() {
  const head = make("th");
  head.scope = "row";
  return make("tr", "", head, ...Array.from({ length: 6 }, () => make("td")));
}

function fill(row, request) {
  const { number, state, key, attempts, waited, firstToken, begun, ended } = request;
  const time = (value) => (value === undefined ? "–" : seconds(value));
  const cells = [`#${number + 1}`, state, key || "–", attempts, time(waited), time(firstToken), time(ended && ended - begun)];
  cells.forEach((cell, i) => setText(row.children[i], cell));
  row.dataset.state = state;
}
