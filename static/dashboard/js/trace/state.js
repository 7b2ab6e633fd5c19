// The page's state in its address: window, span, find.

const NAMES = ["span", "from", "to", "uiFind"];

/** The state that the address holds. */
export function readState() {
  const parameters = new URLSearchParams(location.search);
  return Object.fromEntries(NAMES.map((name) => [name, parameters.get(name) ?? ""]));
}

/** Write the state, without a new entry in the history. */
export function writeState(state) {
  const url = new URL(location.href);
  for (const name of NAMES) {
    if (state[name]) url.searchParams.set(name, state[name]);
    else url.searchParams.delete(name);
  }
  if (url.href !== location.href) history.replaceState(null, "", url);
}
