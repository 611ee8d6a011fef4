/** What pages of other origins have of Holdfast: the element, and the library beneath it. `/static/embed.js` leads here. */

export { HoldfastAvailability } from "./holdfast-availability.js";
export { Holdfast } from "../client/holdfast.js";
export { GridDays } from "../client/grid-days.js";
export { get } from "../client/http.js";
export { formatMoney } from "../client/money.js";
export { ORIGIN } from "../client/origin.js";
export { Refusal } from "../client/refusal.js";
export { followLayout, listResources, resource, resourceOn } from "../client/resources.js";
export { ulid } from "../client/ulid.js";
export { user } from "../client/user.js";
export { sentence } from "../client/wording.js";
