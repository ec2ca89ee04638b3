// References within a JSON Schema.

/** What a reference within `root` points to, or `undefined`. */
export function resolve(reference, root) {
  if (reference === "#") return root;
  if (!reference.startsWith("#/")) return Object.values(root.$defs ?? {}).find((one) => one?.$anchor && `#${one.$anchor}` === reference);
  const names = reference.slice(2).split("/").map(unescaped);
  return names.reduce((place, name) => (isObject(place) && Object.hasOwn(place, name) ? place[name] : undefined), root);
}

function unescaped(name) {
  const plain = name.replaceAll("~1", "/").replaceAll("~0", "~");
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

export const isObject = (value) => typeof value === "object" && value !== null;
