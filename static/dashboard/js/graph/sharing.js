// Sharing of the graph page: a link, a snapshot of its window, or the live query.

import { shareDialog } from "../sharing/dialog.js";

const query = () => location.search.slice(1);

shareDialog({
  subject: () => [["state", query()]],
  live: () => !["start", "at"].some((name) => new URLSearchParams(location.search).has(name)),
});
