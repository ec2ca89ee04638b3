// The choice of the model, where a provider.json has several.

import { byId } from "../dom.js";

/** `chosen` is called with the name of the model that was chosen. */
export function models(chosen) {
  const select = byId("model");
  select.addEventListener("change", () => chosen(select.value));
  return {
    show(names) {
      select.replaceChildren(...names.map((name) => new Option(name, name)));
    },
  };
}
