// Tabs, as people with a keyboard and a screen reader know them: the arrows choose, Tab goes on into the panel.

/**
 * Makes the buttons of a tab list choose what they control. `chosen` is called with the id of the panel that shows now,
 * first for the one that the page begins with. Gives back what chooses a panel by its id.
 */
export function tabs(list, chosen = () => {}) {
  const buttons = [...list.querySelectorAll("[role=tab]")];
  const panelOf = (button) => document.getElementById(button.getAttribute("aria-controls"));

  function choose(button) {
    for (const other of buttons) {
      const isChosen = other === button;
      other.setAttribute("aria-selected", isChosen);
      other.tabIndex = isChosen ? 0 : -1;
      panelOf(other).hidden = !isChosen;
    }
    chosen(panelOf(button).id);
  }

  list.addEventListener("click", ({ target }) => {
    const button = target.closest("[role=tab]");
    if (button) choose(button);
  });
  list.addEventListener("keydown", (event) => {
    const next = neighbour(buttons, buttons.indexOf(document.activeElement), event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
    choose(next);
  });
  return (id) => choose(buttons.find((button) => panelOf(button).id === id) ?? buttons[0]);
}

/** The tab that a key leads to. */
function neighbour(buttons, at, key) {
  const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 };
  return key in steps ? buttons.at(steps[key] % buttons.length) : undefined;
}
