// What the page has from others: none of it is loaded before it is needed.

/** uPlot, and its style sheet. */
export const plotLibrary = once(async () => {
  await Promise.all([
    added("link", { rel: "stylesheet", href: "lib/uplot.css" }),
    added("script", { src: "lib/uplot.js" }), // no module: it leaves a global
  ]);
  return globalThis.uPlot;
});

/** What reads Markdown into a list of its blocks; it lies beside the page, wherever this is bundled to. */
export const markdownLexer = once(async () => (await import(new URL("lib/marked.js", document.baseURI).href)).lexer);

/** Calls it the first time, and gives the same afterwards; what has failed is tried again. */
function once(load) {
  let loaded;
  return () => (loaded ??= load().catch((error) => {
    loaded = undefined;
    throw error;
  }));
}

/** Adds an element to the page's head, and resolves when what it names has come. */
function added(tag, properties) {
  const element = Object.assign(document.createElement(tag), properties);
  return new Promise((resolve, reject) => {
    element.onload = resolve;
    element.onerror = () => reject(new Error(`cannot be loaded: ${properties.src ?? properties.href}`));
    document.head.append(element);
  });
}
