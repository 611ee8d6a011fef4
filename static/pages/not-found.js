/** The page for an address without one: the ribbon of a test shop, nothing live. */

import { find, isSandbox } from "./shell.js";

find("ribbon").hidden = !isSandbox;
