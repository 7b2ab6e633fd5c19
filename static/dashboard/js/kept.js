// What the browser keeps for the reader; a framed page may have no place for it.

/** A store, or null where the browser refuses it: in frames of other sites. */
function store(name) {
  try {
    return globalThis[name];
  } catch (problem) {
    if (problem.name !== "SecurityError") throw problem;
    return null;
  }
}

export function keptValue(name) {
  return store("localStorage")?.getItem(name) ?? null;
}

export function keepValue(name, value) {
  store("localStorage")?.setItem(name, value);
}

/** The same for this tab only. */
export function keptInTab(name) {
  return store("sessionStorage")?.getItem(name) ?? null;
}

/** Keep a value for this tab; null forgets it. */
export function keepInTab(name, value) {
  if (value === null) store("sessionStorage")?.removeItem(name);
  else store("sessionStorage")?.setItem(name, value);
}
