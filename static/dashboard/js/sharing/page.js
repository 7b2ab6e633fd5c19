// Sharing of pages that have only a link to share: the search and the graph.

import { shareDialog } from "./dialog.js";

shareDialog();
